# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a VM is reached through a load balancer: the inbound NAT rule that leads to one of its ports."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .resource_id import ResourceId, same_id

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, kw_only=True)
class Frontend:
    """A frontend of a load balancer: with a public address, or inside a network with a private one."""

    id: str
    public_address_id: str | None
    private_address: str | None


@dataclass(frozen=True, kw_only=True)
class NatRule:
    """An inbound NAT rule. ``frontend_port`` is ``None`` for a rule with a range, one port for each pool member.

    ``target_id`` is the ip configuration that a single rule leads to, ``pool_id`` the backend pool of a range.
    """

    id: ResourceId
    frontend_id: str
    protocol: str
    frontend_port: int | None
    backend_port: int
    floating: bool = False
    target_id: str | None = None
    pool_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class LoadBalancer:
    """A load balancer with its inbound NAT rules. ``sku`` is ``Basic`` or ``Standard``."""

    id: ResourceId
    sku: str
    frontends: tuple[Frontend, ...]
    rules: tuple[NatRule, ...]

    def frontend_of(self, rule: NatRule) -> Frontend | None:
        return next((each for each in self.frontends if same_id(each.id, rule.frontend_id)), None)


@dataclass(frozen=True, kw_only=True)
class BalancedConfiguration:
    """An ip configuration and what it refers to in load balancers: inbound NAT rules and backend pools."""

    id: ResourceId
    rule_ids: tuple[str, ...]
    pool_ids: tuple[str, ...]

    @property
    def balancer_ids(self) -> tuple[ResourceId, ...]:
        """Each load balancer once, in Azure's order."""
        return tuple(dict.fromkeys(ResourceId.parse(text).parent for text in (*self.rule_ids, *self.pool_ids)))


def chosen_rule(
    configuration: BalancedConfiguration, balancers: Iterable[LoadBalancer], *, port: int, protocol: str = "Tcp"
) -> tuple[LoadBalancer, NatRule] | None:
    """The rule that leads to ``port`` of the configuration: a public frontend before an internal one."""
    found = [
        (balancer, rule)
        for balancer, rule in rules_to(configuration, balancers)
        if rule.protocol.lower() in (protocol.lower(), "all")
        and port == (rule.frontend_port if rule.floating else rule.backend_port)
    ]

    def rank(way: tuple[LoadBalancer, NatRule]) -> bool:
        frontend = way[0].frontend_of(way[1])
        return frontend is None or frontend.public_address_id is None

    return min(found, key=rank, default=None)


def rules_to(
    configuration: BalancedConfiguration, balancers: Iterable[LoadBalancer]
) -> Iterator[tuple[LoadBalancer, NatRule]]:
    """The rules that lead to any port of the configuration."""
    for balancer in balancers:
        yield from ((balancer, rule) for rule in balancer.rules if _leads_to(rule, configuration))


def _leads_to(rule: NatRule, configuration: BalancedConfiguration) -> bool:
    if rule.pool_id:
        return any(same_id(rule.pool_id, text) for text in configuration.pool_ids)
    named = any(same_id(str(rule.id), text) for text in configuration.rule_ids)
    return named or same_id(rule.target_id, str(configuration.id))
