# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network interfaces in the store: IP configurations, private addresses, what they refer to."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator
from typing import TypeAlias

from ...core.resource_id import ResourceId
from ...core.store import Resource, Store
from ...core.wire import Json
from .. import errors, reading
from ..addresses import Address
from ..common import check_envelope, existing_reference, location_for, resource_guid, tags_of
from ..names import check_name
from ..types import (
    APPLICATION_GROUPS,
    INTERFACES,
    LOAD_BALANCERS,
    PUBLIC_ADDRESSES,
    SECURITY_GROUPS,
)
from ..virtual_networks import records as networks
from . import balancing

#: Key of a record's private part: whether the VM of this interface has its resources (it is not deallocated).
ALLOCATED = "allocated"

SWITCHES = ("enableIPForwarding", "enableAcceleratedNetworking")

#: What a PUT may state besides; absent again when the next one doesn't.
KEPT = (
    "workloadType",
    "nicType",
    "privateLinkService",
    "migrationPhase",
    "auxiliaryMode",
    "auxiliarySku",
    "disableTcpStateTracking",
)

#: The same of an IP configuration. What it refers to is of kinds that aren't here, and not looked for.
CONFIGURATION_KEPT = (
    "gatewayLoadBalancer",
    "virtualNetworkTaps",
    "applicationGatewayBackendAddressPools",
    "privateIPAddressPrefixLength",
)

# What answers have and requests may have, without effect.
_SHOWN = frozenset(
    {
        "provisioningState",
        "resourceGuid",
        "macAddress",
        "primary",
        "virtualMachine",
        "vnetEncryptionSupported",
        "defaultOutboundConnectivityEnabled",
        "hostedWorkloads",
        "tapConfigurations",
        "privateEndpoint",
        "dscpConfiguration",
        "allowPort25Out",
    }
)
_KNOWN = _SHOWN | {*SWITCHES, *KEPT, "ipConfigurations", "dnsSettings", "networkSecurityGroup"}
_DNS_KNOWN = frozenset(
    {"dnsServers", "internalDnsNameLabel", "appliedDnsServers", "internalFqdn", "internalDomainNameSuffix"}
)
_CONFIGURATION_KNOWN = frozenset(
    {
        *CONFIGURATION_KEPT,
        *balancing.FIELDS,
        "privateIPAddress",
        "privateIPAllocationMethod",
        "privateIPAddressVersion",
        "subnet",
        "primary",
        "publicIPAddress",
        "applicationSecurityGroups",
        "provisioningState",
        "privateLinkConnectionProperties",
    }
)

#: Who holds an address: the id of an IP configuration, of an interface or a load balancer's frontend.
Holder: TypeAlias = ResourceId


def replaced(store: Store, id: ResourceId, body: Json) -> Resource:
    """The interface as a PUT leaves it: what the body doesn't name is detached. The store isn't changed yet.

    The association with a VM isn't in the body's power; it stays.
    """
    existing = store.get(id)
    check_name(id.name)
    check_envelope(body, "extendedLocation", "kind")
    given = reading.section(body, "properties")
    reading.check_known(given, _KNOWN, "properties.")
    interface = Resource(
        id=id,
        location=location_for(id, body, existing),
        tags=tags_of(body),
        properties={"provisioningState": "Succeeded", "resourceGuid": resource_guid(existing)},
        envelope={"kind": "Regular", **reading.stated(body, ("extendedLocation",))},
        private=existing.private if existing is not None else {},
    )
    interface.properties["ipConfigurations"] = _configurations(store, interface, existing, given)
    balancing.check_skus(store, interface)
    dns = reading.section(given, "dnsSettings")
    reading.check_known(dns, _DNS_KNOWN, "properties.dnsSettings.")
    interface.properties["dnsServers"] = reading.texts(dns, "dnsServers")
    label = reading.text(dns, "internalDnsNameLabel")
    if label is not None:
        interface.properties["internalDnsNameLabel"] = label
    interface.properties |= reading.stated(given, KEPT)
    for name in SWITCHES:
        if name in given:
            interface.properties[name] = reading.flag(given, name, False)
    group = reading.reference(given, "networkSecurityGroup")
    if group is not None:
        found = existing_reference(store, group, SECURITY_GROUPS, id)
        if found.location != interface.location:
            raise errors.invalid_reference(str(group), str(id))
        interface.properties["networkSecurityGroup"] = {"id": str(found.id)}
    if existing is not None:
        for name in ("macAddress", "primary", "virtualMachine"):
            if name in existing.properties:
                interface.properties[name] = existing.properties[name]
    return interface


