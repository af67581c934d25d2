# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The good days: every way to a VM, twice, and back again."""

from __future__ import annotations

import os
import typing as t
from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import sign_in
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_settings import decode, parse, value_of
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_signature import message_of, signature_of
from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import issued, publisher_in
from ansible_collections.azvm.access.tests.integration.support.controller import CLONE
from ansible_collections.azvm.access.tests.integration.support.end_state import differences, end_state
from ansible_collections.azvm.access.tests.integration.support.interrupted import cut_off
from ansible_collections.azvm.access.tests.unit.domain.publishers import verified_by_openssl

if t.TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509

    from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_settings import Settings
    from ansible_collections.azvm.access.tests.integration.enable_rdp.conftest import Office
    from ansible_collections.azvm.access.tests.integration.support.controller import Json

PUBLIC = {
    "enable_rdp_public_ip": True,
    "enable_rdp_domain_name_label": "private-desk",
    "enable_rdp_address_type": "public",
    "enable_rdp_start_vm": True,
}
BALANCED: Json = {"enable_rdp_server_certificate": True}
CERTIFICATE_BOUND = {"method": "PUT", "path": r"/runCommands/.*-apply-"}
BUSY = {"status": 409, "code": "AnotherOperationInProgress", "method": "PUT", "times": 2}


def vault_publisher(office: Office, patch: pytest.MonkeyPatch) -> x509.Certificate:
    """A publisher's certificate in the vault of the scenario; whoever signs in may have it sign."""
    for key, value in office.azure.server.env.items():
        patch.setenv(key, value)
    azure = AzureClients(
        sign_in({}, environment=office.azure.server.env), subscription=None, poll_interval=0.1, timeout=60
    )
    office.azure.ask("grant", principal="default", role="Key Vault Crypto User", scope="subscription")
    return issued(azure, "publishers")


def settings(path: Path) -> Settings:
    return parse(decode(path.read_bytes())[0])


def signed_by(path: Path, publisher: x509.Certificate, folder: Path) -> bool:
    """Whether openssl verifies the signature in a file over what the file says."""
    found = settings(path)
    return verified_by_openssl(signature_of(found) or b"", message_of(found), root=publisher, folder=folder)


