# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security rules, flows and verdicts as values; the wire and the store don't appear here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .addresses import Address, Network

Direction: TypeAlias = Literal["Inbound", "Outbound"]
Access: TypeAlias = Literal["Allow", "Deny"]
Level: TypeAlias = Literal["subnet", "networkInterface", "publicAddress"]


@dataclass(frozen=True, kw_only=True)
class AddressSet:
    """One side of a rule: everything, or a union; tags are lower case, application security groups are keys."""

    everything: bool = False
    tags: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    application_security_groups: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class SecurityRule:
    """One rule. `path` is how reports name it: securityRules/<name> or defaultSecurityRules/<name>.

    `protocol` is lower case, "*" for all. Ports are inclusive ranges.
    """

    id: str
    path: str
    priority: int
    direction: Direction
    access: Access
    protocol: str
    source: AddressSet
    source_ports: tuple[tuple[int, int], ...]
    destination: AddressSet
    destination_ports: tuple[tuple[int, int], ...]

    @property
    def name(self) -> str:
        return self.path.partition("/")[2]

    @property
    def is_default(self) -> bool:
        return self.path.startswith("defaultSecurityRules/")


@dataclass(frozen=True, kw_only=True)
class SecurityGroup:
    """A group as it takes effect: its rules, the six default ones included."""

    id: str
    rules: tuple[SecurityRule, ...]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One end of a flow. `port` None means any port; groups are the keys of application security groups it is in."""

    address: Address
    port: int | None = None
    application_security_groups: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A new connection. The VM's end has its private address: rules see flows after translation."""

    direction: Direction
    protocol: str
    source: Endpoint
    destination: Endpoint


@dataclass(frozen=True, kw_only=True)
class Guards:
    """What stands between a NIC and the rest of the world.

    A missing group lets everything through at its level. `closed_without_group` is for flows that come in through a
    Standard public address or load balancer: secure by default, they are dropped when there is no group at all.
    """

    subnet: SecurityGroup | None = None
    network_interface: SecurityGroup | None = None
    virtual_network: tuple[Network, ...] = ()
    closed_without_group: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`rule_id` and `rule_path` name the deciding rule and `level` where it stands; None when no rule had a say."""

    allowed: bool
    rule_id: str | None = None
    rule_path: str | None = None
    level: Level | None = None


@dataclass(frozen=True, kw_only=True)
class Match:
    """Which parts of a rule fit a flow."""

    protocol: bool
    source: bool
    source_port: bool
    destination: bool
    destination_port: bool

    @property
    def complete(self) -> bool:
        return self.protocol and self.source and self.source_port and self.destination and self.destination_port


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How one group saw a flow: each rule it looked at, in order, the last being the one that decided."""

    group: SecurityGroup
    level: Level
    steps: tuple[tuple[SecurityRule, Match], ...] = field(default=())

    @property
    def decision(self) -> SecurityRule | None:
        if self.steps and self.steps[-1][1].complete:
            return self.steps[-1][0]
        return None

    @property
    def allowed(self) -> bool:
        return self.decision is not None and self.decision.access == "Allow"
