# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The instance view of a virtual machine for each power and agent state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from ..core.store import Resource
from ..core.wire import Json
from . import vm_access
from .images import OsType
from .state import VirtualMachineState, state_of

_POWER_NAMES = {
    "running": "VM running",
    "stopped": "VM stopped",
    "deallocated": "VM deallocated",
    "starting": "VM starting",
    "stopping": "VM stopping",
    "deallocating": "VM deallocating",
}
_PROVISIONING_NAMES = {
    "Succeeded": ("succeeded", "Info", "Provisioning succeeded"),
    "Updating": ("updating", "Info", "Updating"),
    "Creating": ("creating", "Info", "Creating"),
    "Deleting": ("deleting", "Info", "Deleting"),
    "Failed": ("failed", "Error", "Provisioning failed"),
}


def platform_time(moment: datetime) -> str:
    """A time as the platform writes it: seven digits of fraction and a numeric zone."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}0+00:00"


def guest_time(moment: datetime) -> str:
    """A time as the guest agent reports it: whole seconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"


def status(code: str, level: str, display: str, *, message: str | None = None, time: str | None = None) -> Json:
    """One entry of a ``statuses`` list, in the order of the wire."""
    entry: Json = {"code": code, "level": level, "displayStatus": display}
    if message is not None:
        entry["message"] = message
    if time is not None:
        entry["time"] = time
    return entry


def instance_view(vm: Resource, extensions: Sequence[Resource], *, now: datetime) -> Json:
    """The ``instanceView`` of ``vm`` with its extensions.

    Shapes are those of recordings: running with a ready agent, just booted (test_vm_user_update_win), stopped
    (test_invoke_action: the agent's last report stays), deallocated (nothing of the guest is left).
    """
    state = state_of(vm)
    state.refresh(now)
    view: Json = {}
    if state.power not in ("deallocated", "deallocating"):
        view.update(_guest(vm, state, extensions, now))
    storage = vm.properties["storageProfile"]
    view["disks"] = [_disk(disk["name"], state) for disk in (storage["osDisk"], *storage.get("dataDisks", ()))]
    diagnostics = vm.properties.get("diagnosticsProfile", {}).get("bootDiagnostics", {})
    if diagnostics.get("enabled"):
        view["bootDiagnostics"] = _boot_diagnostics(vm, diagnostics.get("storageUri"))
    if extensions and state.power not in ("deallocated", "deallocating"):
        view["extensions"] = [extension_view(extension, state.image.os_type) for extension in extensions]
    view["hyperVGeneration"] = state.image.generation
    generalized = [status("OSState/generalized", "Info", "VM generalized")] if state.generalized else []
    view["statuses"] = [_provisioning(vm, state), *generalized, _power(state)]
    return view


def _disk(name: str, state: VirtualMachineState) -> Json:
    ready = status("ProvisioningState/succeeded", "Info", "Provisioning succeeded", time=platform_time(state.created))
    return {"name": name, "statuses": [ready]}


def _boot_diagnostics(vm: Resource, storage: str | None) -> Json:
    """Where screenshot and log are: told for a storage account of the user's own only (test_vm_boot_diagnostics)."""
    if not storage:
        return {}
    container = f"bootdiagnostics-{re.sub('[^0-9a-z]', '', vm.id.name.lower())[:9]}-{vm.properties['vmId']}"
    root = f"{storage.rstrip('/')}/{container}/{vm.id.name}.{vm.properties['vmId']}"
    return {
        "consoleScreenshotBlobUri": f"{root}.screenshot.bmp",
        "serialConsoleLogBlobUri": f"{root}.serialconsole.log",
    }


