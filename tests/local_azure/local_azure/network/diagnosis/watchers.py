# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network Watchers: one per region, made by Azure itself or by whoever would have it in a place of their own."""

from __future__ import annotations

from typing import Final

from ...core.call import Answer, Call
from ...core.operations import Operation, Style
from ...core.resource_id import ResourceId
from ...core.store import Resource, Store
from ...core.wire import Json
from .. import errors
from ..common import check_preconditions, envelope, location_for, new_etag, tags_of
from ..names import check_name
from ..types import WATCHERS

_GROUP: Final = "NetworkWatcherRG"
_WRITE_SECONDS: Final = 1.0
_DELETE_SECONDS: Final = 10.0


def show(_call: Call, watcher: Resource) -> Json:
    """A watcher on the wire."""
    return envelope(watcher, watcher.properties)


def put(call: Call) -> Answer:
    """Make a watcher, or change its tags; done at once, with an operation all the same."""
    store = call.azure.store
    existing = store.get(call.id)
    check_preconditions(call, existing)
    check_name(call.id.name)
    location = location_for(call.id, call.body, existing)
    tags = tags_of(call.body)
    if existing is not None:
        existing.tags = tags
        new_etag(existing)
        store.touch(existing)
        return _begin(call).answer(200, show(call, existing))
    other = next((one for one in store.list(WATCHERS) if one.location == location), None)
    if other is not None:
        raise errors.refused(
            "NetworkWatcherCountLimitReached",
            f"Reached watcher count limit for subscription {call.id.subscription} in location {location}: "
            f"{other.id} is there already.",
        )
    watcher = Resource(id=call.id, location=location, tags=tags, properties=_properties())
    store.put(watcher)
    return _begin(call).answer(201, show(call, watcher))


def delete(call: Call) -> Answer:
    """Remove a watcher."""
    store = call.azure.store
    if store.get(call.id) is None:
        return Answer(status=204)
    operation = call.azure.operations.start(
        call, style=Style.NETWORK_DELETE, seconds=_DELETE_SECONDS, finish=lambda: store.delete(call.id)
    )
    return operation.answer(202)


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
            properties=_properties(),
        )
    )


def _begin(call: Call) -> Operation:
    return call.azure.operations.start(call, style=Style.NETWORK_PUT, seconds=_WRITE_SECONDS, finish=lambda: None)


def _properties() -> Json:
    return {"provisioningState": "Succeeded", "runningOperationIds": []}
