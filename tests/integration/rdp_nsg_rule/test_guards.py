# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rule in each group that guards the VM, from check mode to removal, and nobody else's rule touched."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotReady,
)

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome
    from ansible_collections.azvm.access.tests.integration.rdp_nsg_rule.conftest import Bench, Json


def opened(outcome: Outcome) -> dict[str, tuple[str, list[str], list[str]]]:
    """Group -> name, levels and destinations of the rule."""
    return {
        entry["name"]: (entry["rule"]["name"], entry["levels"], entry["rule"]["destinations"])
        for entry in outcome.thing["groups"]
    }


def address(bench: Bench, nic: str) -> str:
    found = next(
        one for one in bench.control.state()["resources"] if one["id"].lower().endswith(f"/networkinterfaces/{nic}")
    )
    return str(found["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"])


SITUATIONS = [
    ("both", {"both-subnet-nsg": ("Port_3389", ["subnet"], False), "both-nic-nsg": ("Port_3389", ["nic"], True)}),
    ("atnic", {"atnic-nsg": ("Port_3389", ["nic"], True)}),
    ("atsubnet", {"atsubnet-nsg": ("Port_3389", ["subnet"], False)}),
    ("same", {"same-nsg": ("Port_3389", ["subnet", "nic"], False)}),
    ("shared1", {"shared-nsg": ("Port_3389_shared1", ["subnet"], False)}),
]


@pytest.mark.parametrize(("vm", "expected"), SITUATIONS, ids=[vm for vm, _expected in SITUATIONS])
def test_from_check_mode_to_removal(
    bench: Bench,
    vm: str,
    expected: dict[str, tuple[str, list[str], bool]],
    record_property: t.Callable[[str, str], None],
) -> None:
    untouched = bench.all_rules()

    predicted = bench.run(vm, check_mode=True)
    assert predicted.changed
    assert (predicted.before, bench.control.writes(), bench.all_rules()) == (None, [], untouched)

    bench.control.mark()
    first = bench.run(vm)
    record_property("summary", f"{vm}: first run {len(bench.control.journal())} requests")
    assert (first.thing, first.before, first.after) == (predicted.thing, predicted.before, predicted.after)
    here = address(bench, f"{vm}-nic")
    assert opened(first) == {
        group: (name, levels, ["*"] if anywhere else [here]) for group, (name, levels, anywhere) in expected.items()
    }
    assert len(bench.control.writes()) == len(expected)
    for group, (name, _levels, _anywhere) in expected.items():
        rule = bench.rules(group)[name]
        assert (rule["sourceAddressPrefix"], rule["destinationPortRange"], rule["protocol"], rule["access"]) == (
            ("203.0.113.7", "3389", "Tcp", "Allow")
        )
        assert {key: value for key, value in bench.rules(group).items() if key != name} == untouched[group]

    bench.control.mark()
    second = bench.run(vm)
    record_property("summary", f"{vm}: second run {len(bench.control.journal())} requests")
    assert (second.changed, bench.control.writes()) == (False, [])
    assert not any(entry["changed"] for entry in second.thing["groups"])

    changed = bench.run(vm, sources=["198.51.100.0/24", "203.0.113.7"], description="For the office.")
    assert changed.changed
    assert changed.before == first.after
    for group, (name, _levels, _anywhere) in expected.items():
        rule = bench.rules(group)[name]
        assert rule["sourceAddressPrefixes"] == ["198.51.100.0/24", "203.0.113.7"]
        assert rule["description"] == f"For the office. [azvm.access access-guards/{vm}]"
    assert not bench.run(vm, sources=["203.0.113.7/32", "198.51.100.9/24"], description="For the office.").changed

    gone = bench.run(vm, check_mode=True, state="absent")
    assert (gone.changed, gone.after) == (True, None)
    removed = bench.run(vm, state="absent")
    assert (removed.changed, removed.before, removed.after) == (True, changed.after, None)
    assert [entry["rule"] for entry in removed.thing["groups"]] == [None] * len(expected)
    assert bench.all_rules() == untouched
    bench.control.mark()
    assert not bench.run(vm, state="absent").changed
    assert bench.control.writes() == []


@pytest.mark.parametrize(
    ("vm", "words"), [("unguarded", "its Standard public address"), ("balanced", "balancer front")]
)
def test_no_group_behind_what_is_of_the_standard_sku_lets_nothing_in(bench: Bench, vm: str, words: str) -> None:
    error = bench.refused(vm)
    assert isinstance(error, NotReady)
    assert error.code == "NoSecurityGroup"
    assert f"{words} lets nothing in" in error.message
    assert f"{vm}-nic" in error.hint
    assert not bench.run(vm, state="absent").changed


