# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security groups in the store: what a write changes at once, and when it takes effect on traffic.

A group's record holds its rules as [{name, properties}] in the order they were made. A write changes the record when it
is accepted; traffic follows when its operation ends, as on Azure, where the data plane is programmed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.resource_id import ResourceId
from ...core.store import Resource, Store
from ...core.wire import Json
from .. import errors, reading
from ..common import existing_reference, location_for, resource_guid, tags_of
from ..models import SecurityGroup, SecurityRule
from ..names import check_name
from ..types import APPLICATION_GROUPS
from . import rules
from .default_rules import DEFAULT_RULES
from .shapes import rule_id

#: Keys of a record's private part: the rules traffic follows, the number of the last write accepted, and of the last
#: one whose rules took effect.
_IN_EFFECT, _ACCEPTED, _LATEST = "in effect", "accepted", "latest"


def replaced(store: Store, id: ResourceId, body: Json) -> Resource:
    """The group as a whole-group PUT leaves it: exactly the rules given. The store isn't changed yet."""
    existing = store.get(id)
    given = reading.section(body, "properties")
    stored: list[Json] = []
    for item in reading.objects(given, "securityRules"):
        name = reading.text(item, "name") or ""
        stored.append(_stored_rule(store, id, name, reading.section(item, "properties")))
    _check_rules(id, stored)
    group = Resource(
        id=id,
        location=location_for(id, body, existing),
        tags=tags_of(body),
        properties={
            "provisioningState": "Succeeded",
            "resourceGuid": resource_guid(existing),
            "securityRules": stored,
        },
    )
    if reading.flag(given, "flushConnection", False):
        group.properties["flushConnection"] = True
    if existing is not None:
        group.private = existing.private
    return group


def find_rule(group: Resource, name: str) -> Json | None:
    """The stored rule of that name, without regard to case."""
    for stored in group.properties["securityRules"]:
        if stored["name"].lower() == name.lower():
            found: Json = stored
            return found
    return None


def with_rule(store: Store, group: Resource, name: str, properties: Json) -> tuple[list[Json], Json]:
    """The group's rules after a PUT of one rule, and that rule. An existing rule keeps its place and spelling."""
    existing = find_rule(group, name)
    stored = _stored_rule(store, group.id, existing["name"] if existing is not None else name, properties)
    old: list[Json] = group.properties["securityRules"]
    new = [stored if one is existing else one for one in old] if existing is not None else [*old, stored]
    _check_rules(group.id, new)
    return new, stored


def without_rule(group: Resource, doomed: Json) -> list[Json]:
    return [one for one in group.properties["securityRules"] if one is not doomed]


def accepted(group: Resource) -> Callable[[], None]:
    """Note that a write was accepted; calling the result makes traffic follow the rules as they are now.

    A later write may end before an earlier one (they differ in length); the earlier one then changes nothing more.
    """
    group.private[_ACCEPTED] = number = group.private.get(_ACCEPTED, 0) + 1
    rules_now = _compiled(group)

    def take_effect() -> None:
        if number > group.private.get(_LATEST, 0):
            group.private[_LATEST] = number
            group.private[_IN_EFFECT] = rules_now

    return take_effect


def in_effect(group: Resource) -> SecurityGroup:
    """The rules that traffic follows now."""
    current: SecurityGroup | None = group.private.get(_IN_EFFECT)
    return current if current is not None else SecurityGroup(id=str(group.id), rules=_default_rules(group))


def _compiled(group: Resource) -> SecurityGroup:
    custom = tuple(
        rules.compiled(one["properties"], id=rule_id(group.id, one["name"]), path=f"securityRules/{one['name']}")
        for one in group.properties["securityRules"]
        if not one.get("deleting")
    )
    return SecurityGroup(id=str(group.id), rules=(*custom, *_default_rules(group)))


def _default_rules(group: Resource) -> tuple[SecurityRule, ...]:
    return tuple(
        rules.compiled(
            one.properties(),
            id=str(group.id.child("defaultSecurityRules", one.name)),
            path=f"defaultSecurityRules/{one.name}",
        )
        for one in DEFAULT_RULES
    )


def _stored_rule(store: Store, group: ResourceId, name: str, properties: Json) -> Json:
    check_name(name)
    id = rule_id(group, name)
    normal = rules.normalise(properties, id)
    for side in ("sourceApplicationSecurityGroups", "destinationApplicationSecurityGroups"):
        if side in normal:
            normal[side] = [
                {"id": str(existing_reference(store, one, APPLICATION_GROUPS, ResourceId.parse(id)).id)}
                for one in reading.references(normal, side)
            ]
    return {"name": name, "properties": normal}


def _check_rules(group: ResourceId, stored: list[Json]) -> None:
    if len(stored) > rules.MAX_RULES:
        raise errors.too_many_rules(str(group), rules.MAX_RULES)
    rules.check_conflicts((one["name"], one["properties"]) for one in stored)
