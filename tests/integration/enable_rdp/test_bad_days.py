# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad days of the role: one clear sentence for each VM, the right exit status, and a way out that works."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.azvm.access.tests.integration.support.controller import HOST_FAILED, Json

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.enable_rdp.conftest import Office


@dataclass(frozen=True, kw_only=True)
class Case:
    """A VM of the scenario: words of the one sentence about it, and ``code`` where Azure or a module says it.

    ``variables`` are those of its inventory host; ``way_out`` those with which the next run succeeds, as the sentence
    says. ``opened`` is true where the rule is rightly there by then.
    """

    says: tuple[str, ...]
    code: str | None = None
    variables: Json = field(default_factory=dict)
    way_out: Json | None = None
    opened: bool = False


CASES = {
    "stopped": Case(says=("stopped is stopped", "enable_rdp_start_vm"), way_out={"enable_rdp_start_vm": True}),
    "dynamic": Case(says=("dynamic is deallocated", "enable_rdp_start_vm")),
    "moved": Case(
        code="TcpClosed",
        says=("port 3389", "refuse", "its port was changed"),
        variables={"enable_rdp_probe_timeout": 6},
        way_out={"enable_rdp_port": 3390},
        opened=True,
    ),
    "shadowed": Case(code="ShadowedByDeny", says=("DenyAll", "denied-nsg", "higher number")),
    "private": Case(
        code="NoAddress",
        says=("private", "public address", "azvm.access.vm_public_ip"),
        variables={"enable_rdp_address_type": "public"},
    ),
    "unguarded": Case(
        code="NoSecurityGroup",
        says=("unguarded", "security group"),
        variables={"enable_rdp_public_ip": True, "enable_rdp_address_type": "public"},
    ),
    "plain": Case(code="SourcesMissing", says=("No source is named",), variables={"allowed_sources": []}),
    "no-such-vm": Case(code="ResourceNotFound", says=("no-such-vm", "access-desks")),
}


def test_each_says_what_to_do_and_then_that_helps(office: Office) -> None:
    run = office.play({name: case.variables for name, case in CASES.items()})

    assert run.code == HOST_FAILED
    for name, case in CASES.items():
        (failed,) = run.failures(name)
        told = failed.result["msg"]
        assert [word for word in case.says if word not in told] == [], told
        assert failed.result.get("failure", {}).get("code") == case.code, told
        assert "Traceback" not in told
        assert (f"Port_3389_{name}" in office.rules("open-nsg")) == case.opened

    ways_out = {name: case.way_out for name, case in CASES.items() if case.way_out is not None}
    office.play(ways_out).succeeded()
    assert office.file("moved").read_text().splitlines()[0].endswith(":3390")


def test_a_folder_that_can_not_be_written_to(office: Office) -> None:
    office.folder.mkdir()
    (office.folder / "notes").write_text("Somebody's.")
    before = office.azure.state()

    not_a_folder = office.run("plain", enable_rdp_folder=str(office.folder / "notes"))
    forbidden = office.run("plain", enable_rdp_folder="/proc")

    assert (not_a_folder.code, forbidden.code) == (HOST_FAILED, HOST_FAILED)
    assert "notes" in not_a_folder.failures()[0].result["msg"]
    (failed,) = forbidden.failures()
    assert failed.result["failure"]["code"] == "FileNotWritable", failed.result["msg"]
    assert office.azure.state()["resources"] == before["resources"], "nothing is opened for a file that can't be had"


def test_an_edited_file_is_kept_until_told_otherwise(office: Office) -> None:
    only = ("--tags", "enable_rdp_file")
    office.run("plain", *only).succeeded()
    edited = office.file("plain").read_text().replace("audiomode:i:2", "audiomode:i:0")
    office.file("plain").write_text(edited)

    kept = office.run("plain", *only).succeeded()

    assert kept.changed() == []
    found = kept.of("Write the file to sign in with")
    assert found["rdp_file"]["kept"] is True
    assert "is kept" in str(found["warnings"])
    office.run("plain", *only, enable_rdp_state="absent").succeeded()
    assert office.file("plain").read_text() == edited

    office.run("plain", *only, enable_rdp_overwrite=True).succeeded()
    assert "audiomode:i:2" in office.file("plain").read_text()


def test_vms_that_would_share_a_file(office: Office) -> None:
    vm = {"vm_name": "plain", "enable_rdp_probe_timeout": 5}

    run = office.play({"desk1": vm, "desk2": vm})

    assert run.code == HOST_FAILED
    assert "plain.rdp" in run.failures()[0].result["msg"]
    assert "enable_rdp_file_name" in run.failures()[0].result["msg"]
    assert office.azure.writes() == []


def test_another_operation_in_progress(office: Office) -> None:
    busy = {"status": 409, "code": "AnotherOperationInProgress", "method": "PUT", "times": 2}
    rule = office.azure.fault("status", path="securityRules", **busy)
    interface = office.azure.fault("status", path="networkInterfaces", **busy)

    office.run("private", enable_rdp_public_ip=True, enable_rdp_address_type="public").succeeded()

    applied = {one["id"]: one["applied"] for one in office.azure.ask("fault/list")["faults"]}
    assert (applied[rule.id], applied[interface.id]) == (2, 2)
