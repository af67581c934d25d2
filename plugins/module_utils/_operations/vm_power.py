# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_power: a VM found running, started, restarted, redeployed, reapplied, stopped or deallocated."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._azure import compute
from .._azure.polling import awaited
from .._domain.errors import InvalidInput, TimedOut
from .._domain.outcome import Document, Outcome
from .._domain.power import ACTIONS, ARRIVALS, doubts_about, planned_power
from .._domain.resource_id import VmTarget
from .._domain.virtual_machine import AgentState, PowerState

if t.TYPE_CHECKING:
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context

_AGENT_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Options:
    """``state`` is the module's option; see :data:`ACTIONS`."""

    target: VmTarget
    state: str

    @classmethod
    def from_parameters(cls, parameters: t.Mapping[str, t.Any]) -> Options:
        """Raise :class:`InvalidInput` when what interrupts people's work or changes addresses is not confirmed."""
        state = parameters["state"]
        loss = ACTIONS[state].loss
        if loss and not parameters["confirm"]:
            raise InvalidInput(
                code="NotConfirmed",
                message=f"state={state} needs confirm=true: {loss}",
                hint="Nothing was sent to Azure.",
            )
        return cls(target=VmTarget.from_options(parameters), state=state)


def run(options: Options, context: Context) -> Outcome:
    """Read the power state, act if need be, wait until the VM and its agent are there."""
    vm = compute.read_vm(context.azure, options.target)
    found = vm.power_state
    plan = planned_power(vm, options.state)
    if plan.wait_first:
        vm = _settled(vm, options.target, context)
        plan = planned_power(vm, options.state)
    before = vm
    warnings: tuple[str, ...] = ()
    after_state = plan.after
    if plan.action and not context.check_mode:
        compute.switch_vm(context.azure, vm, plan.action, deadline=context.deadline)
        vm, warnings = _arrived(plan.after, options.target, context)
        after_state = vm.power_state
    if ACTIONS[options.state].result is PowerState.RUNNING:
        warnings += doubts_about(vm)
    done = {options.state: True} if plan.action and ACTIONS[options.state].repeats else {}
    return Outcome(
        name="power",
        thing={**_thing(vm), "power_state": after_state.value, "previous": found.value},
        before={"power_state": before.power_state.value},
        after={"power_state": after_state.value, **done},
        warnings=warnings,
    )


def _settled(vm: VirtualMachine, target: VmTarget, context: Context) -> VirtualMachine:
    """The VM once it is no longer on its way to another power state; in check mode, as it will be then."""
    if context.check_mode:
        return replace(vm, power_state=ARRIVALS[vm.power_state])
    waiting_for = f"the {vm} to settle"
    return _awaited(vm, target, context, over=lambda state: state not in ARRIVALS, waiting_for=waiting_for)


def _arrived(wanted: PowerState, target: VmTarget, context: Context) -> tuple[VirtualMachine, tuple[str, ...]]:
    """The VM once its instance view says so (it may lag), and for a running one once its agent reports or won't."""
    vm = compute.read_vm(context.azure, target)
    if wanted is not PowerState.UNKNOWN:
        waiting_for = f"the {vm} to be {wanted.value}"
        vm = _awaited(vm, target, context, over=lambda state: state is wanted, waiting_for=waiting_for)
    if wanted is not PowerState.RUNNING or vm.agent is AgentState.MISSING:
        return vm, ()
    try:
        vm = compute.wait_for_agent(context.azure, vm, target, deadline=context.deadline.within(_AGENT_SECONDS))
    except TimedOut as error:
        return vm, (f"The {vm} runs, but its agent does not report yet: {error.message}",)
    if vm.agent is not AgentState.READY:
        said = f": {vm.agent_message}" if vm.agent_message else "."
        return vm, (f"The {vm} runs, but its agent is {vm.agent.value}{said}",)
    return vm, ()


def _awaited(
    vm: VirtualMachine,
    target: VmTarget,
    context: Context,
    *,
    over: t.Callable[[PowerState], bool],
    waiting_for: str,
) -> VirtualMachine:
    return awaited(
        vm,
        lambda: compute.read_vm(context.azure, target),
        over=lambda vm: over(vm.power_state),
        seen=lambda vm: f"power state {vm.power_state.value}",
        waiting_for=waiting_for,
        deadline=context.deadline,
        pause=context.azure.poll_interval,
    )


def _thing(vm: VirtualMachine) -> Document:
    return {
        "id": str(vm.id),
        "name": vm.name,
        "power_state": vm.power_state.value,
        "agent": vm.agent.value,
        "provisioning_state": vm.provisioning_state,
    }
