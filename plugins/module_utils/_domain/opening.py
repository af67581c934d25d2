# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One inbound opening to a VM: which rule belongs in which group, under which name, and what has to change for it."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from .errors import Conflict, InvalidInput
from .security_rules import (
    ANY,
    PortRange,
    SecurityRule,
    denies_against,
    free_priority,
    normalised_prefix,
    shadowing_deny,
)

if t.TYPE_CHECKING:
    from .network import Guard

_MARK = re.compile(r"\[azvm\.access (?P<owner>[^\]]+)\]$")
_DESCRIPTION_LIMIT = 140
EVERY_VM = "every VM of this group"


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What the user wants: ``port`` of a VM open for ``sources``.

    ``owner`` names the VM the rule is for (``group/name``), or :data:`EVERY_VM`; it stands in the rule's description,
    so that later runs know their own rule from others'. ``destinations`` are the VM's private addresses, ``None`` for
    any; ``destination_groups`` are ids of application security groups instead.
    """

    vm_name: str
    owner: str
    port: int
    protocol: str
    sources: tuple[str, ...]
    destinations: tuple[str, ...] | None
    destination_groups: tuple[str, ...] = ()
    name: str | None = None
    priority: int | None = None
    description: str | None = None

    @property
    def text(self) -> str:
        """The rule's description: the user's or ours, ending with the owner's mark."""
        mark = f"[azvm.access {self.owner}]"
        words = self.description or f"Allows {self.protocol.lower()}/{self.port} to {self.vm_name}."
        if len(words) + len(mark) + 1 > _DESCRIPTION_LIMIT:
            if self.description:
                raise InvalidInput(
                    code="DescriptionTooLong",
                    message=f"The description may have {_DESCRIPTION_LIMIT - len(mark) - 1} characters here:"
                    f" Azure takes {_DESCRIPTION_LIMIT} and the mark {mark} belongs to it.",
                )
            return mark
        return f"{words} {mark}"


@dataclass(frozen=True, kw_only=True)
class RuleChange:
    """What happens in one group: ``before`` is the rule found, ``after`` the rule wanted; ``None`` is no rule."""

    guard: Guard
    before: SecurityRule | None
    after: SecurityRule | None

    @property
    def needed(self) -> bool:
        if self.before is None or self.after is None:
            return self.before is not self.after
        return (self.before.effect, self.before.priority, self.before.description) != (
            self.after.effect,
            self.after.priority,
            self.after.description,
        )


def owner_of(rule: SecurityRule) -> str | None:
    """Who a rule of this collection is for; ``None`` for a rule of somebody else."""
    found = _MARK.search(rule.description)
    return found["owner"] if found else None


def planned_rule(opening: Opening, guard: Guard) -> RuleChange:
    """The change that makes ``opening`` true in one group.

    Raises :class:`Conflict` when the rule's name belongs to somebody else, the wished priority is taken, no priority is
    free, or a Deny in front can't be passed.
    """
    own = _own_rule(opening, guard)
    name = opening.name or (own.name if own else _default_name(opening, guard))
    found = own or _named(name, guard)
    if found and not opening.name and owner_of(found) != opening.owner:
        raise Conflict(
            code="RuleOfOthers",
            message=f"The security group {guard.group.id.name} already has a rule {found.name},"
            " which this collection did not make for this VM.",
            hint=f"Set name: {found.name} to take that rule over, or name to something else.",
            details={"security_group": str(guard.group.id), "rule": found.name},
        )
    after = _wanted(opening, guard, found.name if found else name)
    after = replace(after, priority=_priority(opening, after, found, guard))
    return RuleChange(guard=guard, before=found, after=after)


def planned_removal(opening: Opening, guard: Guard) -> RuleChange:
    """The change that removes the rule of ``opening`` from one group; a rule of somebody else is left alone."""
    found = _named(opening.name, guard) if opening.name else _own_rule(opening, guard)
    return RuleChange(guard=guard, before=found, after=None)


