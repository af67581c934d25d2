# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security rules as results show them."""

from __future__ import annotations

from ansible_collections.azvm.access.plugins.module_utils._domain.network import Guard, SecurityGroup
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId
from ansible_collections.azvm.access.plugins.module_utils._domain.rule_document import group_document, rule_document
from ansible_collections.azvm.access.plugins.module_utils._domain.security_rules import PortRange, SecurityRule

ID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/nsg"
RULE = SecurityRule(
    name="Port_3389",
    priority=1000,
    access="Allow",
    direction="Inbound",
    protocol="Tcp",
    sources=frozenset({"203.0.113.7", "198.51.100.0/24"}),
    destinations=frozenset(),
    destination_groups=frozenset({"/id/of/a/group"}),
    ports=frozenset({PortRange(first=3389, last=3389)}),
    description="Open. [until 2026-11-20T18:30Z] [azvm.access rg/win1]",
)
GUARD = Guard(
    group=SecurityGroup(id=ResourceId.parse(ID), rules=(RULE,), interface_ids=(), subnet_ids=()),
    levels=("subnet", "nic"),
    alone=True,
)


def test_a_rule_is_shown_whole_and_sorted() -> None:
    assert rule_document(GUARD, RULE) == {
        "id": f"{ID}/securityRules/Port_3389",
        "name": "Port_3389",
        "priority": 1000,
        "access": "Allow",
        "direction": "Inbound",
        "protocol": "Tcp",
        "sources": ["198.51.100.0/24", "203.0.113.7"],
        "source_ports": ["*"],
        "destinations": ["/id/of/a/group"],
        "ports": ["3389"],
        "description": RULE.description,
        "until": "2026-11-20T18:30:00Z",
    }
    assert rule_document(GUARD, None) is None


def test_a_group_is_shown_with_where_it_stands() -> None:
    assert group_document(GUARD, changed=True) == {
        "id": ID,
        "name": "nsg",
        "levels": ["subnet", "nic"],
        "changed": True,
    }
