# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote addresses: what people write, what Windows stores, one canonical form."""

from __future__ import annotations

import ipaddress

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


@pytest.mark.parametrize("tag", ["VirtualNetwork", "Internet", "AzureLoadBalancer", "Storage.WestEurope"])
def test_a_service_tag_becomes_any_and_says_so(tag: str) -> None:
    result = remote_addresses(["192.0.2.1", tag])
    assert result.addresses == ("Any",)
    assert len(result.warnings) == 1
    assert tag in result.warnings[0]


@pytest.mark.parametrize(
    "word", ["203.0.113.300", "203.0.113.7/33", "10.0.0.1-10.0.0.5", "a b", "-", "192.0.2.1,192.0.2.2"]
)
def test_nonsense_is_refused(word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        remote_addresses([word])
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
        (["192.0.2.1-2001:db8::1"], ("192.0.2.1-2001:db8::1",)),
    ],
)
def test_what_windows_stores(stored: list[str], expected: tuple[str, ...]) -> None:
    assert observed_addresses(stored) == expected


networks = st.one_of(
    st.builds(
        lambda address, length: ipaddress.ip_network((address, length), strict=False),
        st.ip_addresses(v=4),
        st.integers(1, 32),
    ),
    st.builds(
        lambda address, length: ipaddress.ip_network((address, length), strict=False),
        st.ip_addresses(v=6),
        st.integers(1, 128),
    ),
)


def as_windows_stores(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return network.with_netmask if network.version == 4 else str(network)


@given(st.lists(networks, min_size=1, max_size=MAX_ADDRESSES), st.randoms())
def test_what_was_set_is_found_again_unchanged(wanted: list[ipaddress.IPv4Network], random: object) -> None:
    result = remote_addresses([str(network) for network in wanted])
    shuffled = list(wanted)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # a random.Random
    assert observed_addresses([as_windows_stores(network) for network in shuffled]) == result.addresses
    assert remote_addresses(result.addresses) == result
    assert observed_addresses(result.addresses) == result.addresses


@given(st.lists(networks, min_size=1, max_size=MAX_ADDRESSES))
def test_admits_just_the_given_addresses(wanted: list[ipaddress.IPv4Network]) -> None:
    found = [ipaddress.ip_network(text) for text in remote_addresses([str(network) for network in wanted]).addresses]
    for network in wanted:
        assert any(each.version == network.version and network.subnet_of(each) for each in found)  # type: ignore[arg-type]
    for version in (4, 6):
        given_size = {str(each) for each in wanted if each.version == version}
        collapsed = list(ipaddress.collapse_addresses(ipaddress.ip_network(text) for text in given_size))  # type: ignore[type-var]
        assert [each for each in found if each.version == version] == collapsed
