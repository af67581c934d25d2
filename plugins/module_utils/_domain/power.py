# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which power action takes a VM from the state it is in to the one that is wanted."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .errors import NotReady
from .virtual_machine import PowerState, require_running

if t.TYPE_CHECKING:
    from .virtual_machine import VirtualMachine

PowerAction = t.Literal["start", "restart", "redeploy", "reapply", "deallocate", "power_off"]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One value of the module's option ``state``.

    ``result`` is the power state it ends in, None for the one the VM has. ``satisfied_by`` are the states in which
    there is nothing to do. ``repeats`` marks what is done each time. ``needs_running``: Azure refuses it otherwise, or
    leaves the VM off. ``loss`` says what people lose by it; it has to be confirmed. Without an ``action`` nothing is
    ever done to the VM.
    """

    action: PowerAction | None
    result: PowerState | None
    satisfied_by: tuple[PowerState, ...] = ()
    repeats: bool = False
    needs_running: bool = False
    loss: str = ""


ACTIONS: t.Mapping[str, Wanted] = {
    "started": Wanted(action="start", result=PowerState.RUNNING, satisfied_by=(PowerState.RUNNING,)),
    "running": Wanted(
        action=None,
        result=PowerState.RUNNING,
        satisfied_by=(PowerState.RUNNING, PowerState.UNKNOWN),
    ),
    "restarted": Wanted(action="restart", result=PowerState.RUNNING, repeats=True, needs_running=True),
    "redeployed": Wanted(
        action="redeploy",
        result=PowerState.RUNNING,
        repeats=True,
        needs_running=True,
        loss="the VM moves to another host, the data on its temporary disk is lost and dynamic addresses may change.",
    ),
    "reapplied": Wanted(action="reapply", result=None, repeats=True),
    "stopped": Wanted(
        action="power_off",
        result=PowerState.STOPPED,
        satisfied_by=(PowerState.STOPPED, PowerState.DEALLOCATED),
    ),
    "deallocated": Wanted(
        action="deallocate",
        result=PowerState.DEALLOCATED,
        satisfied_by=(PowerState.DEALLOCATED,),
        loss="the VM gives up its host, the data on its temporary disk is lost and dynamic addresses change.",
    ),
}


ARRIVALS: t.Mapping[PowerState, PowerState] = {
    PowerState.STARTING: PowerState.RUNNING,
    PowerState.STOPPING: PowerState.STOPPED,
    PowerState.DEALLOCATING: PowerState.DEALLOCATED,
}
"""Where a VM that is on its way gets, if nothing comes in between."""


@dataclass(frozen=True, kw_only=True)
class PowerPlan:
    """``action`` None: nothing to do. ``wait_first``: the VM is on its way somewhere; look again when it got there."""

    action: PowerAction | None
    after: PowerState
    wait_first: bool = False


def planned_power(vm: VirtualMachine, state: str) -> PowerPlan:
    """Raise :class:`NotReady` when Azure would refuse the action in the VM's power state, or no action may be taken."""
    wanted = ACTIONS[state]
    result = wanted.result or vm.power_state
    if vm.power_state in wanted.satisfied_by:
        return PowerPlan(action=None, after=vm.power_state)
    moving = vm.power_state in ARRIVALS
    if wanted.action is None and vm.power_state is not PowerState.STARTING:
        require_running(vm)
    if wanted.needs_running and not moving and vm.power_state not in (PowerState.RUNNING, PowerState.UNKNOWN):
        raise NotReady(
            code="VmNotRunning",
            message=f"The {vm} is {vm.power_state.value}; only a running VM can be {state}.",
            hint="Use state: started.",
            details={"power_state": vm.power_state.value},
        )
    return PowerPlan(action=wanted.action, after=result, wait_first=moving)


def doubts_about(vm: VirtualMachine) -> tuple[str, ...]:
    """What people should know of a VM that runs, or is to run."""
    if vm.provisioning_state.lower() != "failed":
        return ()
    reason = f" ({vm.failure})" if vm.failure else ""
    doubt = (
        f"The provisioning state of the {vm} is Failed: Azure did not finish the last change of it{reason}. It may work"
        " all the same. azvm.access.vm_power with state: reapplied has Azure apply its configuration once more."
    )
    return (doubt,)
