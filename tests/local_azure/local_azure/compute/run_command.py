# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managed run commands (v2): resources nested in a virtual machine, each holding a script and its last run."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from ..core.call import Answer, Call
from ..core.errors import AzureError, parent_not_found
from ..core.operations import Style
from ..core.store import Resource
from ..core.wire import Json
from . import errors, scripts
from .documents import expansions, nested
from .images import OsType
from .instance_view import guest_time
from .merge import merge
from .state import state_of

RUN_COMMANDS = "Microsoft.Compute/virtualMachines/runCommands"

ExecutionState = Literal["Pending", "Running", "Failed", "Succeeded", "TimedOut", "Canceled"]

#: Handing a command to the agent and getting the report back; with the script's own 10 s it makes the recorded median.
_HANDLER_SECONDS = 19.0
_DELETE_SECONDS = 10.0
_DEFAULT_TIMEOUT_SECONDS = 90 * 60

_PROTECTED = ("protectedParameters", "runAsPassword")
_UNSUPPORTED = ("scriptUri", "galleryScriptReferenceId", "commandId")
#: The executionMessage of a command without script, taken by the service and refused inside (recorded on Linux).
_NO_SCRIPT = (
    "Execution failed: failed to get configuration: invalid configuration: Either 'source.script' or "
    "'source.scriptUri' has to be specified"
)
_BLOBS = ("outputBlobUri", "errorBlobUri")


