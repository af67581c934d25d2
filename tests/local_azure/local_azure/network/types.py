# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Full names of the resource types of this provider."""

from __future__ import annotations

from typing import Final

NAMESPACE: Final = "Microsoft.Network"
SECURITY_GROUPS: Final = "Microsoft.Network/networkSecurityGroups"
SECURITY_RULES: Final = "Microsoft.Network/networkSecurityGroups/securityRules"
DEFAULT_SECURITY_RULES: Final = "Microsoft.Network/networkSecurityGroups/defaultSecurityRules"
APPLICATION_GROUPS: Final = "Microsoft.Network/applicationSecurityGroups"
VIRTUAL_NETWORKS: Final = "Microsoft.Network/virtualNetworks"
SUBNETS: Final = "Microsoft.Network/virtualNetworks/subnets"
INTERFACES: Final = "Microsoft.Network/networkInterfaces"
IP_CONFIGURATIONS: Final = "Microsoft.Network/networkInterfaces/ipConfigurations"
PUBLIC_ADDRESSES: Final = "Microsoft.Network/publicIPAddresses"
LOAD_BALANCERS: Final = "Microsoft.Network/loadBalancers"
LB_FRONTENDS: Final = "Microsoft.Network/loadBalancers/frontendIPConfigurations"
LB_POOLS: Final = "Microsoft.Network/loadBalancers/backendAddressPools"
LB_NAT_RULES: Final = "Microsoft.Network/loadBalancers/inboundNatRules"
WATCHERS: Final = "Microsoft.Network/networkWatchers"
