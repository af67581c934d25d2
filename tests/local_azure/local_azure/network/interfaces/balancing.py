# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What IP configurations refer to in load balancers, and which SKUs may meet on one interface."""

from __future__ import annotations

from ...core.resource_id import ResourceId
from ...core.store import Resource, Store
from ...core.wire import Json
from .. import errors, reading
from ..types import INTERFACES, LB_NAT_RULES, LB_POOLS, LOAD_BALANCERS

FIELDS = ("loadBalancerBackendAddressPools", "loadBalancerInboundNatRules")


def references(store: Store, interface: Resource, configuration: str, own: Json) -> Json:
    """The references of an IP configuration to load balancers, as they are stored.

    Raises for what isn't there, for a NAT rule that another IP configuration has or that goes to a pool, and for two
    rules to the same port.
    """
    id = interface.id.child("ipConfigurations", configuration)
    found: Json = {}
    rules: list[tuple[ResourceId, Json]] = []
    for wanted in reading.references(own, "loadBalancerBackendAddressPools"):
        pool, _stored = _existing(store, interface, wanted, "backendAddressPools", LB_POOLS)
        found.setdefault("loadBalancerBackendAddressPools", []).append({"id": str(pool)})
        rules += _rules_of_pool(store, pool)
    for wanted in reading.references(own, "loadBalancerInboundNatRules"):
        rule, stored = _existing(store, interface, wanted, "inboundNatRules", LB_NAT_RULES)
        if "backendAddressPool" in stored["properties"]:
            raise errors.invalid_reference(str(rule), str(interface.id))
        _check_free(store, rule, id)
        found.setdefault("loadBalancerInboundNatRules", []).append({"id": str(rule)})
        rules.append((rule, stored))
    ports: dict[int, ResourceId] = {}
    for rule, stored in rules:
        port = stored["properties"]["backendPort"]
        if port in ports:
            raise errors.same_backend_port(str(ports[port]), str(rule), port, str(id))
        ports[port] = rule
    return found


def check_skus(store: Store, interface: Resource) -> None:
    """Load balancers and public addresses of one interface are all Basic or all Standard."""
    first: tuple[str, str] | None = None
    for id in _with_sku(interface):
        resource = store.get(id)
        assert resource is not None, f"a checked reference to {id}"
        sku = str(resource.envelope["sku"]["name"])
        if first is None:
            first = str(resource.id), sku
        elif first[1] != sku:
            raise errors.different_skus(first[0], str(resource.id))


def balancers_of(interface: Resource) -> list[ResourceId]:
    """The load balancers that IP configurations of an interface name a part of."""
    return [
        ResourceId.parse(item["id"]).parent
        for configuration in interface.properties["ipConfigurations"]
        for field in FIELDS
        for item in configuration["properties"].get(field, [])
    ]


def _with_sku(interface: Resource) -> list[ResourceId]:
    configurations = [one["properties"] for one in interface.properties["ipConfigurations"]]
    addresses = [ResourceId.parse(own["publicIPAddress"]["id"]) for own in configurations if "publicIPAddress" in own]
    return [*balancers_of(interface), *addresses]


def _existing(store: Store, interface: Resource, wanted: ResourceId, part: str, type: str) -> tuple[ResourceId, Json]:
    """The part of a load balancer that is referred to: its id as the load balancer spells it, and its record."""
    balancer = store.get(wanted.parent) if wanted.type.lower() == type.lower() else None
    if balancer is not None and balancer.id.type == LOAD_BALANCERS and balancer.location == interface.location:
        for stored in balancer.properties[part]:
            if stored["name"].lower() == wanted.name.lower():
                return balancer.id.child(part, stored["name"]), stored
    raise errors.invalid_reference(str(wanted), str(interface.id))


def _rules_of_pool(store: Store, pool: ResourceId) -> list[tuple[ResourceId, Json]]:
    balancer = store.get(pool.parent)
    assert balancer is not None, f"a checked reference to {pool}"
    return [
        (balancer.id.child("inboundNatRules", stored["name"]), stored)
        for stored in balancer.properties["inboundNatRules"]
        if stored["properties"].get("backendAddressPool", {}).get("id") == str(pool)
    ]


def _check_free(store: Store, rule: ResourceId, configuration: ResourceId) -> None:
    for interface in store.list(INTERFACES):
        for other in interface.properties["ipConfigurations"]:
            id = interface.id.child("ipConfigurations", other["name"])
            named = other["properties"].get("loadBalancerInboundNatRules", [])
            if id != configuration and any(item["id"].lower() == rule.key for item in named):
                raise errors.nat_rule_in_use(str(rule), str(id))
