# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource ids: parsing, canonical text, comparison."""

from __future__ import annotations

import pytest

from local_azure.core.resource_id import ResourceId

RULE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/g/securityRules/r"


def test_parts_of_a_nested_resource() -> None:
    id = ResourceId.parse(RULE)
    assert str(id) == RULE
    assert id.type == "Microsoft.Network/networkSecurityGroups/securityRules"
    assert (id.name, id.group, id.subscription) == ("r", "rg", "s")
    assert str(id.parent) == RULE.removesuffix("/securityRules/r")
    assert str(id.parent.parent) == "/subscriptions/s/resourceGroups/rg"
    assert id.parent.child("securityRules", "r") == id


def test_group_and_subscription_are_ids_too() -> None:
    group = ResourceId.parse("/subscriptions/s/resourcegroups/rg")
    assert (group.type, group.name) == ("Microsoft.Resources/resourceGroups", "rg")
    assert group.parent == ResourceId.parse("/subscriptions/S")
    assert str(group.child("Microsoft.Compute/virtualMachines", "vm")).endswith("Microsoft.Compute/virtualMachines/vm")


def test_comparison_ignores_case_and_print_keeps_it() -> None:
    other = ResourceId.parse(RULE.upper().replace("/SUBSCRIPTIONS/", "/subscriptions/"))
    assert other == ResourceId.parse(RULE)
    assert hash(other) == hash(ResourceId.parse(RULE))
    assert str(other) != RULE


def test_enclosing_needs_whole_segments() -> None:
    group = ResourceId.parse("/subscriptions/s/resourceGroups/rg")
    assert ResourceId.parse(RULE).is_under(group)
    assert not ResourceId.parse("/subscriptions/s/resourceGroups/rg2").is_under(group)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "subscriptions/s",
        "/subscriptions",
        "/subscriptions/s/resourceGroups",
        "/subscriptions/s//resourceGroups/rg",
        "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network",
        "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups",
        "/tenants/t",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a resource id"):
        ResourceId.parse(text)
