# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a VM's port through a load balancer's inbound NAT rule."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._azure import load_balancers, network
from .._domain.nat import chosen_rule, rules_to
from .._domain.resource_id import ResourceId

if t.TYPE_CHECKING:
    from .._azure.clients import AzureClients
    from .._domain.deadline import Deadline
    from .._domain.nat import BalancedConfiguration, LoadBalancer
    from .._domain.network import NetworkInterface, PublicAddress


@dataclass(frozen=True, kw_only=True)
class NatEndpoint:
    """Where to connect to instead of the VM itself.

    ``address`` is ``None`` while a dynamic public address has no number; ``fqdn`` is its DNS name, if any. ``public``
    is false for an internal load balancer, which only its own network reaches. ``rule_id`` is the NAT rule.
    """

    address: str | None
    fqdn: str | None
    port: int
    public: bool
    rule_id: str


def nat_endpoint(
    azure: AzureClients, nic: NetworkInterface, *, port: int, deadline: Deadline, protocol: str = "Tcp"
) -> NatEndpoint | None:
    """The way to ``port`` behind the primary ip configuration of ``nic``; ``None`` when no NAT rule leads there.

    No read where the configuration refers to no load balancer, else one for each and one for the address.
    """
    main = nic.main.balanced
    if main is None:
        return None
    way = chosen_rule(main, _balancers(azure, main), port=port, protocol=protocol)
    if way is None:
        return None
    balancer, rule = way
    frontend = balancer.frontend_of(rule)
    outside = rule.frontend_port
    if rule.pool_id:
        pool = ResourceId.parse(rule.pool_id)
        outside = load_balancers.mapped_port(azure, pool, main.id, rule.id.name, deadline=deadline)
    if frontend is None or outside is None:
        return None
    if not frontend.public_address_id:
        return NatEndpoint(
            address=frontend.private_address, fqdn=None, port=outside, public=False, rule_id=str(rule.id)
        )
    public = network.public_address(azure, ResourceId.parse(frontend.public_address_id))
    return NatEndpoint(address=public.address, fqdn=public.fqdn, port=outside, public=True, rule_id=str(rule.id))


def nat_addresses(azure: AzureClients, nic: NetworkInterface) -> list[PublicAddress]:
    """The public addresses whose NAT rules lead to any port of the primary ip configuration of ``nic``."""
    main = nic.main.balanced
    if main is None:
        return []
    frontends = [balancer.frontend_of(rule) for balancer, rule in rules_to(main, _balancers(azure, main))]
    found = {each.public_address_id for each in frontends if each and each.public_address_id}
    return [network.public_address(azure, ResourceId.parse(text)) for text in sorted(found)]


def _balancers(azure: AzureClients, main: BalancedConfiguration) -> list[LoadBalancer]:
    return [load_balancers.load_balancer(azure, each) for each in main.balancer_ids]
