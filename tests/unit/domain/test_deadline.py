# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One time budget: what is left of it, and how it ends."""

from __future__ import annotations

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import TimedOut


class Clock:
    """Time that passes by sleeping."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def deadline(clock: Clock, seconds: float) -> Deadline:
    return Deadline(seconds, now=clock.now, sleep=clock.sleep)


def test_pauses_use_it_up_and_the_last_one_is_cut_short(clock: Clock) -> None:
    budget = deadline(clock, 10)
    budget.pause(4, waiting_for="it", last_seen="x")
    assert budget.remaining == 6
    budget.pause(60, waiting_for="it", last_seen="x")
    assert (clock.time, budget.remaining, budget.passed) == (1010, 0, True)


def test_its_end_says_what_was_awaited_and_what_was_seen(clock: Clock) -> None:
    budget = deadline(clock, 90)
    clock.sleep(90)
    with pytest.raises(TimedOut) as caught:
        budget.pause(1, waiting_for="the rule Port_3389", last_seen="operation InProgress")
    error = caught.value
    assert error.message == (
        "Gave up waiting for the rule Port_3389 after 90 seconds; last seen: operation InProgress."
    )
    assert error.details == {"waiting_for": "the rule Port_3389", "seconds": 90, "last_seen": "operation InProgress"}
    assert "timeout" in error.hint


def test_a_part_with_a_limit_of_its_own_says_what_helps_instead_of_more_time(clock: Clock) -> None:
    budget = deadline(clock, 100)
    inner = budget.within(30, hint="Restart the VM.")
    outer = budget.within(300, hint="Restart the VM.")
    clock.sleep(100)
    for limit, hint in (
        (inner, "Restart the VM."),
        (inner.within(9), "Restart the VM."),
        (outer, "the option timeout"),
    ):
        with pytest.raises(TimedOut) as caught:
            limit.pause(1, waiting_for="the agent", last_seen="nothing")
        assert hint in caught.value.hint


def test_a_part_of_it_never_lasts_longer_than_the_whole(clock: Clock) -> None:
    budget = deadline(clock, 10)
    assert budget.within(3).remaining == 3
    clock.sleep(8)
    assert budget.within(3).remaining == 2
    assert not budget.within(3).passed
