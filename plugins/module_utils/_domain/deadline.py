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
    """``seconds`` from its creation; every wait of the operation draws on it.

    ``hint`` is what to do when it has passed, "" for more time.
    """

    def __init__(
        self,
        seconds: float,
        *,
        hint: str = "",
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.seconds = seconds
        self.hint = hint
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

    def within(self, seconds: float, *, hint: str = "") -> Deadline:
        """A part of this budget: at most ``seconds``, never longer than what is left.

        ``hint`` is for a wait that takes all of the ``seconds``: a longer budget would not help then.
        """
        left = self.remaining
        return Deadline(
            min(seconds, left), hint=hint if seconds < left else self.hint, now=self._now, sleep=self._sleep
        )

    def pause(self, seconds: float, *, waiting_for: str, last_seen: str) -> None:
        """Sleep up to ``seconds``; raise :class:`TimedOut` when no time is left."""
        if self.passed:
            raise self.timed_out(waiting_for=waiting_for, last_seen=last_seen)
        self._sleep(min(seconds, self.remaining))

    def timed_out(self, *, waiting_for: str, last_seen: str) -> TimedOut:
        """What to raise when it has passed; ``last_seen`` is what was observed last."""
        return TimedOut(waiting_for=waiting_for, seconds=self.seconds, last_seen=last_seen, hint=self.hint)
