# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public IP addresses in the store and the loopback addresses that stand for them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from ...core.regions import region
from ...core.resource_id import ResourceId
from ...core.store import Resource, Store
from ...core.wire import Json
from .. import errors, reading
from ..common import check_envelope, location_for, resource_guid, tags_of
from ..interfaces.records import ALLOCATED
from ..names import check_name
from ..types import INTERFACES, PUBLIC_ADDRESSES
from .shapes import KEPT, fqdn

_LABEL_PATTERN = "^[a-z][a-z0-9-]{1,61}[a-z0-9]$"
_LABEL = re.compile(_LABEL_PATTERN)

#: Public addresses come from the quarters 1 to 63 of the instance's block; the rest is free for virtual networks.
_QUARTERS = range(1, 64)

#: IPv6 addresses are for documentation: nothing is reached by them here.
_IPV6 = ipaddress.IPv6Network("2001:db8::/64")

_DNS_KNOWN = frozenset({"domainNameLabel", "domainNameLabelScope", "fqdn", "reverseFqdn"})
_KNOWN = frozenset(
    {
        *KEPT,
        "publicIPAllocationMethod",
        "publicIPAddressVersion",
        "dnsSettings",
        "ipTags",
        "ipAddress",
        "idleTimeoutInMinutes",
        # What answers have and requests may have, without effect.
        "ipConfiguration",
        "resourceGuid",
        "provisioningState",
        "upgradedToV2",
    }
)


def replaced(store: Store, id: ResourceId, body: Json, *, basic_allowed: bool) -> Resource:
    """The address as a PUT leaves it; which number it has is decided later. The store isn't changed yet."""
    existing = store.get(id)
    check_name(id.name)
    check_envelope(body, "zones", "sku", "extendedLocation")
    given = reading.section(body, "properties")
    reading.check_known(given, _KNOWN, "properties.")
    sku = _sku(id, existing, reading.section(body, "sku"), basic_allowed=basic_allowed)
    method = reading.choice(given, "publicIPAllocationMethod", ("Dynamic", "Static"), "Dynamic")
    if sku["name"] == "Standard" and method == "Dynamic":
        raise errors.refused(
            "StandardSkuPublicIPAddressesMustBeStatic",
            f"Standard sku publicIp {id} must have AllocationMethod set to Static.",
        )
    address = Resource(
        id=id,
        location=location_for(id, body, existing),
        tags=tags_of(body),
        properties={
            "provisioningState": "Succeeded",
            "resourceGuid": resource_guid(existing),
            "publicIPAddressVersion": reading.choice(given, "publicIPAddressVersion", ("IPv4", "IPv6"), "IPv4"),
            "publicIPAllocationMethod": method,
            "idleTimeoutInMinutes": reading.number(given, "idleTimeoutInMinutes") or 4,
            "ipTags": reading.objects(given, "ipTags"),
            **reading.stated(given, KEPT),
        },
        envelope={"sku": sku, **reading.stated(body, ("extendedLocation",))},
    )
    if sku["name"] == "Standard":
        address.properties.setdefault("ddosSettings", {"protectionMode": "VirtualNetworkInherited"})
    zones = reading.texts(body, "zones")
    if zones:
        address.envelope["zones"] = zones
    if existing is not None and "ipAddress" in existing.properties:
        address.properties["ipAddress"] = existing.properties["ipAddress"]
    dns = reading.section(given, "dnsSettings")
    reading.check_known(dns, _DNS_KNOWN, "properties.dnsSettings.")
    if dns.get("domainNameLabelScope") is not None:
        raise errors.not_rehearsed("DNS labels with a scope, which have a hash in their names")
    label = reading.text(dns, "domainNameLabel")
    if label is not None:
        _check_label(store, address, label)
        address.properties["domainNameLabel"] = label
    reverse = reading.text(dns, "reverseFqdn")
    if reverse is not None:
        address.properties["reverseFqdn"] = reverse
    return address


