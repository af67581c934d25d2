# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of networkInterfaces."""

from __future__ import annotations

from ...core.azure import Azure
from ...core.call import Answer, Call
from ...core.operations import Style
from ...core.resource_id import ResourceId
from ...core.store import Resource
from ...core.wire import Json
from .. import errors
from ..common import check_preconditions, etag_of, listed, new_etag, tags_handler
from ..public_addresses import shapes as address_shapes
from ..references import References
from ..security_groups import shapes as group_shapes
from ..types import INTERFACES, IP_CONFIGURATIONS
from . import records, shapes

_WRITE_SECONDS = 1.0
_DELETE_SECONDS = 10.0


def register(azure: Azure) -> None:
    route = azure.arm.route
    one = f"{INTERFACES}/{{interface}}"
    read, write, delete = (f"{INTERFACES}/{verb}" for verb in ("read", "write", "delete"))
    route("GET", INTERFACES, _list, action=read, scope="subscription")
    route("GET", INTERFACES, _list, action=read)
    route("GET", one, _get, action=read)
    route("PUT", one, _put, action=write)
    route("PATCH", one, tags_handler(_show), action=write)
    route("DELETE", one, _delete, action=delete)
    route("GET", f"{one}/ipConfigurations", _list_configurations, action=f"{IP_CONFIGURATIONS}/read")
    route("GET", f"{one}/ipConfigurations/{{name}}", _get_configuration, action=f"{IP_CONFIGURATIONS}/read")


def _show(call: Call, interface: Resource) -> Json:
    return shapes.interface(interface, call.api_version)


def _get(call: Call) -> Answer:
    interface = call.azure.store.require(call.id)
    return Answer(status=200, body=_expanded(call, interface), headers={"ETag": etag_of(interface)})


def _expanded(call: Call, interface: Resource) -> Json:
    """With `$expand` (a comma separated list of paths, in any casing) referred resources are shown whole."""
    store = call.azure.store
    wanted = {part.strip().lower() for part in call.query.get("$expand", "").split(",") if part.strip()}
    references = References(store) if wanted else None

    def public_address(id: str) -> Json | None:
        found = store.get(ResourceId.parse(id)) if "ipconfigurations/publicipaddress" in wanted else None
        if found is None or references is None:
            return None
        return address_shapes.public_address(found, references, call.api_version)

    def security_group(id: str) -> Json | None:
        found = store.get(ResourceId.parse(id)) if "networksecuritygroup" in wanted else None
        return None if found is None or references is None else group_shapes.security_group(found, references)

    return shapes.interface(interface, call.api_version, public_address=public_address, security_group=security_group)


def _list(call: Call) -> Answer:
    return Answer(status=200, body={"value": [_show(call, one) for one in listed(call, INTERFACES)]})


def _put(call: Call) -> Answer:
    """The record changes at once and says Succeeded from the start; there is still an operation to poll."""
    store = call.azure.store
    existing = store.get(call.id)
    check_preconditions(call, existing)
    interface = records.replaced(store, call.id, call.body)
    store.put(interface)
    call.azure.network.refresh_addresses()

    def finish() -> None:
        current = store.get(call.id)
        if current is not None:
            new_etag(current)
            store.touch(current)

    operation = call.azure.operations.start(call, style=Style.NETWORK_PUT, seconds=_WRITE_SECONDS, finish=finish)
    return operation.answer(200 if existing is not None else 201, _show(call, interface))


def _delete(call: Call) -> Answer:
    store = call.azure.store
    interface = store.get(call.id)
    if interface is None:
        return Answer(status=204)
    check_preconditions(call, interface)
    machine = interface.properties.get("virtualMachine")
    if machine is not None:
        raise errors.interface_in_use(str(interface.id), machine["id"])
    interface.properties["provisioningState"] = "Deleting"

    def finish() -> None:
        store.delete(call.id)
        call.azure.network.refresh_addresses()

    return call.azure.operations.start(call, style=Style.NETWORK_DELETE, seconds=_DELETE_SECONDS, finish=finish).answer(
        202
    )


def _list_configurations(call: Call) -> Answer:
    interface = call.azure.store.require(call.id)
    value = [
        shapes.configuration(interface, stored, lambda id: None) for stored in interface.properties["ipConfigurations"]
    ]
    return Answer(status=200, body={"value": value})


def _get_configuration(call: Call) -> Answer:
    interface = call.azure.store.require(call.id.parent)
    stored = records.find_configuration(interface, call.id.name)
    if stored is None:
        raise errors.child_not_found(str(call.id))
    body = shapes.configuration(interface, stored, lambda id: None)
    return Answer(status=200, body=body, headers={"ETag": etag_of(interface)})
