# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time limits in descriptions."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._domain.expiry import (
    MARK_LENGTH,
    checked_duration,
    end_of,
    expired,
    expiry_mark,
    expiry_of,
)

NOW = datetime(2026, 11, 20, 18, 30, 15, tzinfo=timezone.utc)
MOMENTS = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.timezones())  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "duration"), [("90m", timedelta(minutes=90)), ("8h", timedelta(hours=8)), (" 2d ", timedelta(days=2))]
)
def test_durations(text: str, duration: timedelta) -> None:
    assert checked_duration(text) == duration


@pytest.mark.parametrize("text", ["", "2", "h", "4m", "0h", "-1h", "1.5h", "367d", "2 h", "1h30m", "99999d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidInput):
        checked_duration(text)


def test_the_mark_is_found_in_the_middle_of_a_description() -> None:
    until = NOW + timedelta(hours=2)
    description = f"For the audit. {expiry_mark(until)} [azvm.access rg/win1]"
    assert expiry_mark(until) == "[until 2026-11-20T20:30Z]"
    assert len(expiry_mark(until)) == MARK_LENGTH
    assert expiry_of(description) == until.replace(second=0)
    assert not expired(description, NOW)
    assert expired(description, until)


@pytest.mark.parametrize("description", ["", "until tomorrow", "[until 2026-13-40T99:99Z]", "[until 2026-11-20]"])
def test_no_limit_no_removal(description: str) -> None:
    assert expiry_of(description) is None
    assert not expired(description, datetime.max.replace(tzinfo=timezone.utc))


@given(MOMENTS)
def test_a_mark_is_read_as_it_was_written(moment: datetime) -> None:
    found = expiry_of(expiry_mark(moment))
    assert found is not None
    assert abs(found - moment) < timedelta(minutes=1)


@given(MOMENTS, st.integers(5, 10_000), st.integers(0, 10_000))
def test_a_later_run_never_extends(now: datetime, minutes: int, later: int) -> None:
    duration = timedelta(minutes=minutes)
    first = end_of(duration, now=now, found=None)
    second = end_of(duration, now=now + timedelta(minutes=later), found=first)
    assert first >= now + duration
    assert second == first or first <= now + timedelta(minutes=later)


def test_an_end_too_far_away_comes_nearer() -> None:
    assert end_of(timedelta(hours=1), now=NOW, found=NOW + timedelta(days=3)) < NOW + timedelta(hours=2)


def test_servers_that_disagree_by_seconds_change_nothing() -> None:
    duration = timedelta(hours=1)
    first = end_of(duration, now=NOW, found=None)
    assert end_of(duration, now=NOW - timedelta(seconds=50), found=first) == first
