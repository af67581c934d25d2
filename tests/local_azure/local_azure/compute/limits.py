# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many calls of a kind Compute takes, for each VM and in all: the header that tells, and the refusal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from ..core.clock import Clock
from ..core.resource_id import ResourceId
from ..core.throttling import Throttling
from . import errors

#: Calls a resource takes before it throttles, and the same for the subscription, as recordings show them just below
#: full (test_resource_patch, test_vm_secret_e2e_test, test_invoke_action).
_CAPACITY: Mapping[str, tuple[int | None, int]] = MappingProxyType(
    {
        "HighCostGet": (None, 1500),  # lists count for the subscription only; the size is unverified
        "GetSubscriptionInfo": (None, 420),
        "PutVM": (12, 1500),
        "UpdateVM": (12, 1500),
        "DeleteVM": (12, 1500),
        "LowCostGet": (36, 24000),
        "GetOperation": (45, 15000),
    }
)

#: Every bucket fills by a third of its size a minute (Microsoft's page on Compute throttling limits).
_REFILL_SECONDS = 180.0


@dataclass(kw_only=True)
class _Bucket:
    capacity: int
    left: float
    at: datetime

    def fill(self, now: datetime, pace: float) -> None:
        """Fills up for the time since the last call."""
        gone = (now - self.at).total_seconds()
        self.left = min(float(self.capacity), self.left + gone * self.capacity / _REFILL_SECONDS / pace)
        self.at = now

    @property
    def wait(self) -> float:
        """Seconds of Azure until it takes another call."""
        return max(0.0, (1 - self.left) * _REFILL_SECONDS / self.capacity)


class Allowances:
    """Counts calls, and says in a header how many more there may be."""

    def __init__(self, clock: Clock, throttling: Throttling) -> None:
        self._clock = clock
        self._throttling = throttling
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def check(self, kind: str, vm: ResourceId) -> None:
        """Raises 429 when a bucket is empty for calls of ``kind`` (PutVM, UpdateVM, DeleteVM, LowCostGet) on ``vm``."""
        for name, bucket in self._of(kind, vm).items():
            if bucket.left < 1 and self._throttling.pace > 0:
                raise errors.too_many_requests(
                    name, bucket.capacity, self._clock.now(), math.ceil(bucket.wait * self._throttling.pace)
                )

    def headers(self, kind: str, vm: ResourceId) -> dict[str, str]:
        """The header after one more call; for the kind GetOperation ``vm`` is the operation."""
        names = []
        for name, bucket in self._of(kind, vm).items():
            bucket.left = max(0.0, bucket.left - 1)
            names.append(f"Microsoft.Compute/{name};{int(bucket.left)}")
        return {"x-ms-ratelimit-remaining-resource": ",".join(names)}

    def _of(self, kind: str, vm: ResourceId) -> dict[str, _Bucket]:
        """The buckets of a call by their names, filled up to this moment."""
        per_resource, per_subscription = _CAPACITY[kind]
        now, pace = self._clock.now(), self._throttling.pace
        found: dict[str, _Bucket] = {}
        for name, owner, capacity in (
            (f"{kind}SubscriptionMaximum", vm.subscription.lower(), per_subscription),
            (f"{kind}Resource", vm.key, per_resource),
        ):
            if capacity is None:
                continue
            bucket = self._buckets.setdefault((kind, owner), _Bucket(capacity=capacity, left=capacity, at=now))
            bucket.fill(now, pace or 1.0)
            found[name] = bucket
        return found
