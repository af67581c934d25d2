# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad days of the whole role: one clear sentence for each VM, the right exit status, and nothing left half-made."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.enable_winrm.conftest import INVENTORY_MARK, ROLE, Job
from ansible_collections.azvm.access.tests.integration.support.controller import HOST_FAILED, Controller, Json

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure

SCENARIO = Path(__file__).parents[1] / "scenarios" / "role-bad-days.yml"
GROUP = "access-bad"
LONGEST = 600
RUN_COMMANDS = "Microsoft.Compute/virtualMachines/runCommands"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A VM of the scenario: ``code`` and words of the one sentence about it.

    ``variables`` are those of its inventory host; ``way_out`` those with which the next run succeeds, as the sentence
    says. ``begun`` is true where the certificate is rightly there by then, ``opened`` where the rule is.
    """

    code: str
    says: tuple[str, ...]
    variables: Json = field(default_factory=dict)
    way_out: Json | None = None
    begun: bool = False
    opened: bool = False


START = {"enable_winrm_start_vm": True}
CASES = {
    "stopped": Case(
        code="VmNotRunning",
        says=("virtual machine stopped", "is stopped", "start_vm"),
        way_out=START,
    ),
    "parked": Case(
        code="VmNotRunning",
        says=("virtual machine parked", "deallocated", "start_vm"),
        way_out=START,
    ),
    # None of these is started in vain.
    "linux": Case(
        code="NotWindows", says=("virtual machine linux", "not Windows", "Windows VMs only"), variables=START
    ),
    "special": Case(
        code="NoOsProfile", says=("virtual machine special", "osProfile", "vm_winrm_listener"), variables=START
    ),
    "denied": Case(code="ShadowedByDeny", says=("DenyAll", "denied-nsg", "higher number"), variables=START),
    "guarded": Case(
        code="JitPolicyCoversPort",
        says=("port 5986 of guarded", "Request access", "allow_jit_override"),
        variables=START,
        way_out={**START, "enable_winrm_allow_jit_override": True},
    ),
    "mute": Case(code="VmAgentNotReady", says=("virtual machine mute", "Restart the VM"), begun=True),
    "slow": Case(
        code="Timeout",
        says=("agent of the virtual machine slow", "last seen", "raise the option timeout"),
        variables={"enable_winrm_timeout": 15},
        way_out={},
        begun=True,
    ),
    "lengthy": Case(
        code="ScriptTimedOut",
        says=("winrm_listener_read in the virtual machine lengthy", "took too long", "restart the VM"),
        begun=True,
    ),
    "busy": Case(
        code="PortInUse",
        says=("virtual machine busy", "used by another process", "port 5986"),
        way_out={"enable_winrm_port": 5987},
        begun=True,
    ),
    "filtered": Case(
        code="TcpFiltered",
        says=("port 5986", "no answer", "security group"),
        variables={"allowed_sources": ["198.51.100.7"], "enable_winrm_probe_timeout": 8},
        way_out={},
        begun=True,
        opened=True,
    ),
    "no-such-vm": Case(code="ResourceNotFound", says=("no-such-vm", GROUP, "Check")),
    "no-such-group": Case(
        code="ResourceGroupNotFound",
        says=("no-such-group", "Check"),
        variables={"resource_group": "no-such-group"},
    ),
    "no-such-subscription": Case(
        code="SubscriptionNotFound",
        says=("00000000-0000-0000-0000-000000000001",),
        variables={
            "vm_id": "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/access-bad"
            "/providers/Microsoft.Compute/virtualMachines/win1"
        },
    ),
}
COMMON = {"resource_group": GROUP, "allowed_sources": ["127.0.0.1"], "enable_winrm_vault_name": "bad-days"}


def test_each_says_what_to_do_and_then_that_helps(azure: Azure, controller: Controller) -> None:
    azure.start_over(SCENARIO)
    job = Job(azure=azure, controller=controller)
    before = azure.state()
    run = controller.play(ROLE, hosts={name: {**COMMON, **case.variables} for name, case in CASES.items()})
    azure.eventually(lambda: not job.resources(RUN_COMMANDS))
    after = azure.state()

    assert run.code == HOST_FAILED
    for name, case in CASES.items():
        (failed,) = run.failures(name)
        told = failed.result["msg"]
        assert [word for word in case.says if word not in told] == [], told
        assert failed.result["failure"]["code"] == case.code, told
        assert failed.result["failure"]["hint"], told
        assert len(told) < LONGEST, told
        assert "Traceback" not in told
        if not case.begun:
            assert of_vm(after, name) == of_vm(before, name)
            assert f"winrm-{name}" not in secrets(after)
    # Where the listener could not be made, nothing was opened for it.
    assert job.rules("open-nsg") == [f"Port_5986_{name}" for name, case in CASES.items() if case.opened]

    hosts = {name: {**COMMON, **case.way_out} for name, case in CASES.items() if case.way_out is not None}
    azure.mark()
    again = controller.begin(ROLE, hosts=hosts)
    azure.eventually(lambda: waits_for_agent(azure, "slow") or again.ended, seconds=120)
    azure.forward(minutes=31)

    assert {one.host for one in again.wait().succeeded().results} == set(hosts)
    azure.eventually(lambda: not job.resources(RUN_COMMANDS))


def of_vm(state: Json, name: str) -> list[Json]:
    """What there is of one VM, outside and inside, and of the security group of its own."""
    found = [one for one in state["resources"] if one["name"] in (name, f"{name}-nsg")]
    return [
        *(one["properties"] for one in found),
        *(guest for id, guest in state["guests"].items() if id.endswith(f"/{name}")),
    ]


def secrets(state: Json) -> list[str]:
    return [secret["name"] for vault in state["vaults"] for secret in vault["secrets"]]


def waits_for_agent(azure: Azure, vm: str) -> bool:
    """Whether the VM has been read often enough since the last mark that somebody must be waiting for it."""
    reads = [one for one in azure.journal() if one["path"].endswith(f"/virtualMachines/{vm}")]
    return len(reads) > 8


MANY = [f"198.51.100.{2 * number}" for number in range(41)]
OTHERS: Json = {"enable_winrm_manage_rule": False}
WRONG: dict[str, tuple[Json, str, str]] = {
    "group": ({"resource_group": ""}, "ResourceGroupMissing", "vm_id"),
    "none": ({"allowed_sources": []}, "SourcesMissing", "No source is named"),
    "any": ({"allowed_sources": ["*"]}, "AnySourceRefused", "allow_any_source"),
    "source": ({"allowed_sources": ["300.1.2.3"]}, "InvalidSource", "300.1.2.3"),
    "many": ({"allowed_sources": MANY}, "TooManyRemoteAddresses", "at most 40"),
    "many-as-text": ({"allowed_sources": ",".join(MANY)}, "TooManyRemoteAddresses", "at most 40"),
    "port": ({"enable_winrm_port": 70000}, "InvalidPort", "70000"),
    "rule": ({"enable_winrm_rule_name": "a rule!"}, "InvalidRuleName", "a rule!"),
    "priority": ({"enable_winrm_rule_priority": 99}, "InvalidPriority", "99"),
    "others-port": ({**OTHERS, "enable_winrm_port": 70000}, "InvalidPort", "70000"),
    "others-source": ({**OTHERS, "allowed_sources": ["300.1.2.3"]}, "InvalidRemoteAddress", "300.1.2.3"),
    "vault": ({"enable_winrm_vault_name": "a_vault!"}, "InvalidVaultName", "a_vault!"),
    "no-vault": ({"enable_winrm_create_vault": False}, "VaultNotFound", "create_vault"),
    "deleted": (
        {"enable_winrm_vault_name": "bad-days-deleted", "enable_winrm_recover_deleted": False},
        "VaultIsDeleted",
        "recover_deleted",
    ),
    "certificate": ({"enable_winrm_certificate_name": "a certificate"}, "InvalidCertificateName", "a certificate"),
    "validity": ({"enable_winrm_renew_before_days": 365}, "InvalidValidity", "renew_before_days"),
    "nameless": ({"enable_winrm_include_vm_names": False}, "NamesMissing", "include_vm_names"),
    "interface": ({"enable_winrm_network_interface": "eth7"}, "NetworkInterfaceNotFound", "eth7"),
}


def test_bad_input_is_refused_before_anything_is_written_or_started(azure: Azure, controller: Controller) -> None:
    azure.start_over(SCENARIO)
    vm = {**COMMON, **START, "vm_name": "parked"}

    run = controller.play(ROLE, hosts={name: {**vm, **given} for name, (given, _code, _word) in WRONG.items()})

    assert run.code == HOST_FAILED
    for name, (_given, code, word) in WRONG.items():
        (failed,) = run.failures(name)
        assert failed.result["failure"]["code"] == code, failed.result["msg"]
        assert word in failed.result["msg"]
    assert azure.writes() == []


def test_an_inventory_that_is_not_the_roles_own_is_left_alone(azure: Azure, controller: Controller) -> None:
    azure.start_over(SCENARIO)
    texts = {
        "somebodys": ("# Mine.\nall:\n  children:\n    web: {hosts: {web1: }}\n", "would overwrite it"),
        "vaulted": (f"---\n{INVENTORY_MARK} x\nall: {{hosts: {{a: {{b: !vault c}}}}}}\n", "!vault"),
    }
    for name, (text, _word) in texts.items():
        (controller.folder / name).write_text(text)
    words = {**{name: word for name, (_text, word) in texts.items()}, "a-folder": "is a folder"}
    (controller.folder / "a-folder").mkdir()
    vm = {**COMMON, **START, "vm_name": "parked"}

    run = controller.play(
        ROLE, hosts={name: {**vm, "enable_winrm_inventory_file": str(controller.folder / name)} for name in words}
    )

    assert run.code == HOST_FAILED
    for name, word in words.items():
        (failed,) = run.failures(name)
        assert word in failed.result["msg"]
        assert str(controller.folder / name) in failed.result["msg"]
    assert {name: (controller.folder / name).read_text() for name in texts} == {
        name: text for name, (text, _word) in texts.items()
    }
    assert azure.journal() == []


@pytest.mark.full
def test_waits_end_and_the_next_run_goes_on(job: Job) -> None:
    sources = {"Microsoft.Compute": "certificates of the virtual machine win1", "Microsoft.Network": "Port_5986"}
    for provider, what in sources.items():
        job.azure.fault("delay", method="GET", path=rf"/{provider}/locations/.*/operations/", seconds=60)
        run = job.run(enable_winrm_timeout=10)
        job.azure.clear_faults()

        (failed,) = run.failures()
        assert run.code == HOST_FAILED
        assert failed.result["failure"]["code"] == "Timeout"
        assert what in failed.result["msg"]
        assert "last seen" in failed.result["msg"]
        assert "continues where it stopped" in failed.result["msg"]

    job.run().succeeded()

    assert len(job.versions()) == 1
    assert job.connects() == r"win1\azureuser"
