# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true of a VM, and which power action is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import NotReady
from ansible_collections.azvm.access.plugins.module_utils._domain.power import ACTIONS, doubts_about, planned_power
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId
from ansible_collections.azvm.access.plugins.module_utils._domain.virtual_machine import (
    AgentState,
    PowerState,
    VirtualMachine,
    require_agent,
    require_os_profile,
    require_running,
    require_windows,
)

VM = VirtualMachine(
    id=ResourceId.parse(
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Compute"
        "/virtualMachines/win1"
    ),
    location="westeurope",
    os_type="Windows",
    computer_name="win1",
    provisioning_state="Succeeded",
    power_state=PowerState.RUNNING,
    agent=AgentState.READY,
    agent_message="",
    has_os_profile=True,
    secrets=(),
    network_interfaces=(),
    etag='"1"',
)


@pytest.mark.parametrize("check", [require_windows, require_running, require_agent, require_os_profile])
def test_a_healthy_vm_passes(check: Callable[[VirtualMachine], None]) -> None:
    assert check(VM) is None  # type: ignore[func-returns-value] # that it returns is what is tested


@pytest.mark.parametrize(
    ("check", "vm", "code"),
    [
        (require_windows, replace(VM, os_type="Linux"), "NotWindows"),
        (require_windows, replace(VM, os_type=""), "NotWindows"),
        (require_running, replace(VM, power_state=PowerState.STOPPED), "VmNotRunning"),
        (require_running, replace(VM, power_state=PowerState.DEALLOCATED), "VmNotRunning"),
        (require_running, replace(VM, power_state=PowerState.STARTING), "VmNotRunning"),
        (require_agent, replace(VM, agent=AgentState.MISSING), "VmAgentNotReady"),
        (require_agent, replace(VM, agent=AgentState.STARTING), "VmAgentNotReady"),
        (require_agent, replace(VM, agent=AgentState.UNRESPONSIVE, agent_message="Mute."), "VmAgentNotReady"),
        (require_os_profile, replace(VM, has_os_profile=False), "NoOsProfile"),
    ],
)
def test_each_obstacle_is_named_with_a_way_out(
    check: Callable[[VirtualMachine], None], vm: VirtualMachine, code: str
) -> None:
    with pytest.raises(NotReady) as caught:
        check(vm)
    assert caught.value.code == code
    assert caught.value.hint
    assert "win1" in caught.value.message


def test_a_stopped_vm_is_told_how_to_be_started() -> None:
    with pytest.raises(NotReady) as caught:
        require_running(replace(VM, power_state=PowerState.DEALLOCATED))
    assert "start_vm" in caught.value.hint
    assert "vm_power" in caught.value.hint


@pytest.mark.parametrize(
    ("state", "found", "action", "after"),
    [
        ("started", PowerState.RUNNING, None, PowerState.RUNNING),
        ("started", PowerState.DEALLOCATED, "start", PowerState.RUNNING),
        ("started", PowerState.STOPPED, "start", PowerState.RUNNING),
        ("running", PowerState.RUNNING, None, PowerState.RUNNING),
        ("running", PowerState.UNKNOWN, None, PowerState.UNKNOWN),
        ("restarted", PowerState.RUNNING, "restart", PowerState.RUNNING),
        ("redeployed", PowerState.RUNNING, "redeploy", PowerState.RUNNING),
        ("reapplied", PowerState.DEALLOCATED, "reapply", PowerState.DEALLOCATED),
        ("stopped", PowerState.RUNNING, "power_off", PowerState.STOPPED),
        ("stopped", PowerState.STOPPED, None, PowerState.STOPPED),
        ("stopped", PowerState.DEALLOCATED, None, PowerState.DEALLOCATED),
        ("deallocated", PowerState.STOPPED, "deallocate", PowerState.DEALLOCATED),
        ("deallocated", PowerState.DEALLOCATED, None, PowerState.DEALLOCATED),
    ],
)
def test_the_action_that_is_due(state: str, found: PowerState, action: str | None, after: PowerState) -> None:
    plan = planned_power(replace(VM, power_state=found), state)
    assert (plan.action, plan.after, plan.wait_first) == (action, after, False)


@pytest.mark.parametrize("state", ["restarted", "redeployed"])
@pytest.mark.parametrize("found", [PowerState.STOPPED, PowerState.DEALLOCATED])
def test_what_needs_a_running_vm_is_refused_before_azure_does(state: str, found: PowerState) -> None:
    with pytest.raises(NotReady) as caught:
        planned_power(replace(VM, power_state=found), state)
    assert caught.value.code == "VmNotRunning"


@pytest.mark.parametrize("state", [state for state in ACTIONS if state != "running"])
@pytest.mark.parametrize("found", [PowerState.STARTING, PowerState.STOPPING, PowerState.DEALLOCATING])
def test_a_vm_on_its_way_is_waited_for(state: str, found: PowerState) -> None:
    assert planned_power(replace(VM, power_state=found), state).wait_first


def test_a_vm_that_starts_by_itself_is_all_that_running_waits_for() -> None:
    plan = planned_power(replace(VM, power_state=PowerState.STARTING), "running")
    assert (plan.wait_first, plan.action) == (True, None)
    for found in set(PowerState) - {PowerState.STARTING, PowerState.RUNNING, PowerState.UNKNOWN}:
        with pytest.raises(NotReady) as caught:
            planned_power(replace(VM, power_state=found), "running")
        assert (caught.value.code, "start_vm" in caught.value.hint) == ("VmNotRunning", True)


def test_a_failed_vm_is_explained() -> None:
    assert doubts_about(VM) == ()
    (doubt,) = doubts_about(replace(VM, provisioning_state="Failed", failure="VMStartTimedOut"))
    assert "win1" in doubt
    assert "VMStartTimedOut" in doubt
    assert "state: reapplied" in doubt
