# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of virtualNetworks and subnets."""

from __future__ import annotations

import ipaddress

from ...core.azure import Azure
from ...core.call import Answer, Call
from ...core.operations import Operation, Style
from ...core.store import Resource
from ...core.wire import Json
from .. import errors, reading
from ..common import (
    DELETING,
    SUCCEEDED,
    UPDATING,
    check_preconditions,
    etag_of,
    get_handler,
    listed,
    new_etag,
    tags_handler,
)
from ..interfaces.records import taken_addresses
from ..references import References
from ..types import SUBNETS, VIRTUAL_NETWORKS
from . import records, shapes

_WRITE_SECONDS = 3.0
_DELETE_SECONDS = 10.0


def register(azure: Azure) -> None:
    route = azure.arm.route
    one, subnet = f"{VIRTUAL_NETWORKS}/{{network}}", f"{VIRTUAL_NETWORKS}/{{network}}/subnets/{{subnet}}"
    read, write, delete = (f"{VIRTUAL_NETWORKS}/{verb}" for verb in ("read", "write", "delete"))
    route("GET", VIRTUAL_NETWORKS, _list, action=read, scope="subscription")
    route("GET", VIRTUAL_NETWORKS, _list, action=read)
    route("GET", one, get_handler(_show), action=read)
    route("PUT", one, _put, action=write)
    route("PATCH", one, tags_handler(_show), action=write)
    route("DELETE", one, _delete, action=delete)
    route("GET", f"{one}/CheckIPAddressAvailability", _check_availability, action=read)
    route("GET", f"{one}/subnets", _list_subnets, action=f"{SUBNETS}/read")
    route("GET", subnet, _get_subnet, action=f"{SUBNETS}/read")
    route("PUT", subnet, _put_subnet, action=f"{SUBNETS}/write")
    route("DELETE", subnet, _delete_subnet, action=f"{SUBNETS}/delete")
    for links in ("ServiceAssociationLinks", "ResourceNavigationLinks"):
        route("GET", f"{subnet}/{links}", _no_links, action=f"{SUBNETS}/{links}/read")


def _show(call: Call, network: Resource) -> Json:
    return shapes.virtual_network(network, References(call.azure.store))


def _list(call: Call) -> Answer:
    references = References(call.azure.store)
    networks = listed(call, VIRTUAL_NETWORKS)
    return Answer(status=200, body={"value": [shapes.virtual_network(network, references) for network in networks]})


def _put(call: Call) -> Answer:
    existing = call.azure.store.get(call.id)
    check_preconditions(call, existing)
    network = records.replaced(call.azure.store, call.id, call.body)
    # New tags alone are there at once, with an operation all the same.
    state = SUCCEEDED if existing is not None and existing.properties == network.properties else UPDATING
    call.azure.store.put(network)
    call.azure.network.ensure_watcher(network.location or "")
    operation = _begin(call, network, state=state)
    return operation.answer(200 if existing is not None else 201, _show(call, network))


def _delete(call: Call) -> Answer:
    store = call.azure.store
    network = store.get(call.id)
    if network is None:
        return Answer(status=204)
    check_preconditions(call, network)
    for stored in network.properties["subnets"]:
        records.check_unused(store, network, stored)
    network.properties["provisioningState"] = DELETING
    operation = call.azure.operations.start(
        call, style=Style.NETWORK_DELETE, seconds=_DELETE_SECONDS, finish=lambda: store.delete(call.id)
    )
    return operation.answer(202)


def _list_subnets(call: Call) -> Answer:
    network = call.azure.store.require(call.id)
    references = References(call.azure.store)
    value = [shapes.subnet(network, stored, references) for stored in network.properties["subnets"]]
    return Answer(status=200, body={"value": value})


