# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual networks in the store: address spaces, subnets and what is free in them."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from ...core.resource_id import ResourceId
from ...core.store import Resource, Store
from ...core.wire import Json
from .. import errors, reading
from ..addresses import Address, Network
from ..common import existing_reference, location_for, resource_guid, tags_of
from ..names import check_name
from ..references import References
from ..types import SECURITY_GROUPS, VIRTUAL_NETWORKS

#: Azure keeps the first four addresses of a subnet and the last one.
_RESERVED_AT_START = 4

#: What a subnet may refer to for its way out, of kinds that aren't here, and not looked for.
KEPT = ("natGateway", "serviceEndpointPolicies")

#: Each region has one, in the range that Microsoft's edge routers use; they aren't listed anywhere as a whole.
_REGIONAL_COMMUNITY = "12076:50006"


def replaced(store: Store, id: ResourceId, body: Json) -> Resource:
    """The virtual network as a PUT leaves it. The store isn't changed yet.

    Raises InUseSubnetCannotBeDeleted when a subnet that is used isn't in the body any more.
    """
    existing = store.get(id)
    check_name(id.name)
    given = reading.section(body, "properties")
    space = reading.texts(reading.section(given, "addressSpace"), "addressPrefixes")
    if not space:
        raise errors.refused("InvalidRequestFormat", f"Address space is missing for virtual network {id}.")
    for prefix in space:
        _parse(prefix, str(id))
    network = Resource(
        id=id,
        location=location_for(id, body, existing),
        tags=tags_of(body),
        envelope=reading.stated(body, ("extendedLocation",)),
        properties={
            "provisioningState": "Succeeded",
            "resourceGuid": resource_guid(existing),
            "addressSpace": {"addressPrefixes": space},
            "subnets": [],
        },
    )
    network.properties |= _settings(id, given)
    for item in reading.objects(given, "subnets"):
        name = reading.text(item, "name") or ""
        network.properties["subnets"].append(new_subnet(store, network, name, reading.section(item, "properties")))
    if existing is not None:
        kept = {stored["name"].lower() for stored in network.properties["subnets"]}
        for stored in existing.properties["subnets"]:
            if stored["name"].lower() not in kept:
                check_unused(store, existing, stored)
    return network


def _settings(id: ResourceId, given: Json) -> Json:
    """What a network may have besides; absent unless it is stated."""
    found = reading.stated(given, ("flowTimeoutInMinutes",))
    if given.get("dhcpOptions") is not None:
        found["dhcpOptions"] = {"dnsServers": reading.texts(reading.section(given, "dhcpOptions"), "dnsServers")}
    encryption = reading.section(given, "encryption")
    if encryption:
        enabled = reading.flag(encryption, "enabled", False)
        enforcement = reading.choice(encryption, "enforcement", ("AllowUnencrypted", "DropUnencrypted"))
        if encryption.get("enabled") is None or (enabled and enforcement is None):
            raise errors.encryption_half_stated(str(id))
        found["encryption"] = {"enabled": enabled, "enforcement": enforcement or "AllowUnencrypted"}
    community = reading.text(reading.section(given, "bgpCommunities"), "virtualNetworkCommunity")
    if community is not None:
        found["bgpCommunities"] = {"virtualNetworkCommunity": community, "regionalCommunity": _REGIONAL_COMMUNITY}
    return found


