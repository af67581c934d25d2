# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machine extensions: read, removed, installed: VMAccess, which runs, and handlers that change nothing here."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

from ..core.call import Answer, Call
from ..core.errors import AzureError, parent_not_found
from ..core.operations import Style
from ..core.store import Resource
from ..core.wire import Json
from . import bystanders, errors, scripts, vm_access
from .documents import EXTENSIONS, expansions, nested
from .instance_view import extension_view
from .provider import check_writable
from .state import state_of

_DELETE_SECONDS = 30.0

#: What is never returned.
_PROTECTED = "protectedSettings"
_READ_ONLY = ("provisioningState", "instanceView")
#: What is known of an extension beside its resource, whatever is written to it.
_KEPT = ("report", "handler_version")


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
    known = call.azure.store.get(call.id)
    if call.method == "PATCH" and known is None:
        call.azure.store.require(call.id)
    if call.method == "PUT" and not call.body.get("location"):
        raise errors.location_required()
    _check_vm(vm)
    if known is not None and known.properties["provisioningState"] == "Deleting":
        raise errors.extension_is_being_deleted("VMExtension", known.id.name)
    extension = _wanted(call, known)
    if known is None:
        _check_single(call, vm, extension)
    os_type = state_of(vm).image.os_type
    if vm_access.handles(extension) and os_type == "Windows":
        vm_access.check(extension)
        seconds, run = vm_access.seconds(call, vm), vm_access.run
    elif bystanders.knows(_handler(extension), os_type):
        seconds, run = scripts.agent_wait(call, vm) + bystanders.SECONDS, bystanders.run
    else:
        raise errors.not_rehearsed(f"installing or changing the extension handler {_handler(extension)}")
    return _provision(call, vm, extension, created=known is None, seconds=seconds, run=run)


def _wanted(call: Call, known: Resource | None) -> Resource:
    """The extension as the request wants it: a PUT replaces everything, a PATCH what it names.

    That a handler can't be changed in place is unverified; so is what becomes of protected settings left out of a PUT.
    """
    body = call.body.get("properties")
    if not isinstance(body, Mapping):
        raise errors.missing_parameter("properties")
    given = {name: copy.deepcopy(value) for name, value in body.items() if value is not None and name not in _READ_ONLY}
    protected = given.pop(_PROTECTED, None)
    properties, private = given, {}
    tags = call.body.get("tags")
    if known is not None:
        for name in ("publisher", "type"):
            if name in given and str(given[name]).lower() != str(known.properties[name]).lower():
                raise errors.property_change_not_allowed(name)
        private = {name: known.private[name] for name in _KEPT if name in known.private}
        properties.setdefault("type", known.properties["type"])  # a PUT need not name it again (recorded)
        if call.method == "PATCH":
            properties = {**known.properties, **given}
            protected = protected if protected is not None else known.private.get(_PROTECTED)
            tags = tags if tags is not None else known.tags
    for name in ("publisher", "type", "typeHandlerVersion"):
        if not isinstance(properties.get(name), str) or not properties[name]:
            raise errors.missing_parameter(name)
    if protected is not None:
        private[_PROTECTED] = protected
    return Resource(
        id=known.id if known is not None else call.id,
        location=str(call.body.get("location") or (known.location if known is not None else "")),
        tags=tags,
        properties={
            "autoUpgradeMinorVersion": False,
            "provisioningState": "Creating" if known is None else "Updating",
            **{name: value for name, value in properties.items() if name != "provisioningState"},
        },
        private=private,
    )


def _check_single(call: Call, vm: Resource, extension: Resource) -> None:
    """:raises AzureError: 400 when another extension has the same handler."""
    for other in call.azure.store.list(EXTENSIONS, under=vm.id):
        if _handler(other).lower() == _handler(extension).lower():
            raise errors.second_instance_of_handler(other.id.name, _handler(other), state_of(vm).image.os_type)


def _handler(extension: Resource) -> str:
    return f"{extension.properties['publisher']}.{extension.properties['type']}"


def _provision(
    call: Call,
    vm: Resource,
    extension: Resource,
    *,
    created: bool,
    seconds: float,
    run: Callable[[Call, Resource, Resource], None],
) -> Answer:
    store = call.azure.store
    store.put(extension)

    def settle(state: str) -> None:
        extension.properties["provisioningState"] = state
        store.touch(extension)

    def finish() -> None:
        if store.get(extension.id) is not extension or extension.properties["provisioningState"] == "Deleting":
            raise errors.preempted()
        run(call, vm, extension)
        settle("Succeeded")

    def undo(_failure: AzureError) -> None:
        if store.get(extension.id) is extension and extension.properties["provisioningState"] != "Deleting":
            settle("Failed")

    operation = call.azure.operations.start(
        call, style=Style.COMPUTE_PUT, seconds=seconds, finish=finish, on_failure=undo
    )
    headers = call.azure.compute.allowances.headers("UpdateVM", vm.id)
    return operation.answer(201 if created else 200, _document(call, extension, frozenset()), headers)


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
        vm = call.azure.compute.require(extension.id)
        document["properties"]["instanceView"] = extension_view(extension, state_of(vm).image.os_type)
    return document
