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
BALANCING_RULES, PROBES = "loadBalancingRules", "probes"
OUTBOUND_RULES, NAT_POOLS = "outboundRules", "inboundNatPools"

#: Members of a pool by address, and what they may have.
ADDRESSES = "loadBalancerBackendAddresses"
_ADDRESS = ("adminState", "ipAddress", "virtualNetwork", "subnet", "loadBalancerFrontendIPConfiguration")

#: The end of a tunnel that each pool of a Gateway load balancer has.
_TUNNEL: Json = {"port": 10800, "identifier": 900, "protocol": "VXLAN", "type": "Internal"}


def replaced(store: Store, id: ResourceId, body: Json) -> Resource:
    """The load balancer as a PUT leaves it. The store isn't changed yet."""
    existing = store.get(id)
    check_name(id.name)
    given = reading.section(body, "properties")
    sku = reading.section(body, "sku")
    name = reading.choice(sku, "name", ("Basic", "Standard", "Gateway")) or "Basic"
    if existing is not None and existing.envelope["sku"]["name"] != name:
        raise errors.refused(
            "LoadBalancerSkuCannotBeChanged", f"Sku property cannot be changed for load balancer {id}."
        )
    tier = reading.choice(sku, "tier", ("Regional", "Global"), "Regional")
    if tier == "Global":
        raise errors.not_rehearsed("load balancers across regions")
    balancer = Resource(
        id=id,
        location=location_for(id, body, existing),
        tags=tags_of(body),
        properties={"provisioningState": "Succeeded", "resourceGuid": resource_guid(existing)},
        envelope={"sku": {"name": name, "tier": tier}, **reading.stated(body, ("extendedLocation",))},
    )
    parts = (FRONTENDS, POOLS, NAT_RULES, BALANCING_RULES, PROBES, OUTBOUND_RULES, NAT_POOLS)
    balancer.properties |= {part: [] for part in parts}
    for item in reading.objects(given, FRONTENDS):
        balancer.properties[FRONTENDS].append(_frontend(store, balancer, existing, item))
    _read_parts(balancer, given)
    return balancer


def _read_parts(balancer: Resource, given: Json) -> None:
    """The parts that refer to frontends, and those that they refer to."""
    for item in reading.objects(given, POOLS):
        put_pool(balancer, _name(item), reading.section(item, "properties"))
    for item in reading.objects(given, PROBES):
        balancer.properties[PROBES].append({"name": _name(item), "properties": _probe(item)})
    for item in reading.objects(given, NAT_RULES):
        put_rule(balancer, _name(item), reading.section(item, "properties"))
    for part, read in ((BALANCING_RULES, _balancing_rule), (OUTBOUND_RULES, _outbound_rule), (NAT_POOLS, _nat_pool)):
        for item in reading.objects(given, part):
            name = _name(item)
            stored = {"name": name, "properties": read(balancer, name, reading.section(item, "properties"))}
            for kind in (BALANCING_RULES, NAT_RULES) if part == BALANCING_RULES else ():
                for other in balancer.properties[kind]:
                    _check_ports(balancer, (part, stored), (kind, other))
            balancer.properties[part].append(stored)


def put_pool(balancer: Resource, name: str, given: Json) -> None:
    """Add a backend pool, or replace the one of that name.

    Members by address and tunnels are kept, but nothing is sent there: guests are reached by their interfaces.
    """
    check_name(name)
    properties = reading.stated(given, ("drainPeriodInSeconds",))
    sku = balancer.envelope["sku"]["name"]
    addresses = [
        {"name": _name(one), "properties": reading.stated(reading.section(one, "properties"), _ADDRESS)}
        for one in reading.objects(given, ADDRESSES)
        # Those that stand for members by interface come back in every PUT.
        if "networkInterfaceIPConfiguration" not in reading.section(one, "properties")
    ]
    if addresses and sku == "Basic":
        raise errors.refused(
            "BackendAddressesNotSupportedForBasicSku",
            f"Backend addresses are not supported for Basic load balancer {balancer.id}.",
        )
    properties[ADDRESSES] = addresses
    if sku == "Gateway":
        tunnels = [{"port": 0, **one} for one in reading.objects(given, "tunnelInterfaces")]
        properties["tunnelInterfaces"] = tunnels or [dict(_TUNNEL)]
    pools: list[Json] = balancer.properties[POOLS]
    old = find(balancer, POOLS, name)
    new = {"name": name if old is None else old["name"], "properties": properties}
    balancer.properties[POOLS] = [new if one is old else one for one in pools] if old is not None else [*pools, new]


