# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The effective security rules of a network interface, one entry per group on the way."""

from __future__ import annotations

from typing import Final

from ...core.resource_id import ResourceId
from ...core.store import Resource
from ...core.wire import Json
from ..addresses import (
    AZURE_LOAD_BALANCER,
    INTERNET,
    TAGS,
    VIRTUAL_NETWORK,
    Network,
    internet_prefixes,
    load_balancer_prefixes,
    virtual_network_prefixes,
)
from ..models import AddressSet, Guards, SecurityGroup, SecurityRule

_EVERYTHING: Final = "0.0.0.0/0"
_PROTOCOLS: Final = {"*": "All", "tcp": "Tcp", "udp": "Udp", "icmp": "Icmp", "esp": "Esp", "ah": "Ah"}


def report(interface: Resource, subnet: ResourceId, guards: Guards, members: dict[str, list[str]]) -> Json:
    """The result document; `members` gives the private addresses of each application security group (by key)."""
    value: list[Json] = []
    for group, association in (
        (guards.network_interface, {"networkInterface": {"id": str(interface.id)}}),
        (guards.subnet, {"subnet": {"id": str(subnet)}}),
    ):
        if group is not None:
            value.append(_entry(group, association, guards.virtual_network, members))
    return {"value": value}


def _entry(group: SecurityGroup, association: Json, space: tuple[Network, ...], members: dict[str, list[str]]) -> Json:
    used = {tag for rule in group.rules for side in (rule.source, rule.destination) for tag in side.tags}
    return {
        "networkSecurityGroup": {"id": group.id},
        "association": association,
        "effectiveSecurityRules": [effective_rule(rule, space, members) for rule in group.rules],
        "tagMap": {
            TAGS[tag]: _expanded(tag, space) for tag in (VIRTUAL_NETWORK, AZURE_LOAD_BALANCER, INTERNET) if tag in used
        },
    }


def effective_rule(
    rule: SecurityRule, space: tuple[Network, ...], members: dict[str, list[str]], *, expanded: bool = True
) -> Json:
    """One rule; `expanded` adds the prefixes that its service tags stand for."""
    source, destination = _prefixes(rule.source, members), _prefixes(rule.destination, members)
    source_ports = [f"{first}-{last}" for first, last in rule.source_ports]
    destination_ports = [f"{first}-{last}" for first, last in rule.destination_ports]
    shown: Json = {"name": rule.path, "protocol": _PROTOCOLS[rule.protocol]}
    if len(source_ports) == 1:
        shown["sourcePortRange"] = source_ports[0]
    if len(destination_ports) == 1:
        shown["destinationPortRange"] = destination_ports[0]
    shown["sourcePortRanges"] = source_ports
    shown["destinationPortRanges"] = destination_ports
    for name, prefixes in (("sourceAddressPrefix", source), ("destinationAddressPrefix", destination)):
        if len(set(prefixes)) == 1:
            shown[name] = prefixes[0]
    shown["sourceAddressPrefixes"] = source
    shown["destinationAddressPrefixes"] = destination
    for name, side in (
        ("expandedSourceAddressPrefix", rule.source),
        ("expandedDestinationAddressPrefix", rule.destination),
    ):
        prefixes = [prefix for tag in sorted(side.tags) for prefix in _expanded(tag, space)]
        if expanded and prefixes:
            shown[name] = prefixes
    return {**shown, "access": rule.access, "priority": rule.priority, "direction": rule.direction}


def _prefixes(side: AddressSet, members: dict[str, list[str]]) -> list[str]:
    """`*` fills the slots of both IP versions with 0.0.0.0/0, as the service does."""
    if side.everything:
        return [_EVERYTHING, _EVERYTHING]
    found = [TAGS.get(tag, tag) for tag in sorted(side.tags)]
    found += [str(network) for network in side.networks]
    for group in sorted(side.application_security_groups):
        found += [f"{address}/32" for address in members.get(group, [])]
    return found


def _expanded(tag: str, space: tuple[Network, ...]) -> list[str]:
    if tag == VIRTUAL_NETWORK:
        return list(virtual_network_prefixes(space))
    if tag == AZURE_LOAD_BALANCER:
        return list(load_balancer_prefixes())
    return list(internet_prefixes(space)) if tag == INTERNET else []
