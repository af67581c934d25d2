# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the handlers of all types share: envelopes, etags, preconditions, lists."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from ..core.call import Answer, Call
from ..core.errors import precondition_failed
from ..core.regions import region
from ..core.resource_id import ResourceId
from ..core.store import Resource, Store
from ..core.wire import Json
from . import errors, reading

SUCCEEDED = "Succeeded"
UPDATING = "Updating"
DELETING = "Deleting"
FAILED = "Failed"


def etag_of(resource: Resource) -> str:
    """The weak etag as bodies and headers write it; children share their parent's."""
    return f'W/"{resource.etag}"'


def new_etag(resource: Resource) -> None:
    resource.etag = str(uuid.uuid4())


def envelope(resource: Resource, properties: Json) -> Json:
    """A top-level resource on the wire; `tags` is absent until a write gave some."""
    shown: Json = {
        "name": resource.id.name,
        "id": str(resource.id),
        "etag": etag_of(resource),
        "type": resource.id.type,
        "location": resource.location,
    }
    if resource.tags is not None:
        shown["tags"] = resource.tags
    return {**shown, "properties": properties, **resource.envelope}


def child(parent: Resource, id: ResourceId, properties: Json) -> Json:
    """A nested resource on the wire."""
    return {"name": id.name, "id": str(id), "etag": etag_of(parent), "type": id.type, "properties": properties}


def check_preconditions(call: Call, resource: Resource | None) -> None:
    """If-Match and If-None-Match of a top-level resource; raises 412."""
    wanted = call.headers.get("if-match")
    if wanted is not None and (resource is None or wanted not in ("*", etag_of(resource), etag_of(resource)[2:])):
        raise precondition_failed(wanted, "null" if resource is None else etag_of(resource), str(call.id))
    if call.headers.get("if-none-match") == "*" and resource is not None:
        raise precondition_failed("*", etag_of(resource), str(call.id))


def check_envelope(body: Json, *more: str) -> None:
    """Refuse what no top-level resource has; `more` is what this type may have besides."""
    reading.check_known(body, {"id", "name", "type", "etag", "location", "tags", "properties", *more})


def location_for(id: ResourceId, body: Json, existing: Resource | None) -> str:
    """The region of a PUT: required for a new resource, unchangeable for an old one."""
    given = reading.text(body, "location")
    wanted = None if given is None else region(given)
    if existing is not None and existing.location is not None:
        if wanted is not None and wanted != existing.location:
            raise errors.location_changed(id.name, id.group or "", existing.location, wanted)
        return existing.location
    if wanted is None:
        raise errors.location_required()
    return wanted


def tags_of(body: Json) -> dict[str, str] | None:
    tags = body.get("tags")
    if tags is None:
        return None
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise errors.unparsable("Error converting value of 'tags' to a dictionary of strings. Path 'tags'.")
    return dict(tags)


def resource_guid(existing: Resource | None) -> str:
    return str(existing.properties["resourceGuid"]) if existing is not None else str(uuid.uuid4())


def listed(call: Call, type: str) -> list[Resource]:
    """The members of a collection at group or subscription level."""
    return call.azure.store.list(type, subscription=call.id.subscription, group=call.id.group)


def existing_reference(store: Store, wanted: ResourceId, type: str, referrer: ResourceId) -> Resource:
    """The referenced top-level resource, or 400 InvalidResourceReference."""
    found = store.get(wanted)
    if found is None or found.id.type.lower() != type.lower():
        raise errors.invalid_reference(str(wanted), str(referrer))
    return found


def get_handler(show: Callable[[Call, Resource], Json]) -> Callable[[Call], Answer]:
    """GET of one top-level resource, with its ETag header."""

    def get(call: Call) -> Answer:
        resource = call.azure.store.require(call.id)
        return Answer(status=200, body=show(call, resource), headers={"ETag": etag_of(resource)})

    return get


def tags_handler(show: Callable[[Call, Resource], Json]) -> Callable[[Call], Answer]:
    """PATCH, which changes tags and nothing else, at once."""

    def patch(call: Call) -> Answer:
        resource = call.azure.store.require(call.id)
        check_preconditions(call, resource)
        resource.tags = tags_of(call.body) or {}
        new_etag(resource)
        call.azure.store.touch(resource)
        return Answer(status=200, body=show(call, resource), headers={"azure-asyncnotification": "Enabled"})

    return patch
