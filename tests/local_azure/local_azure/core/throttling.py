# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Token buckets of Resource Manager, per principal, and the headers that show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .authorization import Principal
from .clock import Clock
from .errors import AzureError
from .faults import Faults
from .settings import Settings

_GLOBAL_FACTOR = 15


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """`size` requests at once, `refill` more per second."""

    kind: str
    size: int
    refill: float


# Sizes and refill rates of a subscription's buckets for one principal, from Microsoft's page on Resource Manager
# request limits (regional token buckets since 2024).
_READS = Bucket(kind="reads", size=250, refill=25)
_WRITES = Bucket(kind="writes", size=200, refill=10)
_DELETES = Bucket(kind="deletes", size=200, refill=10)


class Throttling:
    """Counts requests. Time runs faster where the pace is below 1, so buckets refill faster by the same factor.

    Azure has the buckets once for each region that takes requests; a client stays in the one that is near it.
    """

    def __init__(self, clock: Clock, settings: Settings, faults: Faults) -> None:
        self._clock = clock
        self._settings = settings
        self._faults = faults
        self._levels: dict[tuple[str, str], tuple[float, datetime]] = {}

    @property
    def pace(self) -> float:
        """By how much sooner than on Azure a bucket is full again, as a factor; 0: at once."""
        return 1.0 if self._faults.throttle else self._settings.pace

    def fill(self) -> None:
        """Fill every bucket."""
        self._levels.clear()

    def take(self, principal: Principal, method: str) -> dict[str, str]:
        """Count one request and return the headers for its answer. Raises 429 when the bucket is empty."""
        bucket = {"GET": _READS, "HEAD": _READS, "DELETE": _DELETES}.get(method, _WRITES)
        now = self._clock.now()
        level = float(bucket.size)
        if self.pace > 0:
            known, since = self._levels.get((principal.object_id, bucket.kind), (level, now))
            level = min(level, known + (now - since).total_seconds() * bucket.refill / self.pace)
        if level < 1:
            raise AzureError(
                429,
                "SubscriptionRequestsThrottled",
                f"Number of '{bucket.kind}' requests for subscription '{self._settings.subscription_id}' actor "
                f"'{principal.object_id}' exceeded. Please try again after '1' seconds after additional tokens are "
                "available. Refer to https://aka.ms/arm-throttling for additional information.",
                headers={"Retry-After": "1"},
                gateway=True,
            )
        self._levels[principal.object_id, bucket.kind] = (level - 1, now)
        remaining = int(level - 1)
        prefix = "x-ms-ratelimit-remaining-subscription"
        return {
            f"{prefix}-{bucket.kind}": str(remaining),
            f"{prefix}-global-{bucket.kind}": str(_GLOBAL_FACTOR * bucket.size - (bucket.size - remaining)),
        }
