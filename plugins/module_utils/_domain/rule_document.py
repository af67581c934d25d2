# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security rules as results show them."""

from __future__ import annotations

import typing as t

from .expiry import expiry_of

if t.TYPE_CHECKING:
    from .network import Guard
    from .outcome import Document
    from .security_rules import SecurityRule


def rule_document(guard: Guard, rule: SecurityRule | None) -> Document | None:
    """One rule of a group. ``until`` is when its time is over, in UTC; ``None`` for never."""
    if rule is None:
        return None
    until = expiry_of(rule.description)
    return {
        "id": str(guard.group.id.child("securityRules", rule.name)),
        "name": rule.name,
        "priority": rule.priority,
        "access": rule.access,
        "direction": rule.direction,
        "protocol": rule.protocol,
        "sources": sorted(rule.sources | rule.source_groups),
        "source_ports": sorted(map(str, rule.source_ports)),
        "destinations": sorted(rule.destinations | rule.destination_groups),
        "ports": sorted(map(str, rule.ports)),
        "description": rule.description,
        "until": until.strftime("%Y-%m-%dT%H:%M:%SZ") if until else None,
        # Only where it says something: a rule that Azure failed to put into force has to be written again.
        **({"failed": True} if rule.failed else {}),
    }


def group_document(guard: Guard, *, changed: bool) -> Document:
    """A group on the way to the VM."""
    return {
        "id": str(guard.group.id),
        "name": guard.group.id.name,
        "levels": list(guard.levels),
        "changed": changed,
    }
