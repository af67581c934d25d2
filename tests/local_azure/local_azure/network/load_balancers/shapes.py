# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load balancers as the service returns them, with what refers to their parts."""

from __future__ import annotations

import uuid

from ...core.resource_id import ResourceId
from ...core.store import Resource, Store
from ...core.wire import Json
from ..common import child, envelope
from .forwards import members, target_of
from .records import (
    ADDRESSES,
    BALANCING_RULES,
    FRONTENDS,
    NAT_POOLS,
    NAT_RULES,
    OUTBOUND_RULES,
    POOLS,
    PROBES,
    frontend_ports,
)

#: Since when rules name several pools, probes have a threshold and outbound rules a policy (recorded: 2020-07-01
#: without, 2022-05-01 with).
_POOLS_SINCE = "2022-05-01"
_POLICY: Json = {"onDemandAllocation": False, "portReuse": "FirstAvailable"}


def load_balancer(balancer: Resource, store: Store, api_version: str) -> Json:
    own = balancer.properties
    properties: Json = {"provisioningState": own["provisioningState"], "resourceGuid": own["resourceGuid"]}
    for name in (FRONTENDS, POOLS, BALANCING_RULES, PROBES, NAT_RULES, OUTBOUND_RULES, NAT_POOLS):
        if name != OUTBOUND_RULES or balancer.envelope["sku"]["name"] != "Basic":
            properties[name] = [part(name, balancer, one, store, api_version) for one in own[name]]
    return envelope(balancer, properties)


def part(kind: str, balancer: Resource, stored: Json, store: Store, api_version: str) -> Json:
    """A frontend, pool, rule or probe, with what refers to it."""
    id = balancer.id.child(kind, stored["name"])
    properties: Json = {"provisioningState": balancer.properties["provisioningState"], **stored["properties"]}
    if kind == POOLS:
        del properties[ADDRESSES]
        properties |= _members(balancer, id, stored, store)
    elif kind == NAT_RULES:
        properties |= _target(id, stored, store)
    elif kind == BALANCING_RULES and len(properties["backendAddressPools"]) == 1:
        properties["backendAddressPool"] = properties["backendAddressPools"][0]
    elif kind == OUTBOUND_RULES:
        properties["allocationPolicy"] = _POLICY
    if api_version[:10] < _POOLS_SINCE:
        for name in ("backendAddressPools", "probeThreshold", "allocationPolicy"):
            properties.pop(name, None)
    for field, others in _REFERRING.get(kind, ()):
        found = _referring(balancer, field, others, str(id))
        if found:
            properties[others] = found
    shown = child(balancer, id, properties)
    return {**shown, "zones": stored["zones"]} if "zones" in stored else shown


#: In which fields which rules refer to parts of a kind.
_REFERRING: dict[str, tuple[tuple[str, str], ...]] = {
    FRONTENDS: (
        ("frontendIPConfiguration", BALANCING_RULES),
        ("frontendIPConfiguration", NAT_RULES),
        ("frontendIPConfiguration", NAT_POOLS),
        ("frontendIPConfigurations", OUTBOUND_RULES),
    ),
    POOLS: (
        ("backendAddressPools", BALANCING_RULES),
        ("backendAddressPool", NAT_RULES),
        ("backendAddressPool", OUTBOUND_RULES),
    ),
    PROBES: (("probe", BALANCING_RULES),),
}


def _referring(balancer: Resource, field: str, kind: str, id: str) -> list[Json]:
    found = []
    for one in balancer.properties[kind]:
        value = one["properties"].get(field) or []
        if {"id": id} in (value if isinstance(value, list) else [value]):
            found.append({"id": str(balancer.id.child(kind, one["name"]))})
    return found


def members_of(balancer: Resource, pool: Json, store: Store) -> list[tuple[str, list[tuple[str, Json]]]]:
    """The members of a pool, IP configurations (ids) before addresses, each with the ports that lead to it.

    Of a rule for the pool each member gets one port, in this order; given are its protocol and the mapping.
    """
    id = balancer.id.child(POOLS, pool["name"])
    addresses = [one["properties"].get("ipAddress", "") for one in pool["properties"][ADDRESSES]]
    rules = [
        one for one in balancer.properties[NAT_RULES] if one["properties"].get("backendAddressPool") == {"id": str(id)}
    ]
    found: list[tuple[str, list[tuple[str, Json]]]] = []
    for position, member in enumerate([*members(store, id.key), *addresses]):
        own = [
            (
                str(rule["properties"]["protocol"]),
                {
                    "inboundNatRuleName": rule["name"],
                    "frontendPort": frontend_ports(rule)[position],
                    "backendPort": rule["properties"]["backendPort"],
                },
            )
            for rule in rules
            if position < len(frontend_ports(rule))
        ]
        found.append((member, own))
    return found


def _members(balancer: Resource, id: ResourceId, stored: Json, store: Store) -> Json:
    """The members of a pool: IP configurations and, but for Basic load balancers, addresses that stand for them."""
    configurations = members(store, id.key)
    shown: Json = {"backendIPConfigurations": [{"id": one} for one in configurations]} if configurations else {}
    if balancer.envelope["sku"]["name"] == "Basic":
        return shown
    ports = {member: [mapping for _protocol, mapping in own] for member, own in members_of(balancer, stored, store)}
    addresses = [dict(one) for one in stored["properties"][ADDRESSES]]
    for one in addresses:
        mappings = ports.get(one["properties"].get("ipAddress", ""))
        one["properties"] = one["properties"] | ({"inboundNatRulesPortMapping": mappings} if mappings else {})
    for member in configurations:
        own = {"networkInterfaceIPConfiguration": {"id": member}}
        addresses.append({"name": _guid(member), "properties": own})
    shown[ADDRESSES] = [_address(balancer, id, one) for one in addresses]
    return shown


def _address(balancer: Resource, pool: ResourceId, stored: Json) -> Json:
    state = {"provisioningState": balancer.properties["provisioningState"]}
    return child(balancer, pool.child(ADDRESSES, stored["name"]), {**state, **stored["properties"]})


def _guid(configuration: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, configuration.lower()))


def _target(id: ResourceId, stored: Json, store: Store) -> Json:
    """`backendIPConfiguration` is there once an interface names the rule; clients can't write it."""
    target = target_of(store, id.key)
    shown: Json = {"backendIPConfiguration": {"id": target}} if target is not None else {}
    if "frontendPort" not in stored["properties"]:
        shown["frontendPort"] = 0  # a range of ports
    return shown
