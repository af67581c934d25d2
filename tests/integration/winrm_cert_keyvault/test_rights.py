# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rights: which way is taken to the vault, how long a new right is waited for, what is said without one."""

from __future__ import annotations

import threading
import typing as t

import pytest

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.winrm_cert_keyvault.conftest import Bench

GROUP, SECRET = "access-demo", "winrm-win1"


def test_a_contributor_goes_through_resource_manager_each_time(
    bench: Bench, record_property: t.Callable[[str, object], None]
) -> None:
    made = bench.run(principal="contributor")
    requests = len(bench.control.journal())
    assert made.changed
    assert made.thing["channel"] == "resource_manager"
    assert bench.references() == [made.thing["secret_url"]]
    again = bench.run(principal="contributor")
    assert bench.control.writes() == []
    assert not again.changed
    assert {**made.thing, "renewed": False, "reason": None} == again.thing
    record_property(
        "summary",
        f"winrm_cert_keyvault through Resource Manager: first run {requests} requests,"
        f" second run {len(bench.control.journal())}",
    )


@pytest.mark.parametrize("channel", ["data_plane", "resource_manager"])
def test_a_way_that_is_asked_for_is_taken(bench: Bench, channel: str) -> None:
    made = bench.run(vault_channel=channel)
    assert made.thing["channel"] == channel
    writes = [line for line in bench.control.writes() if line.endswith(f"/secrets/{SECRET}")]
    assert [line.startswith("PUT /subscriptions/") for line in writes] == [channel == "resource_manager"]
    assert bench.references() == [made.thing["secret_url"]]
    assert not bench.run(vault_channel=channel).changed


def test_both_ways_see_the_same_certificate(bench: Bench) -> None:
    made = bench.run(vault_channel="resource_manager").thing
    for channel in ("data_plane", "resource_manager", "auto"):
        seen = bench.run(vault_channel=channel)
        assert not seen.changed
        assert seen.thing["secret_url"] == made["secret_url"]
        assert seen.thing["not_after"] == made["not_after"]
        assert seen.thing["thumbprint_sha256"] == made["thumbprint_sha256"]


def test_a_renewal_by_resource_manager_is_the_next_version(bench: Bench) -> None:
    old = bench.run(vault_channel="resource_manager").thing
    bench.forward(days=340)
    new = bench.run(principal="contributor").thing
    assert new["previous"] == [old["secret_url"]]
    assert not bench.run().changed


def test_without_the_data_right_the_data_plane_is_refused_with_the_way_out(bench: Bench) -> None:
    error = bench.refused(principal="contributor", vault_channel="data_plane", rights_timeout=1)
    assert error.code == "ForbiddenByRbac"
    assert "Assign 'Key Vault Secrets Officer'" in error.hint
    assert "leave vault_channel out" in error.hint
    assert bench.references() == []


def test_a_right_that_was_granted_moments_ago_is_waited_for(bench: Bench) -> None:
    bench.control.ask(
        "grant", principal="contributor", role="Key Vault Secrets Officer", scope=f"group {GROUP}", delay=3
    )
    made = bench.run(principal="contributor", vault_channel="data_plane", rights_timeout=30)
    assert made.thing["channel"] == "data_plane"
    denied = [entry for entry in bench.control.journal() if entry["status"] == 403]
    assert denied
    assert not bench.run(principal="contributor", vault_channel="data_plane", rights_timeout=0).changed


def test_the_wait_for_a_right_ends(bench: Bench) -> None:
    bench.control.ask(
        "grant", principal="contributor", role="Key Vault Secrets Officer", scope=f"group {GROUP}", delay=600
    )
    error = bench.refused(principal="contributor", vault_channel="data_plane", rights_timeout=1)
    assert error.code == "ForbiddenByRbac"


def test_the_right_to_remove_needs_the_data_plane(bench: Bench) -> None:
    made = bench.run(principal="contributor").thing
    error = bench.refused(principal="contributor", state="absent", remove_certificate=True)
    assert error.code == "DeleteNeedsDataPlane"
    assert "Key Vault Secrets Officer" in error.hint
    assert bench.control.writes() == []
    assert bench.references() == [made["secret_url"]]


def test_a_reader_is_told_which_action_is_missing_and_nothing_is_made(bench: Bench) -> None:
    error = bench.refused(principal="reader")
    assert error.code == "AuthorizationFailed"
    assert "Microsoft.KeyVault/vaults/write" in error.message
    assert "role" in error.hint
    assert bench.control.state()["vaults"] == []
    assert bench.references() == []


def test_a_reader_may_predict(bench: Bench) -> None:
    assert bench.run(principal="reader", check_mode=True).changed
    bench.run()
    assert not bench.run(principal="reader").changed
    assert bench.run(principal="reader", check_mode=True, dns_names=["a.example.com"]).changed


def test_without_the_right_to_deploy_the_vm_is_not_touched(bench: Bench) -> None:
    roles = [
        {"role": "Virtual Machine Contributor", "scope": "subscription"},
        {"role": "Key Vault Secrets Officer", "scope": "subscription"},
        {"role": "Reader", "scope": "subscription"},
    ]
    owner = {"name": "default", "roles": [{"role": "Owner", "scope": "subscription"}]}
    bench.scenario(
        principals=[owner, {"name": "operator", "roles": roles}],
        keyvault={
            "vaults": [
                {
                    "name": "ops-vault",
                    "resource_group": GROUP,
                    "properties": {"enabledForDeployment": True, "enableRbacAuthorization": True},
                }
            ]
        },
    )
    error = bench.refused(principal="operator", vault_name="ops-vault")
    assert error.code == "LinkedAuthorizationFailed"
    assert "Microsoft.KeyVault/vaults/deploy/action" in error.message
    assert "Contributor" in error.hint
    assert bench.references() == []
    # What was made is used by the run that follows once the right is there.
    bench.control.ask("grant", principal="operator", role="Key Vault Contributor", scope="subscription", delay=0)
    assert not bench.run(principal="operator", vault_name="ops-vault").thing["renewed"]
    assert len(bench.references()) == 1


def test_a_right_that_somebody_grants_while_the_run_waits(bench: Bench) -> None:
    timer = threading.Timer(
        1.0,
        bench.control.ask,
        args=["grant"],
        kwargs={
            "principal": "contributor",
            "role": "Key Vault Certificates Officer",
            "scope": f"group {GROUP}",
            "delay": 0,
        },
    )
    timer.start()
    try:
        made = bench.run(principal="contributor", key_source="vault", rights_timeout=30)
    finally:
        timer.join()
    assert bench.references() == [made.thing["secret_url"]]
