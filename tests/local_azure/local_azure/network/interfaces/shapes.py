# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network interfaces as the service returns them, with the expansions that clients may ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from ...core.resource_id import ResourceId
from ...core.store import Resource
from ...core.wire import Json
from ..common import child, envelope
from .records import ALLOCATED

#: Turns the id of something referred to into its full form, or None where it wasn't asked for (or is gone).
Expand = Callable[[str], Json | None]


#: Since when the service tells it (recorded: 2022-01-01 without, 2022-05-01 with).
_TRACKING_SINCE = "2022-05-01"


def interface(
    resource: Resource,
    api_version: str,
    *,
    public_address: Expand = lambda id: None,
    security_group: Expand = lambda id: None,
) -> Json:
    """A whole interface; `macAddress`, `primary` and `virtualMachine` are there once it was attached to a VM."""
    own = resource.properties
    properties: Json = {
        "provisioningState": own["provisioningState"],
        "resourceGuid": own["resourceGuid"],
        "ipConfigurations": [configuration(resource, stored, public_address) for stored in own["ipConfigurations"]],
        "dnsSettings": {
            "dnsServers": own["dnsServers"],
            "appliedDnsServers": [],
            **_names(resource),
        },
    }
    if resource.private.get(ALLOCATED, True):
        # Not while its VM is deallocated, nor once it was taken from one that was.
        properties["dnsSettings"]["internalDomainNameSuffix"] = _domain_suffix(resource)
    if "macAddress" in own:
        properties["macAddress"] = own["macAddress"]
    if "enableAcceleratedNetworking" in own:
        properties["enableAcceleratedNetworking"] = own["enableAcceleratedNetworking"]
    properties["vnetEncryptionSupported"] = False
    properties["enableIPForwarding"] = own.get("enableIPForwarding", False)
    if "networkSecurityGroup" in own:
        reference = own["networkSecurityGroup"]
        properties["networkSecurityGroup"] = security_group(reference["id"]) or reference
    for name in ("primary", "virtualMachine"):
        if name in own:
            properties[name] = own[name]
    if api_version[:10] >= _TRACKING_SINCE:
        properties["disableTcpStateTracking"] = False
    properties |= {
        "hostedWorkloads": [],
        "tapConfigurations": [],
        "nicType": own.get("nicType", "Standard"),
        "allowPort25Out": True,
        "auxiliaryMode": own.get("auxiliaryMode", "None"),
    }
    properties |= {
        name: own[name]
        for name in ("auxiliarySku", "disableTcpStateTracking", "workloadType", "privateLinkService", "migrationPhase")
        if name in own
    }
    return envelope(resource, properties)


def configuration(resource: Resource, stored: Json, public_address: Expand) -> Json:
    """One IP configuration; fields in the service's order."""
    own = stored["properties"]
    properties: Json = {"provisioningState": resource.properties["provisioningState"]}
    for name in (
        "privateIPAddress",
        "privateIPAllocationMethod",
        "publicIPAddress",
        "subnet",
        "primary",
        "privateIPAddressVersion",
        "privateIPAddressPrefixLength",
        "applicationSecurityGroups",
        "loadBalancerBackendAddressPools",
        "loadBalancerInboundNatRules",
        "applicationGatewayBackendAddressPools",
        "virtualNetworkTaps",
        "gatewayLoadBalancer",
    ):
        if name in own:
            properties[name] = own[name]
    if "publicIPAddress" in own:
        properties["publicIPAddress"] = public_address(own["publicIPAddress"]["id"]) or own["publicIPAddress"]
    return child(resource, resource.id.child("ipConfigurations", stored["name"]), properties)


def _names(resource: Resource) -> Json:
    """The label that was asked for and the full name that it makes."""
    label = resource.properties.get("internalDnsNameLabel")
    return {"internalDnsNameLabel": label, "internalFqdn": f"{label}.{_domain_suffix(resource)}"} if label else {}


def _domain_suffix(resource: Resource) -> str:
    """Each virtual network has its own internal DNS domain."""
    subnet = ResourceId.parse(resource.properties["ipConfigurations"][0]["properties"]["subnet"]["id"])
    return hashlib.sha256(subnet.parent.key.encode()).hexdigest()[:26] + ".ax.internal.cloudapp.net"
