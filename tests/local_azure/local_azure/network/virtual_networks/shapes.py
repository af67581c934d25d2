# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual networks and subnets as the service returns them."""

from __future__ import annotations

from ...core.resource_id import ResourceId
from ...core.store import Resource
from ...core.wire import Json
from ..common import SUCCEEDED, child, envelope
from ..references import References
from .records import KEPT

#: Since this version subnets tell what they got from address pools, and those who read one get its users' ids in
#: capitals, as the service keeps them (recorded: 2022-01-01 without, 2024-01-01 with both).
_POOLS_SINCE = "2024-01-01"


def single_subnet(network: Resource, stored: Json, references: References, *, api_version: str, read: bool) -> Json:
    """A subnet as answered on its own: to a GET (`read`), or to the PUT that wrote it."""
    shown = subnet(network, stored, references)
    if api_version[:10] < _POOLS_SINCE:
        return shown
    properties: Json = {}
    for name, value in shown["properties"].items():
        if name in ("ipConfigurations", "delegations"):
            properties.setdefault("ipamPoolPrefixAllocations", [])
        capitals = read and name == "ipConfigurations"
        properties[name] = [{"id": _in_capitals(one["id"])} for one in value] if capitals else value
    return {**shown, "properties": properties}


def _in_capitals(id: str) -> str:
    """The names in capitals, the words between them as ever."""
    parts = id.split("/")
    return "/".join(part.upper() if position in (4, 8, 10) else part for position, part in enumerate(parts))


def subnet(network: Resource, stored: Json, references: References) -> Json:
    """One subnet; `stored` is {name, properties}."""
    id = network.id.child("subnets", stored["name"])
    own = stored["properties"]
    properties: Json = {"provisioningState": network.properties["provisioningState"]}
    for name in ("addressPrefix", "addressPrefixes", "networkSecurityGroup"):
        if name in own:
            properties[name] = own[name]
    users = references.configurations_of_subnet.get(id.key)
    if users:
        properties["ipConfigurations"] = [{"id": user} for user in users]
    properties |= {name: own[name] for name in KEPT if name in own}
    if "serviceEndpoints" in own:
        state = {"provisioningState": properties["provisioningState"]}
        properties["serviceEndpoints"] = [{**state, **one} for one in own["serviceEndpoints"]]
    properties["delegations"] = [_delegation(network, id, one) for one in own["delegations"]]
    for name in ("privateEndpointNetworkPolicies", "privateLinkServiceNetworkPolicies"):
        properties[name] = own[name]
    if "defaultOutboundAccess" in own:
        properties["defaultOutboundAccess"] = own["defaultOutboundAccess"]
    return child(network, id, properties)


def _delegation(network: Resource, subnet: ResourceId, stored: Json) -> Json:
    """To which service a subnet was given; `stored` is {name, serviceName}."""
    properties = {
        "provisioningState": SUCCEEDED,
        "serviceName": stored["serviceName"],
        "actions": ["Microsoft.Network/virtualNetworks/subnets/action"],
    }
    return child(network, subnet.child("delegations", stored["name"]), properties)


def virtual_network(network: Resource, references: References) -> Json:
    own = network.properties
    properties: Json = {
        "provisioningState": own["provisioningState"],
        "resourceGuid": own["resourceGuid"],
        "addressSpace": own["addressSpace"],
    }
    properties |= {name: own[name] for name in ("encryption", "flowTimeoutInMinutes", "dhcpOptions") if name in own}
    properties["subnets"] = [subnet(network, stored, references) for stored in own["subnets"]]
    properties["virtualNetworkPeerings"] = []
    properties["enableDdosProtection"] = False
    if "bgpCommunities" in own:
        properties["bgpCommunities"] = own["bgpCommunities"]
    return envelope(network, properties)
