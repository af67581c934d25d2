# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A security rule on its way in: checked, casing made canonical, fields in the order the service keeps them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from ...core.wire import Json
from .. import errors, reading
from ..addresses import DENY_ONLY_TAGS, parse_ports, parse_prefix, tag_named
from ..models import AddressSet, SecurityRule

PROTOCOLS: Final = ("Tcp", "Udp", "Icmp", "Esp", "Ah", "*")
PRIORITIES: Final = range(100, 4097)
MAX_RULES: Final = 1000
MAX_DESCRIPTION: Final = 140


def normalise(given: Json, rule_id: str) -> Json:
    """The rule's `properties` as stored and returned, without provisioningState.

    The four plural lists are always there; a singular field is absent when its plural or application security groups
    are used. Address prefixes keep their text: the service checks only their syntax.
    """
    access = reading.choice(given, "access", ("Allow", "Deny"))
    direction = reading.choice(given, "direction", ("Inbound", "Outbound"))
    protocol = reading.choice(given, "protocol", PROTOCOLS)
    priority = reading.number(given, "priority")
    for name, value in (("Protocol", protocol), ("Access", access), ("Direction", direction)):
        if value is None:
            raise errors.rule_parameter_missing(rule_id, name)
    if priority is None or priority not in PRIORITIES:
        raise errors.rule_priority(0 if priority is None else priority)
    description = reading.text(given, "description")
    if description is not None and len(description) > MAX_DESCRIPTION:
        raise errors.rule_description(rule_id, len(description))

    ports = {side: _ports(given, side, rule_id) for side in ("source", "destination")}
    prefixes = {side: _prefixes(given, side, rule_id) for side in ("source", "destination")}
    families = {network.version for network in _networks(_all_texts(prefixes.values()))}
    if len(families) > 1:
        raise errors.rule_address_prefix(rule_id, ", ".join(sorted(_all_texts(prefixes.values()))))
    if access == "Allow":
        for one, _many, _groups in prefixes.values():
            if one is not None and one.lower() in DENY_ONLY_TAGS:
                raise errors.rule_access(rule_id, one)

    fields: Json = {
        "description": description,
        "protocol": given["protocol"],  # as it was written: real groups have Tcp, tcp and TCP (recorded)
        "sourcePortRange": ports["source"][0],
        "destinationPortRange": ports["destination"][0],
        "sourceAddressPrefix": prefixes["source"][0],
        "destinationAddressPrefix": prefixes["destination"][0],
        "access": access,
        "priority": priority,
        "direction": direction,
        "sourcePortRanges": ports["source"][1],
        "destinationPortRanges": ports["destination"][1],
        "sourceAddressPrefixes": prefixes["source"][1],
        "destinationAddressPrefixes": prefixes["destination"][1],
        "sourceApplicationSecurityGroups": [{"id": id} for id in prefixes["source"][2]] or None,
        "destinationApplicationSecurityGroups": [{"id": id} for id in prefixes["destination"][2]] or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def check_conflicts(rules: Iterable[tuple[str, Json]]) -> None:
    """Raise SecurityRuleConflict when two (name, properties) have the same priority and direction."""
    taken: dict[tuple[int, str], str] = {}
    for name, properties in rules:
        slot = (properties["priority"], properties["direction"])
        if slot in taken:
            raise errors.rule_conflict(taken[slot], name)
        taken[slot] = name


def compiled(properties: Json, *, id: str, path: str) -> SecurityRule:
    """The rule as the evaluation engine takes it; `properties` are normalised ones."""
    return SecurityRule(
        id=id,
        path=path,
        priority=properties["priority"],
        direction=properties["direction"],
        access=properties["access"],
        protocol=properties["protocol"].lower(),
        source=_address_set(properties, "source"),
        source_ports=_port_set(properties, "source"),
        destination=_address_set(properties, "destination"),
        destination_ports=_port_set(properties, "destination"),
    )


def _ports(given: Json, side: str, rule_id: str) -> tuple[str | None, list[str]]:
    singular, plural = f"{side}PortRange", f"{side}PortRanges"
    one, many = reading.text(given, singular), reading.texts(given, plural)
    if one is None and not many:
        raise errors.rule_parameters_missing(rule_id, (_title(plural), _title(singular)))
    if one is not None and many:
        raise errors.rule_parameters_conflict(rule_id, _title(singular), _title(plural))
    for value in many:
        if value == "*":
            raise errors.rule_unsupported_ports(rule_id, _title(plural), value)
    for value in [*many, *([one] if one is not None else [])]:
        try:
            parse_ports(value)
        except ValueError as error:
            raise errors.rule_port_range(value) from error
    return one, many


def _prefixes(given: Json, side: str, rule_id: str) -> tuple[str | None, list[str], list[str]]:
    singular, plural = f"{side}AddressPrefix", f"{side}AddressPrefixes"
    groups_name = f"{side}ApplicationSecurityGroups"
    one, many = reading.text(given, singular), reading.texts(given, plural)
    groups = [str(id) for id in reading.references(given, groups_name)]
    used = [_title(name) for name, value in ((singular, one), (plural, many), (groups_name, groups)) if value]
    if not used:
        raise errors.rule_parameters_missing(rule_id, (_title(plural), _title(singular), _title(groups_name)))
    if len(used) > 1:
        raise errors.rule_parameters_conflict(rule_id, used[0], used[1])
    for value in many:
        if value == "*" or tag_named(value) is not None:
            raise errors.rule_unsupported_prefix(rule_id, _title(singular), value)
        _check_prefix(value, rule_id)
    if one is not None and one != "*":
        tag = tag_named(one)
        if tag is None:
            _check_prefix(one, rule_id)
        else:
            one = tag
    return one, many, groups


def _check_prefix(value: str, rule_id: str) -> None:
    try:
        parse_prefix(value)
    except ValueError as error:
        raise errors.rule_address_prefix(rule_id, value) from error


def _networks(texts: Iterable[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [parse_prefix(text) for text in texts if text != "*" and tag_named(text) is None]


def _all_texts(sides: Iterable[tuple[str | None, list[str], list[str]]]) -> set[str]:
    return {text for one, many, _groups in sides for text in [*many, *([one] if one else [])]}


def _address_set(properties: Json, side: str) -> AddressSet:
    one: str | None = properties.get(f"{side}AddressPrefix")
    many: list[str] = properties[f"{side}AddressPrefixes"]
    groups: list[Json] = properties.get(f"{side}ApplicationSecurityGroups", [])
    texts = [*many, *([one] if one is not None else [])]
    return AddressSet(
        everything="*" in texts,
        tags=frozenset(tag.lower() for tag in map(tag_named, texts) if tag is not None),
        networks=tuple(_networks(texts)),
        application_security_groups=frozenset(group["id"].lower() for group in groups),
    )


def _port_set(properties: Json, side: str) -> tuple[tuple[int, int], ...]:
    one: str | None = properties.get(f"{side}PortRange")
    many: list[str] = properties[f"{side}PortRanges"]
    return tuple(parse_ports(text) for text in [*many, *([one] if one is not None else [])])


def _title(name: str) -> str:
    return name[0].upper() + name[1:]
