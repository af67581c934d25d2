# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The six rules that every network security group ends with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...core.wire import Json


@dataclass(frozen=True, kw_only=True)
class DefaultRule:
    """One default rule; all have any protocol and any ports."""

    name: str
    description: str
    source: str
    destination: str
    access: str
    priority: int
    direction: str

    def properties(self) -> Json:
        """As on the wire, without provisioningState."""
        return {
            "description": self.description,
            "protocol": "*",
            "sourcePortRange": "*",
            "destinationPortRange": "*",
            "sourceAddressPrefix": self.source,
            "destinationAddressPrefix": self.destination,
            "access": self.access,
            "priority": self.priority,
            "direction": self.direction,
            "sourcePortRanges": [],
            "destinationPortRanges": [],
            "sourceAddressPrefixes": [],
            "destinationAddressPrefixes": [],
        }


def _rule(name: str, priority: int, access: str, source: str, destination: str, description: str) -> DefaultRule:
    return DefaultRule(
        name=name,
        description=description,
        source=source,
        destination=destination,
        access=access,
        priority=priority,
        direction="Inbound" if name.endswith("InBound") else "Outbound",
    )


#: Texts and order as the service returns them.
DEFAULT_RULES: Final = (
    _rule(
        "AllowVnetInBound",
        65000,
        "Allow",
        "VirtualNetwork",
        "VirtualNetwork",
        "Allow inbound traffic from all VMs in VNET",
    ),
    _rule(
        "AllowAzureLoadBalancerInBound",
        65001,
        "Allow",
        "AzureLoadBalancer",
        "*",
        "Allow inbound traffic from azure load balancer",
    ),
    _rule("DenyAllInBound", 65500, "Deny", "*", "*", "Deny all inbound traffic"),
    _rule(
        "AllowVnetOutBound",
        65000,
        "Allow",
        "VirtualNetwork",
        "VirtualNetwork",
        "Allow outbound traffic from all VMs to all VMs in VNET",
    ),
    _rule(
        "AllowInternetOutBound",
        65001,
        "Allow",
        "*",
        "Internet",
        "Allow outbound traffic from all VMs to Internet",
    ),
    _rule("DenyAllOutBound", 65500, "Deny", "*", "*", "Deny all outbound traffic"),
)
