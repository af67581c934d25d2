# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security rules: one meaning has one form, and a new rule is placed where no Deny comes first."""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._domain.security_rules import (
    HIGHEST_PRIORITY,
    LOWEST_PRIORITY,
    PortRange,
    SecurityRule,
    checked_rule_name,
    checked_sources,
    free_priority,
    normalised_prefix,
    shadowing_deny,
)

ANYWHERE = frozenset({"*"})


def rule(name: str = "rule", *, ports: str = "3389", **changed: t.Any) -> SecurityRule:
    """An inbound Allow of one address to anywhere."""
    given: dict[str, t.Any] = {
        "name": name,
        "priority": 1000,
        "access": "Allow",
        "direction": "Inbound",
        "protocol": "Tcp",
        "sources": frozenset({"203.0.113.7"}),
        "destinations": ANYWHERE,
        "ports": frozenset(map(PortRange.parse, ports.split(","))),
    }
    return SecurityRule(**(given | changed))


def deny(priority: int, name: str = "Deny", **changed: t.Any) -> SecurityRule:
    given: dict[str, t.Any] = {"priority": priority, "access": "Deny", "sources": ANYWHERE}
    return rule(name, **(given | changed))


# Normal forms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.7/32", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("198.51.100.77/24", "198.51.100.0/24"),
        ("2001:DB8:0::1/128", "2001:db8::1"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("any", "*"),
        ("*", "*"),
        ("Internet", "internet"),
        ("Storage.WestEurope", "storage.westeurope"),
        ("789", "789"),
    ],
)
def test_a_prefix_has_one_form(text: str, expected: str) -> None:
    assert normalised_prefix(text) == expected


@given(st.one_of(st.ip_addresses().map(str), st.sampled_from(["*", "Any", "VirtualNetwork", "10.1.2.3/8", "::1/64"])))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalised_prefix(text)
    assert normalised_prefix(once) == once
    assert normalised_prefix(text.upper()) == once


@given(st.ip_addresses(), st.integers(0, 128))
def test_a_normalised_prefix_names_the_same_addresses(address: ipaddress.IPv4Address, length: int) -> None:
    network = ipaddress.ip_network((address, min(length, address.max_prefixlen)), strict=False)
    assert ipaddress.ip_network(normalised_prefix(str(network))) == network


@pytest.mark.parametrize(
    ("text", "expected"), [("*", "*"), ("0-65535", "*"), ("80", "80"), ("80-80", "80"), ("1-2", "1-2")]
)
def test_a_port_range_has_one_form(text: str, expected: str) -> None:
    assert str(PortRange.parse(text)) == expected
    assert PortRange.parse(text) == PortRange.parse(expected)


def test_rules_that_mean_the_same_have_one_effect() -> None:
    one = rule("one", access="Allow", direction="Inbound", protocol="Tcp", priority=100, description="mine")
    other = rule("other", access="allow", direction="inbound", protocol="TCP", priority=200)
    assert one.effect == other.effect
    assert one.effect != replace(one, ports=frozenset({PortRange.parse("3390")})).effect


# What a user may ask for


def test_sources_are_normalised_and_named_once() -> None:
    assert checked_sources(["203.0.113.7/32", "203.0.113.7", "198.51.100.9/24"], allow_any=False) == (
        "203.0.113.7",
        "198.51.100.0/24",
    )
    assert checked_sources(["VirtualNetwork"], allow_any=False) == ("VirtualNetwork",)


