# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules on the network interfaces of a virtual machine, as Network Watcher's older view shows them."""

from __future__ import annotations

from ...core.resource_id import ResourceId
from ...core.store import Resource, Store
from ...core.wire import Json
from ..models import Guards, SecurityGroup, SecurityRule
from ..security_groups import shapes
from ..security_groups.default_rules import DEFAULT_RULES
from .effective_rules import effective_rule

#: Default rules are shown with the id of no group in particular.
_NO_GROUP = "/subscriptions//resourceGroups//providers/Microsoft.Network/networkSecurityGroups//defaultSecurityRules/"
_DIRECTIONS = ("Outbound", "Inbound")


def interface_view(
    store: Store, interface: Resource, subnet: ResourceId, guards: Guards, members: dict[str, list[str]]
) -> Json:
    """One interface; `members` gives the private addresses of each application security group (by key)."""
    associations: Json = {}
    for name, group, id in (
        ("networkInterfaceAssociation", guards.network_interface, interface.id),
        ("subnetAssociation", guards.subnet, subnet),
    ):
        if group is not None:
            associations[name] = {"id": str(id), "securityRules": _custom_rules(store, group)}
    associations["defaultSecurityRules"] = [_default_rule(one.name, one.properties()) for one in DEFAULT_RULES]
    groups = [group for group in (guards.network_interface, guards.subnet) if group is not None]
    associations["effectiveSecurityRules"] = [
        shown for direction in _DIRECTIONS for shown in _effective(groups, direction, guards, members)
    ]
    return {"id": str(interface.id), "securityRuleAssociations": associations}


def diagnostic_name(rule: SecurityRule) -> str:
    """How diagnoses call a rule: DefaultRule_DenyAllInBound, UserRule_web."""
    return f"{'DefaultRule' if rule.is_default else 'UserRule'}_{rule.name}"


def _custom_rules(store: Store, group: SecurityGroup) -> list[Json]:
    found = store.get(ResourceId.parse(group.id))
    return [] if found is None else [shapes.rule(found, stored) for stored in found.properties["securityRules"]]


def _default_rule(name: str, properties: Json) -> Json:
    return {
        "name": name,
        "id": _NO_GROUP + name,
        "type": "Microsoft.Network/networkSecurityGroups/defaultSecurityRules",
        "properties": {"provisioningState": "Succeeded", **properties},
    }


def _effective(
    groups: list[SecurityGroup], direction: str, guards: Guards, members: dict[str, list[str]]
) -> list[Json]:
    """The rules of one direction, after the one that stands for "nothing else fits"."""
    last: Json = {
        "name": f"Default{direction}DenyAll",
        "protocol": "All",
        "sourcePortRange": "0-65535",
        "destinationPortRange": "0-65535",
        "sourcePortRanges": ["0-65535"],
        "destinationPortRanges": ["0-65535"],
        "sourceAddressPrefix": "*",
        "destinationAddressPrefix": "*",
        "sourceAddressPrefixes": ["*"],
        "destinationAddressPrefixes": ["*"],
        "access": "Deny",
        "priority": 65500,
        "direction": direction,
    }
    rules = [rule for group in groups for rule in group.rules if rule.direction == direction]
    shown = [effective_rule(rule, guards.virtual_network, members, expanded=False) for rule in rules]
    return [last, *({**one, "name": diagnostic_name(rule)} for one, rule in zip(shown, rules, strict=True))]
