# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security rules as values: normalised, compared, and searched for a Deny that would shadow an Allow.

Fields, limits and the order of evaluation are those of network security groups (Microsoft.Network securityRules;
Microsoft: How network security groups filter network traffic).
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
from dataclasses import dataclass, field

from .errors import InvalidInput
from .service_tag import HINT as TAG_HINT
from .service_tag import is_service_tag

LOWEST_PRIORITY = 100
HIGHEST_PRIORITY = 4096
_FIRST_CHOICE = 1000

ANY = "*"
_RULE_NAME = re.compile(r"\w([\w.-]{0,78}\w)?", re.ASCII)
_EVERYWHERE = frozenset({ANY, "internet", "0.0.0.0/0", "::/0"})

Network: t.TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"


def normalised_prefix(text: str) -> str:
    """``text`` as it is compared: no ``/32``, no host bits, tags in lower case, and ``*`` for ``any``."""
    value = text.strip()
    if value.lower() in {ANY, "any"}:
        return ANY
    network = network_of(value)
    if network is None:
        return value.lower()
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def network_of(prefix: str) -> Network | None:
    """The addresses a prefix names; ``None`` for ``*`` and service tags."""
    try:
        return ipaddress.ip_network(prefix.strip(), strict=False)
    except ValueError:
        return None


def checked_sources(sources: t.Sequence[str], *, allow_any: bool) -> tuple[str, ...]:
    """The sources of a new rule, checked and without repeats; raises :class:`InvalidInput`.

    Azure takes several addresses or one service tag (``*`` counts as one), and IPv4 and IPv6 never in one rule.
    """
    if not sources:
        raise InvalidInput(
            code="SourcesMissing",
            message="No source is named from which the port may be reached.",
            hint="Name the controller's public address or your network, for example 203.0.113.7 or 198.51.100.0/24.",
        )
    chosen: dict[str, str] = {}
    for text in sources:
        value = ANY if text.strip().lower() == "any" else text.strip()
        network = network_of(value)
        if network is None and value != ANY and not is_service_tag(value):
            raise InvalidInput(
                code="InvalidSource",
                message=f"{text!r} is neither an address, nor a prefix such as 198.51.100.0/24, nor a service tag.",
                hint=f"Security groups know no host names: name the address behind it. {TAG_HINT}",
            )
        chosen.setdefault(normalised_prefix(value), value if network is None else normalised_prefix(value))
    wide = sorted(value for key, value in chosen.items() if key in _EVERYWHERE)
    if wide and not allow_any:
        raise InvalidInput(
            code="AnySourceRefused",
            message=f"The source {wide[0]} opens the port to the whole internet.",
            hint="Name the addresses that need access, or set allow_any_source: true if this is really meant.",
        )
    versions = {network.version for network in map(network_of, chosen) if network}
    if len(chosen) > 1 and (len(versions) > 1 or any(network_of(key) is None for key in chosen)):
        raise InvalidInput(
            code="MixedSources",
            message="One rule takes either one service tag (or '*'), or addresses of one IP version.",
            hint="Make one rule each, with different names.",
        )
    return tuple(chosen.values())


def checked_rule_name(name: str) -> str:
    """Raise :class:`InvalidInput` unless Azure takes ``name`` (1 to 80 word characters, dots and hyphens)."""
    if not _RULE_NAME.fullmatch(name):
        raise InvalidInput(
            code="InvalidRuleName",
            message=f"{name!r} can't be the name of a security rule.",
            hint="Use up to 80 letters, digits, _, . and -; begin and end with a letter, a digit or _.",
        )
    return name


