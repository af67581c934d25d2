# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one opening needs in one security group: the rule's name, place and text, and whose rule stays untouched."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError, Conflict, InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._domain.expiry import expiry_of
from ansible_collections.azvm.access.plugins.module_utils._domain.network import Guard, SecurityGroup
from ansible_collections.azvm.access.plugins.module_utils._domain.opening import (
    Opening,
    RuleChange,
    checked_description,
    limited,
    overdue_rules,
    planned_removal,
    planned_rule,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId
from ansible_collections.azvm.access.plugins.module_utils._domain.rule_owner import (
    EVERY_VM,
    application_groups_owner,
    interface_owner,
    owner_key,
    vm_owner,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.security_rules import PortRange, SecurityRule

NETWORK = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network"
NOW = datetime(2026, 11, 20, 18, 30, 15, tzinfo=timezone.utc)
WIN1, WIN2 = vm_owner("rg", "win1"), vm_owner("rg", "win2")


def opening(**changed: t.Any) -> Opening:
    """RDP to win1 from one address."""
    given: dict[str, t.Any] = {
        "vm": WIN1,
        "owner": WIN1,
        "port": 3389,
        "protocol": "Tcp",
        "sources": ("203.0.113.7",),
        "destinations": ("10.0.0.4",),
    }
    return Opening(**(given | changed))


def every_vm(**changed: t.Any) -> Opening:
    return opening(owner=EVERY_VM, destinations=None, **changed)


def guard(*rules: SecurityRule, alone: bool = False, levels: tuple[str, ...] = ("subnet",)) -> Guard:
    group = SecurityGroup(
        id=ResourceId.parse(f"{NETWORK}/networkSecurityGroups/nsg"), rules=rules, interface_ids=(), subnet_ids=()
    )
    return Guard(group=group, levels=levels, alone=alone)


def theirs(name: str = "Port_3389", **changed: t.Any) -> SecurityRule:
    """A rule that somebody made by hand."""
    given: dict[str, t.Any] = {
        "name": name,
        "priority": 300,
        "access": "Allow",
        "direction": "Inbound",
        "protocol": "Tcp",
        "sources": frozenset({"*"}),
        "destinations": frozenset({"*"}),
        "ports": frozenset({PortRange(first=3389, last=3389)}),
        "description": "by hand",
    }
    return SecurityRule(**(given | changed))


def made(wanted: Opening, where: Guard) -> SecurityRule:
    """The rule as it stands after a first run."""
    after = planned_rule(wanted, where).after
    assert after is not None
    return after


def failure(call: t.Callable[[], RuleChange]) -> AccessError:
    with pytest.raises(Conflict) as caught:
        call()
    return caught.value


# Names and destinations


def test_a_group_of_this_vm_alone_gets_the_name_of_the_guides() -> None:
    rule = made(opening(), guard(alone=True, levels=("nic",)))
    assert (rule.name, rule.priority, rule.access, rule.direction) == ("Port_3389", 1000, "Allow", "Inbound")
    assert rule.destinations == {"*"}
    assert rule.description == "Allows tcp/3389 to win1. [azvm.access rg/win1]"


@pytest.mark.parametrize("levels", [("subnet",), ("subnet", "nic")])
def test_a_group_at_a_subnet_names_the_vms_address_even_while_it_is_alone(levels: tuple[str, ...]) -> None:
    assert made(opening(), guard(alone=True, levels=levels)).destinations == {"10.0.0.4"}


def test_a_shared_group_gets_one_rule_for_each_vm() -> None:
    first = made(opening(), guard())
    second = made(opening(vm=WIN2, owner=WIN2, destinations=("10.0.0.5",)), guard(first))
    assert [first.name, second.name] == ["Port_3389_win1", "Port_3389_win2"]
    assert (first.priority, second.priority) == (1000, 1001)
    assert not planned_rule(opening(), guard(first, second)).needed


def test_a_group_joined_by_a_second_vm_keeps_the_firsts_rule() -> None:
    first = made(opening(), guard(alone=True))
    assert first.name == "Port_3389"
    assert not planned_rule(opening(), guard(first)).needed
    assert made(opening(vm=WIN2, owner=WIN2, destinations=("10.0.0.5",)), guard(first)).name == "Port_3389_win2"


def test_a_rule_for_every_vm_is_the_same_whoever_asks() -> None:
    rule = made(every_vm(), guard())
    assert (rule.name, set(rule.destinations)) == ("Port_3389", {"*"})
    assert not planned_rule(every_vm(vm=WIN2), guard(rule)).needed


def test_a_rule_for_application_groups_is_the_same_whoever_asks() -> None:
    ids = (f"{NETWORK}/applicationSecurityGroups/Web",)
    wanted = opening(owner=application_groups_owner(ids), destinations=None, destination_groups=ids)
    rule = made(wanted, guard())
    assert (rule.name, rule.destinations) == ("Port_3389_Web", frozenset())
    assert rule.destination_groups == {ids[0].lower()}
    assert not planned_rule(replace(wanted, vm=WIN2), guard(rule)).needed


def test_udp_stands_beside_tcp() -> None:
    rule = made(opening(), guard())
    other = made(opening(protocol="Udp"), guard(rule))
    assert other.name == "Port_3389_Udp_win1"
    assert planned_rule(opening(protocol="*"), guard(rule)).before == rule


def test_a_second_interface_gets_a_rule_of_its_own() -> None:
    first = made(opening(), guard())
    second = interface_owner("rg", "win1", "nic2")
    rule = made(opening(vm=second, owner=second, destinations=("10.0.0.9",)), guard(first))
    assert rule.name == "Port_3389_win1_nic2"
    assert not planned_rule(opening(), guard(first, rule)).needed


# Whose rule it is


def test_a_rule_made_by_hand_is_refused_under_the_default_name() -> None:
    error = failure(lambda: planned_rule(opening(), guard(theirs(), alone=True)))
    assert (error.code, error.details["rule"]) == ("RuleOfOthers", "Port_3389")
    assert "nsg" in error.message
    assert "name: Port_3389" in error.hint


def test_a_rule_made_by_hand_is_taken_over_by_its_name() -> None:
    change = planned_rule(opening(name="port_3389"), guard(theirs()))
    assert change.before == theirs()
    assert change.after is not None
    assert (change.after.name, change.after.priority) == ("Port_3389", 300)
    assert owner_key(change.after.description) == WIN1.key


def test_a_rule_of_another_vm_is_not_taken_over_while_it_opens_the_way_to_that_vm() -> None:
    rule = made(opening(name="rdp"), guard())
    second = opening(vm=WIN2, owner=WIN2, destinations=("10.0.0.5",), name="rdp")
    error = failure(lambda: planned_rule(second, guard(rule)))
    assert error.code == "RuleOfOthers"
    assert "rg/win1" in error.message
    assert "destination: any" in error.hint
    assert planned_rule(second, guard(rule, alone=True)).needed


def test_a_rule_of_this_vm_may_become_one_for_every_vm_but_not_back_while_there_are_others() -> None:
    own = made(opening(name="rdp"), guard())
    assert made(every_vm(name="rdp"), guard(own)).destinations == {"*"}
    shared = made(every_vm(name="rdp"), guard())
    assert failure(lambda: planned_rule(opening(name="rdp"), guard(shared))).code == "RuleOfOthers"
    assert made(opening(name="rdp"), guard(shared, alone=True)).destinations == {"10.0.0.4"}


def test_removal_leaves_the_rules_of_others() -> None:
    assert planned_removal(opening(), guard(theirs(), theirs("Port_3389_win1", priority=301))).before is None
    other = made(opening(vm=WIN2, owner=WIN2), guard())
    assert not planned_removal(opening(), guard(other)).needed
    for rule in (theirs("rdp"), replace(other, name="rdp"), made(every_vm(name="rdp"), guard())):
        named = opening(name="rdp")
        assert failure(lambda rule=rule, named=named: planned_removal(named, guard(rule))).code == "RuleOfOthers"  # type: ignore[misc]


def test_removal_finds_what_was_made() -> None:
    for wanted in (opening(), opening(name="rdp"), every_vm(), opening(protocol="Udp")):
        for alone in (True, False):
            rule = made(wanted, guard(alone=alone))
            change = planned_removal(wanted, guard(rule, theirs("Other")))
            assert (change.before, change.after, change.needed) == (rule, None, True)
    assert not planned_removal(opening(), guard()).needed


def test_what_somebody_changed_in_our_rule_is_put_right_and_can_be_removed() -> None:
    rule = made(opening(), guard())
    for bent in (
        replace(rule, ports=frozenset({PortRange(first=1, last=65535)})),
        replace(rule, source_ports=frozenset({PortRange(first=1, last=2)})),
        replace(rule, access="Deny"),
        replace(rule, sources=frozenset({"*"})),
    ):
        change = planned_rule(opening(), guard(bent))
        assert (change.needed, change.after) == (True, rule)
        assert planned_removal(opening(), guard(bent)).before == bent


# Priorities


def test_a_rule_keeps_its_place_until_a_deny_comes_before_it() -> None:
    rule = made(opening(), guard())
    moved = replace(rule, priority=2000)
    assert not planned_rule(opening(), guard(moved)).needed
    deny = theirs("Deny", access="Deny", priority=500)
    change = planned_rule(opening(), guard(moved, deny))
    assert change.after is not None
    assert change.after.priority == 499


def test_a_rule_that_azure_failed_to_put_into_force_is_written_again_as_it_is() -> None:
    rule = made(opening(), guard())
    change = planned_rule(opening(), guard(replace(rule, failed=True)))
    assert change.needed
    assert change.after == rule
    assert not planned_rule(opening(), guard(rule)).needed


def test_a_wished_priority_is_taken_or_its_obstacle_named() -> None:
    assert made(opening(priority=400), guard()).priority == 400
    taken = failure(lambda: planned_rule(opening(priority=300), guard(theirs("Other"))))
    assert taken.code == "PriorityTaken"
    assert "Other" in taken.message
    behind = failure(lambda: planned_rule(opening(priority=400), guard(theirs("Deny", access="Deny", priority=350))))
    assert behind.code == "ShadowedByDeny"
    assert "below 350" in behind.hint
    outbound = theirs("Other", direction="Outbound")
    assert made(opening(priority=300), guard(outbound)).priority == 300


def test_no_room_in_front_of_a_deny_is_told_apart_from_no_room_at_all() -> None:
    first = theirs("First", priority=100, ports=frozenset({PortRange(first=80, last=80)}))
    deny = theirs("Deny", access="Deny", priority=101)
    crowded = failure(lambda: planned_rule(opening(), guard(first, deny)))
    assert crowded.code == "NoFreePriority"
    assert "Deny" in crowded.message
    barred = failure(lambda: planned_rule(opening(), guard(replace(deny, priority=100))))
    assert barred.code == "ShadowedByDeny"
    crowd = [theirs(f"r{number}", priority=number) for number in range(100, 4097)]
    assert failure(lambda: planned_rule(opening(), guard(*crowd))).code == "NoFreePriority"


# Descriptions


def test_own_words_are_kept_in_front_of_the_mark() -> None:
    assert made(opening(description="For the office."), guard()).description == "For the office. [azvm.access rg/win1]"


def test_a_description_azure_would_not_take_is_refused_with_the_room_there_is() -> None:
    room = 140 - len(WIN1.mark) - 1
    checked_description("x" * room, WIN1)
    assert len(made(opening(description="x" * room), guard()).description) == 140
    with pytest.raises(InvalidInput) as caught:
        checked_description("x" * (room + 1), WIN1)
    assert caught.value.code == "DescriptionTooLong"
    assert f"room for {room}" in caught.value.message


def test_long_names_leave_the_mark_alone() -> None:
    owner = vm_owner("g" * 90, "v" * 64)
    rule = made(opening(vm=owner, owner=owner), guard())
    assert len(rule.description) <= 140
    assert owner_key(rule.description) == owner.key
    assert len(rule.name) <= 80


# Limited time


def timed(wanted: Opening, *guards: Guard, hours: int = 8, later: int = 0, extend: bool = False) -> Opening:
    """The opening as a run sees it that asks for ``hours``, ``later`` hours after the first one."""
    return limited(wanted, guards, duration=timedelta(hours=hours), now=NOW + timedelta(hours=later), extend=extend)


def test_the_end_stands_between_the_words_and_the_owner() -> None:
    rule = made(timed(opening(description="For the audit."), guard()), guard())
    assert rule.description == "For the audit. [until 2026-11-21T02:31Z] [azvm.access rg/win1]"
    assert owner_key(rule.description) == WIN1.key


def test_a_later_run_keeps_the_end_in_every_group() -> None:
    old = guard(made(timed(opening(), guard()), guard()))
    until = expiry_of(old.group.rules[0].description)
    for again in (timed(opening(), old, later=5), timed(opening(), guard(), old, later=5, hours=48)):
        assert again.until == until
        assert not planned_rule(again, old).needed
    assert timed(opening(), old, later=5, extend=True).until == NOW.replace(second=0) + timedelta(hours=13, minutes=1)
    assert planned_rule(timed(opening(), old, later=9), old).needed
    assert planned_rule(opening(), old).needed


def test_an_end_that_somebody_else_wrote_is_not_kept() -> None:
    by_hand = guard(theirs("rdp", description="[until 2026-11-20T19:00Z]"))
    assert timed(opening(name="rdp"), by_hand).until == timed(opening(), guard()).until


def test_only_rules_with_our_mark_and_an_end_that_is_past_are_overdue() -> None:
    mine = made(timed(opening(), guard()), guard())
    other = made(timed(opening(vm=WIN2, owner=WIN2), guard(), hours=9), guard())
    for_good = made(opening(port=5986), guard())
    by_hand = theirs("rdp", description="[until 2020-01-01T00:00Z]")
    where = guard(mine, other, for_good, by_hand)
    assert overdue_rules(where, NOW) == []
    assert overdue_rules(where, NOW + timedelta(hours=8, minutes=1)) == [mine]
    assert overdue_rules(where, NOW + timedelta(days=400)) == [mine, other]


def test_a_limited_rule_has_less_room_for_words_and_the_end_is_ours_to_write() -> None:
    room = 140 - len(WIN1.mark) - 1 - 26
    assert len(made(timed(opening(description="x" * room), guard()), guard()).description) == 140
    with pytest.raises(InvalidInput, match=f"room for {room}"):
        checked_description("x" * (room + 1), WIN1, limited=True)
    with pytest.raises(InvalidInput) as caught:
        checked_description("Open [until 2026-11-20T18:30Z]", WIN1)
    assert caught.value.code == "ExpiryInDescription"
    long = vm_owner("g" * 90, "v" * 64)
    rule = made(timed(opening(vm=long, owner=long), guard()), guard())
    assert expiry_of(rule.description) is not None
    assert owner_key(rule.description) == long.key
    assert len(rule.description) <= 140


# Whatever stands in the group

others = st.lists(
    st.builds(
        lambda name, mark, **changed: theirs(name, description=mark, **changed),
        name=st.sampled_from(["Port_3389", "port_3389_win1", "Port_3389_win2", "Other", "Deny"]),
        mark=st.sampled_from(["", "by hand", WIN1.mark, WIN2.mark, EVERY_VM.mark]),
        priority=st.integers(100, 4096),
        access=st.sampled_from(["Allow", "Deny"]),
        direction=st.sampled_from(["Inbound", "Outbound"]),
        destinations=st.sampled_from([frozenset({"*"}), frozenset({"10.0.0.4"}), frozenset({"10.0.0.5"})]),
    ),
    max_size=5,
    unique_by=(lambda rule: rule.name.lower(), lambda rule: (rule.priority, rule.direction)),
)
openings = st.builds(
    lambda wanted, **changed: wanted(**changed),
    wanted=st.sampled_from([opening, every_vm]),
    name=st.sampled_from([None, "Other", "port_3389"]),
    priority=st.none() | st.integers(100, 4096),
    protocol=st.sampled_from(["Tcp", "Udp", "*"]),
)


def applied(rules: t.Sequence[SecurityRule], change: RuleChange) -> list[SecurityRule]:
    """The group after the change, by name as Azure keys rules."""
    found = {rule.name.lower(): rule for rule in rules}
    if change.after:
        found[change.after.name.lower()] = change.after
    elif change.before:
        del found[change.before.name.lower()]
    return list(found.values())


@given(openings, others, st.booleans())
def test_a_second_run_changes_nothing_and_removal_takes_back_no_more_than_was_made(
    wanted: Opening, rules: list[SecurityRule], alone: bool
) -> None:
    before = guard(*rules, alone=alone)
    try:
        change = planned_rule(wanted, before)
    except Conflict:
        return
    after = applied(rules, change)
    slots = [(rule.priority, rule.direction.lower()) for rule in after]
    assert len(set(slots)) == len(slots)
    touched = {change.after.name.lower()} if change.after else set()
    assert [rule for rule in after if rule.name.lower() not in touched] == [
        rule for rule in rules if rule.name.lower() not in touched
    ]
    assert not planned_rule(wanted, guard(*after, alone=alone)).needed
    removal = planned_removal(wanted, guard(*after, alone=alone))
    assert removal.before == change.after
    assert len(applied(after, removal)) == len(after) - 1
    if wanted.name is None:
        assert not planned_removal(wanted, guard(*rules, alone=alone)).needed or change.before is not None


@given(openings, others, st.booleans())
def test_a_rule_that_opens_the_way_to_others_is_never_lost(
    wanted: Opening, rules: list[SecurityRule], alone: bool
) -> None:
    for plan in (planned_rule, planned_removal):
        try:
            change = plan(wanted, guard(*rules, alone=alone))
        except Conflict:
            continue
        key = owner_key(change.before.description) if change.before else WIN1.key
        assert key in {wanted.owner.key, WIN1.key} or (plan is planned_rule and (alone or key is None))
