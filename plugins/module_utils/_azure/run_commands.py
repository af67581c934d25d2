# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managed Run Command (v2): run one script in a VM, read what it really did, and leave no resource behind."""

from __future__ import annotations

import contextlib
import secrets
import typing as t

from .._domain.errors import AccessError, Busy, Conflict, NotFound, NotReady
from .._domain.script_run import ExecutionState, ScriptRun
from .errors import translated
from .libraries import needs
from .polling import awaited, finished, unless_busy
from .words import word

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.polling import LROPoller
    from azure.mgmt.compute import models

    from .._domain.deadline import Deadline
    from .._domain.virtual_machine import VirtualMachine
    from .clients import AzureClients

PREFIX = "azvm-access-"
SCRIPT_SECONDS = 300
"""How long Azure lets a script run before it ends it; ours take a few seconds."""

# A script cannot be started while the VM is in another state than these errors ask for.
_RESTART = "Restart the VM (azvm.access.vm_power, state: restarted), then run the task again."
_NOT_READY = {
    "CannotModifyExtensionsWhenVMNotRunning": "Start the VM (azvm.access.vm_power, state: started).",
    "VMAgentStatusCommunicationError": _RESTART,
}


def run_script(
    azure: AzureClients,
    vm: VirtualMachine,
    *,
    name: str,
    text: str,
    parameters: Mapping[str, str],
    interruptible: bool,
    deadline: Deadline,
) -> ScriptRun:
    """Run ``text`` in the VM as LocalSystem; the result is the instance view's: the provisioning state says nothing.

    Waits first for a script of this collection that is still running in the VM, so that two runs follow each other.
    The Run Command resource is deleted afterwards. Deleting it ends a running script, so one that must not be cut short
    (``interruptible`` false) is left alone unless it was seen to have ended: the next run tidies up.

    Raises :class:`NotReady` when the VM or its agent cannot run scripts, :class:`Conflict` with the code
    ``RunCommandRemoved`` when somebody deleted the resource before its output was read, :class:`TimedOut`.
    """
    tidy_up(azure, vm, deadline=deadline)
    resource = f"{PREFIX}{name.replace('_', '-')}-{secrets.token_hex(4)}"
    ended = False
    try:
        _start(azure, vm, resource, text=text, parameters=parameters, deadline=deadline)
        run = _outcome(azure, vm, resource, deadline)
        ended = True
    finally:
        if ended or interruptible:
            # The next run deletes what this request could not; the script's result counts more.
            with contextlib.suppress(AccessError):
                _delete(azure, vm, resource)
    return run


def tidy_up(azure: AzureClients, vm: VirtualMachine, *, deadline: Deadline) -> None:
    """Delete what interrupted runs left: commands with our prefix. One that still runs is waited for.

    Raises :class:`TimedOut` when it does not end.
    """
    for resource, state in _leftovers(azure, vm):
        if state == "deleting":
            continue
        if state not in ("succeeded", "failed", "canceled"):
            _wait_for_other(azure, vm, resource, deadline)
        # What can't be tidied up does not stand in the way of what was asked for.
        with contextlib.suppress(AccessError):
            _delete(azure, vm, resource)


def _start(
    azure: AzureClients,
    vm: VirtualMachine,
    resource: str,
    *,
    text: str,
    parameters: Mapping[str, str],
    deadline: Deadline,
) -> None:
    waiting_for = f"the script {resource} in the {vm}"
    try:
        poller = unless_busy(
            lambda: _put(azure, vm, resource, text, parameters), deadline=deadline, waiting_for=waiting_for
        )
    except AccessError as error:
        raise _explained(error) from error
    try:
        _finish(vm, poller, deadline, waiting_for)
    except AccessError as error:
        if isinstance(error, NotFound) or error.code == "OperationPreempted":
            raise _removed(vm, resource) from error
        raise _explained(error) from error


@translated("start the script {resource} in the {vm}")
def _put(
    azure: AzureClients, vm: VirtualMachine, resource: str, text: str, parameters: Mapping[str, str]
) -> LROPoller[models.VirtualMachineRunCommand]:
    with needs("azure-mgmt-compute"):
        from azure.mgmt.compute import models
    return azure.compute.virtual_machine_run_commands.begin_create_or_update(
        vm.id.resource_group,
        vm.name,
        resource,
        models.VirtualMachineRunCommand(
            location=vm.location,
            properties=models.VirtualMachineRunCommandProperties(
                source=models.VirtualMachineRunCommandScriptSource(script=text),
                parameters=[
                    models.RunCommandInputParameter(name=key, value=value) for key, value in parameters.items()
                ],
                async_execution=False,
                timeout_in_seconds=SCRIPT_SECONDS,
            ),
        ),
    )


