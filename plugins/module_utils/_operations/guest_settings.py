# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing something inside a VM from the state it is in to the one that is planned, by three scripts."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass

from .._azure import run_commands
from .._domain.errors import Conflict, Refused, TimedOut
from .._domain.guest_plan import GuestPlan
from .._domain.outcome import Document, Outcome
from .._domain.virtual_machine import PowerState
from .._guest.script import ScriptFailed
from .guest import run_in_guest

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .._domain.virtual_machine import VirtualMachine
    from .._guest.script import GuestScript
    from .context import Context

State = t.TypeVar("State")
Plan = t.TypeVar("Plan", bound=GuestPlan)

_ROUNDS = 4
"""Starting the service, the change itself, and two more for runs that meet in one VM."""

_TIDY_SECONDS = 60
"""How long a run that has nothing to do waits for the script of another."""


@dataclass(frozen=True, kw_only=True)
class Guest(t.Generic[State]):
    """One VM, and how to look at it: a script with its request, and what its answer means.

    ``explain`` turns the failure of a changing script into one that says what to do.
    """

    vm: VirtualMachine
    context: Context
    script: GuestScript
    request: Document
    state: Callable[[Document], State]
    explain: Callable[[ScriptFailed], Refused]

    def read(self) -> State:
        """Again, when somebody tidied the command away before its output was fetched."""
        for _try in range(_ROUNDS):
            try:
                return self._run(self.script, self.request)
            except Conflict as conflict:
                if conflict.code != "RunCommandRemoved":
                    raise
        return self._run(self.script, self.request)

    def outcome(
        self,
        name: str,
        plan: Callable[[State], Plan],
        *,
        predicted: Callable[[State, Plan], State],
        script: GuestScript,
        payload: Callable[[Plan], Document],
        thing: Callable[[State], Document],
        compared: Callable[[State], Document],
        warnings: tuple[str, ...] = (),
    ) -> Outcome:
        """Look, plan, and carry it out; in check mode what is ``predicted`` instead.

        ``thing`` is the result of that ``name``, ``compared`` what the diff shows.
        """
        before = self.read()
        if self.context.check_mode:
            planned = plan(before)
            after = predicted(before, planned)
        else:
            after, planned = self.settle(before, plan, script=script, payload=payload)
        return Outcome(
            name=name,
            thing=thing(after),
            before=compared(before),
            after=compared(after),
            warnings=(*warnings, *planned.warnings),
        )

    def settle(
        self,
        state: State,
        plan: Callable[[State], Plan],
        *,
        script: GuestScript,
        payload: Callable[[Plan], Document],
    ) -> tuple[State, Plan]:
        """Carry out what ``plan`` says until it says nothing; the first plan is returned with the last state.

        Raises :class:`Refused` when the VM does not keep what is set.
        """
        first = planned = plan(state)
        for _round in range(_ROUNDS):
            if not planned.needed:
                return state, first
            state = self._change(script, payload(planned), plan)
            planned = plan(state)
        if planned.needed:
            raise Refused(
                code="SettingsNotKept",
                message=f"The {self.vm} does not keep what is set in it: still to do are {', '.join(planned.steps)}.",
                hint="A Group Policy or another program sets it back; see 'gpresult /h' inside the VM.",
            )
        return state, first

    def _change(self, script: GuestScript, payload: Document, plan: Callable[[State], Plan]) -> State:
        """Run a changing script; when it fails or its answer is lost, what counts is what the VM then looks like."""
        try:
            return self._run(script, payload)
        except ScriptFailed as failure:
            state = self.read()
            if plan(state).needed:
                raise self.explain(failure) from failure
            return state
        except Conflict as conflict:
            if conflict.code != "RunCommandRemoved":
                raise
            return self.read()

    def _run(self, script: GuestScript, payload: Document) -> State:
        return self.state(run_in_guest(self.vm, script, payload, self.context))


def already(
    name: str, seen: Document, vm: VirtualMachine, context: Context, *, warnings: tuple[str, ...] = ()
) -> Outcome:
    """Nothing is to do, since what is ``seen`` from outside is as wanted."""
    if not context.check_mode:
        _tidy_up(vm, context)
    return Outcome(name=name, thing=seen, before=seen, after=seen, warnings=warnings)


def foreseen(name: str, thing: Document, after: Document, vm: VirtualMachine, warnings: tuple[str, ...]) -> Outcome:
    """Check mode without a look inside the VM, which would need a Run Command: what a run would see to."""
    if vm.power_state is not PowerState.RUNNING:
        warnings += (f"The {vm} is {vm.power_state.value}; it must be running when its {name} is looked after.",)
    return Outcome(name=name, thing=thing, before=None, after=after, warnings=warnings)


def _tidy_up(vm: VirtualMachine, context: Context) -> None:
    """Remove what an interrupted run may have left: its Run Command, although its script did the work."""
    with contextlib.suppress(TimedOut):
        run_commands.tidy_up(context.azure, vm, deadline=context.deadline.within(_TIDY_SECONDS))
