# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One time budget for a whole operation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .errors import TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable


class Deadline:
    """``seconds`` from its creation; every wait of the operation draws on it."""

    def __init__(
        self,
        seconds: float,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.seconds = seconds
        self._now = now
        self._sleep = sleep
        self._end = now() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._end - self._now())

    @property
    def passed(self) -> bool:
        return self.remaining <= 0

    def within(self, seconds: float) -> Deadline:
        """A part of this budget: at most ``seconds``, never longer than what is left."""
        return Deadline(min(seconds, self.remaining), now=self._now, sleep=self._sleep)

    def pause(self, seconds: float, *, waiting_for: str, last_seen: str) -> None:
        """Sleep up to ``seconds``; raise :class:`TimedOut` when no time is left."""
        if self.passed:
            raise TimedOut(waiting_for=waiting_for, seconds=self.seconds, last_seen=last_seen)
        self._sleep(min(seconds, self.remaining))
