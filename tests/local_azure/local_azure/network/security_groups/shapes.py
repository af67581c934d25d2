# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security groups and rules as the service returns them."""

from __future__ import annotations

from ...core.resource_id import ResourceId
from ...core.store import Resource
from ...core.wire import Json
from ..common import DELETING, FAILED, SUCCEEDED, child, envelope
from ..references import References
from .default_rules import DEFAULT_RULES


def rule(group: Resource, stored: Json) -> Json:
    """One custom rule; `stored` is {name, properties[, deleting][, failed]}."""
    state = group.properties["provisioningState"]
    if stored.get("deleting"):
        state = DELETING
    elif state in (SUCCEEDED, FAILED):
        state = FAILED if stored.get("failed") else SUCCEEDED
    id = group.id.child("securityRules", stored["name"])
    return child(group, id, {"provisioningState": state, **stored["properties"]})


def default_rules(group: Resource) -> list[Json]:
    state = group.properties["provisioningState"]
    return [
        child(
            group,
            group.id.child("defaultSecurityRules", one.name),
            {"provisioningState": state, **one.properties()},
        )
        for one in DEFAULT_RULES
    ]


def security_group(group: Resource, references: References) -> Json:
    """A whole group; the lists of its users are absent when empty."""
    properties: Json = {
        "provisioningState": group.properties["provisioningState"],
        "resourceGuid": group.properties["resourceGuid"],
        "securityRules": [rule(group, stored) for stored in group.properties["securityRules"]],
        "defaultSecurityRules": default_rules(group),
    }
    if "flushConnection" in group.properties:
        properties["flushConnection"] = group.properties["flushConnection"]
    for name, users in (
        ("networkInterfaces", references.interfaces_of_group.get(group.id.key)),
        ("subnets", references.subnets_of_group.get(group.id.key)),
    ):
        if users:
            properties[name] = [{"id": id} for id in users]
    return envelope(group, properties)


def rule_id(group: ResourceId, name: str) -> str:
    return str(group.child("securityRules", name))