def _sku(id: ResourceId, existing: Resource | None, given: Json, *, basic_allowed: bool) -> Json:
    reading.check_known(given, {"name", "tier"}, "sku.")
    name = reading.choice(given, "name", ("Basic", "Standard")) or "Basic"
    tier = reading.choice(given, "tier", ("Regional", "Global"), "Regional")
    if name == "Basic" and tier == "Global":
        raise errors.global_address_not_standard(str(id))
    if existing is not None and name != existing.envelope["sku"]["name"]:
        raise errors.refused(
            "PublicIPAddressSkuCannotBeChanged", f"Sku property cannot be changed for public IP address {id}."
        )
    if existing is None and name == "Basic" and not basic_allowed:
        raise errors.refused(
            "IPv4BasicSkuPublicIpCountLimitReached",
            "Cannot create more than 0 IPv4 Basic SKU public IP addresses for this subscription in this region.",
        )
    return {"name": name, "tier": tier}


def assign_addresses(store: Store, block: ipaddress.IPv4Network) -> None:
    """Give every static address and every dynamic one in use by a VM its number, and take it from the others."""
    addresses = store.list(PUBLIC_ADDRESSES)
    in_use = _used_by_allocated(store)
    for address in addresses:
        wanted = address.properties["publicIPAllocationMethod"] == "Static" or address.id.key in in_use
        if not wanted and address.properties.pop("ipAddress", None) is not None:
            store.touch(address)
    taken = {address.properties.get("ipAddress") for address in addresses}
    free = {
        "IPv4": (text for text in _numbers(block) if text not in taken),
        "IPv6": (text for text in map(str, _IPV6.hosts()) if text not in taken),
    }
    for address in addresses:
        wanted = address.properties["publicIPAllocationMethod"] == "Static" or address.id.key in in_use
        if wanted and "ipAddress" not in address.properties:
            number = next(free[address.properties["publicIPAddressVersion"]], None)
            if number is None:
                raise errors.refused(
                    "PublicIPCountLimitReached",
                    "Cannot create more public IP addresses in this region.",
                )
            address.properties["ipAddress"] = number
            store.touch(address)


def address_of_name(store: Store, name: str) -> str | None:
    """The address behind `<label>.<location>.cloudapp.azure.com`, as Azure's DNS would answer."""
    for address in store.list(PUBLIC_ADDRESSES):
        if "domainNameLabel" in address.properties and fqdn(address).lower() == name.lower().rstrip("."):
            found: str | None = address.properties.get("ipAddress")
            return found
    return None


def _used_by_allocated(store: Store) -> set[str]:
    """Keys of the addresses on interfaces whose VM isn't deallocated."""
    return {
        configuration["properties"]["publicIPAddress"]["id"].lower()
        for interface in store.list(INTERFACES)
        if interface.private.get(ALLOCATED)
        for configuration in interface.properties["ipConfigurations"]
        if "publicIPAddress" in configuration["properties"]
    }


def _numbers(block: ipaddress.IPv4Network) -> Iterator[str]:
    first = int(block.network_address)
    for quarter in _QUARTERS:
        for last in range(1, 255):
            number = ipaddress.IPv4Address(first + quarter * 256 + last)
            if number in block:
                yield str(number)


def _check_label(store: Store, address: Resource, label: str) -> None:
    if _LABEL.match(label) is None:
        raise errors.refused(
            "InvalidDomainNameLabel",
            f"The domain name label {label} is invalid. It must conform to the following regular expression: "
            f"{_LABEL_PATTERN}.",
        )
    if not is_free(store, address.location or "", label, but=address.id):
        raise errors.refused(
            "DnsRecordInUse",
            f"DNS record {label}.{address.location}.cloudapp.azure.com is already used by another public IP.",
        )


def is_free(store: Store, location: str, label: str, *, but: ResourceId | None = None) -> bool:
    """Whether no address of the region, but for one, has this DNS label."""
    wanted = region(location)
    return not any(
        other.id != but and other.location == wanted and other.properties.get("domainNameLabel") == label.lower()
        for other in store.list(PUBLIC_ADDRESSES)
    )