@dataclass(frozen=True, kw_only=True)
class PortRange:
    """Ports ``first`` to ``last``, both included."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> PortRange:
        """Read ``*``, ``80`` or ``80-90``."""
        if text.strip() == ANY:
            return cls(first=0, last=65535)
        first, _dash, last = text.partition("-")
        return cls(first=int(first), last=int(last or first))

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        if (self.first, self.last) == (0, 65535):
            return ANY
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, kw_only=True)
class SecurityRule:
    """One rule of a security group, in normalised form: two rules that mean the same are equal but for name and text.

    ``sources`` and ``destinations`` are prefixes or tags; application security groups are lower-case ids beside them.
    ``source_tag`` is the service tag among the sources as it was written, "" for none.
    ``failed``: Azure could not put the rule into force, so that it stands there and does nothing.
    """

    name: str
    priority: int
    access: str
    direction: str
    protocol: str
    sources: frozenset[str]
    destinations: frozenset[str]
    ports: frozenset[PortRange]
    source_ports: frozenset[PortRange] = frozenset({PortRange(first=0, last=65535)})
    source_groups: frozenset[str] = frozenset()
    destination_groups: frozenset[str] = frozenset()
    description: str = ""
    source_tag: str = field(default="", compare=False)
    failed: bool = False

    @property
    def effect(self) -> tuple[object, ...]:
        """What the rule does, without its name, its place and its text."""
        return (
            self.access.lower(),
            self.direction.lower(),
            self.protocol.lower(),
            self.sources,
            self.destinations,
            self.ports,
            self.source_ports,
            self.source_groups,
            self.destination_groups,
        )

    def might_match(self, other: SecurityRule) -> bool:
        """Whether some packet of ``other`` could be one of this rule's.

        Says yes where it can't know: what a service tag or an application security group holds is Azure's secret.
        """
        return (
            self.direction.lower() == other.direction.lower()
            and _overlap(self.protocol.lower(), other.protocol.lower())
            and any(mine.first <= its.last and its.first <= mine.last for mine in self.ports for its in other.ports)
            and any(
                mine.first <= its.last and its.first <= mine.last
                for mine in self.source_ports
                for its in other.source_ports
            )
            and _sides_meet(self.sources, self.source_groups, other.sources, other.source_groups)
            and _sides_meet(self.destinations, self.destination_groups, other.destinations, other.destination_groups)
        )


def _overlap(one: str, other: str) -> bool:
    return ANY in (one, other) or one == other


def _sides_meet(
    ours: frozenset[str], our_groups: frozenset[str], its: frozenset[str], its_groups: frozenset[str]
) -> bool:
    if our_groups or its_groups:
        return True
    return any(_prefixes_meet(one, other) for one in ours for other in its)


def _prefixes_meet(one: str, other: str) -> bool:
    if ANY in (one, other) or one == other:
        return True
    first, second = network_of(one), network_of(other)
    if first is not None and second is not None:
        return first.version == second.version and first.overlaps(second)
    return True


def shadowing_deny(rule: SecurityRule, others: t.Iterable[SecurityRule]) -> SecurityRule | None:
    """The first Deny that Azure would evaluate before ``rule`` for some of its traffic; ``None`` when there is none."""
    before = [other for other in denies_against(rule, others) if other.priority < rule.priority]
    return min(before, key=lambda other: other.priority, default=None)


def denies_against(rule: SecurityRule, others: t.Iterable[SecurityRule]) -> list[SecurityRule]:
    """All Deny rules, of whatever priority, that might hold some of ``rule``'s traffic."""
    return [
        other
        for other in others
        if other.access.lower() == "deny" and other.name.lower() != rule.name.lower() and other.might_match(rule)
    ]


def free_priority(rule: SecurityRule, others: t.Collection[SecurityRule], *, skip: int = 0) -> int | None:
    """A free priority for ``rule`` in front of every Deny against it; ``None`` when there is none.

    From 1000 upwards where no Deny is in the way (room is left in front for rules that must come first), else the
    highest free one in front of the first Deny. ``rule.priority`` is ignored. ``skip`` passes over so many of them, as
    far as there are more: writers that met on one number choose different ones next time.
    """
    taken = {
        other.priority
        for other in others
        if other.direction.lower() == rule.direction.lower() and other.name.lower() != rule.name.lower()
    }
    limit = min((deny.priority for deny in denies_against(rule, others)), default=HIGHEST_PRIORITY + 1)
    upwards = range(_FIRST_CHOICE, limit)
    downwards = range(min(limit, _FIRST_CHOICE) - 1, LOWEST_PRIORITY - 1, -1)
    free = [number for number in (*upwards, *downwards) if number not in taken]
    return free[skip % len(free)] if free else None
