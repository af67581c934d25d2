# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The x-ms-ratelimit-remaining-resource header: how many more calls of a kind Compute would take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from ..core.clock import Clock
from ..core.resource_id import ResourceId

#: Calls a resource takes before it throttles, and the same for the subscription, as recordings show them just below
#: full (test_resource_patch, test_vm_secret_e2e_test, test_invoke_action).
_CAPACITY: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "PutVM": (12, 1500),
        "UpdateVM": (12, 1500),
        "DeleteVM": (12, 1500),
        "LowCostGet": (36, 24000),
    }
)

#: Seconds in which an empty bucket fills again (unverified).
_REFILL_SECONDS = 60.0


@dataclass(kw_only=True)
class _Bucket:
    capacity: int
    left: float
    at: datetime

    def take(self, now: datetime) -> int:
        """One call: fills up for the time since the last one, and says how many are left."""
        refill = (now - self.at).total_seconds() * self.capacity / _REFILL_SECONDS
        self.left = max(0.0, min(float(self.capacity), self.left + refill) - 1)
        self.at = now
        return int(self.left)


class Allowances:
    """Counts calls for the header only; the local Azure refuses none because of them (use a fault for that)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def headers(self, kind: str, vm: ResourceId) -> dict[str, str]:
        """The header after one more call of ``kind`` (PutVM, UpdateVM, DeleteVM, LowCostGet) on ``vm``."""
        per_resource, per_subscription = _CAPACITY[kind]
        resource = self._take(kind, vm.key, per_resource)
        subscription = self._take(kind, vm.subscription.lower(), per_subscription)
        names = [f"{kind}SubscriptionMaximum;{subscription}", f"{kind}Resource;{resource}"]
        return {"x-ms-ratelimit-remaining-resource": ",".join(f"Microsoft.Compute/{name}" for name in names)}

    def _take(self, kind: str, owner: str, capacity: int) -> int:
        now = self._clock.now()
        bucket = self._buckets.setdefault((kind, owner), _Bucket(capacity=capacity, left=capacity, at=now))
        return bucket.take(now)
