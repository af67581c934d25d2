# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running one of the collection's scripts inside a VM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._azure import compute, run_commands
from .._domain.virtual_machine import require_agent, require_running, require_windows

if TYPE_CHECKING:
    from .._domain.outcome import Document
    from .._domain.resource_id import VmTarget
    from .._domain.virtual_machine import VirtualMachine
    from .._guest.script import GuestScript
    from .context import Context

AGENT_SECONDS = 600
"""How long a VM that has just started may take until its agent reports."""

_SILENT_AGENT = (
    "Look at the VM's boot diagnostics (az vm boot-diagnostics) for what keeps Windows, or restart the VM"
    " (azvm.access.vm_power, state: restarted)."
)


def ready_for_scripts(vm: VirtualMachine, target: VmTarget, context: Context) -> VirtualMachine:
    """The VM once scripts can run in it. Raises :class:`NotReady` for one that is off, not Windows or without agent."""
    require_windows(vm)
    require_running(vm)
    vm = compute.wait_for_agent(
        context.azure, vm, target, deadline=context.deadline.within(AGENT_SECONDS, hint=_SILENT_AGENT)
    )
    require_agent(vm)
    return vm


def run_in_guest(vm: VirtualMachine, script: GuestScript, payload: Document, context: Context) -> Document:
    """The script's answer; raises :class:`ScriptFailed` when it reports an error."""
    run = run_commands.run_script(
        context.azure,
        vm,
        name=script.name,
        text=script.text,
        parameters=script.parameters(payload),
        interruptible=not script.changes,
        deadline=context.deadline,
    )
    return script.answer(run, where=str(vm))
