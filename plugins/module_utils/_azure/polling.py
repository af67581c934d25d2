# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for Azure: long-running operations and resources that are busy with somebody else's write."""

from __future__ import annotations

import contextlib
import random
import typing as t

from .._domain.errors import Busy, NoTimeToAsk, TimedOut

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
        raise deadline.timed_out(waiting_for=waiting_for, last_seen=f"operation {poller.status()}") from over
    return poller.result()


def awaited(
    found: T,
    look: t.Callable[[], T],
    *,
    over: t.Callable[[T], bool],
    seen: t.Callable[[T], str],
    waiting_for: str,
    deadline: Deadline,
    pause: float,
) -> T:
    """``found``, or what ``look`` gives once the wait is ``over``; looks again every ``pause`` seconds.

    Raises :class:`TimedOut` with what was ``seen`` last.
    """
    while not over(found):
        last_seen = seen(found)
        deadline.pause(pause, waiting_for=waiting_for, last_seen=last_seen)
        with awaiting(waiting_for, deadline=deadline, last_seen=last_seen):
            found = look()
    return found


@contextlib.contextmanager
def awaiting(waiting_for: str, *, deadline: Deadline, last_seen: str) -> t.Iterator[None]:
    """Another try: when no time is left for a request inside, the error tells of the wait, and not of that request.

    ``last_seen`` is what made another try necessary; "" in the first one, which is no wait yet.
    """
    try:
        yield
    except NoTimeToAsk as over:
        if not last_seen:
            raise
        raise deadline.timed_out(waiting_for=waiting_for, last_seen=last_seen) from over


def unless_busy(attempt: t.Callable[[], T], *, deadline: Deadline, waiting_for: str) -> T:
    """Call ``attempt`` again while Azure says the resource is busy, with growing, jittered pauses (1 to 15 s)."""
    pause = 1.0
    last_seen = ""
    while True:
        try:
            with awaiting(waiting_for, deadline=deadline, last_seen=last_seen):
                return attempt()
        except Busy as busy:
            last_seen = busy.message
            # Jitter keeps ten runs that met on one group from meeting again; it needs no cryptographic quality.
            jittered = pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret hangs on it
            deadline.pause(jittered, waiting_for=waiting_for, last_seen=last_seen)
            pause = min(pause * 1.6, 15.0)