def new_subnet(store: Store, network: Resource, name: str, given: Json) -> Json:
    """A subnet to store, {name, properties}, checked against the network and its other subnets."""
    check_name(name)
    id = network.id.child("subnets", name)
    one, many = reading.text(given, "addressPrefix"), reading.texts(given, "addressPrefixes")
    if one is None and not many:
        raise errors.refused("InvalidRequestFormat", f"Address prefix is missing for subnet {id}.")
    prefixes = [_parse(text, str(id)) for text in ([one] if one is not None else many)]
    space = address_space(network)
    if not all(any(_inside(prefix, outer) for outer in space) for prefix in prefixes):
        raise errors.refused(
            "NetcfgInvalidSubnet",
            f"Subnet '{name}' is not valid in virtual network '{network.id.name}'.",
        )
    for other in network.properties["subnets"]:
        if other["name"].lower() != name.lower() and any(
            mine.overlaps(theirs)
            for mine in prefixes
            for theirs in subnet_prefixes(other)
            if mine.version == theirs.version
        ):
            raise errors.refused(
                "NetcfgSubnetRangesOverlap",
                f"Subnet '{name}' is not valid because its IP address range overlaps with that of an existing subnet "
                f"in virtual network '{network.id.name}'.",
            )
    properties: Json = {"addressPrefix": one} if one is not None else {"addressPrefixes": many}
    group = reading.reference(given, "networkSecurityGroup")
    if group is not None:
        found = existing_reference(store, group, SECURITY_GROUPS, id)
        if found.location != network.location:
            raise errors.invalid_reference(str(group), str(id))
        properties["networkSecurityGroup"] = {"id": str(found.id)}
    if given.get("routeTable") is not None:
        raise errors.not_rehearsed("route tables")
    properties |= reading.stated(given, KEPT)
    if given.get("serviceEndpoints") is not None:
        properties["serviceEndpoints"] = [
            {"service": reading.text(one, "service") or "", "locations": reading.texts(one, "locations") or ["*"]}
            for one in reading.objects(given, "serviceEndpoints")
        ]
    properties["delegations"] = [
        {
            "name": reading.text(one, "name") or "",
            "serviceName": reading.text(reading.section(one, "properties"), "serviceName") or "",
        }
        for one in reading.objects(given, "delegations")
    ]
    properties["privateEndpointNetworkPolicies"] = (
        reading.choice(
            given,
            "privateEndpointNetworkPolicies",
            ("Enabled", "Disabled", "NetworkSecurityGroupEnabled", "RouteTableEnabled"),
        )
        or "Disabled"
    )
    properties["privateLinkServiceNetworkPolicies"] = (
        reading.choice(given, "privateLinkServiceNetworkPolicies", ("Enabled", "Disabled")) or "Enabled"
    )
    if "defaultOutboundAccess" in given:
        properties["defaultOutboundAccess"] = reading.flag(given, "defaultOutboundAccess", True)
    return {"name": name, "properties": properties}


def find_subnet(network: Resource, name: str) -> Json | None:
    for stored in network.properties["subnets"]:
        if stored["name"].lower() == name.lower():
            found: Json = stored
            return found
    return None


def subnet_by_id(store: Store, id: ResourceId) -> tuple[Resource, Json] | None:
    """The virtual network and the stored subnet of a subnet id; None when either is absent."""
    if len(id.types) != 2 or id.parent.type.lower() != VIRTUAL_NETWORKS.lower():
        return None
    network = store.get(id.parent)
    stored = find_subnet(network, id.name) if network is not None else None
    return None if network is None or stored is None else (network, stored)


def check_unused(store: Store, network: Resource, stored: Json) -> None:
    users = References(store).configurations_of_subnet.get(network.id.child("subnets", stored["name"]).key)
    if users:
        raise errors.subnet_in_use(stored["name"], users)


def address_space(network: Resource) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in network.properties["addressSpace"]["addressPrefixes"])


def subnet_prefixes(stored: Json) -> list[Network]:
    own = stored["properties"]
    texts = [own["addressPrefix"]] if "addressPrefix" in own else own["addressPrefixes"]
    return [ipaddress.ip_network(text) for text in texts]


def is_reserved(address: Address, stored: Json) -> bool:
    """Whether Azure keeps this address of the subnet for itself."""
    return any(
        address in prefix and (int(address) - int(prefix[0]) < _RESERVED_AT_START or address == prefix[-1])
        for prefix in subnet_prefixes(stored)
    )


def free_address(stored: Json, taken: Collection[str], *, version: int = 4) -> Address:
    """The lowest address of the subnet that is neither taken nor reserved; raises SubnetIsFull."""
    for prefix in subnet_prefixes(stored):
        if prefix.version == version:
            for index in range(_RESERVED_AT_START, prefix.num_addresses - 1):
                if str(prefix[index]) not in taken:
                    return prefix[index]
    raise errors.refused(
        "SubnetIsFull",
        f"Subnet {stored['name']} with address prefix {subnet_prefixes(stored)[0]} does not have enough capacity for "
        "1 IP addresses.",
    )


def _parse(text: str, resource_id: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise errors.prefix_format(text, resource_id) from error


def _inside(prefix: Network, outer: Network) -> bool:
    return prefix.version == outer.version and prefix[0] in outer and prefix[-1] in outer
