# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run Command v1: one script at a time, with its output as the result of the operation."""

from __future__ import annotations

from ..core.call import Answer, Call
from ..core.operations import Style
from ..core.store import Resource
from ..core.wire import Json
from . import errors, scripts
from .builtin_commands import COMMANDS, SCRIPT_COMMANDS
from .instance_view import status
from .state import state_of

_HANDLER_SECONDS = 19.0


def post(call: Call) -> Answer:
    """``POST runCommand`` with ``{"commandId", "script": [lines], "parameters": [{name, value}]}``."""
    vm = call.azure.store.require(call.id)
    state = state_of(vm)
    scripts.check_can_run(vm, "RunCommand")
    if not state.is_running:
        raise errors.vm_must_be_running()
    script, parameters = _request(call.body, state.image.os_type)
    if state.one_shot_running:
        raise errors.run_command_busy()
    wait = scripts.agent_wait(call, vm)
    state.one_shot_running = True

    def finish() -> Json:
        state.one_shot_running = False
        outcome = scripts.run(scripts.check_reached(call, vm), script, parameters)
        return {"value": _value(vm, outcome)}

    operation = call.azure.operations.start(
        call,
        style=Style.COMPUTE_POST,
        seconds=wait + _HANDLER_SECONDS + state.script_seconds,
        finish=finish,
    )
    return operation.answer(202, headers=call.azure.compute.allowances.headers("UpdateVM", vm.id))


def _request(body: Json, os_type: str) -> tuple[str, dict[str, str]]:
    command_id = body.get("commandId")
    if not isinstance(command_id, str) or not command_id:
        raise errors.missing_parameter("commandId")
    known = next((command for command in COMMANDS if command["id"].lower() == command_id.lower()), None)
    if known is None or known["osType"] != os_type:
        raise errors.entity_not_found()
    if known["id"] not in SCRIPT_COMMANDS:
        raise errors.not_rehearsed(f"the built-in run command {known['id']}")
    lines = body.get("script")
    if not isinstance(lines, list) or not lines or not all(isinstance(line, str) for line in lines):
        raise errors.missing_parameter("script")
    return "\n".join(lines), scripts.named_values(body.get("parameters"), "parameters")


def _value(vm: Resource, outcome: scripts.Outcome) -> list[Json]:
    """One entry per stream on Windows, one for both on Linux; never a failure code."""
    if state_of(vm).image.os_type == "Linux":
        message = f"Enable succeeded: \n[stdout]\n{outcome.output}\n[stderr]\n{outcome.error}"
        return [status("ProvisioningState/succeeded", "Info", "Provisioning succeeded", message=message)]
    return [
        status(f"ComponentStatus/{stream}/succeeded", "Info", "Provisioning succeeded", message=text)
        for stream, text in (("StdOut", outcome.output), ("StdErr", outcome.error))
    ]
