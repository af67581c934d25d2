# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits: every time-out says what was waited for, how long, what was last seen, and what to do."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure.polling import awaited, awaiting, unless_busy
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import Busy, NoTimeToAsk, TimedOut

if t.TYPE_CHECKING:
    from collections.abc import Iterator

SAID = "Gave up waiting for the VM to settle after 10 seconds; last seen: power state {}."


class Time:
    """A clock that only moves when somebody sleeps or asks."""

    def __init__(self) -> None:
        self.now = 0.0

    def deadline(self, seconds: float = 10) -> Deadline:
        return Deadline(seconds, now=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def settled(states: Iterator[str], deadline: Deadline) -> str:
    def look() -> str:
        if deadline.passed:
            raise NoTimeToAsk(waiting_for="the answer to GET win1", seconds=deadline.seconds, last_seen="HTTP 200")
        return next(states)

    return awaited(
        look(),
        look,
        over=lambda state: state == "running",
        seen=lambda state: f"power state {state}",
        waiting_for="the VM to settle",
        deadline=deadline,
        pause=4,
    )


def test_a_wait_ends_when_it_is_over() -> None:
    time = Time()
    assert settled(iter(["stopped", "starting", "running", "stopping"]), time.deadline()) == "running"
    assert time.now == 8
    assert settled(iter(["running"]), time.deadline()) == "running"
    assert time.now == 8


def test_a_wait_that_is_too_long_tells_what_was_last_seen() -> None:
    with pytest.raises(TimedOut) as caught:
        settled(iter(["stopped", "stopping", "starting", "starting"]), Time().deadline())
    assert caught.value.message == SAID.format("starting")
    assert not isinstance(caught.value, NoTimeToAsk)
    assert caught.value.hint


def test_the_first_look_is_no_wait_yet() -> None:
    with pytest.raises(NoTimeToAsk, match="the answer to GET win1"):
        settled(iter(()), Time().deadline(0))


def test_another_try_tells_why_it_was_needed() -> None:
    deadline = Time().deadline()

    def fails(error: TimedOut, *, last_seen: str) -> TimedOut:
        with pytest.raises(TimedOut) as caught, awaiting("the VM to settle", deadline=deadline, last_seen=last_seen):
            raise error
        return caught.value

    request = NoTimeToAsk(waiting_for="the answer to GET win1", seconds=10, last_seen="HTTP 200")
    longer = TimedOut(waiting_for="the VM to start", seconds=10, last_seen="operation InProgress")
    assert fails(request, last_seen="") is request
    assert fails(request, last_seen="power state stopped.").message == SAID.format("stopped")
    # Another wait within tells more than that it was the second try.
    assert fails(longer, last_seen="power state stopped") is longer


def test_busy_resources_are_tried_again() -> None:
    time = Time()
    answers = iter([Busy(code="AnotherOperationInProgress", message="It is busy."), None])

    def attempt() -> str:
        if error := next(answers):
            raise error
        return "done"

    assert unless_busy(attempt, deadline=time.deadline(), waiting_for="the group") == "done"
    assert 0 < time.now <= 1


def test_a_resource_that_stays_busy_is_named() -> None:
    def attempt() -> None:
        raise Busy(code="AnotherOperationInProgress", message="It is busy.")

    with pytest.raises(TimedOut, match=r"Gave up waiting for the group after 10 seconds; last seen: It is busy\."):
        unless_busy(attempt, deadline=Time().deadline(), waiting_for="the group")