@pytest.mark.parametrize("vm", ["private", "internal"])
def test_no_group_before_a_private_vm_is_a_warning(bench: Bench, vm: str) -> None:
    assert bench.refused(vm, public_address_follows=True).code == "NoSecurityGroup"
    outcome = bench.run(vm)
    assert (outcome.changed, outcome.thing["groups"]) == (False, [])
    assert f"No security group guards the virtual machine {vm}" in outcome.warnings[0]


def test_vms_of_one_group_have_rules_of_their_own(bench: Bench) -> None:
    bench.run("shared1")
    bench.run("shared2")
    assert set(bench.rules("shared-nsg")) == {"AllowHttps", "Port_3390", "Port_3389_shared1", "Port_3389_shared2"}
    bench.run("shared1", state="absent")
    assert set(bench.rules("shared-nsg")) == {"AllowHttps", "Port_3390", "Port_3389_shared2"}
    assert not bench.run("shared2").changed


def test_destination_any_is_one_rule_for_all(bench: Bench) -> None:
    bench.run("shared1", destination="any")
    assert bench.rules("shared-nsg")["Port_3389"]["destinationAddressPrefix"] == "*"
    assert not bench.run("shared2", destination="any").changed
    bench.run("shared2", destination="any", state="absent")
    assert "Port_3389" not in bench.rules("shared-nsg")


def test_a_rule_made_by_hand_is_refused_then_taken_over_by_name(bench: Bench) -> None:
    error = bench.refused("shared1", port=3390, destination="any")
    assert isinstance(error, Conflict)
    assert (error.code, error.details["rule"]) == ("RuleOfOthers", "Port_3390")
    assert bench.refused("shared1", state="absent", port=3390, name="Port_3390").code == "RuleOfOthers"
    taken = bench.run("shared1", port=3390, name="port_3390")
    assert taken.before is not None
    assert taken.before["shared-nsg"]["sources"] == ["192.0.2.1"]
    assert set(bench.rules("shared-nsg")) == {"AllowHttps", "Port_3390"}
    assert bench.rules("shared-nsg")["Port_3390"]["priority"] == 301
    assert bench.refused("shared2", port=3390, name="Port_3390").code == "RuleOfOthers"
    assert bench.run("shared1", state="absent", name="PORT_3390", port=3390).changed


def test_another_interface_is_chosen_by_name_or_id(bench: Bench) -> None:
    bench.run("twonics")
    second = bench.run("twonics", network_interface="TWONICS-NIC2")
    assert set(bench.rules("twonics-nsg")) == {"Port_3389_twonics", "Port_3389_twonics_twonics-nic2"}
    assert opened(second)["twonics-nsg"][2] == [address(bench, "twonics-nic2")]
    id = next(one["id"] for one in bench.control.state()["resources"] if one["id"].endswith("/twonics-nic2"))
    assert not bench.run("twonics", network_interface=id.upper()).changed
    assert not bench.run("twonics", network_interface="twonics-nic1").changed
    error = bench.refused("twonics", network_interface="nic3")
    assert isinstance(error, NotFound)
    assert "twonics-nic1, twonics-nic2" in error.hint


def group_id(bench: Bench, name: str) -> str:
    subscription = bench.control.server.env["AZURE_SUBSCRIPTION_ID"]
    root = f"/subscriptions/{subscription}/resourceGroups/access-guards/providers/Microsoft.Network"
    return f"{root}/applicationSecurityGroups/{name}"


def test_an_application_security_group_is_the_destination(bench: Bench) -> None:
    wanted: Json = {
        "destination": "application_security_groups",
        "application_security_groups": [group_id(bench, "managed").upper()],
    }
    outcome = bench.run("grouped", **wanted)
    assert outcome.changed
    rule = bench.rules("grouped-nsg")["Port_3389"]
    assert [entry["id"].lower() for entry in rule["destinationApplicationSecurityGroups"]] == [
        group_id(bench, "managed").lower()
    ]
    again = {**wanted, "application_security_groups": [group_id(bench, "managed")]}
    assert not bench.run("grouped", **again).changed
    assert bench.run("grouped", state="absent", **again).changed
    foreign = {**wanted, "application_security_groups": [group_id(bench, "foreign")]}
    error = bench.refused("grouped", **foreign)
    assert error.code == "NotInApplicationSecurityGroup"
    assert "foreign" in error.message


