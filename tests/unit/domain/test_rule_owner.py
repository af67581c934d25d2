# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark by which a rule is known again."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.rule_owner import (
    EVERY_VM,
    RuleOwner,
    application_groups_owner,
    interface_owner,
    owner_key,
    vm_owner,
)

GROUP_ID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/applicationSecurityGroups/"
names = st.text(alphabet="abcXYZ019-_.()", min_size=1, max_size=90)


def test_a_mark_names_group_and_vm_without_regard_to_case() -> None:
    assert vm_owner("My-Group", "Win1").mark == "[azvm.access my-group/win1]"
    assert vm_owner("My-Group", "Win1").key == vm_owner("MY-GROUP", "WIN1").key


@given(names, names, names)
def test_what_is_marked_is_known_again(group: str, vm: str, interface: str) -> None:
    for owner in (vm_owner(group, vm), interface_owner(group, vm, interface), EVERY_VM):
        assert owner_key(f"Some words. {owner.mark}") == owner.key
        assert len(owner.mark) < 100
        assert re.fullmatch(r"([A-Za-z0-9_-]{0,63}[A-Za-z0-9_])?", owner.word)


@given(st.lists(names, min_size=2, max_size=2, unique_by=str.lower))
def test_long_names_that_differ_at_the_end_keep_apart(ends: list[str]) -> None:
    one, other = (vm_owner("g" * 80, end) for end in ends)
    assert one.key != other.key


@pytest.mark.parametrize("text", ["", "Opened by hand", "[azvm.access rg/win1] and more", "[other rg/win1]"])
def test_rules_of_others_bear_no_mark(text: str) -> None:
    assert owner_key(text) is None


def test_an_interface_is_not_the_vm() -> None:
    assert interface_owner("rg", "win1", "nic2").key != vm_owner("rg", "win1").key
    assert interface_owner("rg", "win1", "nic2").word == "win1_nic2"


def test_application_security_groups_are_one_owner_in_any_order() -> None:
    one: RuleOwner = application_groups_owner([f"{GROUP_ID}web", f"{GROUP_ID}db"])
    assert one == application_groups_owner([f"{GROUP_ID}db", f"{GROUP_ID}web", f"{GROUP_ID}web"])
    assert (one.word, one.text) == ("db_web", "db, web")
