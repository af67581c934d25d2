# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests are sent again, and when nobody knows what became of one."""

from __future__ import annotations

import typing as t

from .._domain.errors import Unavailable
from .libraries import needs

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.pipeline.policies import RetryPolicy

    from .._domain.deadline import Deadline

T = t.TypeVar("T")

RETRIES: dict[str, t.Any] = {
    "retry_total": 6,
    "retry_connect": 2,
    "retry_backoff_factor": 0.4,
    "retry_backoff_max": 15,
}

# Options of a request. A PATCH that sets things to given values can be sent again like a PUT, which azure-core does by
# itself; what makes something new each time must not be sent again by azure-core at all.
LIKE_PUT: dict[str, t.Any] = {"retry_on_methods": frozenset({"GET", "PATCH"})}
ONCE: dict[str, t.Any] = {"retry_total": 0}

_LOST_ANSWERS = 3
_PAUSE = 1.0


def patient_retries() -> RetryPolicy[t.Any, t.Any]:
    """azure-core's retries; a refusal (429) that says when to come again is no failure, and only time bounds those.

    Fifty runs at once would give up after a few of them otherwise, although each gets its turn.
    """
    with needs("azure-core"):
        from azure.core.pipeline import PipelineResponse
        from azure.core.pipeline.policies import RetryPolicy

    class PatientRetries(RetryPolicy[t.Any, t.Any]):
        def increment(self, settings: dict[str, t.Any], response: t.Any = None, error: Exception | None = None) -> bool:
            if isinstance(response, PipelineResponse):
                answer = response.http_response
                if answer.status_code == 429 and answer.headers.get("Retry-After"):
                    return True
            return super().increment(settings, response, error)

    return PatientRetries(**RETRIES)


def written_once(write: Callable[[], T], taken: Callable[[], T | None], *, deadline: Deadline, waiting_for: str) -> T:
    """What ``write`` gives: a request with :data:`ONCE`, which makes something new each time it is sent.

    When its answer gets lost, nobody knows what became of it: ``taken`` looks, and gives what was made, if it was.
    """
    lost = 0
    while True:
        try:
            return write()
        except Unavailable as error:
            lost += 1
            made = taken()
            if made is not None:
                return made
            if lost == _LOST_ANSWERS:
                raise
            deadline.pause(_PAUSE, waiting_for=waiting_for, last_seen=error.message)
