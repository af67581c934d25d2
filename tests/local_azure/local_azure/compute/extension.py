# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machine extensions: those a scenario made can be read and removed; no handler can be installed yet."""

from __future__ import annotations

from ..core.call import Answer, Call
from ..core.errors import parent_not_found
from ..core.operations import Style
from ..core.store import Resource
from ..core.wire import Json
from . import errors
from .documents import EXTENSIONS, expansions, nested
from .instance_view import extension_view
from .provider import check_writable
from .state import state_of

_DELETE_SECONDS = 30.0


def get(call: Call) -> Answer:
    """``GET extensions/{name}``, with ``$expand=instanceView``."""
    vm = call.azure.compute.require(call.id)
    extension = call.azure.store.require(call.id)
    expand = expansions(call.query.get("$expand"), "instanceView")
    return Answer(
        status=200,
        body=_document(call, extension, expand),
        headers=call.azure.compute.allowances.headers("LowCostGet", vm.id),
    )


def list_of_vm(call: Call) -> Answer:
    """``GET extensions`` of a VM, with ``$expand=instanceView``."""
    vm = call.azure.store.get(call.id)
    if vm is None:
        raise parent_not_found(call.id.name)
    expand = expansions(call.query.get("$expand"), "instanceView")
    found = call.azure.store.list(EXTENSIONS, under=vm.id)
    return Answer(
        status=200,
        body={"value": [_document(call, extension, expand) for extension in found]},
        headers=call.azure.compute.allowances.headers("LowCostGet", vm.id),
    )


def write(call: Call) -> Answer:
    """``PUT`` and ``PATCH extensions/{name}``: Azure's own refusals come first, then the local Azure's."""
    vm = call.azure.compute.require(call.id)
    _check_vm(vm)
    properties = call.body.get("properties") or {}
    handler = f"{properties.get('publisher')}.{properties.get('type')}"
    known = call.azure.store.get(call.id)
    if call.method == "PATCH" and known is None:
        call.azure.store.require(call.id)
    if known is None:
        for other in call.azure.store.list(EXTENSIONS, under=vm.id):
            if f"{other.properties['publisher']}.{other.properties['type']}".lower() == handler.lower():
                raise errors.second_instance_of_handler(other.id.name, handler, state_of(vm).image.os_type)
    else:
        handler = f"{known.properties['publisher']}.{known.properties['type']}"
    raise errors.not_rehearsed(f"installing or changing the extension handler {handler}")


def delete(call: Call) -> Answer:
    """``DELETE extensions/{name}``."""
    vm = call.azure.compute.require(call.id)
    extension = call.azure.store.get(call.id)
    if extension is None:
        return Answer(status=204)
    _check_vm(vm)
    extension.properties["provisioningState"] = "Deleting"
    call.azure.store.touch(extension)

    def finish() -> None:
        if call.azure.store.get(extension.id) is extension:
            call.azure.store.delete(extension.id)

    operation = call.azure.operations.start(call, style=Style.COMPUTE_DELETE, seconds=_DELETE_SECONDS, finish=finish)
    return operation.answer(202, headers=call.azure.compute.allowances.headers("UpdateVM", vm.id))


def _check_vm(vm: Resource) -> None:
    check_writable(vm, "VMExtension")
    if vm.properties.get("osProfile", {}).get("allowExtensionOperations") is False:
        raise errors.extension_operations_disallowed()
    if not state_of(vm).is_running:
        raise errors.extensions_need_a_running_vm()


def _document(call: Call, extension: Resource, expand: frozenset[str]) -> Json:
    document = nested(extension)
    if "instanceview" in expand:
        document["properties"]["instanceView"] = extension_view(extension, now=call.azure.clock.now())
    return document