def test_ip_versions_are_not_mixed(bench: Bench) -> None:
    error = bench.refused("atsubnet", sources=["2001:db8::7"])
    assert isinstance(error, NotReady)
    assert error.code == "NoMatchingAddress"
    bench.run("atsubnet", sources=["2001:DB8::7/128", "2001:db8:1::/48"], destination="any")
    assert bench.rules("atsubnet-nsg")["Port_3389"]["sourceAddressPrefixes"] == ["2001:db8:1::/48", "2001:db8::7"]


@pytest.mark.parametrize("source", ["VirtualNetwork", "Storage.WestEurope", "Internet", "*", "0.0.0.0/0"])
def test_a_tag_or_everywhere_is_one_source(bench: Bench, source: str) -> None:
    bench.run("atnic", sources=[source], allow_any_source=True)
    assert bench.rules("atnic-nsg")["Port_3389"]["sourceAddressPrefix"] == source
    assert not bench.run("atnic", sources=[source.upper()], allow_any_source=True).changed


def test_a_deny_in_front_is_passed(bench: Bench) -> None:
    bench.run("denied")
    # 199 is taken.
    assert bench.rules("denied-nsg")["Port_3389"]["priority"] == 198
    bench.run("denied", protocol="Udp")
    assert bench.rules("denied-nsg")["Port_3389_Udp"]["priority"] == 149


def test_a_deny_that_comes_later_moves_the_rule(bench: Bench) -> None:
    bench.run("atnic")
    bench.put("atnic-nsg", "Stop", access="Deny", priority=500, destinationPortRange="*")
    moved = bench.run("atnic")
    assert moved.changed
    assert bench.rules("atnic-nsg")["Port_3389"]["priority"] == 499


def test_a_deny_that_nothing_can_pass_is_named_and_the_other_group_stays_closed(bench: Bench) -> None:
    error = bench.refused("barred")
    assert isinstance(error, Conflict)
    assert error.code == "ShadowedByDeny"
    assert "DenyAll of the security group barred-nsg" in error.message
    assert bench.control.writes() == []


def test_a_range_that_is_full_is_said(bench: Bench) -> None:
    error = bench.refused("crowded")
    assert error.code == "NoFreePriority"
    assert "crowded-nsg" in error.message


def test_a_wished_priority(bench: Bench) -> None:
    assert bench.refused("both", priority=300).code == "PriorityTaken"
    assert bench.refused("denied", priority=201).code == "ShadowedByDeny"
    bench.run("both", priority=4096)
    assert {bench.rules(group)["Port_3389"]["priority"] for group in ("both-nic-nsg", "both-subnet-nsg")} == {4096}
    assert not bench.run("both").changed


def test_a_vm_by_its_id(bench: Bench) -> None:
    id = group_id(bench, "x").replace(
        "Microsoft.Network/applicationSecurityGroups/x", "Microsoft.Compute/virtualMachines/ATNIC"
    )
    assert bench.run(None, vm_id=id).changed
    assert not bench.run("atnic").changed


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"port": 0}, "InvalidPort"),
        ({"port": 65536}, "InvalidPort"),
        ({"sources": None}, "SourcesMissing"),
        ({"sources": ["example.org.uk"]}, "InvalidSource"),
        ({"sources": ["example.org"]}, "InvalidSource"),
        ({"sources": ["10.0.0.0/40"]}, "InvalidSource"),
        ({"sources": ["Internet"]}, "AnySourceRefused"),
        ({"sources": ["0.0.0.0/0"]}, "AnySourceRefused"),
        ({"priority": 99}, "InvalidPriority"),
        ({"priority": 4097}, "InvalidPriority"),
        ({"name": "my rule"}, "InvalidRuleName"),
        ({"description": "x" * 141}, "DescriptionTooLong"),
        ({"resource_group": "no/group"}, "InvalidName"),
        ({"vm_name": "no vm"}, "InvalidName"),
        ({"subscription_id": "mine"}, "InvalidName"),
        ({"vm_id": "win1", "vm_name": None}, "InvalidResourceId"),
        ({"application_security_groups": ["/x"], "destination": "application_security_groups"}, "InvalidResourceId"),
        ({"destination": "application_security_groups"}, "InvalidDestination"),
    ],
)
def test_what_can_not_be_right_is_refused_before_any_request(bench: Bench, wish: Json, code: str) -> None:
    error = bench.refused("both", **wish)
    assert isinstance(error, InvalidInput)
    assert error.code == code
    assert bench.control.journal() == []
