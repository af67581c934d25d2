# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for Azure: long-running operations and resources that are busy with somebody else's write."""

from __future__ import annotations

import contextlib
import random
import typing as t

from .._domain.errors import Busy, TimedOut

if t.TYPE_CHECKING:
    from azure.core.polling import LROPoller

    from .._domain.deadline import Deadline

T = t.TypeVar("T")


def finished(poller: LROPoller[T], *, deadline: Deadline, waiting_for: str) -> T:
    """The result of a long-running operation; :class:`TimedOut` when ``deadline`` passes first.

    azure-core honours Retry-After while polling; without that header it waits the client's ``polling_interval``.
    """
    over: TimedOut | None = None
    try:
        poller.wait(deadline.remaining)
    except TimedOut as error:  # the poller's own thread saw the end of the budget first
        over = error
    if over or not poller.done():
        last_seen = f"operation {poller.status()}"
        raise TimedOut(waiting_for=waiting_for, seconds=deadline.seconds, last_seen=last_seen) from over
    return poller.result()


@contextlib.contextmanager
def awaiting(waiting_for: str, *, deadline: Deadline, last_seen: str) -> t.Iterator[None]:
    """One more look: when the budget ends inside, the error tells of the wait, and not of the request it ended at."""
    try:
        yield
    except TimedOut as over:
        raise TimedOut(waiting_for=waiting_for, seconds=deadline.seconds, last_seen=last_seen) from over


def unless_busy(attempt: t.Callable[[], T], *, deadline: Deadline, waiting_for: str) -> T:
    """Call ``attempt`` again while Azure says the resource is busy, with growing, jittered pauses (1 to 15 s)."""
    pause = 1.0
    seen: Busy | None = None
    while True:
        try:
            return attempt()
        except TimedOut as over:
            if seen is None or over.details["waiting_for"] == waiting_for:
                raise
            raise TimedOut(waiting_for=waiting_for, seconds=deadline.seconds, last_seen=seen.message) from over
        except Busy as busy:
            seen = busy
            # Jitter keeps ten runs that met on one group from meeting again; it needs no cryptographic quality.
            jittered = pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret hangs on it
            deadline.pause(jittered, waiting_for=waiting_for, last_seen=busy.message)
            pause = min(pause * 1.6, 15.0)
