# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad days of the whole role: one clear sentence for each VM, the right exit status, and nothing left half-made."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.azvm.access.tests.integration.enable_winrm.conftest import ROLE, Job
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
    says. ``begun`` is true where the certificate is rightly there by then.
    """

    code: str
    says: tuple[str, ...]
    variables: Json = field(default_factory=dict)
    way_out: Json | None = None
    begun: bool = False


CASES = {
    "stopped": Case(
        code="VmNotRunning",
        says=("virtual machine stopped", "is stopped", "start_vm"),
        way_out={"enable_winrm_start_vm": True},
    ),
    "parked": Case(
        code="VmNotRunning",
        says=("virtual machine parked", "deallocated", "start_vm"),
        way_out={"enable_winrm_start_vm": True},
    ),
    "linux": Case(code="NotWindows", says=("virtual machine linux", "not Windows", "Windows VMs only")),
    "special": Case(code="NoOsProfile", says=("virtual machine special", "osProfile", "vm_winrm_listener")),
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
    "denied": Case(code="ShadowedByDeny", says=("DenyAll", "denied-nsg", "higher number")),
    "filtered": Case(
        code="TcpFiltered",
        says=("port 5986", "no answer", "security group"),
        variables={"allowed_sources": ["198.51.100.7"], "enable_winrm_probe_timeout": 3},
        way_out={},
        begun=True,
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


def test_bad_input_is_refused_before_anything_is_written(job: Job) -> None:
    cases: dict[str, tuple[Json, str, str]] = {
        "none": ({"allowed_sources": []}, "SourcesMissing", "No source is named"),
        "any": ({"allowed_sources": ["*"]}, "AnySourceRefused", "allow_any_source"),
        "source": ({"allowed_sources": ["300.1.2.3"]}, "InvalidSource", "300.1.2.3"),
        "port": ({"enable_winrm_port": 70000}, "InvalidPort", "70000"),
        "vault": ({"enable_winrm_vault_name": "a_vault!"}, "InvalidVaultName", "a_vault!"),
        "certificate": ({"enable_winrm_certificate_name": "a certificate"}, "InvalidCertificateName", "a certificate"),
        "validity": ({"enable_winrm_renew_before_days": 365}, "InvalidValidity", "renew_before_days"),
    }
    vm = job.host()["win1"]

    run = job.controller.play(
        ROLE, hosts={name: {**vm, "vm_name": "win1", **variables} for name, (variables, _code, _word) in cases.items()}
    )

    assert run.code == HOST_FAILED
    for name, (_variables, code, word) in cases.items():
        (failed,) = run.failures(name)
        assert failed.result["failure"]["code"] == code, failed.result["msg"]
        assert word in failed.result["msg"]
    assert job.azure.writes() == []


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
