# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote addresses: what people write, what Windows stores, one canonical form."""

from __future__ import annotations

import ipaddress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._domain.firewall_addresses import (
    MAX_ADDRESSES,
    observed_addresses,
    remote_addresses,
)


@pytest.mark.parametrize(
    ("given_words", "expected"),
    [
        ([], ("Any",)),
        (["Any"], ("Any",)),
        (["*"], ("Any",)),
        (["0.0.0.0/0"], ("Any",)),
        (["203.0.113.7", "::/0"], ("Any",)),
        (["0.0.0.0/1", "128.0.0.0/1"], ("Any",)),
        (["203.0.113.7"], ("203.0.113.7",)),
        (["203.0.113.7/32"], ("203.0.113.7",)),
        ([" 203.0.113.7 ", "203.0.113.7"], ("203.0.113.7",)),
        (["203.0.113.9/24"], ("203.0.113.0/24",)),
        (["203.0.113.0/24", "203.0.113.7"], ("203.0.113.0/24",)),
        (["203.0.113.0/25", "203.0.113.128/25"], ("203.0.113.0/24",)),
        (["203.0.113.7", "192.0.2.1"], ("192.0.2.1", "203.0.113.7")),
        (["2001:DB8::1", "192.0.2.1"], ("192.0.2.1", "2001:db8::1")),
        (["localsubnet", "192.0.2.1"], ("192.0.2.1", "LocalSubnet")),
    ],
)
def test_one_canonical_form(given_words: list[str], expected: tuple[str, ...]) -> None:
    result = remote_addresses(given_words)
    assert result.addresses == expected
    assert result.warnings == ()


@pytest.mark.parametrize("beside", [["203.0.113.7"], ["VirtualNetwork"], ["LocalSubnet"], ["Any"]])
def test_a_service_tag_stands_alone(beside: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        remote_addresses([*beside, "AzureCloud"])
    assert caught.value.code == "MixedRemoteAddresses"


@pytest.mark.parametrize("tag", ["VirtualNetwork", "internet", "AzureLoadBalancer", "Storage.WestEurope"])
def test_a_service_tag_becomes_any_and_says_so(tag: str) -> None:
    result = remote_addresses([tag])
    assert result.addresses == ("Any",)
    assert len(result.warnings) == 1
    assert tag in result.warnings[0]


@pytest.mark.parametrize(
    "word",
    [
        "203.0.113.300",
        "203.0.113.7/33",
        "10.0.0.1-10.0.0.5",
        "a b",
        "-",
        "192.0.2.1,192.0.2.2",
        "jump.example.com",
        "example.com",
        "jumphost",
    ],
)
def test_nonsense_is_refused(word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        remote_addresses(["203.0.113.7", word])
    assert word in caught.value.message


def test_too_many_are_refused() -> None:
    many = [f"10.{number}.0.1" for number in range(MAX_ADDRESSES + 1)]
    with pytest.raises(InvalidInput) as caught:
        remote_addresses(many)
    assert caught.value.code == "TooManyRemoteAddresses"
    assert len(remote_addresses(many[:-1]).addresses) == MAX_ADDRESSES


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (["Any"], ("Any",)),
        (["203.0.113.0/255.255.255.0"], ("203.0.113.0/24",)),
        (["203.0.113.7/255.255.255.255"], ("203.0.113.7",)),
        (["203.0.113.0-203.0.113.255"], ("203.0.113.0/24",)),
        (["2001:db8::-2001:db8::ffff"], ("2001:db8::/112",)),
        (["LocalSubnet"], ("LocalSubnet",)),
        (["DefaultGateway", "192.0.2.1"], ("192.0.2.1", "DefaultGateway")),
        (["192.0.2.9-192.0.2.1"], ("192.0.2.9-192.0.2.1",)),
        (["0.0.0.0/0.0.0.0"], ("Any",)),
        (["0.0.0.0-127.255.255.255", "128.0.0.0-255.255.255.255"], ("Any",)),
        (["192.0.2.1-2001:db8::1"], ("192.0.2.1-2001:db8::1",)),
    ],
)
def test_what_windows_stores(stored: list[str], expected: tuple[str, ...]) -> None:
    assert observed_addresses(stored) == expected


four = st.builds(
    lambda address, length: ipaddress.IPv4Network((int(address), length), strict=False),
    st.ip_addresses(v=4),
    st.integers(1, 32),
)
six = st.builds(
    lambda address, length: ipaddress.IPv6Network((int(address), length), strict=False),
    st.ip_addresses(v=6),
    st.integers(1, 128),
)
HALF = MAX_ADDRESSES // 2


def as_windows_stores(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return network.with_netmask if network.version == 4 else str(network)


@given(st.lists(four, min_size=1, max_size=HALF), st.lists(six, max_size=HALF), st.randoms())
def test_what_was_set_is_found_again_unchanged(
    fours: list[ipaddress.IPv4Network], sixes: list[ipaddress.IPv6Network], random: Random
) -> None:
    result = remote_addresses([str(network) for network in (*fours, *sixes)])
    stored = [*map(as_windows_stores, fours), *map(as_windows_stores, sixes)]
    random.shuffle(stored)
    assert observed_addresses(stored) == result.addresses
    assert remote_addresses(result.addresses) == result
    assert observed_addresses(result.addresses) == result.addresses


@given(st.lists(four, min_size=1, max_size=HALF), st.lists(six, max_size=HALF))
def test_admits_just_the_given_addresses(
    fours: list[ipaddress.IPv4Network], sixes: list[ipaddress.IPv6Network]
) -> None:
    expected = {*map(str, ipaddress.collapse_addresses(fours)), *map(str, ipaddress.collapse_addresses(sixes))}
    found = remote_addresses(map(str, (*fours, *sixes))).addresses
    if {"0.0.0.0/0", "::/0"} & expected:
        assert found == ("Any",)
    else:
        assert {str(ipaddress.ip_network(text)) for text in found} == expected
