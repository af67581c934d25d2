# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of Microsoft.Compute that the local Azure answers, and the right each one needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.resource_id import ResourceId
from . import boot_diagnostics, builtin_commands, extension, one_shot, power, run_command, virtual_machine
from .provider import Compute

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ..core.arm import Handler
    from ..core.azure import Azure
    from ..core.call import Answer, Call

_VMS = "Microsoft.Compute/virtualMachines"
_VM = _VMS + "/{vm}"

_ACTIONS: dict[str, Handler] = {
    "start": power.start,
    "powerOff": power.power_off,
    "deallocate": power.deallocate,
    "restart": power.restart,
    "redeploy": power.redeploy,
    "reapply": power.reapply,
    "generalize": power.generalize,
    "runCommand": one_shot.post,
    "retrieveBootDiagnosticsData": boot_diagnostics.retrieve,
}
#: The buckets of actions that do not count as updates.
_BUCKETS = {"deallocate": "DeleteVM", "retrieveBootDiagnosticsData": "LowCostGet"}


def register(azure: Azure) -> None:
    """Make ``azure.compute``, and route the provider's requests to their handlers."""
    compute = azure.compute = Compute(azure)
    azure.operations.headers_of["Microsoft.Compute"] = lambda id: compute.allowances.headers("GetOperation", id)
    _virtual_machines(azure)
    for name, handler in _ACTIONS.items():
        limited = _limited(_BUCKETS.get(name, "UpdateVM"), handler)
        azure.arm.route("POST", f"{_VM}/{name}", limited, action=f"{_VMS}/{name}/action")
    _nested(azure, "extensions", extension.get, extension.list_of_vm)
    _nested_writes(azure, "extensions", put=extension.write, patch=extension.write, delete=extension.delete)
    _nested(azure, "runCommands", run_command.get, run_command.list_of_vm)
    _nested_writes(azure, "runCommands", put=run_command.put, patch=run_command.patch, delete=run_command.delete)
    _builtin(azure)


def _virtual_machines(azure: Azure) -> None:
    route, machine = azure.arm.route, virtual_machine
    view = _limited("LowCostGet", machine.get_instance_view)
    route("GET", _VMS, machine.list_all, action=f"{_VMS}/read")
    route("GET", _VMS, machine.list_all, action=f"{_VMS}/read", scope="subscription")
    route("GET", _VM, _limited("LowCostGet", machine.get), action=f"{_VMS}/read")
    route("GET", _VM + "/instanceView", view, action=f"{_VMS}/instanceView/read")
    route("PUT", _VM, _limited("PutVM", machine.put), action=f"{_VMS}/write")
    route("PATCH", _VM, _limited("UpdateVM", machine.patch), action=f"{_VMS}/write")
    route("DELETE", _VM, _limited("DeleteVM", machine.delete), action=f"{_VMS}/delete")


def _nested(azure: Azure, type_: str, get: Handler, list_of_vm: Handler) -> None:
    read = f"{_VMS}/{type_}/read"
    azure.arm.route("GET", f"{_VM}/{type_}", _limited("LowCostGet", list_of_vm), action=read)
    azure.arm.route("GET", _VM + "/" + type_ + "/{name}", _limited("LowCostGet", get), action=read)


def _nested_writes(azure: Azure, type_: str, *, put: Handler, patch: Handler, delete: Handler) -> None:
    one, right = _VM + "/" + type_ + "/{name}", f"{_VMS}/{type_}"
    azure.arm.route("PUT", one, _limited("UpdateVM", put), action=f"{right}/write")
    azure.arm.route("PATCH", one, _limited("UpdateVM", patch), action=f"{right}/write")
    azure.arm.route("DELETE", one, _limited("UpdateVM", delete), action=f"{right}/delete")


def _limited(kind: str, handler: Handler) -> Handler:
    """The handler behind the bucket of its VM, which refuses calls when it is empty."""

    def limited(call: Call) -> Answer | Awaitable[Answer]:
        target = call.id
        vm = ResourceId(target.subscription, target.group, target.namespace, target.types[:1], target.names[:1])
        call.azure.compute.allowances.check(kind, vm)
        return handler(call)

    return limited


def _builtin(azure: Azure) -> None:
    right = "Microsoft.Compute/locations/runCommands/read"
    template = "Microsoft.Compute/locations/{location}/runCommands"
    azure.arm.route("GET", template, builtin_commands.list_all, action=right, scope="subscription")
    azure.arm.route("GET", template + "/{command}", builtin_commands.get, action=right, scope="subscription")