def put_rule(balancer: Resource, name: str, given: Json) -> None:
    """Add an inbound NAT rule, or replace the one of that name."""
    check_name(name)
    rules: list[Json] = balancer.properties[NAT_RULES]
    others = [one for one in rules if one["name"].lower() != name.lower()]
    rule = {"name": name, "properties": _rule(balancer, name, given)}
    for other in others:
        _check_ports(balancer, (NAT_RULES, rule), (NAT_RULES, other))
    balancer.properties[NAT_RULES] = [*others, rule]


def remove(balancer: Resource, part: str, name: str) -> None:
    """Remove the pool or NAT rule of that name."""
    found: list[Json] = balancer.properties[part]
    balancer.properties[part] = [one for one in found if one["name"].lower() != name.lower()]


def find(balancer: Resource, part: str, name: str) -> Json | None:
    """The frontend, pool, rule or probe of that name."""
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
    stored = {"name": name, "properties": _frontend_properties(store, balancer, existing, name, own)}
    zones = reading.texts(item, "zones")
    return {**stored, "zones": zones} if zones else stored


def _frontend_properties(store: Store, balancer: Resource, existing: Resource | None, name: str, own: Json) -> Json:
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
    elif (prefix := reading.reference(own, "publicIPPrefix")) is not None:
        # Of a kind that isn't here, and not looked for; such a frontend has no address that anyone could reach.
        canonical = ResourceId(prefix.subscription, prefix.group).child(
            "Microsoft.Network/publicIPPrefixes", prefix.name
        )
        properties = {
            "privateIPAllocationMethod": "Dynamic",
            "publicIPPrefix": {"id": str(canonical)},
            "privateIPAddressVersion": "IPv4",
        }
    else:
        properties = _internal(store, balancer, existing, name, own)
    return properties | reading.stated(own, ("gatewayLoadBalancer",))


def _internal(store: Store, balancer: Resource, existing: Resource | None, name: str, own: Json) -> Json:
    """A frontend in a subnet."""
    subnet_id = reading.reference(own, "subnet")
    found = networks.subnet_by_id(store, subnet_id) if subnet_id is not None else None
    if found is None or found[0].location != balancer.location:
        raise errors.invalid_reference(str(subnet_id), str(balancer.id))
    network, subnet = found
    taken = {
        *taken_addresses(store, network.id, but=balancer.id),
        *(one["properties"].get("privateIPAddress", "") for one in balancer.properties[FRONTENDS]),
    }
    old = find(existing, FRONTENDS, name) if existing is not None else None
    method = reading.choice(own, "privateIPAllocationMethod", ("Dynamic", "Static"), "Dynamic")
    wanted = reading.text(own, "privateIPAddress") if method == "Static" else None
    if wanted is None:
        kept = (old or {}).get("properties", {}).get("privateIPAddress")
        wanted = kept if kept not in taken else None
        wanted = wanted or str(networks.free_address(subnet, taken))
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
    properties: Json = {"frontendIPConfiguration": _own_part(balancer, NAT_RULES, name, given)}
    if reading.reference(given, "backendAddressPool") is not None:
        properties["backendAddressPool"] = _own_part(balancer, NAT_RULES, name, given, "backendAddressPool")
    if "backendAddressPool" in properties or given.get("frontendPortRangeEnd") is not None:
        properties |= _ports(balancer, NAT_RULES, name, given, ("frontendPortRangeStart",), lowest=0)
        ports: tuple[str, ...] = ("frontendPortRangeEnd", "backendPort")
    else:
        ports = ("frontendPort", "backendPort")
    properties |= _ports(balancer, NAT_RULES, name, given, ports)
    return properties | _connection(given)


def _nat_pool(balancer: Resource, name: str, given: Json) -> Json:
    """A range of ports for a scale set, which makes its own rules of it."""
    ports = ("frontendPortRangeStart", "frontendPortRangeEnd", "backendPort")
    return {
        "frontendIPConfiguration": _own_part(balancer, NAT_POOLS, name, given),
        **_ports(balancer, NAT_POOLS, name, given, ports),
        **_connection(given),
    }


def _balancing_rule(balancer: Resource, name: str, given: Json) -> Json:
    properties: Json = {
        "frontendIPConfiguration": _own_part(balancer, BALANCING_RULES, name, given),
        **_ports(balancer, BALANCING_RULES, name, given, ("frontendPort", "backendPort"), lowest=0),
        **_connection(given),
        "loadDistribution": reading.choice(
            given, "loadDistribution", ("Default", "SourceIP", "SourceIPProtocol"), "Default"
        ),
    }
    if balancer.envelope["sku"]["name"] != "Basic":
        properties["disableOutboundSnat"] = reading.flag(given, "disableOutboundSnat", False)
    pools = [{"backendAddressPool": one} for one in reading.objects(given, "backendAddressPools")] or [given]
    properties["backendAddressPools"] = [
        _own_part(balancer, BALANCING_RULES, name, one, "backendAddressPool")
        for one in pools
        if one.get("backendAddressPool") is not None
    ]
    if reading.reference(given, "probe") is not None:
        properties["probe"] = _own_part(balancer, BALANCING_RULES, name, given, "probe")
    return properties