@translated("run a script in the {vm}")
def _finish(
    vm: VirtualMachine,
    poller: LROPoller[models.VirtualMachineRunCommand],
    deadline: Deadline,
    waiting_for: str,
) -> None:
    finished(poller, deadline=deadline, waiting_for=waiting_for)


def _explained(error: AccessError) -> AccessError:
    """The same failure with the next step, where the VM's state is the reason."""
    text = error.message.lower()
    if error.code in _NOT_READY:
        return NotReady(code=error.code, message=error.message, hint=_NOT_READY[error.code], details=error.details)
    if error.code == "OperationNotAllowed" and "running" in text:
        hint = _NOT_READY["CannotModifyExtensionsWhenVMNotRunning"]
        return NotReady(code=error.code, message=error.message, hint=hint, details=error.details)
    return error


def _outcome(azure: AzureClients, vm: VirtualMachine, resource: str, deadline: Deadline) -> ScriptRun:
    """Read the instance view until the script has ended; normally it has when the provisioning is over."""
    try:
        return _ended(
            azure,
            vm,
            resource,
            f"the script {resource} in the {vm}",
            deadline=deadline.within(SCRIPT_SECONDS, hint=_RESTART),
        )
    except NotFound as error:
        raise _removed(vm, resource) from error


def _ended(
    azure: AzureClients, vm: VirtualMachine, resource: str, waiting_for: str, *, deadline: Deadline
) -> ScriptRun:
    """The script once it has ended. Raises :class:`NotFound` when somebody removed it."""
    return awaited(
        _read(azure, vm, resource),
        lambda: _read(azure, vm, resource),
        over=lambda run: run.state.ended,
        seen=lambda run: f"execution state {run.state.value}",
        waiting_for=waiting_for,
        deadline=deadline,
        pause=azure.poll_interval,
    )


def _removed(vm: VirtualMachine, resource: str) -> Conflict:
    return Conflict(
        code="RunCommandRemoved",
        message=f"Somebody removed the Run Command {resource} of the {vm} before its output was read.",
        hint="Run the task again.",
    )


@translated("read the output of the script {resource} in the {vm}")
def _read(azure: AzureClients, vm: VirtualMachine, resource: str) -> ScriptRun:
    command = azure.compute.virtual_machine_run_commands.get_by_virtual_machine(
        vm.id.resource_group, vm.name, resource, expand="instanceView"
    )
    view = command.properties.instance_view if command.properties else None
    if view is None:
        return ScriptRun(state=ExecutionState.UNKNOWN)
    return ScriptRun(
        state=ExecutionState.parse(word(view.execution_state)),
        exit_code=view.exit_code,
        output=view.output or "",
        error=view.error or "",
        message=view.execution_message or "",
    )


@translated("list the Run Commands of the {vm}")
def _leftovers(azure: AzureClients, vm: VirtualMachine) -> list[tuple[str, str]]:
    """Name and provisioning state (lower case) of each Run Command with our prefix."""
    commands = azure.compute.virtual_machine_run_commands.list_by_virtual_machine(vm.id.resource_group, vm.name)
    return [
        (command.name, ((command.properties.provisioning_state if command.properties else None) or "").lower())
        for command in commands
        if command.name and command.name.lower().startswith(PREFIX)
    ]


def _wait_for_other(azure: AzureClients, vm: VirtualMachine, resource: str, deadline: Deadline) -> None:
    """Wait until another run's script has ended or is gone; bounded by what Azure grants a script."""
    waiting_for = f"the script {resource} of another run in the {vm}"
    with contextlib.suppress(NotFound):
        _ended(azure, vm, resource, waiting_for, deadline=deadline.within(2.0 * SCRIPT_SECONDS, hint=_RESTART))


def _delete(azure: AzureClients, vm: VirtualMachine, resource: str) -> None:
    """Ask for the deletion; Azure carries it out by itself."""
    with contextlib.suppress(NotFound, Busy):
        _begin_delete(azure, vm, resource)


@translated("delete the Run Command {resource} of the {vm}")
def _begin_delete(azure: AzureClients, vm: VirtualMachine, resource: str) -> None:
    azure.compute.virtual_machine_run_commands.begin_delete(vm.id.resource_group, vm.name, resource, polling=False)
