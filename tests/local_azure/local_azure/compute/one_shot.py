# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run Command v1: one script at a time, with its output as the result of the operation."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.call import Answer, Call
from ..core.operations import Style
from ..core.store import Resource
from ..core.wire import Json
from . import builtin_commands, errors, scripts
from .instance_view import status
from .state import state_of

_HANDLER_SECONDS = 19.0


def post(call: Call) -> Answer:
    """``POST runCommand`` with ``{"commandId", "script": [lines], "parameters": [{name, value}]}``.

    Without ``script`` the command's own one runs (recorded).
    """
    vm = call.azure.store.require(call.id)
    state = state_of(vm)
    scripts.check_can_run(vm, "RunCommand")
    if not state.is_running:
        raise errors.vm_must_be_running()
    command = _command(call.body, state.image.os_type)
    script = _script(call.body)
    parameters = scripts.named_values(call.body.get("parameters"), "parameters")
    if state.one_shot_running:
        raise errors.run_command_busy()
    wait = scripts.agent_wait(call, vm)
    state.one_shot_running = True

    def finish() -> Json:
        state.one_shot_running = False
        reached = scripts.check_reached(call, vm)
        outcome = scripts.run(reached, script, parameters) if script else _own_script(command, parameters)
        return {"value": _value(vm, outcome)}

    operation = call.azure.operations.start(
        call,
        style=Style.COMPUTE_POST,
        seconds=wait + _HANDLER_SECONDS + state.script_seconds,
        finish=finish,
    )
    return operation.answer(202, headers=call.azure.compute.allowances.headers("UpdateVM", vm.id))


def _command(body: Json, os_type: str) -> str:
    id = body.get("commandId")
    if not isinstance(id, str) or not id:
        raise errors.missing_parameter("commandId")
    known = builtin_commands.named(id)
    if known is None or known["osType"] != os_type:
        raise errors.entity_not_found()
    return str(known["id"])


def _script(body: Json) -> str:
    """The script of the request; empty where it has none."""
    lines = body.get("script") or []
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise errors.invalid_parameter("The value of parameter script is invalid.", "script")
    return "\n".join(lines)


def _own_script(command: str, parameters: Mapping[str, str]) -> scripts.Outcome:
    """What a command's own script does: the samples are known, what the others do inside is not modelled."""
    sample = builtin_commands.SAMPLES.get(command)
    if sample is None:
        return scripts.Outcome(exit_code=1, output="", error=f"The local Azure does not model what {command} does.")
    first, second, *_more = [*parameters.values(), "", ""]
    return scripts.Outcome(exit_code=0, output=sample.format(first, second), error="")


def _value(vm: Resource, outcome: scripts.Outcome) -> list[Json]:
    """One entry per stream on Windows, one for both on Linux; never a failure code."""
    if state_of(vm).image.os_type == "Linux":
        message = f"Enable succeeded: \n[stdout]\n{outcome.output}\n[stderr]\n{outcome.error}"
        return [status("ProvisioningState/succeeded", "Info", "Provisioning succeeded", message=message)]
    return [
        status(f"ComponentStatus/{stream}/succeeded", "Info", "Provisioning succeeded", message=text)
        for stream, text in (("StdOut", outcome.output), ("StdErr", outcome.error))
    ]