def _outbound_rule(balancer: Resource, name: str, given: Json) -> Json:
    """How pools reach the Internet; nothing here does."""
    frontends = [{"frontendIPConfiguration": one} for one in reading.objects(given, "frontendIPConfigurations")]
    return {
        "allocatedOutboundPorts": reading.number(given, "allocatedOutboundPorts") or 0,
        "protocol": reading.choice(given, "protocol", ("Tcp", "Udp", "All"), "All"),
        "enableTcpReset": reading.flag(given, "enableTcpReset", False),
        "idleTimeoutInMinutes": reading.number(given, "idleTimeoutInMinutes") or 4,
        "backendAddressPool": _own_part(balancer, OUTBOUND_RULES, name, given, "backendAddressPool"),
        "frontendIPConfigurations": [_own_part(balancer, OUTBOUND_RULES, name, one) for one in frontends],
    }


def _probe(item: Json) -> Json:
    given = reading.section(item, "properties")
    port = reading.number(given, "port")
    if port is None or not 1 <= port <= 65535:
        raise errors.refused("InvalidRequestFormat", f"port {port} of a probe is not from 1 to 65535.")
    return {
        "protocol": reading.choice(given, "protocol", ("Http", "Tcp", "Https"), "Tcp"),
        "port": port,
        **reading.stated(given, ("requestPath",)),
        "intervalInSeconds": reading.number(given, "intervalInSeconds") or 15,
        "numberOfProbes": reading.number(given, "numberOfProbes") or 2,
        "probeThreshold": reading.number(given, "probeThreshold") or 1,
    }


def _ports(balancer: Resource, part: str, name: str, given: Json, fields: tuple[str, ...], *, lowest: int = 1) -> Json:
    found: Json = {}
    for field in fields:
        number = reading.number(given, field)
        if number is None or not lowest <= number <= 65534:
            raise errors.refused(
                "InvalidRequestFormat",
                f"{field} {number} of {balancer.id.child(part, name)} is not from {lowest} to 65534.",
            )
        found[field] = number
    return found


def _connection(given: Json) -> Json:
    """What rules for incoming connections have in common."""
    return {
        "enableFloatingIP": reading.flag(given, "enableFloatingIP", False),
        "idleTimeoutInMinutes": reading.number(given, "idleTimeoutInMinutes") or 4,
        "protocol": reading.choice(given, "protocol", ("Tcp", "Udp", "All"), "Tcp"),
        "enableDestinationServiceEndpoint": False,
        "enableTcpReset": reading.flag(given, "enableTcpReset", False),
        "allowBackendPortConflict": reading.flag(given, "allowBackendPortConflict", False),
    }


def _own_part(
    balancer: Resource, part: str, name: str, given: Json, field: str = "frontendIPConfiguration"
) -> dict[str, str]:
    """A reference to a frontend, pool or probe of this load balancer; `part` and `name` tell whose it is."""
    kind = {"frontendIPConfiguration": FRONTENDS, "backendAddressPool": POOLS, "probe": PROBES}[field]
    wanted = reading.reference(given, field)
    stored = None
    if wanted is not None and len(wanted.types) == 2 and wanted.parent == balancer.id:
        stored = find(balancer, kind, wanted.name)
    if stored is None:
        raise errors.invalid_reference(str(wanted), str(balancer.id.child(part, name)))
    return {"id": str(balancer.id.child(kind, stored["name"]))}


def _check_ports(balancer: Resource, mine: tuple[str, Json], other: tuple[str, Json]) -> None:
    """Refuse two rules, each with the part of the load balancer that it is in, that want the same port."""
    own, theirs = mine[1]["properties"], other[1]["properties"]
    ports, taken = frontend_ports(mine[1]), frontend_ports(other[1])
    if (
        own["frontendIPConfiguration"] == theirs["frontendIPConfiguration"]
        and own["protocol"] == theirs["protocol"]
        and ports.start < taken.stop
        and taken.start < ports.stop
    ):
        first, second = (balancer.id.child(part, one["name"]) for part, one in (mine, other))
        raise errors.refused(
            "RulesUseSameFrontendPortProtocolAndFrontendIPConfig",
            f"Load balancer rules {first} and {second} use the same frontend port {ports.start}, protocol"
            f" {own['protocol']} and frontend IP configuration {own['frontendIPConfiguration']['id']}.",
        )
