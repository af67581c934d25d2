# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reads of Resource Manager show although it is not so: replicas that lag behind, stuck provisioning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from .clock import Clock
from .resource_id import ResourceId
from .store import Store

_STUCK = "Updating"


class Appearances:
    """Faults put them in the way of clients; what really is stays as it is."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._past: list[tuple[Store, ResourceId, datetime]] = []
        self._stuck: Counter[str] = Counter()

    def lag(self, past: Store, group: ResourceId, seconds: float) -> None:
        """For so long, let reads in a resource group see `past`, a copy of the store from before a write."""
        self._past.append((past, group, self._clock.now() + timedelta(seconds=seconds)))

    def stick(self, path: str) -> Callable[[], None]:
        """Let the resource of that path seem to be updating; the function that is returned ends it."""
        key = path.rstrip("/").lower()
        self._stuck[key] += 1
        return lambda: self._stuck.subtract([key])

    @contextmanager
    def of_read(self, id: ResourceId) -> Iterator[None]:
        """Within the block the store holds what the replica that lags most knows of the group that `id` is in.

        Nothing may be written in it.
        """
        self._past = [one for one in self._past if one[2] > self._clock.now()]
        past = next((past for past, group, _until in self._past if id.is_under(group)), None)
        if past is None:
            yield
            return
        with self._store.as_of(past):
            yield

    def retouched(self, id: ResourceId, body: Any) -> Any:
        """The document of a resource, with the provisioning state that it seems to have."""
        if self._stuck[id.key] <= 0 or not isinstance(body, dict) or not isinstance(body.get("properties"), dict):
            return body
        return {**body, "properties": {**body["properties"], "provisioningState": _STUCK}}
