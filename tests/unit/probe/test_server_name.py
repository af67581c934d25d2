# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in certificates against names people connect with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.server_name import (
    name_matches,
    normalise_server_name,
    parse_ip,
)


@pytest.mark.parametrize(
    ("wanted", "presented", "matches"),
    [
        ("win1.example.com", "win1.example.com", True),
        ("WIN1.Example.COM.", "win1.example.com", True),
        ("win1.example.com", "Win1.Example.Com.", True),
        ("win1", "win1", True),
        ("win1.example.com", "win2.example.com", False),
        ("win1.example.com", "example.com", False),
        ("win1.example.com", "*.example.com", True),
        ("example.com", "*.example.com", False),
        ("a.b.example.com", "*.example.com", False),
        ("win1.example.com", "w*.example.com", False),
        ("win1.example.com", "win1.*.com", False),
        ("example.com", "*.com", False),
        ("win1", "*", False),
        ("win1.example.com", "*.*.com", False),
        ("b\u00fccher.example", "xn--bcher-kva.example", True),
        ("192.0.2.1", "192.0.2.1", False),  # a DNS name is no IP address, whatever it says
        ("192.0.2.1", "*.0.2.1", False),
    ],
)
def test_dns_names(wanted: str, presented: str, matches: bool) -> None:
    assert name_matches(wanted, dns_names=[presented], ip_addresses=[]) is matches


@pytest.mark.parametrize(
    ("wanted", "presented", "matches"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.10", False),
        ("2001:DB8::0:1", "2001:db8::1", True),
        ("[2001:db8::1]", "2001:db8::1", True),
        ("fe80::1%eth0", "fe80::1", True),
        ("win1", "192.0.2.1", False),
    ],
)
def test_ip_addresses(wanted: str, presented: str, matches: bool) -> None:
    assert name_matches(wanted, dns_names=[], ip_addresses=[presented]) is matches


def test_one_of_several_names_is_enough() -> None:
    assert name_matches("win1", dns_names=["other", "win1"], ip_addresses=["192.0.2.1"])
    assert not name_matches("win1", dns_names=[], ip_addresses=[])


@pytest.mark.parametrize(
    "text", ["", ".", "a b", "http://win1", "-win1", "win1-", "a..b", "x" * 64, ("x" * 60 + ".") * 5]
)
def test_refuses_what_is_no_name(text: str) -> None:
    with pytest.raises(ValueError, match="host name"):
        normalise_server_name(text)


@given(st.ip_addresses())
def test_every_address_is_its_own_server_name(address: object) -> None:
    normal = normalise_server_name(str(address))
    assert parse_ip(normal) == address
    assert name_matches(str(address), dns_names=[], ip_addresses=[normal])


@given(st.from_regex(r"[a-z][a-z0-9]{0,20}(\.[a-z][a-z0-9]{0,20}){0,3}", fullmatch=True))
def test_normalising_twice_changes_nothing(name: str) -> None:
    once = normalise_server_name(name.upper() + ".")
    assert once == name
    assert normalise_server_name(once) == once
