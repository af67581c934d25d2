# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The good days: every way to a VM, twice, and back again."""

from __future__ import annotations

import typing as t

from ansible_collections.azvm.access.tests.integration.support.end_state import differences, end_state

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.enable_rdp.conftest import Office
    from ansible_collections.azvm.access.tests.integration.support.controller import Json

PUBLIC = {
    "enable_rdp_public_ip": True,
    "enable_rdp_domain_name_label": "private-desk",
    "enable_rdp_address_type": "public",
}
HOSTS: dict[str, Json] = {
    "failed": {"enable_rdp_username": "azureuser", "enable_rdp_redirect": {"clipboard": True}},
    "private": PUBLIC,
    "natted": {"enable_rdp_server_certificate": True},
    "dynamic": {"enable_rdp_start_vm": True},
}


def test_every_way_twice_and_back(office: Office) -> None:
    before = office.azure.state()

    first = office.play(HOSTS).succeeded()

    found = {name: first.fact("enable_rdp_result", name) for name in HOSTS}
    files = sorted(["natted.crt", *(f"{name}.rdp" for name in HOSTS)])
    assert sorted(path.name for path in office.folder.iterdir()) == files
    for name, result in found.items():
        assert result["rdp_file"] == str(office.file(name))
        assert office.file(name).read_text().startswith(f"full address:s:{result['address']}:{result['port']}\n")
        assert result["thumbprint"]
        assert (result["network_level_authentication"], result["kept"]) == ("required", False)
    assert found["failed"]["username"] == "failed\\azureuser"
    assert "redirectclipboard:i:1" in office.file("failed").read_text()
    assert found["private"]["warnings"] == ["CertificateNameMismatch", "CertificateSelfSigned"]
    assert found["natted"]["warnings"] == [], "its certificate names the load balancer's address"
    assert found["natted"]["port"] == 50001
    assert found["natted"]["address"] == office.resource("front-ip")["ipAddress"]
    assert found["private"]["address"] == office.resource("private-ip")["ipAddress"]
    assert len(office.rules("open-nsg")) == len(HOSTS)
    assert office.resource("private-ip")["domainNameLabel"] == "private-desk"

    office.azure.mark()
    again = office.play(HOSTS).succeeded()

    assert again.changed() == []
    # Behind a load balancer the certificate can't be seen from outside, so a script that reads is run.
    assert [each for each in office.azure.writes() if "rdp-listener-read" not in each] == []
    assert {name: again.fact("enable_rdp_result", name) for name in HOSTS} == found

    office.play({name: {**given, "enable_rdp_state": "absent"} for name, given in HOSTS.items()}).succeeded()

    assert list(office.folder.iterdir()) == []
    left = differences(end_state(office.azure.state()), end_state(before))
    # The vault stays; Azure has filled in what a network interface says of itself; a VM that was started goes on.
    expected = ("/guests/", "/vaults", "/private-nic]/", "/dynamic]/", "/dynamic-ip]/")
    assert [each for each in left if not any(word in each for word in expected)] == []

    office.azure.mark()
    gone = office.run("private", **PUBLIC, enable_rdp_state="absent").succeeded()
    assert gone.changed() == []
    assert office.azure.writes() == []


def test_check_mode_on_fresh_vms_predicts_and_writes_nothing(office: Office) -> None:
    fresh = {name: HOSTS[name] for name in ("private", "natted", "dynamic")}

    run = office.play(fresh, "--check", "--diff").succeeded()

    assert office.azure.writes() == []
    assert not office.folder.exists()
    for name in fresh:
        assert any(task.endswith("Open the security groups") for task in run.changed(name))
        assert run.fact("enable_rdp_result", name)["rdp_file"] == str(office.file(name))
    assert any(task.endswith("Have a public address") for task in run.changed("private"))
    assert any(task.endswith("Start the VM") for task in run.changed("dynamic"))

    office.folder.mkdir()
    again = office.run("natted", "--check", **HOSTS["natted"]).succeeded()
    assert office.azure.writes() == []
    assert list(office.folder.iterdir()) == []
    assert again.fact("enable_rdp_result", "natted")["port"] == 50001
    assert any(task.endswith("Write the file to sign in with") for task in again.changed("natted"))


def test_each_tag_alone(office: Office) -> None:
    """On a VM that is not enabled yet, so that each part has something to do; the proof alone then comes last."""
    done: dict[str, list[str]] = {}
    for tag in ("address", "rule", "file", "probe"):
        run = office.run("private", "--tags", f"enable_rdp_{tag}", **PUBLIC).succeeded()
        done[tag] = [task.rpartition("| ")[2] for task in run.changed()]
    assert done == {
        "address": ["Have a public address"],
        "rule": ["Open the security groups"],
        "file": ["Make the folder for the files", "Write the file to sign in with"],
        "probe": [],
    }
