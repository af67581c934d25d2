# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefixes, ports and tags: what is understood, and that the expansions agree with the tests of membership."""

from __future__ import annotations

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_azure.network.addresses import (
    internet_prefixes,
    is_internet,
    is_virtual_network,
    parse_ports,
    parse_prefix,
    tag_named,
)

SPACE = (ipaddress.ip_network("10.0.0.0/16"), ipaddress.ip_network("127.42.64.0/24"))
EXPANDED = [ipaddress.ip_network(text) for text in internet_prefixes(SPACE)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("789", "0.0.3.21/32"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_a_prefix_is_understood(text: str, expected: str) -> None:
    assert str(parse_prefix(text)) == expected


@pytest.mark.parametrize(
    "text", ["any", "10.0.0.5/24", "10.0.0/0/16", "192.168.0.0/34", "10.0.0.1-10.0.0.9", "1.2.3.4.5"]
)
def test_a_prefix_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        parse_prefix(text)


@pytest.mark.parametrize(("text", "expected"), [("*", (0, 65535)), ("22", (22, 22)), ("5985-5986", (5985, 5986))])
def test_ports_are_understood(text: str, expected: tuple[int, int]) -> None:
    assert parse_ports(text) == expected


@pytest.mark.parametrize("text", ["80,443", "any", "65536", "90-80", "-1", "", "1-2-3"])
def test_ports_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a port range"):
        parse_ports(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("internet", "Internet"),
        ("VIRTUALNETWORK", "VirtualNetwork"),
        ("storage.WestEurope", "Storage.WestEurope"),
        ("AzureBastionSubnet", None),
        ("10.0.0.0", None),
    ],
)
def test_tags_are_known_in_any_casing(text: str, expected: str | None) -> None:
    assert tag_named(text) == expected


@given(st.ip_addresses(v=4))
def test_the_expansion_of_internet_is_what_internet_matches(address: ipaddress.IPv4Address) -> None:
    assert is_internet(address, SPACE) == any(address in prefix for prefix in EXPANDED)


@given(st.ip_addresses(v=4))
def test_no_address_is_both_internet_and_virtual_network(address: ipaddress.IPv4Address) -> None:
    assert not (is_internet(address, SPACE) and is_virtual_network(address, SPACE))


@pytest.mark.parametrize(
    ("address", "internet"),
    [("127.0.0.1", True), ("8.8.8.8", True), ("10.0.0.4", False), ("10.9.9.9", False), ("127.42.64.9", False)],
)
def test_loopback_counts_as_internet_outside_the_virtual_network(address: str, internet: bool) -> None:
    assert is_internet(ipaddress.ip_address(address), SPACE) is internet
