# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways through load balancers to single IP configurations: which frontend port leads to which port inside.

A NAT rule with one port leads to the IP configuration that names the rule; one with a range of ports and a backend pool
leads to each member of the pool by a port of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...core.resource_id import ResourceId
from ...core.store import Resource, Store
from ...core.wire import Json
from ..types import INTERFACES, LOAD_BALANCERS
from .records import BALANCING_RULES, FRONTENDS, NAT_RULES, find, frontend_ports


@dataclass(frozen=True, kw_only=True)
class Forward:
    """Connections to `port` of `address` (None while it has no number) arrive at `backend_port`.

    `public` says that they come in from the Internet side of the load balancer `balancer`.
    """

    balancer: Resource
    rule: Json
    address: str | None
    port: int
    backend_port: int
    public: bool


def forwards_to(store: Store, configuration: ResourceId, properties: Json) -> list[Forward]:
    """All ways to the IP configuration with that id and those stored properties."""
    named = {item["id"].lower() for item in properties.get("loadBalancerInboundNatRules", [])}
    pools = {item["id"].lower() for item in properties.get("loadBalancerBackendAddressPools", [])}
    if not named and not pools:
        return []
    found: list[Forward] = []
    for balancer in store.list(LOAD_BALANCERS):
        for rule in balancer.properties[NAT_RULES]:
            pool = rule["properties"].get("backendAddressPool", {}).get("id", "").lower()
            if pool in pools:
                position = members(store, pool).index(str(configuration))
            elif balancer.id.child(NAT_RULES, rule["name"]).key in named:
                position = 0
            else:
                continue
            ports = frontend_ports(rule)
            if position < len(ports):
                found.append(_forward(store, balancer, rule, ports[position]))
        for rule in balancer.properties[BALANCING_RULES]:
            own = rule["properties"]
            # Nothing is probed or spread here: the first member of a pool gets every connection.
            first = any(
                one["id"].lower() in pools and members(store, one["id"].lower())[0] == str(configuration)
                for one in own["backendAddressPools"]
            )
            if first and own["protocol"] != "Udp" and own["frontendPort"]:
                found.append(_forward(store, balancer, rule, own["frontendPort"]))
    return found


def members(store: Store, pool_key: str) -> list[str]:
    """The ids of the IP configurations in a backend pool."""
    return _named_by(store, "loadBalancerBackendAddressPools", pool_key)


def target_of(store: Store, rule_key: str) -> str | None:
    """The id of the IP configuration that names a NAT rule."""
    return next(iter(_named_by(store, "loadBalancerInboundNatRules", rule_key)), None)


def _named_by(store: Store, field: str, key: str) -> list[str]:
    return [
        str(interface.id.child("ipConfigurations", configuration["name"]))
        for interface in store.list(INTERFACES)
        for configuration in interface.properties["ipConfigurations"]
        if any(item["id"].lower() == key for item in configuration["properties"].get(field, []))
    ]


def _forward(store: Store, balancer: Resource, rule: Json, port: int) -> Forward:
    own = rule["properties"]
    frontend = find(balancer, FRONTENDS, ResourceId.parse(own["frontendIPConfiguration"]["id"]).name)
    assert frontend is not None, f"a NAT rule of {balancer.id} without its frontend"
    inside = frontend["properties"].get("privateIPAddress")
    public = frontend["properties"].get("publicIPAddress")
    address = store.get(ResourceId.parse(public["id"])) if public is not None else None
    return Forward(
        balancer=balancer,
        rule=rule,
        address=inside if address is None else address.properties.get("ipAddress"),
        port=port,
        # With floating IP the packet keeps the frontend's port.
        backend_port=port if own["enableFloatingIP"] else own["backendPort"],
        public=address is not None,
    )