@pytest.mark.parametrize(
    ("sources", "code"),
    [
        ([], "SourcesMissing"),
        (["300.1.2.3"], "InvalidSource"),
        (["10.0.0.0/33"], "InvalidSource"),
        (["vpn.example.com"], "InvalidSource"),
        (["my network"], "InvalidSource"),
        (["10.0.0.1-10.0.0.9"], "InvalidSource"),
        ([""], "InvalidSource"),
        (["*"], "AnySourceRefused"),
        (["any"], "AnySourceRefused"),
        (["INTERNET"], "AnySourceRefused"),
        (["203.0.113.7", "0.0.0.0/0"], "AnySourceRefused"),
        (["1.2.3.4/0"], "AnySourceRefused"),
        (["::/0"], "AnySourceRefused"),
        (["10.0.0.1", "2001:db8::1"], "MixedSources"),
        (["VirtualNetwork", "10.0.0.1"], "MixedSources"),
        (["VirtualNetwork", "AzureLoadBalancer"], "MixedSources"),
    ],
)
def test_sources_azure_would_not_take_or_nobody_means_are_refused(sources: list[str], code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_sources(sources, allow_any=False)
    assert caught.value.code == code
    assert all(repr(text) in caught.value.message for text in sources if code == "InvalidSource")


@pytest.mark.parametrize("source", ["*", "any", "Internet", "0.0.0.0/0", "::/0"])
def test_everywhere_is_taken_when_it_is_meant(source: str) -> None:
    assert len(checked_sources([source], allow_any=True)) == 1


@pytest.mark.parametrize("name", ["", "-x", "x-", "a b", "a/b", "x" * 81, ".x", "x.", "\u00e4"])
def test_names_azure_would_not_take_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_rule_name(name)
    assert caught.value.code == "InvalidRuleName"


@pytest.mark.parametrize("name", ["x", "_x_", "Port_3389", "a.b-c_", "x" * 80])
def test_names_azure_takes_are_taken(name: str) -> None:
    assert checked_rule_name(name) == name


# Shadowing and priority, against a definition by single packets

_ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.1.1", "192.0.2.1", "fd00::1")
_PREFIXES = ("*", "10.0.0.0/24", "10.0.0.1", "10.0.0.0/16", "10.0.1.0/24", "192.0.2.1", "fd00::/8")
_PORTS = ("22", "3389", "3000-4000", "*", "5986", "3389-3390")
_PROTOCOLS = ("Tcp", "Udp", "*", "tcp")
_PACKET_PORTS = (22, 3000, 3389, 3390, 5986)

sides = st.sets(st.sampled_from(_PREFIXES), min_size=1, max_size=2).map(frozenset)
rules = st.builds(
    rule,
    name=st.sampled_from(["rule", "Rule", "a", "b", "c", "d", "e"]),
    priority=st.integers(LOWEST_PRIORITY, LOWEST_PRIORITY + 8) | st.integers(998, 1003) | st.just(HIGHEST_PRIORITY),
    access=st.sampled_from(["Allow", "Deny", "deny"]),
    direction=st.sampled_from(["Inbound", "Inbound", "inbound", "Outbound"]),
    protocol=st.sampled_from(_PROTOCOLS),
    sources=sides,
    destinations=sides,
    ports=st.sampled_from(_PORTS),
)
new_rules = st.builds(rule, protocol=st.sampled_from(_PROTOCOLS), sources=sides, destinations=sides)


class Packet(t.NamedTuple):
    protocol: str
    source: str
    destination: str
    port: int


PACKETS = [
    Packet(protocol, source, destination, port)
    for protocol in ("tcp", "udp")
    for source in _ADDRESSES
    for destination in _ADDRESSES
    for port in _PACKET_PORTS
]


def covers(prefixes: frozenset[str], address: str) -> bool:
    """Written apart from the product: membership of one address."""
    found = ipaddress.ip_address(address)
    return any(
        text == "*" or (found.version == (net := ipaddress.ip_network(text)).version and found in net)
        for text in prefixes
    )


def matches(candidate: SecurityRule, packet: Packet) -> bool:
    return (
        candidate.direction.lower() == "inbound"
        and candidate.protocol.lower() in ("*", packet.protocol)
        and any(one.first <= packet.port <= one.last for one in candidate.ports)
        and covers(candidate.sources, packet.source)
        and covers(candidate.destinations, packet.destination)
    )


def first_deny(mine: SecurityRule, others: list[SecurityRule]) -> int | None:
    """The lowest priority of an earlier Deny that some packet of ``mine`` meets."""
    packets = [packet for packet in PACKETS if matches(mine, packet)]
    found = [
        other.priority
        for other in others
        if other.name.lower() != mine.name.lower()
        and other.access.lower() == "deny"
        and other.priority < mine.priority
        and any(matches(other, packet) for packet in packets)
    ]
    return min(found, default=None)


@given(new_rules, st.integers(LOWEST_PRIORITY, HIGHEST_PRIORITY), st.lists(rules, max_size=8))
def test_the_shadowing_deny_is_the_one_a_packet_meets_first(
    mine: SecurityRule, priority: int, others: list[SecurityRule]
) -> None:
    placed = replace(mine, priority=priority)
    found = shadowing_deny(placed, others)
    assert (found.priority if found else None) == first_deny(placed, others)


@given(new_rules, st.lists(rules, max_size=12), st.integers(0, 5000))
def test_a_chosen_priority_is_free_and_in_front_of_every_deny(
    mine: SecurityRule, others: list[SecurityRule], skip: int
) -> None:
    taken = {
        other.priority
        for other in others
        if other.direction.lower() == "inbound" and other.name.lower() != mine.name.lower()
    }

    def fits(number: int) -> bool:
        return number not in taken and first_deny(replace(mine, priority=number), others) is None

    chosen = free_priority(mine, others, skip=skip)
    if chosen is None:
        # What is taken lies below 1004, so a look at every number up to there and at the last one is a look at all.
        assert not any(map(fits, (*range(LOWEST_PRIORITY, 1005), HIGHEST_PRIORITY)))
    else:
        assert LOWEST_PRIORITY <= chosen <= HIGHEST_PRIORITY
        assert fits(chosen)


def test_the_first_choice_leaves_room_in_front() -> None:
    assert free_priority(rule(), []) == 1000
    assert free_priority(rule(), [rule("a", priority=1000), rule("b", priority=1001)]) == 1002
    assert free_priority(rule(), [rule("a", priority=1000, direction="Outbound")]) == 1000


def test_a_deny_is_passed_by_the_nearest_number() -> None:
    assert free_priority(rule(), [deny(2000)]) == 1000
    assert free_priority(rule(), [deny(300)]) == 299
    assert free_priority(rule(), [deny(300), rule("a", priority=299)]) == 298
    assert free_priority(rule(), [deny(100)]) is None
    assert free_priority(rule(), [deny(102), rule("a", priority=100), rule("b", priority=101)]) is None
    assert free_priority(rule(), [deny(300, ports="443")]) == 1000


def test_every_number_taken_leaves_none() -> None:
    crowd = [rule(f"r{number}", priority=number) for number in range(LOWEST_PRIORITY, HIGHEST_PRIORITY + 1)]
    assert free_priority(rule(), crowd) is None
    assert free_priority(rule("r4096"), crowd) == HIGHEST_PRIORITY


def test_skipping_comes_round_where_there_are_fewer() -> None:
    assert [free_priority(rule(), [deny(102)], skip=skip) for skip in range(4)] == [101, 100, 101, 100]


@pytest.mark.parametrize("side", ["sources", "destinations"])
def test_what_a_tag_or_a_group_holds_is_not_known_and_so_may_be_denied(side: str) -> None:
    tagged: dict[str, t.Any] = {side: frozenset({"virtualnetwork"})}
    assert shadowing_deny(rule(), [deny(200, **tagged)]) is not None
    groups = {"sources": "source_groups", "destinations": "destination_groups"}[side]
    grouped: dict[str, t.Any] = {side: frozenset(), groups: frozenset({"/id"})}
    assert shadowing_deny(rule(), [deny(200, **grouped)]) is not None


def test_other_source_ports_are_other_packets() -> None:
    assert shadowing_deny(rule(), [deny(200, source_ports=frozenset({PortRange.parse("1-1023")}))]) is not None
    mine = rule(source_ports=frozenset({PortRange.parse("2000")}))
    assert shadowing_deny(mine, [deny(200, source_ports=frozenset({PortRange.parse("1-1023")}))]) is None
