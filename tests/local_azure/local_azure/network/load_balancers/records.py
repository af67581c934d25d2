# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load balancers in the store: frontends, backend pools, inbound NAT rules."""

from __future__ import annotations

import ipaddress

from ...core.resource_id import ResourceId
from ...core.store import Resource, Store
from ...core.wire import Json
from .. import errors, reading
from ..common import existing_reference, location_for, resource_guid, tags_of
from ..interfaces.records import holder_of, taken_addresses
from ..names import check_name
from ..types import PUBLIC_ADDRESSES
from ..virtual_networks import records as networks

FRONTENDS, POOLS, NAT_RULES = "frontendIPConfigurations", "backendAddressPools", "inboundNatRules"

#: Parts that do not lead to one VM alone.
_NOT_REHEARSED = ("loadBalancingRules", "outboundRules", "inboundNatPools")


def replaced(store: Store, id: ResourceId, body: Json) -> Resource:
    """The load balancer as a PUT leaves it. The store isn't changed yet."""
    existing = store.get(id)
    check_name(id.name)
    given = reading.section(body, "properties")
    for part in _NOT_REHEARSED:
        if reading.objects(given, part):
            raise errors.not_rehearsed(f"{part} of a load balancer")
    sku = reading.choice(reading.section(body, "sku"), "name", ("Basic", "Standard", "Gateway")) or "Basic"
    if existing is not None and existing.envelope["sku"]["name"] != sku:
        raise errors.refused(
            "LoadBalancerSkuCannotBeChanged", f"Sku property cannot be changed for load balancer {id}."
        )
    balancer = Resource(
        id=id,
        location=location_for(id, body, existing),
        tags=tags_of(body),
        properties={"provisioningState": "Succeeded", "resourceGuid": resource_guid(existing)},
        envelope={"sku": {"name": sku, "tier": "Regional"}},
    )
    balancer.properties |= {FRONTENDS: [], POOLS: [], NAT_RULES: [], "probes": reading.objects(given, "probes")}
    for item in reading.objects(given, FRONTENDS):
        balancer.properties[FRONTENDS].append(_frontend(store, balancer, existing, item))
    for item in reading.objects(given, POOLS):
        balancer.properties[POOLS].append({"name": _name(item), "properties": {}})
    for item in reading.objects(given, NAT_RULES):
        put_rule(balancer, _name(item), reading.section(item, "properties"))
    return balancer


def put_rule(balancer: Resource, name: str, given: Json) -> None:
    """Add an inbound NAT rule, or replace the one of that name."""
    check_name(name)
    rules: list[Json] = balancer.properties[NAT_RULES]
    others = [one for one in rules if one["name"].lower() != name.lower()]
    rule = {"name": name, "properties": _rule(balancer, name, given)}
    for other in others:
        _check_ports(balancer, rule, other)
    balancer.properties[NAT_RULES] = [*others, rule]


def remove_rule(balancer: Resource, name: str) -> None:
    rules: list[Json] = balancer.properties[NAT_RULES]
    balancer.properties[NAT_RULES] = [one for one in rules if one["name"].lower() != name.lower()]


def find(balancer: Resource, part: str, name: str) -> Json | None:
    """The frontend, pool or NAT rule of that name."""
    found: list[Json] = balancer.properties[part]
    return next((one for one in found if one["name"].lower() == name.lower()), None)


def frontend_ports(rule: Json) -> range:
    """The ports of the frontend that a NAT rule takes."""
    own = rule["properties"]
    if "frontendPort" in own:
        return range(own["frontendPort"], own["frontendPort"] + 1)
    return range(own["frontendPortRangeStart"], own["frontendPortRangeEnd"] + 1)


def _name(item: Json) -> str:
    name = reading.text(item, "name") or ""
    check_name(name)
    return name


def _frontend(store: Store, balancer: Resource, existing: Resource | None, item: Json) -> Json:
    name = _name(item)
    own = reading.section(item, "properties")
    id = balancer.id.child(FRONTENDS, name)
    public = reading.reference(own, "publicIPAddress")
    if public is not None:
        address = existing_reference(store, public, PUBLIC_ADDRESSES, balancer.id)
        if address.location != balancer.location:
            raise errors.invalid_reference(str(public), str(balancer.id))
        holder = holder_of(store, address.id)
        if holder is not None and holder != id:
            raise errors.public_address_in_use(str(id), str(address.id), str(holder))
        mine, its = balancer.envelope["sku"]["name"], address.envelope["sku"]["name"]
        if mine != its:
            raise errors.refused(
                "PublicIPAndLBSkuDoNotMatch",
                f"{mine} sku load balancer {balancer.id} cannot reference {its} sku publicIP {address.id}.",
            )
        properties: Json = {
            "privateIPAllocationMethod": "Dynamic",
            "publicIPAddress": {"id": str(address.id)},
        }
    else:
        properties = _internal(store, balancer, existing, name, own)
    return {"name": name, "properties": properties}


