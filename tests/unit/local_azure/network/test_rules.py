# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules on their way in: what is refused with which words, and what the stored form looks like."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_azure.core.errors import AzureError
from local_azure.network.names import check_name
from local_azure.network.security_groups.rules import check_conflicts, compiled, normalise

ID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/nsg/securityRules/rule"
FINE: dict[str, Any] = {
    "protocol": "Tcp",
    "access": "Allow",
    "direction": "Inbound",
    "priority": 1000,
    "sourcePortRange": "*",
    "destinationPortRange": "3389",
    "sourceAddressPrefix": "203.0.113.7",
    "destinationAddressPrefix": "*",
}

REFUSED = [
    ({"priority": 99}, "SecurityRuleInvalidPriority", "Value provided: 99 Allowed range 100-4096."),
    ({"priority": 4097}, "SecurityRuleInvalidPriority", "Value provided: 4097"),
    ({"priority": None}, "SecurityRuleInvalidPriority", "100-4096"),
    ({"destinationPortRange": "80,443"}, "SecurityRuleInvalidPortRange", "Value provided: 80,443. Value should be"),
    ({"destinationPortRange": "70000"}, "SecurityRuleInvalidPortRange", "Valid range 0-65535."),
    (
        {"sourceAddressPrefix": "any"},
        "SecurityRuleInvalidAddressPrefix",
        f"{ID} has invalid Address prefix. Value provided: any",
    ),
    ({"sourceAddressPrefix": "10.0.0.5/24"}, "SecurityRuleInvalidAddressPrefix", "10.0.0.5/24"),
    ({"sourceAddressPrefix": "AzureBastionSubnet"}, "SecurityRuleInvalidAddressPrefix", "AzureBastionSubnet"),
    (
        {"sourceAddressPrefix": "2001:db8::/32", "destinationAddressPrefix": "10.0.0.4"},
        "SecurityRuleInvalidAddressPrefix",
        "2001:db8::/32",
    ),
    (
        {"sourceAddressPrefix": None, "sourceAddressPrefixes": ["Internet"]},
        "SecurityRuleParameterContainsUnsupportedValue",
        "AZURELOADBALANCER, '*' or system tags. Unsupported value used: Internet.",
    ),
    (
        {"sourceAddressPrefix": None, "sourceAddressPrefixes": ["*"]},
        "SecurityRuleParameterContainsUnsupportedValue",
        "Unsupported value used: *.",
    ),
    (
        {"destinationPortRange": None, "destinationPortRanges": ["*"]},
        "SecurityRuleParameterContainsInvalidPortRanges",
        ID,
    ),
    ({"sourceAddressPrefix": None}, "SecurityRuleParametersMissing", "SourceAddressPrefixes, SourceAddressPrefix, or"),
    ({"destinationPortRange": None}, "SecurityRuleParametersMissing", "DestinationPortRanges or DestinationPortRange."),
    ({"protocol": None}, "SecurityRuleParameterMissing", "Protocol is missing for security rule with Id: " + ID),
    ({"protocol": "TLS"}, "InvalidRequestFormat", "Cannot parse the request."),
    ({"sourceAddressPrefixes": ["10.0.0.0/8"]}, "SecurityRuleParametersConflict", "SourceAddressPrefix"),
    ({"sourceAddressPrefix": "AzurePlatformDNS"}, "SecurityRuleInvalidAccessType", "AzurePlatformDNS"),
    ({"description": "x" * 141}, "SecurityRuleInvalidDescription", "140"),
    ({"destinationPortRanges": "3389"}, "InvalidRequestFormat", "Cannot parse the request."),
]


@pytest.mark.parametrize(("change", "code", "words"), REFUSED)
def test_a_bad_rule_is_refused(change: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(AzureError) as caught:
        normalise({**FINE, **change}, ID)

    assert (caught.value.status, caught.value.code) == (400, code)
    assert words in caught.value.message
    assert caught.value.details is not None


def test_casing_is_made_canonical_but_for_the_protocol_and_the_plural_lists_are_always_there() -> None:
    given = {**FINE, "access": "allow", "direction": "INBOUND", "protocol": "tcp", "sourceAddressPrefix": "internet"}

    stored = normalise(given, ID)

    assert list(stored) == [
        "protocol",
        "sourcePortRange",
        "destinationPortRange",
        "sourceAddressPrefix",
        "destinationAddressPrefix",
        "access",
        "priority",
        "direction",
        "sourcePortRanges",
        "destinationPortRanges",
        "sourceAddressPrefixes",
        "destinationAddressPrefixes",
    ]
    assert (stored["access"], stored["direction"], stored["protocol"]) == ("Allow", "Inbound", "tcp")
    assert stored["sourceAddressPrefix"] == "Internet"
    assert stored["sourceAddressPrefixes"] == []


def test_a_plural_field_stays_plural_and_the_singular_is_absent() -> None:
    given = {**FINE, "sourceAddressPrefix": "", "sourceAddressPrefixes": ["203.0.113.7"], "destinationPortRange": 3389}

    stored = normalise(given, ID)

    assert "sourceAddressPrefix" not in stored
    assert stored["sourceAddressPrefixes"] == ["203.0.113.7"]
    assert stored["destinationPortRange"] == "3389"


def test_the_text_of_a_prefix_is_kept() -> None:
    assert normalise({**FINE, "sourceAddressPrefix": "789"}, ID)["sourceAddressPrefix"] == "789"
    assert normalise({**FINE, "sourceAddressPrefix": "203.0.113.7/32"}, ID)["sourceAddressPrefix"] == "203.0.113.7/32"


PREFIXES = st.ip_addresses(v=4).map(str)
RULES = st.fixed_dictionaries(
    {
        "protocol": st.sampled_from(["Tcp", "udp", "*", "ICMP"]),
        "access": st.sampled_from(["Allow", "deny"]),
        "direction": st.sampled_from(["Inbound", "outbound"]),
        "priority": st.integers(100, 4096),
        "sourcePortRange": st.just("*"),
        "destinationPortRanges": st.lists(st.integers(0, 65535).map(str), min_size=1, max_size=3),
        "sourceAddressPrefixes": st.lists(PREFIXES, min_size=1, max_size=3),
        "destinationAddressPrefix": st.one_of(st.just("*"), PREFIXES, st.just("virtualnetwork")),
    },
    optional={"description": st.text(min_size=1, max_size=140)},
)


@given(RULES)
def test_what_was_read_can_be_written_back_unchanged(given: dict[str, Any]) -> None:
    stored = normalise(given, ID)

    assert normalise(stored, ID) == stored
    assert compiled(stored, id=ID, path="securityRules/rule").priority == given["priority"]


def test_the_same_priority_is_free_in_the_other_direction() -> None:
    inbound = normalise(FINE, ID)
    check_conflicts([("a", inbound), ("b", {**inbound, "direction": "Outbound"})])

    with pytest.raises(AzureError) as caught:
        check_conflicts([("a", inbound), ("b", inbound)])
    assert caught.value.code == "SecurityRuleConflict"
    assert caught.value.message == (
        "Security rule a conflicts with rule b. Rules cannot have the same Priority and Direction. "
        "To learn more, see aka.ms/nsgrules."
    )


def accepted(name: str) -> bool:
    try:
        check_name(name)
    except AzureError:
        return False
    return True


@pytest.mark.parametrize("name", ["a", "Port_3389", "open-port-all", "a.b_", "x" * 80])
def test_a_name_is_fine(name: str) -> None:
    assert accepted(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "a.", "x" * 81, "a/b", "caf\u00e9"])
def test_a_name_is_refused(name: str) -> None:
    assert not accepted(name)
