# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad days of the role: one clear sentence for each VM, the right exit status, and a way out that works."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

import pytest

from ansible_collections.azvm.access.tests.integration.support.controller import HOST_FAILED, Json

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.enable_rdp.conftest import Office


@dataclass(frozen=True, kw_only=True)
class Case:
    """A VM of the scenario: words of the one sentence about it, and ``code`` where Azure or a module says it.

    ``variables`` are those of its inventory host, which is named as the VM is, or else for what is wrong. ``way_out``
    are those with which the next run succeeds, as the sentence says. ``opened`` is true where the rule is rightly there
    by then, ``begun`` where the certificate is.
    """

    says: tuple[str, ...]
    code: str | None = None
    variables: Json = field(default_factory=dict)
    way_out: Json | None = None
    opened: bool = False
    begun: bool = False


CERTIFICATE: Json = {"enable_rdp_server_certificate": True}
ALL: Json = {**CERTIFICATE, "enable_rdp_start_vm": True, "enable_rdp_public_ip": True}
CASES = {
    "dynamic": Case(
        code="VmNotRunning", says=("dynamic", "is deallocated", "start_vm"), way_out={"enable_rdp_start_vm": True}
    ),
    "moved": Case(
        code="TcpClosed",
        says=("port 3389", "refuse", "its port was changed"),
        variables={"enable_rdp_probe_timeout": 3},
        way_out={"enable_rdp_port": 3390, "enable_rdp_overwrite": True},
        opened=True,
    ),
    "shadowed": Case(code="ShadowedByDeny", says=("DenyAll", "denied-nsg", "higher number")),
    "unguarded": Case(
        code="NoSecurityGroup",
        says=("unguarded", "security group"),
        variables={**ALL, "enable_rdp_address_type": "public"},
    ),
    "linux": Case(code="NotWindows", says=("virtual machine linux", "not Windows", "Windows VMs only")),
    "linux-asked": Case(code="NotWindows", says=("virtual machine linux",), variables={**ALL, "vm_name": "linux"}),
    "nicless": Case(code="NoNetworkInterface", says=("nicless", "no network interface", "Attach one")),
    "filtered": Case(
        code="TcpFiltered",
        says=("port 3389", "no answer", "security group"),
        variables={"allowed_sources": ["198.51.100.7"], "enable_rdp_probe_timeout": 3},
        # It is there that people are seen from, who come through it.
        way_out={"allowed_sources": ["198.51.100.7"], "enable_rdp_gateway": {"host": "gateway.example"}},
        opened=True,
    ),
    "fixed_desk": Case(
        code="CertificateMismatch",
        says=("presents the certificate", "is expected"),
        variables={**CERTIFICATE, "enable_rdp_probe_timeout": 3},
        way_out={},
        opened=True,
        begun=True,
    ),
    "mute": Case(
        code="VmAgentNotReady", says=("virtual machine mute", "Restart the VM"), variables=CERTIFICATE, begun=True
    ),
    "lengthy": Case(
        code="ScriptTimedOut",
        says=("rdp_listener_read in the virtual machine lengthy", "took too long", "restart the VM"),
        variables=CERTIFICATE,
        begun=True,
    ),
    "failed": Case(
        code="JitPolicyCoversPort",
        says=("Just-in-time access", "port 3389 of failed", "Request access"),
        way_out={**CERTIFICATE, "enable_rdp_allow_jit_override": True},
    ),
    "plain": Case(code="SourcesMissing", says=("No source is named",), variables={"allowed_sources": []}),
    "not-a-folder": Case(
        code="FolderNotFound",
        says=("notes is not a folder",),
        variables={"vm_name": "plain", "enable_rdp_folder": "{{ notes }}"},
    ),
    "forbidden": Case(
        code="FileNotWritable",
        says=("/proc/", "can't be written"),
        variables={"vm_name": "plain", "enable_rdp_folder": "/proc"},
    ),
    "no-such-vm": Case(code="ResourceNotFound", says=("no-such-vm", "access-desks")),
    "no-such-group": Case(
        code="ResourceGroupNotFound",
        says=("no-such-group", "Check"),
        variables={"resource_group": "no-such-group"},
    ),
    "no-such-subscription": Case(
        code="SubscriptionNotFound",
        says=("00000000-0000-0000-0000-000000000001",),
        variables={
            "vm_id": "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/access-desks"
            "/providers/Microsoft.Compute/virtualMachines/plain"
        },
    ),
}


