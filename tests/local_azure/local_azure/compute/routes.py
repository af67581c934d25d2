# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of Microsoft.Compute that the local Azure answers, and the right each one needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import boot_diagnostics, builtin_commands, extension, one_shot, power, run_command, virtual_machine
from .provider import Compute

if TYPE_CHECKING:
    from ..core.arm import Handler
    from ..core.azure import Azure

_VMS = "Microsoft.Compute/virtualMachines"
_VM = _VMS + "/{vm}"

_ACTIONS: dict[str, Handler] = {
    "start": power.start,
    "powerOff": power.power_off,
    "deallocate": power.deallocate,
    "restart": power.restart,
    "redeploy": power.redeploy,
    "reapply": power.reapply,
    "runCommand": one_shot.post,
    "retrieveBootDiagnosticsData": boot_diagnostics.retrieve,
}


def register(azure: Azure) -> None:
    """Make ``azure.compute``, and route the provider's requests to their handlers."""
    azure.compute = Compute(azure)
    _virtual_machines(azure)
    for name, handler in _ACTIONS.items():
        azure.arm.route("POST", f"{_VM}/{name}", handler, action=f"{_VMS}/{name}/action")
    _nested(azure, "extensions", extension.get, extension.list_of_vm)
    azure.arm.route("PUT", _VM + "/extensions/{name}", extension.write, action=f"{_VMS}/extensions/write")
    azure.arm.route("PATCH", _VM + "/extensions/{name}", extension.write, action=f"{_VMS}/extensions/write")
    azure.arm.route("DELETE", _VM + "/extensions/{name}", extension.delete, action=f"{_VMS}/extensions/delete")
    _nested(azure, "runCommands", run_command.get, run_command.list_of_vm)
    azure.arm.route("PUT", _VM + "/runCommands/{name}", run_command.put, action=f"{_VMS}/runCommands/write")
    azure.arm.route("PATCH", _VM + "/runCommands/{name}", run_command.patch, action=f"{_VMS}/runCommands/write")
    azure.arm.route("DELETE", _VM + "/runCommands/{name}", run_command.delete, action=f"{_VMS}/runCommands/delete")
    _builtin(azure)


def _virtual_machines(azure: Azure) -> None:
    route = azure.arm.route
    route("GET", _VMS, virtual_machine.list_all, action=f"{_VMS}/read")
    route("GET", _VMS, virtual_machine.list_all, action=f"{_VMS}/read", scope="subscription")
    route("GET", _VM, virtual_machine.get, action=f"{_VMS}/read")
    route("GET", _VM + "/instanceView", virtual_machine.get_instance_view, action=f"{_VMS}/instanceView/read")
    route("PUT", _VM, virtual_machine.put, action=f"{_VMS}/write")
    route("PATCH", _VM, virtual_machine.patch, action=f"{_VMS}/write")
    route("DELETE", _VM, virtual_machine.delete, action=f"{_VMS}/delete")


def _nested(azure: Azure, type_: str, get: Handler, list_of_vm: Handler) -> None:
    azure.arm.route("GET", f"{_VM}/{type_}", list_of_vm, action=f"{_VMS}/{type_}/read")
    azure.arm.route("GET", _VM + "/" + type_ + "/{name}", get, action=f"{_VMS}/{type_}/read")


def _builtin(azure: Azure) -> None:
    right = "Microsoft.Compute/locations/runCommands/read"
    template = "Microsoft.Compute/locations/{location}/runCommands"
    azure.arm.route("GET", template, builtin_commands.list_all, action=right, scope="subscription")
    azure.arm.route("GET", template + "/{command}", builtin_commands.get, action=right, scope="subscription")