@dataclass(kw_only=True, eq=False)
class Run:
    """One execution. ``begins`` is when the agent takes it; until then it is Pending, whatever ``state`` says."""

    begins: datetime
    state: ExecutionState = "Pending"
    message: str = ""
    exit_code: int = 0
    output: str = ""
    error: str = ""
    started: datetime | None = None
    ended: datetime | None = None

    def view(self) -> Json:
        """The ``instanceView``, in the order of a recording (test_run_command_v2)."""
        view: Json = {
            "exitCode": self.exit_code,
            "executionState": self.state,
            "executionMessage": self.message,
            "output": self.output,
            "error": self.error,
        }
        for name, moment in (("startTime", self.started), ("endTime", self.ended)):
            if moment is not None:
                view[name] = guest_time(moment)
        return view


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What a PUT or PATCH asks for, checked. Without a ``script`` it fails inside. ``timeout`` is in seconds."""

    script: str
    parameters: dict[str, str] = field(repr=False)
    asynchronous: bool
    failure_counts: bool
    timeout: int


def get(call: Call) -> Answer:
    """``GET runCommands/{name}``, with ``$expand=instanceView``."""
    vm = call.azure.compute.require(call.id)
    command = call.azure.store.require(call.id)
    expand = expansions(call.query.get("$expand"), "instanceView")
    return Answer(
        status=200,
        body=_document(call, command, expand),
        headers=call.azure.compute.allowances.headers("LowCostGet", vm.id),
    )


def list_of_vm(call: Call) -> Answer:
    """``GET runCommands`` of a VM, with ``$expand=instanceView``."""
    vm = call.azure.store.get(call.id)
    if vm is None:
        raise parent_not_found(call.id.name)
    expand = expansions(call.query.get("$expand"), "instanceView")
    found = call.azure.store.list(RUN_COMMANDS, under=vm.id)
    return Answer(
        status=200,
        body={"value": [_document(call, command, expand) for command in found]},
        headers=call.azure.compute.allowances.headers("LowCostGet", vm.id),
    )


def put(call: Call) -> Answer:
    """``PUT runCommands/{name}``: creates or replaces the resource, and runs the script."""
    vm = call.azure.compute.require(call.id)
    if not call.body.get("location"):
        raise errors.location_required()
    _check_vm(call, vm)
    before = call.azure.store.get(call.id)
    properties = _properties(call.body)
    command = Resource(
        id=before.id if before is not None else call.id,
        location=str(call.body["location"]),
        tags=call.body.get("tags"),
        properties={name: value for name, value in properties.items() if name not in _PROTECTED},
        private={name: properties[name] for name in _PROTECTED if name in properties},
    )
    return _write(call, vm, command, created=before is None)


def patch(call: Call) -> Answer:
    """``PATCH runCommands/{name}``: changes what is named, and runs the script again."""
    vm = call.azure.compute.require(call.id)
    before = call.azure.store.require(call.id)
    _check_vm(call, vm)
    change = _properties(call.body)
    merged = merge(before.properties, {name: value for name, value in change.items() if name not in _PROTECTED})
    if "source" in change:
        merged["source"] = change["source"]
    kept = {name: before.private[name] for name in _PROTECTED if name in before.private}
    command = Resource(
        id=before.id,
        location=before.location,
        tags=call.body.get("tags", before.tags),
        properties=merged,
        private=kept | {name: change[name] for name in _PROTECTED if name in change},
    )
    return _write(call, vm, command, created=False)


def delete(call: Call) -> Answer:
    """``DELETE runCommands/{name}``: ends a running script and removes the resource.

    That it needs a running VM, as removing an extension does, is unverified.
    """
    vm = call.azure.compute.require(call.id)
    command = call.azure.store.get(call.id)
    if command is None:
        return Answer(status=204)
    _check_vm(call, vm, deleting=True)
    run = _run_of(command)
    if run.state in ("Pending", "Running"):
        run.state, run.ended = "Canceled", call.azure.clock.now()
    command.properties["provisioningState"] = "Deleting"
    call.azure.store.touch(command)

    def finish() -> None:
        if call.azure.store.get(command.id) is command:
            call.azure.store.delete(command.id)

    operation = call.azure.operations.start(call, style=Style.COMPUTE_DELETE, seconds=_DELETE_SECONDS, finish=finish)
    return operation.answer(202, headers=call.azure.compute.allowances.headers("UpdateVM", vm.id))


def _properties(body: Json) -> Json:
    properties = body.get("properties")
    if not isinstance(properties, Mapping):
        raise errors.missing_parameter("properties")
    return {
        name: copy.deepcopy(value)
        for name, value in properties.items()
        if value is not None and name not in ("provisioningState", "instanceView")
    }


def _check_vm(call: Call, vm: Resource, *, deleting: bool = False) -> None:
    scripts.check_can_run(vm, "RunCommand")
    if not state_of(vm).is_running:
        raise errors.extensions_need_a_running_vm()
    command = call.azure.store.get(call.id)
    if command is not None and command.properties["provisioningState"] == "Deleting" and not deleting:
        raise errors.extension_is_being_deleted("RunCommand", command.id.name)


def _request(vm: Resource, command: Resource) -> _Request:
    properties = command.properties
    source = properties.get("source")
    if not isinstance(source, Mapping):
        raise errors.missing_parameter("source")
    for name in _UNSUPPORTED:
        if source.get(name):
            raise errors.not_rehearsed(f"run commands with source.{name}; it takes source.script")
    for name in _BLOBS:
        if properties.get(name):
            raise errors.not_rehearsed(f"run commands with {name}")
    if properties.get("runAsUser") and state_of(vm).machine is not None:
        raise errors.not_rehearsed("run commands as another user than LocalSystem")
    script = source.get("script") or ""
    if not isinstance(script, str):
        raise errors.invalid_parameter("The value of parameter source.script is invalid.", "source.script")
    timeout = properties.get("timeoutInSeconds", 0)
    if not isinstance(timeout, int) or timeout < 0:
        raise errors.invalid_parameter("The value of parameter timeoutInSeconds is invalid.", "timeoutInSeconds")
    return _Request(
        script=script,
        parameters={
            **scripts.named_values(properties.get("parameters"), "parameters"),
            **scripts.named_values(command.private.get("protectedParameters"), "protectedParameters"),
        },
        asynchronous=scripts.must_be_true_or_false(properties, "asyncExecution"),
        failure_counts=scripts.must_be_true_or_false(properties, "treatFailureAsDeploymentFailure"),
        timeout=timeout or _DEFAULT_TIMEOUT_SECONDS,
    )


def _write(call: Call, vm: Resource, command: Resource, *, created: bool) -> Answer:
    request = _request(vm, command)
    azure, properties = call.azure, command.properties
    properties.setdefault("timeoutInSeconds", 0)
    properties["provisioningState"] = "Creating" if created else "Updating"
    properties.setdefault("asyncExecution", False)
    wait = scripts.agent_wait(call, vm)
    run = Run(begins=azure.clock.now() + timedelta(seconds=wait * azure.settings.pace))
    command.private["run"] = run
    azure.store.put(command)

    def begin() -> None:
        _check_current(call, command)
        scripts.check_reached(call, vm)
        run.started, run.state = azure.clock.now(), "Running"
        _set_provisioning(call, command, "Succeeded")
        azure.operations.start(call, style=Style.COMPUTE_PUT, seconds=state_of(vm).script_seconds, finish=end_unseen)

    def end_unseen() -> None:
        if _is_current(call, command) and run.state == "Running":
            _execute(call, vm, run, request)

    def end() -> None:
        _check_current(call, command)
        _execute(call, vm, run, request)
        if request.failure_counts and run.state != "Succeeded":
            raise scripts.provisioning_failed(command.id.name, run.message)
        _set_provisioning(call, command, "Succeeded")

    def undo(_failure: AzureError) -> None:
        if _is_current(call, command) and properties["provisioningState"] != "Deleting":
            _set_provisioning(call, command, "Failed")

    seconds = wait + _HANDLER_SECONDS
    if not request.asynchronous:
        seconds += min(state_of(vm).script_seconds, request.timeout)
    operation = azure.operations.start(
        call,
        style=Style.COMPUTE_PUT,
        seconds=seconds,
        finish=begin if request.asynchronous else end,
        on_failure=undo,
    )
    headers = azure.compute.allowances.headers("UpdateVM", vm.id)
    return operation.answer(201 if created else 200, _document(call, command, frozenset()), headers)


def _execute(call: Call, vm: Resource, run: Run, request: _Request) -> None:
    """The script's whole effect, at the moment it ends.

    A script that would outlast its time has none: what it had done by then can't be known. The texts for Windows are
    unverified, but that Failed here goes with a provisioning state Succeeded is recorded (test_run_command_v2).
    """
    state = scripts.check_reached(call, vm)
    run.started = run.started or run.begins
    run.ended = call.azure.clock.now()
    if not request.script:
        run.state, run.exit_code, run.message = "Failed", 3, _NO_SCRIPT
        return
    if state.script_seconds > request.timeout:
        run.state, run.exit_code = "TimedOut", -1
        run.message = f"RunCommand script execution timed out after {request.timeout} seconds"
        return
    outcome = scripts.run(state, request.script, request.parameters)
    run.exit_code, run.output, run.error = outcome.exit_code, outcome.output, outcome.error
    run.state = "Succeeded" if outcome.exit_code == 0 else "Failed"
    run.message = _message(state.image.os_type, outcome.exit_code)


def _message(os_type: OsType, exit_code: int) -> str:
    """The executionMessage; that of a failure on Linux is recorded (test_run_command_v2)."""
    if os_type == "Linux":
        failure = f"failed to execute command: command terminated with exit status={exit_code}"
        return "Execution completed" if exit_code == 0 else f"Execution failed: {failure}"
    if exit_code == 0:
        return "RunCommand script execution completed"
    return f"RunCommand script execution failed with exit code {exit_code}"


def _is_current(call: Call, command: Resource) -> bool:
    return call.azure.store.get(command.id) is command


def _check_current(call: Call, command: Resource) -> None:
    """:raises AzureError: 409 when the command was deleted, cancelled or written again since."""
    if not _is_current(call, command) or _run_of(command).state == "Canceled":
        raise errors.preempted()


def _set_provisioning(call: Call, command: Resource, state: str) -> None:
    command.properties["provisioningState"] = state
    call.azure.store.touch(command)


def _run_of(command: Resource) -> Run:
    run = command.private["run"]
    assert isinstance(run, Run)
    return run


def _document(call: Call, command: Resource, expand: frozenset[str]) -> Json:
    document = nested(command)
    if "instanceview" in expand:
        run = _run_of(command)
        state, now = state_of(call.azure.store.require(command.id.parent)), call.azure.clock.now()
        state.refresh(now)
        if run.state == "Pending" and state.agent == "ready" and now >= run.begins:
            run.state, run.started = "Running", run.begins
        document["properties"]["instanceView"] = run.view()
    return document