def _get_subnet(call: Call) -> Answer:
    network = call.azure.store.require(call.id.parent)
    stored = records.find_subnet(network, call.id.name)
    if stored is None:
        raise errors.child_not_found(str(call.id))
    references = References(call.azure.store)
    body = shapes.single_subnet(network, stored, references, api_version=call.api_version, read=True)
    return Answer(status=200, body=body, headers={"ETag": etag_of(network)})


def _put_subnet(call: Call) -> Answer:
    store = call.azure.store
    network = store.require_parent(call.id)
    assert network is not None, "a subnet always has a parent"
    existing = records.find_subnet(network, call.id.name)
    name = existing["name"] if existing is not None else call.id.name
    stored = records.new_subnet(store, network, name, reading.section(call.body, "properties"))
    # A write that changes nothing says Succeeded at once and has an operation all the same (test_vm_open_port).
    state = SUCCEEDED if existing is not None and existing["properties"] == stored["properties"] else UPDATING
    if existing is not None:
        existing["properties"] = stored["properties"]
    else:
        network.properties["subnets"].append(stored)
    operation = _begin(call, network, state=state)
    references = References(store)
    body = shapes.single_subnet(network, stored, references, api_version=call.api_version, read=False)
    return operation.answer(200 if existing is not None else 201, body)


def _delete_subnet(call: Call) -> Answer:
    network = call.azure.store.require_parent(call.id)
    assert network is not None, "a subnet always has a parent"
    stored = records.find_subnet(network, call.id.name)
    if stored is None:
        return Answer(status=204)
    records.check_unused(call.azure.store, network, stored)
    network.properties["subnets"].remove(stored)
    return _begin(call, network, Style.NETWORK_DELETE, _DELETE_SECONDS).answer(202)


def _no_links(call: Call) -> Answer:
    """What services have put into a subnet: none here does."""
    network = call.azure.store.require_parent(call.id)
    if network is None or records.find_subnet(network, call.id.name) is None:
        raise errors.child_not_found(str(call.id))
    return Answer(status=200, body={"value": []})


def _check_availability(call: Call) -> Answer:
    network = call.azure.store.require(call.id)
    text = call.query.get("ipaddress", "")
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError as error:
        raise errors.refused("InvalidIPAddressFormat", f"IP address {text} is not formatted correctly.") from error
    for stored in network.properties["subnets"]:
        if any(address in prefix for prefix in records.subnet_prefixes(stored)):
            break
    else:
        raise errors.refused(
            "PrivateIPAddressNotInAnySubnet",
            f"Private static IP address {address} does not belong to the range of any subnet in the virtual network "
            f"{network.id}.",
        )
    taken = taken_addresses(call.azure.store, network.id)
    reserved = records.is_reserved(address, stored)
    if str(address) not in taken and not reserved:
        return Answer(status=200, body={"available": True, "isPlatformReserved": False})
    first = int(records.free_address(stored, taken))
    free = [ipaddress.IPv4Address(number) for number in range(first, first + 64)]
    inside = [
        str(one)
        for one in free
        if str(one) not in taken
        and not records.is_reserved(one, stored)
        and any(one in prefix for prefix in records.subnet_prefixes(stored))
    ]
    body = {"available": False, "availableIPAddresses": inside[:5], "isPlatformReserved": reserved}
    return Answer(status=200, body=body)


def _begin(
    call: Call,
    network: Resource,
    style: Style = Style.NETWORK_PUT,
    seconds: float = _WRITE_SECONDS,
    state: str = UPDATING,
) -> Operation:
    """Start the operation of a write that has already changed the record; associations count at once."""
    store = call.azure.store
    network.properties["provisioningState"] = state
    new_etag(network)
    store.touch(network)

    def finish() -> None:
        current = store.get(network.id)
        if state == SUCCEEDED:
            return
        if current is not None and not call.azure.operations.running(network.id, nested=True):
            current.properties["provisioningState"] = SUCCEEDED
            new_etag(current)
            store.touch(current)

    return call.azure.operations.start(call, style=style, seconds=seconds, finish=finish)
