# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One inbound opening to a VM: which rule belongs in which group, under which name, and what has to change for it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .errors import Conflict, InvalidInput
from .expiry import MARK_LENGTH, end_of, expired, expiry_mark, expiry_of
from .rule_owner import EVERY_VM, RuleOwner, owner_key
from .security_rules import (
    ANY,
    LOWEST_PRIORITY,
    PortRange,
    SecurityRule,
    denies_against,
    free_priority,
    normalised_prefix,
    shadowing_deny,
)
from .service_tag import is_service_tag

if t.TYPE_CHECKING:
    from datetime import datetime, timedelta

    from .network import Guard

_DESCRIPTION_LIMIT = 140


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What the user wants: ``port`` of a VM open for ``sources``.

    ``owner`` is whom the rule is for, ``vm`` the VM of the task, which may be the same. ``destinations`` are the VM's
    private addresses, ``None`` for any; ``destination_groups`` are ids of application security groups instead.
    ``until`` is when it ends, ``None`` for never.
    """

    vm: RuleOwner
    owner: RuleOwner
    port: int
    protocol: str
    sources: tuple[str, ...]
    destinations: tuple[str, ...] | None
    destination_groups: tuple[str, ...] = ()
    name: str | None = None
    priority: int | None = None
    description: str | None = None
    until: datetime | None = None

    @property
    def text(self) -> str:
        """The rule's description: the user's or ours, ending with the marks of its end and of its owner."""
        checked_description(self.description, self.owner, limited=self.until is not None)
        marks = f"{expiry_mark(self.until)} {self.owner.mark}" if self.until else self.owner.mark
        protocol = "any" if self.protocol == ANY else self.protocol.lower()
        words = self.description or f"Allows {protocol}/{self.port} to {self.owner.text}."
        whole = f"{words} {marks}"
        return whole if len(whole) <= _DESCRIPTION_LIMIT else marks

    @property
    def default_names(self) -> tuple[str, str]:
        """The name in a group that has but one such rule, as the portal's guides have it, and in one with several."""
        # Remote Desktop also uses UDP 3389: a task for it must not rewrite the rule of a task for TCP.
        plain = f"Port_{self.port}" + ("_Udp" if self.protocol.lower() == "udp" else "")
        return plain, f"{plain}_{self.owner.word}" if self.owner.word else plain


def checked_description(description: str | None, owner: RuleOwner, *, limited: bool = False) -> None:
    """Raise :class:`InvalidInput` unless ``description`` leaves room for the marks, of which ``limited`` has two."""
    room = _DESCRIPTION_LIMIT - len(owner.mark) - 1 - (MARK_LENGTH + 1 if limited else 0)
    if description and expiry_of(description):
        raise InvalidInput(
            code="ExpiryInDescription",
            message="The description names an end in the form that this collection uses for its own limits.",
            hint="Set expires_after, which writes it.",
        )
    if description and len(description) > room:
        raise InvalidInput(
            code="DescriptionTooLong",
            message=f"The description has {len(description)} characters, and there is room for {room}:"
            f" Azure takes {_DESCRIPTION_LIMIT}, and the mark {owner.mark} belongs to it"
            f"{', and so does the end' if limited else ''}.",
            hint="Shorten the description.",
        )


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
        return self.before.failed or (self.before.effect, self.before.priority, self.before.description) != (
            self.after.effect,
            self.after.priority,
            self.after.description,
        )


def limited(
    opening: Opening, guards: t.Iterable[Guard], *, duration: timedelta, now: datetime, extend: bool
) -> Opening:
    """``opening`` with its end, the same in every group.

    That is ``duration`` from ``now``, unless a rule that an earlier run made still has some of its time:
    :func:`end_of` keeps that end, except with ``extend``.
    """
    rules = [rule for guard in guards if (rule := _own_rule(opening, guard)) and owner_key(rule.description)]
    ends = [end for rule in rules if (end := expiry_of(rule.description)) and end > now]
    found = None if extend else min(ends, default=None)
    return replace(opening, until=end_of(duration, now=now, found=found))


def planned_rule(opening: Opening, guard: Guard, *, skip: int = 0) -> RuleChange:
    """The change that makes ``opening`` true in one group; ``skip`` is :func:`free_priority`'s.

    Raises :class:`Conflict` when the rule's name belongs to somebody else, the wished priority is taken, no priority is
    free, or a Deny in front can't be passed.
    """
    own = _own_rule(opening, guard)
    plain, several = opening.default_names
    name = opening.name or (own.name if own else plain if guard.alone else several)
    found = own or _named(name, guard)
    if found and not _may_rewrite(found, opening, guard):
        raise _rule_of_others(found, opening, guard)
    after = _wanted(opening, guard, found.name if found else name)
    after = replace(after, priority=_priority(opening, after, found, guard, skip))
    return RuleChange(guard=guard, before=found, after=after)


