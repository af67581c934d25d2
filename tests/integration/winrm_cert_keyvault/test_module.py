# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as ansible-playbook runs it: results, diff, refusals before any request, and no secret anywhere."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput
from ansible_collections.azvm.access.tests.integration.support.controller import Controller

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.tests.integration.support.preloaded import Preloaded
    from ansible_collections.azvm.access.tests.integration.winrm_cert_keyvault.conftest import Bench, Json

PLAYS = Path(__file__).parent / "plays"
TARGET = {"resource_group": "access-demo", "vm_name": "win1", "poll_interval": 0.1, "timeout": 60}

BAD: list[tuple[Json, str, str]] = [
    ({"vault_name": "a_b"}, "InvalidVaultName", "'a_b' can't be the name of a key vault"),
    ({"vault_name": "1abc"}, "InvalidVaultName", "begin with a letter"),
    ({"certificate_name": "winrm_win1"}, "InvalidCertificateName", "letters, digits and hyphens"),
    ({"certificate_store": "LocalMachine\\My"}, "InvalidCertificateStore", "Name the store only"),
    ({"dns_names": ["10.0.0.4"]}, "InvalidDnsName", "Addresses belong into ip_addresses"),
    ({"dns_names": ["a b"]}, "InvalidDnsName", "'a b' can't stand in a certificate"),
    ({"ip_addresses": ["win1"]}, "InvalidIpAddress", "'win1' is not an IP address"),
    ({"include_vm_names": False}, "NamesMissing", "dns_names or ip_addresses"),
    ({"validity_days": 0}, "InvalidValidity", "from 1 to 3650"),
    ({"validity_days": 30, "renew_before_days": 30}, "InvalidValidity", "less than validity_days"),
    ({"validity_days": 31, "key_source": "vault"}, "InvalidValidity", "whole months"),
    ({"key_source": "vault", "vault_channel": "resource_manager"}, "ChannelNotPossible", "Resource Manager"),
    ({"vm_name": None, "resource_group": None, "vm_id": "/subscriptions/s"}, "", "not an Azure resource id"),
]


@pytest.mark.parametrize(("changed", "code", "words"), BAD)
def test_what_can_not_be_is_refused_before_any_request(bench: Bench, changed: Json, code: str, words: str) -> None:
    error = bench.refused(**changed)
    assert isinstance(error, InvalidInput)
    assert code in error.code
    assert words in f"{error.message} {error.hint}"
    assert bench.control.journal() == []


@pytest.fixture
def controller(bench: Bench, preloaded: Preloaded, tmp_path: Path) -> Iterator[Controller]:
    environment = bench.control.server.env
    with Controller(folder=tmp_path / "controller", environment=environment, preloaded=preloaded) as made:
        yield made


def several(controller: Controller, *options: str, runs: list[Json]) -> list[Json]:
    """The results of the module for each of ``runs``, in one play."""
    finished = controller.play(PLAYS / "runs.yml", *options, variables={"target": TARGET, "runs": runs}).succeeded()
    return t.cast("list[Json]", finished.results[-1].result["results"])


def test_what_is_refused_is_said_without_asking_anything(bench: Bench, controller: Controller) -> None:
    results = several(controller, runs=[*(changed for changed, _code, _words in BAD[:3]), {"key_size": 1024}])
    for result, (_changed, code, words) in zip(results[:3], BAD, strict=False):
        assert result["failed"]
        assert result["failure"]["code"] == code
        assert words in result["msg"]
    assert "key_size" in results[-1]["msg"]
    assert bench.control.journal() == []


def test_a_life_with_check_mode_and_diff(bench: Bench, controller: Controller) -> None:
    finished = controller.play(PLAYS / "life.yml", "--diff", variables={"target": TARGET}).succeeded()
    predicted, made, again, gone, still_gone = (one.result for one in finished.results)
    assert [one.task for one in finished.results if one.result["changed"]] == ["Predicted", "Made", "Taken back"]
    assert predicted["certificate"]["reason"] == "there is none"
    assert predicted["diff"]["before"] == {}
    assert predicted["diff"]["after"]["vault"] == made["diff"]["after"]["vault"]
    assert predicted["certificate"].keys() == made["certificate"].keys() == again["certificate"].keys()
    assert made["diff"]["after"]["references"] == [made["certificate"]["secret_url"]]
    assert again["diff"]["before"] == again["diff"]["after"] == made["diff"]["after"]
    assert gone["certificate"]["removed"]
    assert gone["certificate"]["references_removed"] == [made["certificate"]["secret_url"]]
    assert not still_gone["certificate"]["removed"]
    assert bench.references() == []


def test_a_failure_is_one_sentence_with_its_code_and_hint(bench: Bench, controller: Controller) -> None:
    bench.scenario(keyvault={"taken_names": ["contoso-secrets"]})
    failed = several(controller, runs=[{"vault_name": "contoso-secrets"}])[0]
    assert failed["failure"]["code"] == "VaultAlreadyExists"
    assert failed["msg"].endswith("Vault names are shared by all of Azure: choose another vault_name.")
    assert failed["failure"]["details"]["status"] == 409
    assert "Traceback" not in str(failed)


def test_no_secret_is_told_by_runs_that_succeed_and_runs_that_fail(bench: Bench, controller: Controller) -> None:
    refusal: Json = {"status": 400, "code": "BadParameter", "message": "Refused."}
    # The third and fourth upload are refused after the key was made, and after the fifth the VM's update.
    for nth in (3, 4):
        bench.control.fault("status", **refusal, method="PUT", path="/secrets/winrm-win1$", nth=nth)
    bench.control.fault("status", **refusal, method="PATCH", path="virtualMachines/win1$", nth=3)
    channels = ("data_plane", "resource_manager", "data_plane", "resource_manager", "auto")
    controller.more["ANSIBLE_KEEP_REMOTE_FILES"] = "1"
    results = several(
        controller, "-vvvv", "--diff", runs=[{"vault_channel": way, "force_renew": True} for way in channels]
    )
    assert [result.get("failure", {}).get("code") for result in results] == [None, None, *["BadParameter"] * 3]

    vaults = bench.control.state()["vaults"]
    assert [len(secret["versions"]) for vault in vaults for secret in vault["secrets"]] == [3]
    secrets = bench.control.secrets()
    azure = [path for path in bench.control.home.path.iterdir() if path.name not in ("env.sh", "principals")]
    # The inputs of these runs hold no secret: their folder is searched with output, errors and results.
    assert secrets.leaks(controller.home, controller.temporary, controller.runs, *azure) == []
    assert list(controller.folder.rglob("AnsiballZ_winrm_cert_keyvault.py"))
    assert any("thumbprint_sha256" in path.read_text("utf-8") for path in controller.runs.rglob("results.jsonl"))