def find_configuration(interface: Resource, name: str | None) -> Json | None:
    """The stored IP configuration of that name; the primary one when `name` is None."""
    stored: list[Json] = interface.properties["ipConfigurations"]
    for one in stored:
        if one["name"].lower() == name.lower() if name is not None else one["properties"]["primary"]:
            return one
    return None


def private_address(configuration: Json) -> Address:
    return ipaddress.ip_address(configuration["properties"]["privateIPAddress"])


def application_groups(configuration: Json) -> frozenset[str]:
    """Keys of the application security groups that the configuration is in."""
    return frozenset(item["id"].lower() for item in configuration["properties"].get("applicationSecurityGroups", []))


def taken_addresses(store: Store, network: ResourceId, *, but: ResourceId | None = None) -> dict[str, Holder]:
    """Private addresses (as text) in use in a virtual network, but by the resource `but`, with who holds each."""
    prefix = network.key + "/subnets/"
    return {
        own["privateIPAddress"]: id
        for id, own in _address_users(store, but=but)
        if "subnet" in own and own["subnet"]["id"].lower().startswith(prefix)
    }


def holder_of(store: Store, public_address: ResourceId) -> Holder | None:
    """Who uses a public address."""
    for id, own in _address_users(store):
        reference = own.get("publicIPAddress")
        if reference is not None and reference["id"].lower() == public_address.key:
            return id
    return None


def _address_users(store: Store, *, but: ResourceId | None = None) -> Iterator[tuple[Holder, Json]]:
    """Everything that has addresses: its id and its properties."""
    for type, part in ((INTERFACES, "ipConfigurations"), (LOAD_BALANCERS, "frontendIPConfigurations")):
        for resource in store.list(type):
            if resource.id != but:
                for stored in resource.properties[part]:
                    yield resource.id.child(part, stored["name"]), stored["properties"]


def mac_address(interface: Resource) -> str:
    """The hardware address that the interface gets with its VM; stable, in Microsoft's range."""
    digest = hashlib.sha256(interface.id.key.encode()).hexdigest().upper()
    return "-".join(("00", "22", "48", digest[0:2], digest[2:4], digest[4:6]))


def _configurations(store: Store, interface: Resource, existing: Resource | None, given: Json) -> list[Json]:
    items = reading.objects(given, "ipConfigurations")
    if not items:
        raise errors.refused(
            "NetworkInterfaceMustHaveIpConfiguration",
            f"Network interface {interface.id} must have at least one IP configuration.",
        )
    made: list[Json] = []
    for index, item in enumerate(items):
        path = f"properties.ipConfigurations[{index}]."
        reading.check_known(item, {"name", "id", "etag", "type", "properties"}, path)
        name = reading.text(item, "name") or ""
        check_name(name)
        own = reading.section(item, "properties")
        reading.check_known(own, _CONFIGURATION_KNOWN, f"{path}properties.")
        old = find_configuration(existing, name) if existing is not None else None
        properties = _configuration(store, interface, name, own, old, made)
        properties["primary"] = reading.flag(own, "primary", index == 0)
        if properties["primary"] and properties["privateIPAddressVersion"] != "IPv4":
            raise errors.primary_version(str(interface.id.child("ipConfigurations", name)))
        if not properties["primary"] and "applicationGatewayBackendAddressPools" in properties:
            raise errors.gateway_on_secondary(str(interface.id), name)
        made.append({"name": name, "properties": properties})
    if sum(1 for one in made if one["properties"]["primary"]) != 1:
        raise errors.refused(
            "NetworkInterfaceMustHaveOnePrimaryIpConfiguration",
            f"Network interface {interface.id} must have exactly one primary IP configuration.",
        )
    return made


