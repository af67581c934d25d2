# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a script inside a virtual machine through its agent: what both kinds of Run Command share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..core.call import Call
from ..core.errors import AzureError
from ..core.store import Resource
from ..core.wire import Json
from . import errors
from .provider import check_writable
from .state import VirtualMachineState, state_of

#: The output that Azure hands back: the last bytes of each stream (Microsoft: run-command, restrictions).
OUTPUT_BYTES = 4096

#: How long Azure waits for a silent agent before it gives up (recorded once: 25 minutes).
AGENT_PATIENCE_SECONDS = 1500.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a script ended; the streams are cut already."""

    exit_code: int
    output: str
    error: str


def check_can_run(vm: Resource, operation: str) -> None:
    """Refuses a run command on a VM that may not have one: being deleted, or extension operations switched off.

    :raises AzureError: 409 OperationNotAllowed.
    """
    check_writable(vm, operation)
    if vm.properties.get("osProfile", {}).get("allowExtensionOperations") is False:
        raise errors.extension_operations_disallowed()


def agent_wait(call: Call, vm: Resource) -> float:
    """Seconds (before the pace is applied) until the agent will take the command, or until Azure stops waiting."""
    azure, state = call.azure, state_of(vm)
    now = azure.clock.now()
    state.refresh(now)
    if state.agent == "ready":
        return 0.0
    if state.agent_ready_at is None or state.agent_after_boot != "ready":
        return AGENT_PATIENCE_SECONDS
    # A hair more than the remaining time, so that rounding never finds the agent a moment too early.
    return (state.agent_ready_at - now).total_seconds() / max(azure.settings.pace, 1e-9) + 0.1


def check_reached(call: Call, vm: Resource) -> VirtualMachineState:
    """The state of ``vm`` if a command can be handed to its agent now.

    :raises AzureError: VMAgentStatusCommunicationError when the agent is silent, or the machine went down meanwhile.
    """
    state = state_of(vm)
    state.refresh(call.azure.clock.now())
    if call.azure.store.get(vm.id) is not vm or not state.is_running or state.agent != "ready":
        raise errors.agent_silent(vm.id.name)
    return state


def run(state: VirtualMachineState, script: str, parameters: Mapping[str, str]) -> Outcome:
    """Run ``script`` in the machine now. What the machine doesn't model ends with an exit code and says so."""
    if state.machine is None:
        return Outcome(
            exit_code=1, output="", error="The local Azure does not model what runs inside a Linux virtual machine."
        )
    result = state.machine.run_script(script, parameters)
    return Outcome(exit_code=result.exit_code, output=last_bytes(result.output), error=last_bytes(result.error))


def last_bytes(text: str) -> str:
    """The end of ``text``, at most 4096 bytes of UTF-8."""
    return text.encode()[-OUTPUT_BYTES:].decode(errors="ignore")


def named_values(value: object, target: str) -> dict[str, str]:
    """The parameters of a run command, a list of {name, value}, by name.

    :raises AzureError: 400 when they are not such a list of texts.
    """
    if value is None:
        return {}
    found: dict[str, str] = {}
    for entry in value if isinstance(value, list) else [None]:
        name = entry.get("name") if isinstance(entry, Mapping) else None
        text = entry.get("value") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or not name or not isinstance(text, str):
            raise errors.invalid_parameter(f"The value of parameter {target} is invalid.", target)
        found[name] = text
    return found


def must_be_true_or_false(body: Json, name: str) -> bool:
    """A truth value of a body, false when absent.

    :raises AzureError: 400 when it is something else.
    """
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise errors.invalid_parameter(f"The value of parameter {name} is invalid.", name)
    return bool(value)


def provisioning_failed(name: str, reason: str) -> AzureError:
    """How a failed script shows when its failure counts as the deployment's (wrapper text recorded for extensions)."""
    return AzureError(
        409,
        "VMExtensionProvisioningError",
        f"VM has reported a failure when processing extension '{name}' (publisher 'Microsoft.CPlat.Core' and type "
        f"'RunCommandHandlerWindows'). Error message: '{reason}'.",
    )
