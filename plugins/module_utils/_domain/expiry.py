# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A time limit that a security rule carries in its description: Azure's rules have none of their own."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from .errors import InvalidInput

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_MARK = re.compile(r"\[until (\d{4}-\d\d-\d\dT\d\d:\d\d)Z\]")
_FORMAT = "%Y-%m-%dT%H:%M"
_SHORTEST, _LONGEST = timedelta(minutes=5), timedelta(days=366)
# Azure's servers don't agree to the second, and ends are whole minutes.
_SKEW = timedelta(minutes=2)

MARK_LENGTH = 25


def checked_duration(text: str) -> timedelta:
    """``90m``, ``8h`` or ``2d``; :class:`InvalidInput` for anything else, less than 5 minutes, or more than a year."""
    found = _DURATION.fullmatch(text.strip())
    duration = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
    if duration is None or not _SHORTEST <= duration <= _LONGEST:
        raise InvalidInput(
            code="InvalidDuration",
            message=f"{text!r} is not a duration from 5 minutes to 366 days.",
            hint="Write a number and m, h or d: 90m, 8h, 2d.",
        )
    return duration


def expiry_mark(until: datetime) -> str:
    """What stands in the description: ``[until 2026-11-20T18:30Z]``, 25 characters, in UTC."""
    return f"[until {until.astimezone(timezone.utc).strftime(_FORMAT)}Z]"


def expiry_of(description: str) -> datetime | None:
    """Until when the rule with that description is meant to last; ``None`` for a rule without a limit.

    Text of that form with an impossible date is no limit: then nothing is removed for it.
    """
    found = _MARK.search(description)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], _FORMAT).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def expired(description: str, now: datetime) -> bool:
    """Whether the rule with that description has had its time."""
    until = expiry_of(description)
    return until is not None and until <= now


def end_of(duration: timedelta, *, now: datetime, found: datetime | None) -> datetime:
    """When a rule wanted for ``duration`` ends, in whole minutes.

    The end that an earlier run set (``found``) stays while it lies ahead and within ``duration``: a second run changes
    nothing and extends nothing. One clearly further away is brought forward.
    """
    latest = (now + duration).replace(second=0, microsecond=0)
    if now + duration > latest:
        latest += timedelta(minutes=1)
    return found if found is not None and now < found <= latest + _SKEW else latest
