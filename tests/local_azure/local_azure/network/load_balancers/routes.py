# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of loadBalancers and their inboundNatRules."""

from __future__ import annotations

from collections.abc import Callable

from ...core.azure import Azure
from ...core.call import Answer, Call
from ...core.operations import Operation, Style
from ...core.store import Resource
from ...core.wire import Json
from .. import errors, reading
from ..common import (
    SUCCEEDED,
    UPDATING,
    check_preconditions,
    etag_of,
    get_handler,
    listed,
    new_etag,
    tags_handler,
)
from ..interfaces import balancing
from ..interfaces import shapes as interface_shapes
from ..types import INTERFACES, LOAD_BALANCERS
from . import records, shapes
from .forwards import members, target_of
from .records import ADDRESSES, BALANCING_RULES, FRONTENDS, NAT_RULES, OUTBOUND_RULES, POOLS, PROBES

_WRITE_SECONDS = 1.0
_DELETE_SECONDS = 10.0


def register(azure: Azure) -> None:
    route = azure.arm.route
    one = f"{LOAD_BALANCERS}/{{name}}"
    read, write, delete = (f"{LOAD_BALANCERS}/{verb}" for verb in ("read", "write", "delete"))
    route("GET", LOAD_BALANCERS, _list, action=read, scope="subscription")
    route("GET", LOAD_BALANCERS, _list, action=read)
    route("GET", one, get_handler(_show), action=read)
    route("PUT", one, _put, action=write)
    route("PATCH", one, tags_handler(_show), action=write)
    route("DELETE", one, _delete, action=delete)
    for part in (FRONTENDS, POOLS, NAT_RULES, BALANCING_RULES, PROBES, OUTBOUND_RULES):
        action = f"{LOAD_BALANCERS}/{part}/read"
        route("GET", f"{one}/{part}", _part_list(part), action=action)
        route("GET", f"{one}/{part}/{{part}}", _part_get(part), action=action)
    route("GET", f"{one}/networkInterfaces", _interfaces, action=f"{LOAD_BALANCERS}/networkInterfaces/read")
    for part, put in ((NAT_RULES, records.put_rule), (POOLS, records.put_pool)):
        path = f"{one}/{part}/{{part}}"
        route("PUT", path, _part_put(part, put), action=f"{LOAD_BALANCERS}/{part}/write")
        route("DELETE", path, _part_delete(part), action=f"{LOAD_BALANCERS}/{part}/delete")
    query = "queryInboundNatRulePortMapping"
    route("POST", f"{one}/{POOLS}/{{pool}}/{query}", _query, action=f"{LOAD_BALANCERS}/{POOLS}/{query}/action")


def _show(call: Call, balancer: Resource) -> Json:
    return shapes.load_balancer(balancer, call.azure.store, call.api_version)


def _shown(call: Call, part: str, balancer: Resource, stored: Json) -> Json:
    return shapes.part(part, balancer, stored, call.azure.store, call.api_version)


def _list(call: Call) -> Answer:
    return Answer(status=200, body={"value": [_show(call, one) for one in listed(call, LOAD_BALANCERS)]})


def _put(call: Call) -> Answer:
    store = call.azure.store
    existing = store.get(call.id)
    check_preconditions(call, existing)
    balancer = records.replaced(store, call.id, call.body)
    if existing is not None:
        for part in (NAT_RULES, POOLS):
            for stored in existing.properties[part]:
                if records.find(balancer, part, stored["name"]) is None:
                    _check_unused(call, existing, part, stored["name"])
    store.put(balancer)
    operation = _begin(call, balancer, before=existing)
    return operation.answer(200 if existing is not None else 201, _show(call, balancer))


def _delete(call: Call) -> Answer:
    store = call.azure.store
    balancer = store.get(call.id)
    if balancer is None:
        return Answer(status=204)
    check_preconditions(call, balancer)
    for part in (NAT_RULES, POOLS):
        for stored in balancer.properties[part]:
            _check_unused(call, balancer, part, stored["name"])
    balancer.properties["provisioningState"] = "Deleting"
    return call.azure.operations.start(
        call, style=Style.NETWORK_DELETE, seconds=_DELETE_SECONDS, finish=lambda: store.delete(call.id)
    ).answer(202)


def _part_list(part: str) -> Callable[[Call], Answer]:
    def handler(call: Call) -> Answer:
        balancer = call.azure.store.require(call.id)
        return Answer(
            status=200, body={"value": [_shown(call, part, balancer, one) for one in balancer.properties[part]]}
        )

    return handler