def test_every_way_twice_and_back(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_vault = vault_publisher(office, monkeypatch)
    here = publisher_in(tmp_path)
    trust = tmp_path / "trust"
    hosts: dict[str, Json] = {
        "failed": {
            "enable_rdp_username": "azureuser",
            "enable_rdp_redirect": {"clipboard": True},
            "enable_rdp_expires_after": "8h",
            "enable_rdp_allow_jit_override": True,
            # Relative to where the command is given.
            "enable_rdp_sign_with": {"file": os.path.relpath(here.pem, CLONE)},
            "enable_rdp_publisher_folder": os.path.relpath(trust, CLONE),
        },
        "private": PUBLIC,
        "natted": {
            **BALANCED,
            "enable_rdp_sign_with": {"vault_name": "publishers", "certificate_name": "publisher"},
        },
    }
    before = office.azure.state()
    assert cut_off(office.azure, lambda: office.begin({"natted": hosts["natted"]}), **CERTIFICATE_BOUND)
    busy = office.azure.fault("status", path="securityRules", **BUSY)

    first = office.play(hosts).succeeded()

    assert office.azure.met(busy) == 2
    office.azure.clear_faults()
    found = {name: first.fact("enable_rdp_result", name) for name in hosts}
    each_leads_to_its_vm(office, found)
    # Signed by the one and the other.
    assert signed_by(office.file("failed"), here.certificate, tmp_path)
    assert signed_by(office.file("natted"), in_vault, tmp_path)
    assert not signed_by(office.file("natted"), here.certificate, tmp_path)
    assert [found[name]["publisher"] is None for name in hosts] == [False, True, False]
    assert sorted(path.suffix for path in trust.iterdir()) == [".cer", ".reg"]
    # For eight hours, as it says, although just-in-time access is meant to do that.
    until = datetime.fromisoformat(found["failed"]["open_until"]) - datetime.now(UTC)
    assert timedelta(hours=7, minutes=50) < until < timedelta(hours=8, minutes=2)
    assert found["private"]["open_until"] is None
    assert "allow_jit_override" in str(first.of("Open the security groups", "failed")["warnings"])

    office.azure.mark()
    again = office.play(hosts).succeeded()

    assert again.changed() == []
    assert office.azure.writes() == []
    assert {name: again.fact("enable_rdp_result", name) for name in hosts} == found

    closed_when_its_time_is_over(office, "failed", by="private")
    taken_back(office, hosts, before)


def each_leads_to_its_vm(office: Office, found: t.Mapping[str, Json]) -> None:
    files = sorted(["natted.crt", *(f"{name}.rdp" for name in found)])
    assert sorted(path.name for path in office.folder.iterdir()) == files
    for name, result in found.items():
        assert result["rdp_file"] == str(office.file(name))
        assert value_of(settings(office.file(name)), "full address") == f"{result['address']}:{result['port']}"
        assert result["thumbprint"]
        assert (result["network_level_authentication"], result["kept"]) == ("required", False)
    assert found["failed"]["username"] == "failed\\azureuser"
    assert value_of(settings(office.file("failed")), "redirectclipboard") == "1"
    assert found["private"]["warnings"] == ["CertificateNameMismatch", "CertificateSelfSigned"]
    assert found["private"]["address"] == office.resource("private-ip")["ipAddress"]
    assert office.resource("private-ip")["domainNameLabel"] == "private-desk"
    assert found["natted"]["warnings"] == [], "its certificate names the load balancer's address"
    assert (found["natted"]["address"], found["natted"]["port"]) == (office.resource("front-ip")["ipAddress"], 50001)
    assert len(office.rules("open-nsg")) == len(found)


def closed_when_its_time_is_over(office: Office, limited: str, *, by: str) -> None:
    """All that a run with that state does, for any VM behind the group; rules without a limit stay."""
    office.azure.forward(hours=9)
    office.azure.mark()

    run = office.run(by, enable_rdp_state="expired_absent", allowed_sources=[]).succeeded()

    assert len(run.changed()) == 1
    assert [each.rpartition("/")[2] for each in office.azure.writes()] == [f"Port_3389_{limited}"]
    assert f"Port_3389_{by}" in office.rules("open-nsg")
    assert office.file(limited).exists()


def taken_back(office: Office, hosts: t.Mapping[str, Json], before: Json) -> None:
    """Nothing is left that was not there before, but for a file that somebody edited."""
    edited = office.file("private").read_text().replace("audiomode:i:2", "audiomode:i:0")
    office.file("private").write_text(edited)
    office.power_off("natted")
    absent = {"enable_rdp_state": "absent", "enable_rdp_start_vm": True}
    office.play({name: {**given, **absent} for name, given in hosts.items()}).succeeded()

    assert {path.name: path.read_text() for path in office.folder.iterdir()} == {"private.rdp": edited}
    left = differences(end_state(office.azure.state()), end_state(before))
    # The vault stays; Azure has filled in what a network interface says of itself; a VM that was started goes on.
    expected = ("/guests/", "/vaults", "/private-nic]/", "/private]/")
    assert [each for each in left if not any(word in each for word in expected)] == []


def test_check_mode_on_fresh_vms_predicts_and_writes_nothing(office: Office, tmp_path: Path) -> None:
    existing = tmp_path / "there"
    existing.mkdir()
    fresh = {"private": PUBLIC, "natted": {**BALANCED, "enable_rdp_folder": str(existing)}}

    run = office.play(fresh, "--check", "--diff").succeeded()

    assert office.azure.writes() == []
    assert not office.folder.exists()
    assert list(existing.iterdir()) == []
    for name, folder in (("private", office.folder), ("natted", existing)):
        assert run.fact("enable_rdp_result", name)["rdp_file"] == str(folder / f"{name}.rdp")
        assert any(task.endswith("Open the security groups") for task in run.changed(name))
    assert run.fact("enable_rdp_result", "natted")["port"] == 50001
    expected = {
        "private": {"Have a public address", "Start the VM"},
        "natted": {"Write the file to sign in with", "Have Remote Desktop present it"},
    }
    for name, tasks in expected.items():
        assert tasks <= {task.rpartition("| ")[2] for task in run.changed(name)}


@pytest.mark.full
def test_each_tag_alone(office: Office) -> None:
    """On a VM that is not enabled yet, so that each part has something to do; the proof alone then comes last."""
    done: dict[str, list[str]] = {}
    for tag in ("power", "address", "rule", "file", "probe"):
        run = office.run("private", "--tags", f"enable_rdp_{tag}", **PUBLIC).succeeded()
        done[tag] = [task.rpartition("| ")[2] for task in run.changed()]
    assert done == {
        "power": ["Start the VM"],
        "address": ["Have a public address"],
        "rule": ["Open the security groups"],
        "file": ["Write the file to sign in with"],
        "probe": [],
    }
