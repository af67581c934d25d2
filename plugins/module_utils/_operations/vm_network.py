# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the network around a VM: its interface, the groups that guard it, the addresses it is reached by."""

from __future__ import annotations

import typing as t

from .._azure import network
from .._domain.network import Guard, NetworkInterface, VmAddresses, guards_of
from .._domain.resource_id import ResourceId

if t.TYPE_CHECKING:
    from .._azure.clients import AzureClients


def guards(azure: AzureClients, nic: NetworkInterface) -> tuple[Guard, ...]:
    """The security groups that traffic to ``nic`` passes: two to three reads."""
    subnet_id = nic.main.subnet_id
    subnet = network.subnet(azure, ResourceId.parse(subnet_id)) if subnet_id else None
    found = {text.lower(): text for text in (subnet.group_id if subnet else None, nic.group_id) if text}
    groups = {key: network.security_group(azure, ResourceId.parse(text)) for key, text in found.items()}
    return guards_of(nic, subnet, groups)


def addresses(azure: AzureClients, nic: NetworkInterface) -> VmAddresses:
    """How the VM behind ``nic`` is reached: at most one read."""
    main = nic.main
    public = network.public_address(azure, ResourceId.parse(main.public_address_id)) if main.public_address_id else None
    return VmAddresses(
        fqdn=public.fqdn if public else None,
        public=public.address if public else None,
        private=main.private_address,
    )