def planned_removal(opening: Opening, guard: Guard) -> RuleChange:
    """The change that removes the rule of ``opening`` from one group.

    A rule of somebody else is left alone; when it is named explicitly, :class:`Conflict` says so.
    """
    found = _named(opening.name, guard) if opening.name else _own_rule(opening, guard)
    if found and owner_key(found.description) not in {opening.owner.key, opening.vm.key}:
        raise _rule_of_others(found, opening, guard)
    return RuleChange(guard=guard, before=found, after=None)


def overdue_rules(guard: Guard, now: datetime) -> list[SecurityRule]:
    """The rules of one group that this collection made, for whichever VM, and whose time is over."""
    return [rule for rule in guard.group.rules if owner_key(rule.description) and expired(rule.description, now)]


def _own_rule(opening: Opening, guard: Guard) -> SecurityRule | None:
    """The rule an earlier run made for this port and owner: by name when one is given, else by its mark."""
    if opening.name:
        return _named(opening.name, guard)
    names = [name.lower() for name in opening.default_names]
    mine = [
        rule
        for rule in guard.group.rules
        if owner_key(rule.description) == opening.owner.key and rule.name.lower() in names
    ]
    return min(mine, key=lambda rule: names.index(rule.name.lower()), default=None)


def _named(name: str, guard: Guard) -> SecurityRule | None:
    return next((rule for rule in guard.group.rules if rule.name.lower() == name.lower()), None)


def _may_rewrite(found: SecurityRule, opening: Opening, guard: Guard) -> bool:
    """Whether a rule of the wanted name may become ours.

    Ours it is already when it bears our mark. One without any mark must be named explicitly. One that is marked for
    others opens the way to them, so it stays theirs while the group guards others at all.
    """
    key = owner_key(found.description)
    if key in {opening.owner.key, opening.vm.key}:
        return True
    if key is None:
        return opening.name is not None
    return guard.alone and (key == EVERY_VM.key or opening.name is not None)


def _rule_of_others(found: SecurityRule, opening: Opening, guard: Guard) -> Conflict:
    group, key = guard.group.id.name, owner_key(found.description)
    if key is None:
        reason = "which this collection did not make"
        hint = f"Set name: {found.name} with state: present to take it over, or choose another name."
    else:
        reason = f"which was made for {key}"
        hint = "Leave name out, and each VM gets a rule of its own; or use destination: any, one rule for all of them."
        if key == EVERY_VM.key:
            hint = "Use destination: any, which is what this rule was made with, or choose another name."
    return Conflict(
        code="RuleOfOthers",
        message=f"The security group {group} has a rule {found.name}, {reason}, so it was left as it is.",
        hint=hint,
        details={"security_group": str(guard.group.id), "rule": found.name, "owner": key},
    )


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
        source_tag=next((text for text in opening.sources if is_service_tag(text)), ""),
    )


def _priority(opening: Opening, after: SecurityRule, found: SecurityRule | None, guard: Guard, skip: int) -> int:
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
    number = free_priority(after, others, skip=skip)
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
            f" (priority {deny.priority}) of the security group {group}, which may deny its traffic.",
            hint=f"Leave priority out, or choose one below {deny.priority}.",
        )


def _no_room(rule: SecurityRule, guard: Guard) -> Conflict:
    group = guard.group.id.name
    first = min(denies_against(rule, guard.group.rules), key=lambda deny: deny.priority, default=None)
    details: dict[str, str | int] = {"security_group": str(guard.group.id)}
    if first is None:
        return Conflict(
            code="NoFreePriority",
            message=f"Every priority of the security group {group} is taken.",
            hint="Remove rules that are no longer needed.",
            details=details,
        )
    details |= {"rule": first.name, "priority": first.priority}
    if first.priority > LOWEST_PRIORITY:
        return Conflict(
            code="NoFreePriority",
            message=f"The rule {first.name} of the security group {group} denies this traffic with priority"
            f" {first.priority}, and every priority in front of it is taken.",
            hint=f"Move {first.name} or a rule in front of it to a higher number.",
            details=details,
        )
    return Conflict(
        code="ShadowedByDeny",
        message=f"The rule {first.name} of the security group {group} denies this traffic with priority"
        f" {first.priority}, in front of which Azure takes no other.",
        hint=f"Move {first.name} to a higher number, or narrow it.",
        details=details,
    )
