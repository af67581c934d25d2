# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules with an end: written once, never extended by themselves, and removed when Azure's clock has passed it."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError, InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._domain.expiry import expiry_of

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome
    from ansible_collections.azvm.access.tests.integration.rdp_nsg_rule.conftest import Bench


def end(bench: Bench, group: str = "atnic-nsg", rule: str = "Port_3389") -> datetime:
    """Until when a rule says that it lasts."""
    until = expiry_of(bench.rules(group)[rule]["description"])
    assert until is not None
    return until


def shown(outcome: Outcome) -> list[str | None]:
    return [entry["rule"]["until"] for entry in outcome.thing["groups"]]


def names(outcome: Outcome) -> dict[str, list[str]]:
    """Group -> the rules whose time was over."""
    return {entry["name"]: [rule["name"] for rule in entry["expired"]] for entry in outcome.thing["groups"]}


def test_the_end_stays_while_time_is_left(bench: Bench) -> None:
    predicted = bench.run("both", expires_after="8h", check_mode=True)
    first = bench.run("both", expires_after="8h")
    until = end(bench, "both-nic-nsg")
    assert end(bench, "both-subnet-nsg") == until
    assert shown(first) == [f"{until:%Y-%m-%dT%H:%M:%SZ}"] * 2
    assert len(shown(predicted)) == 2
    assert bench.rules("both-nic-nsg")["Port_3389"]["description"] == (
        f"Allows tcp/3389 to both. [until {until:%Y-%m-%dT%H:%M}Z] [azvm.access access-guards/both]"
    )

    bench.control.forward(hours=5)
    bench.control.mark()
    assert not bench.run("both", expires_after="8h").changed
    assert not bench.run("both", expires_after="2d").changed
    assert bench.control.writes() == []


def test_more_time_only_when_asked_for(bench: Bench) -> None:
    bench.run("atnic", expires_after="8h")
    first = end(bench)
    bench.control.forward(hours=5)
    assert bench.run("atnic", expires_after="8h", extend=True).changed
    assert end(bench) - first in (timedelta(hours=5), timedelta(hours=5, minutes=1))
    bench.run("atnic", expires_after="1h")
    assert end(bench) < first
    bench.control.forward(hours=2)
    before = end(bench)
    assert bench.run("atnic", expires_after="1h").changed
    assert end(bench) > before
    forever = bench.run("atnic")
    assert (forever.changed, shown(forever)) == (True, [None])


def test_one_end_for_all_groups_after_a_run_that_was_cut_off(bench: Bench) -> None:
    fault = bench.control.fault("status", method="PUT", path="both-nic-nsg/securityRules", status=400, code="Odd")
    with pytest.raises(AccessError, match="both-nic-nsg"):
        bench.run("both", expires_after="8h")
    bench.control.clear_fault(fault)
    bench.control.forward(minutes=30)
    bench.run("both", expires_after="8h")
    assert end(bench, "both-nic-nsg") == end(bench, "both-subnet-nsg")


def test_only_rules_of_this_collection_whose_time_is_over_are_removed(bench: Bench) -> None:
    bench.put("shared-nsg", "ByHand", priority=310, description="[until 2020-01-01T00:00Z]")
    bench.run("shared1", expires_after="1h")
    bench.run("shared2", expires_after="1h", port=5986)
    bench.run("shared1", expires_after="3h", name="Support")
    bench.run("shared2")
    untouched = bench.all_rules()
    wish: dict[str, t.Any] = {"state": "expired_absent", "sources": None}

    early = bench.run("shared1", **wish)
    assert (early.changed, early.before, early.after, names(early)) == (False, None, None, {"shared-nsg": []})

    bench.control.forward(hours=2)
    predicted = bench.run("shared1", check_mode=True, **wish)
    assert bench.all_rules() == untouched
    bench.control.mark()
    removed = bench.run("shared1", **wish)
    assert len(bench.control.writes()) == 2
    assert (removed.thing, removed.before, removed.after) == (predicted.thing, predicted.before, None)
    assert removed.changed
    assert sorted(names(removed)["shared-nsg"]) == ["Port_3389_shared1", "Port_5986_shared2"]
    assert all(rule["until"] for rule in removed.thing["groups"][0]["expired"])
    gone = {"Port_3389_shared1", "Port_5986_shared2"}
    left = {name: rule for name, rule in untouched["shared-nsg"].items() if name not in gone}
    assert bench.all_rules() == {**untouched, "shared-nsg": left}
    bench.control.mark()
    assert not bench.run("shared2", **wish).changed
    assert bench.control.writes() == []


def test_a_vm_without_groups_has_nothing_to_remove(bench: Bench) -> None:
    outcome = bench.run("private", state="expired_absent", sources=None)
    assert (outcome.changed, outcome.thing, outcome.warnings) == (False, {"groups": []}, ())


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"expires_after": "soon"}, "InvalidDuration"),
        ({"expires_after": "1m"}, "InvalidDuration"),
        ({"expires_after": "400d"}, "InvalidDuration"),
        ({"extend": True}, "NothingToExtend"),
        ({"expires_after": "8h", "description": "x" * 95}, "DescriptionTooLong"),
        ({"description": "Open [until 2026-11-20T18:30Z]"}, "ExpiryInDescription"),
    ],
)
def test_what_can_not_be_right_is_refused_before_any_request(bench: Bench, wish: dict[str, t.Any], code: str) -> None:
    error = bench.refused("atnic", **wish)
    assert isinstance(error, InvalidInput)
    assert error.code == code
    assert bench.control.journal() == []