def _own_rule(opening: Opening, guard: Guard) -> SecurityRule | None:
    """The rule an earlier run made for this port and owner: by name when one is given, else by its mark."""
    if opening.name:
        return _named(opening.name, guard)
    wanted = frozenset({PortRange(first=opening.port, last=opening.port)})
    names = (f"port_{opening.port}", f"port_{opening.port}_{_rule_word(opening.vm_name)}".lower())
    mine = [
        rule
        for rule in guard.group.rules
        if owner_of(rule) == opening.owner and rule.ports == wanted and rule.name.lower() in names
    ]
    return min(mine, key=lambda rule: names.index(rule.name.lower()), default=None)


def _named(name: str, guard: Guard) -> SecurityRule | None:
    return next((rule for rule in guard.group.rules if rule.name.lower() == name.lower()), None)


def _default_name(opening: Opening, guard: Guard) -> str:
    """``Port_<port>`` as the portal's guides name it; with the VM's name where the group guards others, too."""
    if guard.alone or opening.owner == EVERY_VM:
        return f"Port_{opening.port}"
    return f"Port_{opening.port}_{_rule_word(opening.vm_name)}"


def _rule_word(vm_name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", vm_name)[:64].rstrip("-")


def _wanted(opening: Opening, guard: Guard, name: str) -> SecurityRule:
    # A group at the interface of this VM alone may say "any": nothing else is behind it. A subnet may gain VMs.
    anywhere = opening.destinations is None or (guard.alone and guard.levels == ("nic",))
    destinations = frozenset({ANY}) if anywhere else frozenset(map(normalised_prefix, opening.destinations or ()))
    return SecurityRule(
        name=name,
        priority=0,
        access="Allow",
        direction="Inbound",
        protocol=opening.protocol,
        sources=frozenset(map(normalised_prefix, opening.sources)),
        destinations=frozenset() if opening.destination_groups else destinations,
        ports=frozenset({PortRange(first=opening.port, last=opening.port)}),
        destination_groups=frozenset(text.lower() for text in opening.destination_groups),
        description=opening.text,
    )


def _priority(opening: Opening, after: SecurityRule, found: SecurityRule | None, guard: Guard) -> int:
    others = guard.group.rules
    keep = found is not None and found.direction.lower() == "inbound" and found.access.lower() == "allow"
    wished = opening.priority or (found.priority if keep and found else None)
    if wished is not None:
        placed = replace(after, priority=wished)
        deny = shadowing_deny(placed, others)
        if opening.priority is None and deny is None:
            return wished
        if opening.priority is not None:
            _check_wish(placed, deny, guard)
            return wished
    number = free_priority(after, others)
    if number is None:
        raise _no_room(after, guard)
    return number


def _check_wish(placed: SecurityRule, deny: SecurityRule | None, guard: Guard) -> None:
    group = guard.group.id.name
    holder = next(
        (
            rule
            for rule in guard.group.rules
            if rule.priority == placed.priority
            and rule.direction.lower() == "inbound"
            and rule.name.lower() != placed.name.lower()
        ),
        None,
    )
    if holder:
        raise Conflict(
            code="PriorityTaken",
            message=f"Priority {placed.priority} of the security group {group} belongs to the rule {holder.name}.",
            hint="Leave priority out to have a free one chosen.",
        )
    if deny:
        raise Conflict(
            code="ShadowedByDeny",
            message=f"With priority {placed.priority} the rule would stand behind the rule {deny.name}"
            f" (priority {deny.priority}) of the security group {group}, which denies the same traffic.",
            hint=f"Leave priority out, or choose one below {deny.priority}.",
        )


def _no_room(rule: SecurityRule, guard: Guard) -> Conflict:
    group = guard.group.id.name
    first = min(denies_against(rule, guard.group.rules), key=lambda deny: deny.priority, default=None)
    if first is None:
        return Conflict(
            code="NoFreePriority",
            message=f"Every priority of the security group {group} is taken.",
            hint="Remove rules that are no longer needed.",
        )
    return Conflict(
        code="ShadowedByDeny",
        message=f"The rule {first.name} of the security group {group} denies this traffic with priority"
        f" {first.priority}, and no priority in front of it is free.",
        hint=f"Move {first.name} to a higher number, or narrow it.",
        details={"security_group": str(guard.group.id), "rule": first.name, "priority": first.priority},
    )