def _part_get(part: str) -> Callable[[Call], Answer]:
    def handler(call: Call) -> Answer:
        balancer = _parent(call)
        stored = records.find(balancer, part, call.id.name)
        if stored is None:
            raise errors.child_not_found(str(call.id))
        return Answer(status=200, body=_shown(call, part, balancer, stored), headers={"ETag": etag_of(balancer)})

    return handler


def _part_put(part: str, put: Callable[[Resource, str, Json], None]) -> Callable[[Call], Answer]:
    def handler(call: Call) -> Answer:
        balancer = _parent(call)
        existing = records.find(balancer, part, call.id.name)
        put(balancer, call.id.name, reading.section(call.body, "properties"))
        operation = _begin(call, balancer, updating=part == POOLS)
        stored = records.find(balancer, part, call.id.name)
        assert stored is not None, "what was put just now"
        return operation.answer(200 if existing is not None else 201, _shown(call, part, balancer, stored))

    return handler


def _part_delete(part: str) -> Callable[[Call], Answer]:
    def handler(call: Call) -> Answer:
        balancer = _parent(call)
        if records.find(balancer, part, call.id.name) is None:
            return Answer(status=204)
        _check_unused(call, balancer, part, call.id.name)

        def finish() -> None:
            current = call.azure.store.get(balancer.id)
            if current is not None:
                records.remove(current, part, call.id.name)
                new_etag(current)
                call.azure.store.touch(current)

        return call.azure.operations.start(
            call, style=Style.NETWORK_DELETE, seconds=_DELETE_SECONDS, finish=finish
        ).answer(202)

    return handler


def _interfaces(call: Call) -> Answer:
    """The interfaces whose IP configurations name a pool or a NAT rule."""
    store = call.azure.store
    balancer = store.require(call.id)
    value = [
        interface_shapes.interface(interface, call.api_version)
        for interface in store.list(INTERFACES)
        if balancer.id in balancing.balancers_of(interface)
    ]
    return Answer(status=200, body={"value": value})


def _query(call: Call) -> Answer:
    """Which frontend ports lead to one member of a pool, named by the id of its IP configuration or by its address."""
    balancer = _parent(call)
    pool = records.find(balancer, POOLS, call.id.name)
    if pool is None:
        raise errors.child_not_found(str(call.id))
    wanted, address = reading.reference(call.body, "ipConfiguration"), reading.text(call.body, "ipAddress")
    found = [
        {"inboundNatRuleName": one["inboundNatRuleName"], "protocol": protocol, **one}
        for member, own in shapes.members_of(balancer, pool, call.azure.store)
        if (wanted is not None and member.lower() == wanted.key) or member == address
        for protocol, one in own
    ]
    return Answer(status=200, body={"inboundNatRulePortMappings": found})


def _parent(call: Call) -> Resource:
    balancer = call.azure.store.require_parent(call.id)
    assert balancer is not None, f"not a part of a load balancer: {call.id}"
    return balancer


def _begin(call: Call, balancer: Resource, *, before: Resource | None = None, updating: bool = False) -> Operation:
    """Start the operation of a write that has already changed the record.

    Only what concerns a network is carried there; all else says Succeeded from the start, with an operation all the
    same.
    """
    store = call.azure.store
    updating = updating or any(_is_in_network(one) for one in (balancer, before) if one is not None)
    balancer.properties["provisioningState"] = UPDATING if updating else SUCCEEDED
    new_etag(balancer)
    store.touch(balancer)

    def finish() -> None:
        current = store.get(balancer.id)
        if current is not None:
            current.properties["provisioningState"] = SUCCEEDED
            new_etag(current)
            store.touch(current)

    return call.azure.operations.start(call, style=Style.NETWORK_PUT, seconds=_WRITE_SECONDS, finish=finish)


def _is_in_network(balancer: Resource) -> bool:
    if balancer.envelope["sku"]["name"] == "Basic":
        return False
    frontends, pools = balancer.properties[FRONTENDS], balancer.properties[POOLS]
    return any("subnet" in one["properties"] for one in frontends) or any(one["properties"][ADDRESSES] for one in pools)


def _check_unused(call: Call, balancer: Resource, part: str, name: str) -> None:
    """A rule or pool that an interface names stays; that Azure refuses is known, its wording isn't recorded."""
    id = balancer.id.child(part, name)
    if part == NAT_RULES:
        target = target_of(call.azure.store, id.key)
        users = [target] if target is not None else []
    else:
        users = members(call.azure.store, id.key)
    if users:
        raise errors.balancer_part_in_use(str(id), users)
