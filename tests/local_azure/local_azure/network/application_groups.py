# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of applicationSecurityGroups: a name for a set of IP configurations, nothing more."""

from __future__ import annotations

from ..core.azure import Azure
from ..core.call import Answer, Call
from ..core.operations import Style
from ..core.resource_id import ResourceId
from ..core.store import Resource, Store
from ..core.wire import Json
from . import errors
from .common import (
    DELETING,
    SUCCEEDED,
    UPDATING,
    check_preconditions,
    envelope,
    get_handler,
    listed,
    location_for,
    new_etag,
    tags_handler,
    tags_of,
)
from .names import check_name
from .references import References
from .types import APPLICATION_GROUPS

_WRITE_SECONDS = 1.0
_DELETE_SECONDS = 10.0


def register(azure: Azure) -> None:
    route = azure.arm.route
    one = f"{APPLICATION_GROUPS}/{{group}}"
    read, write, delete = (f"{APPLICATION_GROUPS}/{verb}" for verb in ("read", "write", "delete"))
    route("GET", APPLICATION_GROUPS, _list, action=read, scope="subscription")
    route("GET", APPLICATION_GROUPS, _list, action=read)
    route("GET", one, get_handler(_show), action=read)
    route("PUT", one, _put, action=write)
    route("PATCH", one, tags_handler(_show), action=write)
    route("DELETE", one, _delete, action=delete)


def replaced(store: Store, id: ResourceId, body: Json) -> Resource:
    """The group as a PUT leaves it. The store isn't changed yet."""
    existing = store.get(id)
    check_name(id.name)
    return Resource(
        id=id,
        location=location_for(id, body, existing),
        tags=tags_of(body),
        properties={"provisioningState": SUCCEEDED},
    )


def _show(call: Call, group: Resource) -> Json:
    return envelope(group, dict(group.properties))


def _list(call: Call) -> Answer:
    groups = listed(call, APPLICATION_GROUPS)
    return Answer(status=200, body={"value": [_show(call, group) for group in groups]})


def _put(call: Call) -> Answer:
    store = call.azure.store
    existing = store.get(call.id)
    check_preconditions(call, existing)
    group = replaced(store, call.id, call.body)
    if existing is None:
        group.properties["provisioningState"] = UPDATING
    store.put(group)

    def finish() -> None:
        current = store.get(call.id)
        if current is not None:
            current.properties["provisioningState"] = SUCCEEDED
            new_etag(current)
            store.touch(current)

    operation = call.azure.operations.start(call, style=Style.NETWORK_PUT, seconds=_WRITE_SECONDS, finish=finish)
    return operation.answer(200 if existing is not None else 201, _show(call, group))


def _delete(call: Call) -> Answer:
    store = call.azure.store
    group = store.get(call.id)
    if group is None:
        return Answer(status=204)
    check_preconditions(call, group)
    users = References(store).users_of_application_group.get(call.id.key)
    if users:
        raise errors.application_group_in_use(str(group.id), users)
    group.properties["provisioningState"] = DELETING
    return call.azure.operations.start(
        call, style=Style.NETWORK_DELETE, seconds=_DELETE_SECONDS, finish=lambda: store.delete(call.id)
    ).answer(202)