def test_each_says_what_to_do_and_then_that_helps(office: Office) -> None:
    notes = office.controller.folder / "notes"
    notes.write_text("Somebody's.")

    run = office.play(
        {
            name: {"notes": str(notes), "enable_rdp_file_name": f"{name}.rdp", **case.variables}
            for name, case in CASES.items()
        }
    )

    assert run.code == HOST_FAILED
    for name, case in CASES.items():
        (failed,) = run.failures(name)
        told = failed.result["msg"]
        assert [word for word in case.says if word not in told] == [], told
        assert failed.result.get("failure", {}).get("code") == case.code, told
        assert "Traceback" not in told
    assert "Group Policy" in str(run.of("Have Remote Desktop present it", "fixed_desk")["warnings"])
    writes, vm_of = office.azure.writes(), {name: case.variables.get("vm_name", name) for name, case in CASES.items()}
    written_for = {name for name, vm in vm_of.items() if any(vm in write for write in writes)}
    assert written_for == {name for name, case in CASES.items() if case.opened or case.begun}
    opened = [f"Port_3389_{name}" for name, case in CASES.items() if case.opened]
    assert office.rules("open-nsg") == sorted(opened), "nothing is opened for a file that can't be had"

    # Files that somebody made by hand are kept until told otherwise.
    by_hand = "full address:s:192.0.2.1:3389\naudiomode:i:0\n"
    for name in ("moved", "dynamic"):
        office.file(name).write_text(by_hand)

    ways_out = {name: case.way_out for name, case in CASES.items() if case.way_out is not None}
    again = office.play(ways_out).succeeded()

    assert office.file("moved").read_text().splitlines()[0].endswith(":3390")
    assert office.file("dynamic").read_text() == by_hand
    assert again.fact("enable_rdp_result", "dynamic")["kept"] is True
    assert "is kept" in str(again.of("Write the file to sign in with", "dynamic")["warnings"])
    assert "state: reapplied" in str(again.of("See whether the VM runs", "failed")["warnings"])
    assert "no answer" in str(again.fact("enable_rdp_result", "filtered")["unproven"])
    assert again.fact("enable_rdp_result", "moved")["unproven"] is None


@pytest.mark.full
def test_runs_that_meet(office: Office) -> None:
    """On one VM, and on VMs that share a security group and a vault."""
    shared = {"plain": {}, "filtered": CERTIFICATE}
    runs = [office.begin(shared), office.begin({"plain": {}, "natted": CERTIFICATE})]
    for run in runs:
        run.wait().succeeded()
    assert office.rules("open-nsg") == ["Port_3389_filtered", "Port_3389_natted", "Port_3389_plain"]

    again = office.play({**shared, "natted": {**CERTIFICATE, "enable_rdp_force_renew": True}}).succeeded()

    assert again.changed("plain") + again.changed("filtered") == []
    assert again.changed("natted")[-1].endswith("Keep the certificate for clients to trust")
    (group,) = office.resource("natted")["osProfile"]["secrets"]
    assert len(group["vaultCertificates"]) == 1, "the new version took the old one's place"


# For a VM that is off and has no public address, with everything asked for.
WRONG: dict[str, tuple[Json, str, str]] = {
    "port": ({"enable_rdp_port": 70000}, "InvalidPort", "70000"),
    "rule": ({"enable_rdp_rule_name": "a rule!"}, "InvalidRuleName", "a rule!"),
    "label": ({"enable_rdp_domain_name_label": "A"}, "InvalidDomainNameLabel", "A"),
    "fqdn": ({"enable_rdp_address_type": "fqdn"}, "NoAddress", "DNS name"),
    "user": ({"enable_rdp_username": "a\nfull address:s:evil"}, "InvalidValue", "username"),
    "local": ({"enable_rdp_username": "other\\a", "enable_rdp_account_type": "local"}, "InvalidAccount", "private"),
    "gateway": ({"enable_rdp_gateway": {"host": "two words"}}, "InvalidOption", "gateway.host"),
    "drive": ({"enable_rdp_redirect": {"drives": ["CD"]}}, "InvalidDrive", "CD"),
    "publisher": ({"enable_rdp_sign_with": {"file": "/nowhere.pfx"}}, "FileNotReadable", "/nowhere.pfx"),
    "folder": ({"enable_rdp_folder": f"{__file__}/desktops"}, "FolderNotFound", "is not a folder"),
    "vault": ({"enable_rdp_vault_name": "a_vault!"}, "InvalidVaultName", "a_vault!"),
    "certificate": ({"enable_rdp_certificate_name": "a certificate"}, "InvalidCertificateName", "a certificate"),
    "off": ({"enable_rdp_start_vm": False}, "VmNotRunning", "start_vm"),
    "absent": ({"enable_rdp_start_vm": False, "enable_rdp_state": "absent"}, "VmNotRunning", "start_vm"),
}


def test_what_can_not_be_is_refused_before_anything_is_written(office: Office) -> None:
    run = office.play(
        {
            name: {"vm_name": "private", "enable_rdp_file_name": f"{name}.rdp", **ALL, **variables}
            for name, (variables, _code, _word) in WRONG.items()
        }
    )

    assert run.code == HOST_FAILED
    for name, (_variables, code, word) in WRONG.items():
        (failed,) = run.failures(name)
        assert failed.result["failure"]["code"] == code, failed.result["msg"]
        assert word in failed.result["msg"]
    assert office.azure.writes() == []
    assert not office.folder.exists()


def test_vms_that_would_share_a_file(office: Office) -> None:
    vm = {"vm_name": "plain", "enable_rdp_probe_timeout": 5}

    run = office.play({"desk1": vm, "desk2": vm})

    assert run.code == HOST_FAILED
    assert "plain.rdp" in run.failures()[0].result["msg"]
    assert "enable_rdp_file_name" in run.failures()[0].result["msg"]
    assert office.azure.writes() == []