def extension_view(extension: Resource, os_type: OsType) -> Json:
    """The instance view of one extension, as in the VM's and as with ``$expand=instanceView`` on the extension.

    A status has a message and no time (recorded for handlers of both systems). Which substatuses VMAccess reports on
    Windows is not on record; codes are those of other handlers.
    """
    properties = extension.properties
    report = vm_access.report_of(extension)
    error = report.error if report is not None else str(extension.private.get("seeded_error") or "")
    view: Json = {
        "name": extension.id.name,
        "type": f"{properties['publisher']}.{properties['type']}",
        "typeHandlerVersion": _handler_version(extension),
        "statuses": [_extension_status(extension, os_type, error)],
    }
    if report is not None and report.components:
        view["substatuses"] = [
            status(f"ComponentStatus/{one.name}/succeeded", "Info", "Provisioning succeeded", message=one.message)
            for one in report.components
        ]
    return view


def _extension_status(extension: Resource, os_type: OsType, error: str) -> Json:
    provisioning = extension.properties["provisioningState"]
    if provisioning == "Succeeded":
        message: str | None = "Enable succeeded." if os_type == "Linux" else _enabled(extension)
        if vm_access.report_of(extension) is not None:
            message = None  # what it says itself is in the substatuses
        return status("ProvisioningState/succeeded", "Info", "Provisioning succeeded", message=message)
    if provisioning == "Failed":
        return status("ProvisioningState/failed/-1", "Error", "Provisioning failed", message=error or None)
    return status("ProvisioningState/transitioning", "Info", "Transitioning")


def _enabled(extension: Resource) -> str:
    """What the agent for Windows says of a handler that works."""
    handler = f"{extension.properties['publisher']}.{extension.properties['type']}"
    return f"Plugin enabled (handler name: {handler}, extension name: , version: {_handler_version(extension)})."


def _handler_version(extension: Resource) -> str:
    """The version that is installed where that is known, else the one that was asked for."""
    return str(extension.private.get("handler_version") or extension.properties["typeHandlerVersion"])


def _guest(vm: Resource, state: VirtualMachineState, extensions: Sequence[Resource], now: datetime) -> Json:
    if state.agent == "ready":
        os_profile = vm.properties.get("osProfile", {})
        computer_name = os_profile.get("computerName") if state.machine is None else state.machine.computer_name
        return {
            "computerName": computer_name or vm.id.name,
            "osName": state.image.system_name,
            "osVersion": state.image.system_version,
            "vmAgent": {
                "vmAgentVersion": state.image.agent_version,
                "statuses": [
                    status(
                        "ProvisioningState/succeeded",
                        "Info",
                        "Ready",
                        message=_READY[state.image.os_type],
                        time=guest_time(now),
                    )
                ],
                "extensionHandlers": [_handler(extension, state.image.os_type) for extension in extensions],
            },
        }
    message = (
        "VM status blob is found but not yet populated." if state.agent == "starting" else "VM Agent is unresponsive."
    )
    return {
        "vmAgent": {
            "vmAgentVersion": "Unknown",
            "statuses": [
                status("ProvisioningState/Unavailable", "Warning", "Not Ready", message=message, time=guest_time(now))
            ],
        }
    }


_READY = {
    "Windows": "GuestAgent is running and processing the extensions.",
    "Linux": "Guest Agent is running",
}


def _handler(extension: Resource, os_type: OsType) -> Json:
    properties = extension.properties
    message = "Plugin enabled" if os_type == "Linux" else _enabled(extension)
    return {
        "type": f"{properties['publisher']}.{properties['type']}",
        "typeHandlerVersion": _handler_version(extension),
        "status": status("ProvisioningState/succeeded", "Info", "Ready", message=message),
    }


def _provisioning(vm: Resource, state: VirtualMachineState) -> Json:
    provisioning = vm.properties["provisioningState"]
    code, level, display = _PROVISIONING_NAMES[provisioning]
    message = None
    if provisioning == "Failed" and state.failure is not None:
        code, message = f"{code}/{state.failure.code}", state.failure.message
    return status(f"ProvisioningState/{code}", level, display, message=message, time=platform_time(state.provisioned))


def _power(state: VirtualMachineState) -> Json:
    return status(f"PowerState/{state.power}", "Info", _POWER_NAMES[state.power])