def _configuration(
    store: Store,
    interface: Resource,
    name: str,
    own: Json,
    old: Json | None,
    siblings: list[Json],
) -> Json:
    id = interface.id.child("ipConfigurations", name)
    subnet_id = reading.reference(own, "subnet")
    if subnet_id is None:
        raise errors.refused("SubnetIsRequired", f"Subnet reference is required for ipconfiguration {id}.")
    found = networks.subnet_by_id(store, subnet_id)
    if found is None or found[0].location != interface.location:
        raise errors.invalid_reference(str(subnet_id), str(interface.id))
    network, subnet = found
    taken = taken_addresses(store, network.id, but=interface.id)
    taken |= {
        one["properties"]["privateIPAddress"]: interface.id.child("ipConfigurations", one["name"]) for one in siblings
    }
    method = reading.choice(own, "privateIPAllocationMethod", ("Dynamic", "Static"), "Dynamic")
    version = reading.choice(own, "privateIPAddressVersion", ("IPv4", "IPv6"), "IPv4")
    address = _address(id, own, old, network, subnet, method == "Static", taken, 6 if version == "IPv6" else 4)
    properties: Json = {
        **{field: value for field, value in reading.stated(own, CONFIGURATION_KEPT).items() if value != []},
        "privateIPAddress": str(address),
        "privateIPAllocationMethod": method,
        "privateIPAddressVersion": version,
    }
    public = reading.reference(own, "publicIPAddress")
    if public is not None:
        resource = existing_reference(store, public, PUBLIC_ADDRESSES, interface.id)
        if resource.location != interface.location:
            raise errors.invalid_reference(str(public), str(interface.id))
        holder = holder_of(store, resource.id)
        if holder is not None and holder != id:
            raise errors.public_address_in_use(str(id), str(resource.id), str(holder))
        its = resource.properties["publicIPAddressVersion"]
        if its != version:
            raise errors.ip_version_mismatch(str(resource.id), its, str(id), str(version))
        properties["publicIPAddress"] = {"id": str(resource.id)}
    properties["subnet"] = {"id": str(network.id.child("subnets", subnet["name"]))}
    groups = reading.references(own, "applicationSecurityGroups")
    if groups:
        properties["applicationSecurityGroups"] = [
            {"id": str(existing_reference(store, one, APPLICATION_GROUPS, interface.id).id)} for one in groups
        ]
    return properties | balancing.references(store, interface, name, own)


def _address(
    id: ResourceId,
    own: Json,
    old: Json | None,
    network: Resource,
    subnet: Json,
    static: bool,
    taken: dict[str, Holder],
    version: int,
) -> Address:
    """The private address: the one asked for when static, else the one it had, else the lowest free one."""
    wanted = reading.text(own, "privateIPAddress")
    prefixes = [prefix for prefix in networks.subnet_prefixes(subnet) if prefix.version == version]
    if not prefixes:
        raise errors.not_rehearsed(f"an IPv{version} configuration in a subnet without such a prefix")
    if static:
        if wanted is None:
            raise errors.refused(
                "IPConfigurationWithStaticAllocationMustHaveIPAddress",
                f"IP configuration {id} has private IP allocation method set to Static but no private IP address.",
            )
        try:
            address = ipaddress.ip_address(wanted)
        except ValueError as error:
            raise errors.refused(
                "InvalidIPAddressFormat", f"IP address {wanted} is not formatted correctly."
            ) from error
        if not any(address in prefix for prefix in prefixes):
            raise errors.refused(
                "PrivateIPAddressNotInSubnet",
                f"Private static IP address {address} does not belong to the range of subnet prefix {prefixes[0]}.",
            )
        if networks.is_reserved(address, subnet):
            raise errors.refused(
                "PrivateIPAddressInReservedRange",
                f"Private static IP address {address} falls within reserved IP range of subnet prefix {prefixes[0]}.",
            )
        if str(address) in taken:
            raise errors.refused(
                "PrivateIPAddressIsAllocated",
                f"IP configuration {id} is using the private IP address {address} which is already allocated to "
                f"resource {taken[str(address)]}.",
            )
        return address
    if old is not None:
        current = private_address(old)
        if any(current in prefix for prefix in prefixes) and str(current) not in taken:
            return current
    return networks.free_address(subnet, taken, version=version)
