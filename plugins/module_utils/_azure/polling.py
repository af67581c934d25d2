# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for Azure: long-running operations and resources that are busy with somebody else's write."""

from __future__ import annotations

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
    poller.wait(deadline.remaining)
    if not poller.done():
        raise TimedOut(waiting_for=waiting_for, seconds=deadline.seconds, last_seen=f"operation {poller.status()}")
    return poller.result()


def unless_busy(attempt: t.Callable[[], T], *, deadline: Deadline, waiting_for: str) -> T:
    """Call ``attempt`` again while Azure says the resource is busy, with growing, jittered pauses (1 to 15 s)."""
    pause = 1.0
    while True:
        try:
            return attempt()
        except Busy as busy:
            # Jitter keeps ten runs that met on one group from meeting again; it needs no cryptographic quality.
            deadline.pause(pause * random.uniform(0.5, 1.0), waiting_for=waiting_for, last_seen=busy.message)  # noqa: S311
            pause = min(pause * 1.6, 15.0)
