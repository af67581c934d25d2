# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of loadBalancers and their inboundNatRules."""

from __future__ import annotations

from collections.abc import Callable

from ...core.azure import Azure
from ...core.call import Answer, Call
from ...core.operations import Style
from ...core.resource_id import ResourceId
from ...core.store import Resource
from ...core.wire import Json
from .. import errors, reading
from ..common import check_preconditions, etag_of, get_handler, listed, new_etag, tags_handler
from ..types import LOAD_BALANCERS
from . import records, shapes
from .forwards import forwards_to, members, target_of
from .records import FRONTENDS, NAT_RULES, POOLS

_WRITE_SECONDS = 1.0
_DELETE_SECONDS = 10.0
_QUERY_SECONDS = 1.0


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
    for part, show in _PARTS.items():
        action = f"{LOAD_BALANCERS}/{part}/read"
        route("GET", f"{one}/{part}", _part_list(part, show), action=action)
        route("GET", f"{one}/{part}/{{part}}", _part_get(part, show), action=action)
    rule = f"{one}/{NAT_RULES}/{{rule}}"
    route("PUT", rule, _put_rule, action=f"{LOAD_BALANCERS}/{NAT_RULES}/write")
    route("DELETE", rule, _delete_rule, action=f"{LOAD_BALANCERS}/{NAT_RULES}/delete")
    query = "queryInboundNatRulePortMapping"
    route("POST", f"{one}/{POOLS}/{{pool}}/{query}", _query, action=f"{LOAD_BALANCERS}/{POOLS}/{query}/action")


def _show(call: Call, balancer: Resource) -> Json:
    return shapes.load_balancer(balancer, call.azure.store)


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
    operation = call.azure.operations.start(
        call, style=Style.NETWORK_PUT, seconds=_WRITE_SECONDS, finish=_accepted(call, call.id)
    )
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


Show = Callable[[Call, Resource, Json], Json]

_PARTS: dict[str, Show] = {
    FRONTENDS: lambda call, balancer, stored: shapes.frontend(balancer, stored),
    POOLS: lambda call, balancer, stored: shapes.pool(balancer, stored, call.azure.store),
    NAT_RULES: lambda call, balancer, stored: shapes.nat_rule(balancer, stored, call.azure.store),
}


def _part_list(part: str, show: Show) -> Callable[[Call], Answer]:
    def handler(call: Call) -> Answer:
        balancer = call.azure.store.require(call.id)
        return Answer(status=200, body={"value": [show(call, balancer, one) for one in balancer.properties[part]]})

    return handler


def _part_get(part: str, show: Show) -> Callable[[Call], Answer]:
    def handler(call: Call) -> Answer:
        balancer = _parent(call)
        stored = records.find(balancer, part, call.id.name)
        if stored is None:
            raise errors.child_not_found(str(call.id))
        return Answer(status=200, body=show(call, balancer, stored), headers={"ETag": etag_of(balancer)})

    return handler


def _put_rule(call: Call) -> Answer:
    balancer = _parent(call)
    existing = records.find(balancer, NAT_RULES, call.id.name)
    records.put_rule(balancer, call.id.name, reading.section(call.body, "properties"))
    new_etag(balancer)
    call.azure.store.touch(balancer)
    operation = call.azure.operations.start(
        call, style=Style.NETWORK_PUT, seconds=_WRITE_SECONDS, finish=_accepted(call, balancer.id)
    )
    stored = records.find(balancer, NAT_RULES, call.id.name)
    assert stored is not None, "a rule that was put just now"
    body = shapes.nat_rule(balancer, stored, call.azure.store)
    return operation.answer(200 if existing is not None else 201, body)


def _delete_rule(call: Call) -> Answer:
    balancer = _parent(call)
    if records.find(balancer, NAT_RULES, call.id.name) is None:
        return Answer(status=204)
    _check_unused(call, balancer, NAT_RULES, call.id.name)

    def finish() -> None:
        current = call.azure.store.get(balancer.id)
        if current is not None:
            records.remove_rule(current, call.id.name)
            new_etag(current)
            call.azure.store.touch(current)

    return call.azure.operations.start(call, style=Style.NETWORK_DELETE, seconds=_DELETE_SECONDS, finish=finish).answer(
        202
    )


def _query(call: Call) -> Answer:
    """Which frontend ports lead to one member of a pool, named by the id of its IP configuration."""
    store = call.azure.store
    balancer = _parent(call)
    pool = records.find(balancer, POOLS, call.id.name)
    if pool is None:
        raise errors.child_not_found(str(call.id))
    wanted = reading.reference(call.body, "ipConfiguration")
    if wanted is None:
        raise errors.not_rehearsed("a query of port mappings by IP address")
    found = []
    if str(wanted).lower() in (one.lower() for one in members(store, call.id.key)):
        own_pool = {"loadBalancerBackendAddressPools": [{"id": str(call.id)}]}
        canonical = next(one for one in members(store, call.id.key) if one.lower() == wanted.key)
        found = [
            {
                "inboundNatRuleName": forward.rule["name"],
                "protocol": forward.rule["properties"]["protocol"],
                "frontendPort": forward.port,
                "backendPort": forward.rule["properties"]["backendPort"],
            }
            for forward in forwards_to(store, ResourceId.parse(canonical), own_pool)
        ]
    result = {"inboundNatRulePortMappings": found}
    return call.azure.operations.start(
        call, style=Style.NETWORK_POST, seconds=_QUERY_SECONDS, finish=lambda: result
    ).answer(202)


def _parent(call: Call) -> Resource:
    balancer = call.azure.store.require_parent(call.id)
    assert balancer is not None, f"not a part of a load balancer: {call.id}"
    return balancer


def _accepted(call: Call, id: ResourceId) -> Callable[[], None]:
    """The end of a write: a new etag."""

    def finish() -> None:
        current = call.azure.store.get(id)
        if current is not None:
            new_etag(current)
            call.azure.store.touch(current)

    return finish


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
