# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network Watchers in the store: one per region, made by Azure itself."""

from __future__ import annotations

from ...core.resource_id import ResourceId
from ...core.store import Resource, Store
from ..types import WATCHERS

_GROUP = "NetworkWatcherRG"


def ensure(store: Store, subscription: str, location: str) -> None:
    """Make the watcher of the region, and its resource group, unless they exist."""
    if not location or any(watcher.location == location for watcher in store.list(WATCHERS)):
        return
    group = ResourceId(subscription, _GROUP)
    if store.get(group) is None:
        store.put(Resource(id=group, location=location, properties={"provisioningState": "Succeeded"}))
    store.put(
        Resource(
            id=group.child(WATCHERS, f"NetworkWatcher_{location}"),
            location=location,
            properties={"provisioningState": "Succeeded", "runningOperationIds": []},
        )
    )
