# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual networks and subnets as the service returns them."""

from __future__ import annotations

from ...core.store import Resource
from ...core.wire import Json
from ..common import child, envelope
from ..references import References


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
    for name in ("delegations", "privateEndpointNetworkPolicies", "privateLinkServiceNetworkPolicies"):
        properties[name] = own[name]
    if "defaultOutboundAccess" in own:
        properties["defaultOutboundAccess"] = own["defaultOutboundAccess"]
    return child(network, id, properties)


def virtual_network(network: Resource, references: References) -> Json:
    own = network.properties
    properties: Json = {
        "provisioningState": own["provisioningState"],
        "resourceGuid": own["resourceGuid"],
        "addressSpace": own["addressSpace"],
    }
    if "dhcpOptions" in own:
        properties["dhcpOptions"] = own["dhcpOptions"]
    properties["subnets"] = [subnet(network, stored, references) for stored in own["subnets"]]
    properties["virtualNetworkPeerings"] = []
    properties["enableDdosProtection"] = False
    return envelope(network, properties)
