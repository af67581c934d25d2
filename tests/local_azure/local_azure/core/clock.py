# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only source of time: real time plus an offset that can be moved forward."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone


class Clock:
    """Aware UTC time of this Azure. Tokens, operations, certificates and `Date` headers all follow it."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._listeners: list[Callable[[], None]] = []

    @property
    def offset(self) -> timedelta:
        """How far this clock is ahead of the machine's."""
        return self._offset

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self._offset

    def advance(self, by: timedelta) -> None:
        """Move forward. Raises ValueError for a negative duration: nothing here can be undone by turning time back."""
        if by < timedelta():
            raise ValueError("the clock only goes forward")
        self._offset += by
        for listener in list(self._listeners):
            listener()

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every advance."""
        self._listeners.append(listener)