def _internal(store: Store, balancer: Resource, existing: Resource | None, name: str, own: Json) -> Json:
    """A frontend in a subnet."""
    subnet_id = reading.reference(own, "subnet")
    found = networks.subnet_by_id(store, subnet_id) if subnet_id is not None else None
    if found is None or found[0].location != balancer.location:
        raise errors.invalid_reference(str(subnet_id), str(balancer.id))
    network, subnet = found
    taken = taken_addresses(store, network.id, but=balancer.id)
    old = find(existing, FRONTENDS, name) if existing is not None else None
    method = reading.choice(own, "privateIPAllocationMethod", ("Dynamic", "Static"), "Dynamic")
    wanted = reading.text(own, "privateIPAddress") if method == "Static" else None
    if wanted is None:
        kept = (old or {}).get("properties", {}).get("privateIPAddress")
        wanted = kept or str(networks.free_address(subnet, taken))
    if not any(ipaddress.ip_address(wanted) in prefix for prefix in networks.subnet_prefixes(subnet)):
        raise errors.refused(
            "PrivateIPAddressNotInSubnet",
            f"Private static IP address {wanted} does not belong to the range of subnet prefix"
            f" {networks.subnet_prefixes(subnet)[0]}.",
        )
    return {
        "privateIPAddress": wanted,
        "privateIPAllocationMethod": method,
        "subnet": {"id": str(network.id.child("subnets", subnet["name"]))},
        "privateIPAddressVersion": "IPv4",
    }


def _rule(balancer: Resource, name: str, given: Json) -> Json:
    properties: Json = {"frontendIPConfiguration": {"id": _own_part(balancer, given, "frontendIPConfiguration", name)}}
    pool = reading.reference(given, "backendAddressPool")
    if pool is not None:
        properties["backendAddressPool"] = {"id": _own_part(balancer, given, "backendAddressPool", name)}
        ports: tuple[str, ...] = ("frontendPortRangeStart", "frontendPortRangeEnd", "backendPort")
    else:
        ports = ("frontendPort", "backendPort")
    for field in ports:
        number = reading.number(given, field)
        if number is None or not 1 <= number <= 65534:
            raise errors.refused(
                "InvalidRequestFormat",
                f"{field} {number} of inbound NAT rule {balancer.id.child(NAT_RULES, name)} is not from 1 to 65534.",
            )
        properties[field] = number
    properties["enableFloatingIP"] = reading.flag(given, "enableFloatingIP", False)
    properties["idleTimeoutInMinutes"] = reading.number(given, "idleTimeoutInMinutes") or 4
    properties["protocol"] = reading.choice(given, "protocol", ("Tcp", "Udp", "All"), "Tcp")
    properties["enableTcpReset"] = reading.flag(given, "enableTcpReset", False)
    return properties


def _own_part(balancer: Resource, given: Json, field: str, rule: str) -> str:
    """The id of a frontend or pool of this load balancer, as it spells it."""
    part = FRONTENDS if field == "frontendIPConfiguration" else POOLS
    wanted = reading.reference(given, field)
    stored = None
    if wanted is not None and len(wanted.types) == 2 and wanted.parent == balancer.id:
        stored = find(balancer, part, wanted.name)
    if stored is None:
        raise errors.invalid_reference(str(wanted), str(balancer.id.child(NAT_RULES, rule)))
    return str(balancer.id.child(part, stored["name"]))


def _check_ports(balancer: Resource, rule: Json, other: Json) -> None:
    mine, theirs = rule["properties"], other["properties"]
    ports, taken = frontend_ports(rule), frontend_ports(other)
    if (
        mine["frontendIPConfiguration"] == theirs["frontendIPConfiguration"]
        and mine["protocol"] == theirs["protocol"]
        and ports.start < taken.stop
        and taken.start < ports.stop
    ):
        first, second = (balancer.id.child(NAT_RULES, one["name"]) for one in (rule, other))
        raise errors.refused(
            "RulesUseSameFrontendPortProtocolAndFrontendIPConfig",
            f"Load balancer rules {first} and {second} use the same frontend port {ports.start}, protocol"
            f" {mine['protocol']} and frontend IP configuration {mine['frontendIPConfiguration']['id']}.",
        )
