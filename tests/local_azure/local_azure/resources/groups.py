# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource groups and the lists of what they hold."""

from __future__ import annotations

import re

from ..core import filters
from ..core.arm import Arm
from ..core.azure import Azure
from ..core.call import Answer, Call
from ..core.errors import AzureError
from ..core.operations import Style
from ..core.regions import region
from ..core.resource_id import GROUP_TYPE, ResourceId
from ..core.store import Resource
from ..core.wire import Json
from .subscriptions import LOCATION_NAMES

_GROUPS = "/subscriptions/{subscription}/resourceGroups"
_GROUP = _GROUPS + "/{group}"
_RIGHT = "Microsoft.Resources/subscriptions/resourceGroups/"
_NAME = re.compile(r"[-\w._()]{0,89}[-\w_()]")
_DELETE_SECONDS = 60.0
_TAG_FILTERS = {"tagname", "tagvalue"}
_RESOURCE_FILTERS = {*_TAG_FILTERS, "resourcetype", "name", "resourcegroup", "location"}


def register(arm: Arm) -> None:
    arm.route("GET", _GROUPS, _list, scope="root")
    arm.route("GET", _GROUP, _get, scope="root", action=_RIGHT + "read")
    arm.route("HEAD", _GROUP, _head, scope="root", action=_RIGHT + "read")
    arm.route("PUT", _GROUP, _put, scope="root", action=_RIGHT + "write")
    arm.route("PATCH", _GROUP, _patch, scope="root", action=_RIGHT + "write")
    arm.route("DELETE", _GROUP, _delete, scope="root", action=_RIGHT + "delete")
    arm.route("GET", _GROUP + "/resources", _resources, scope="root", action=_RIGHT + "resources/read")
    arm.route("GET", "/subscriptions/{subscription}/resources", _resources, scope="root")


def seed(azure: Azure, name: str, location: str, tags: dict[str, str] | None = None) -> Resource:
    """Make a resource group for a scenario."""
    group = Resource(
        id=ResourceId(azure.settings.subscription_id, name),
        location=location,
        tags=tags,
        properties={"provisioningState": "Succeeded"},
    )
    azure.store.put(group)
    return group


def document(group: Resource) -> Json:
    shown: Json = {"id": str(group.id), "name": group.id.name, "type": GROUP_TYPE, "location": group.location}
    shown |= group.envelope
    if group.tags is not None:
        shown["tags"] = group.tags
    shown["properties"] = group.properties
    return shown


def _list(call: Call) -> Answer:
    groups = call.azure.store.list(GROUP_TYPE, subscription=call.id.subscription)
    asked = filters.parse(call.query.get("$filter"), _TAG_FILTERS)
    allows = call.azure.authorization.allows
    value = [
        document(one) for one in groups if _has_tag(one, asked) and allows(call.principal, _RIGHT + "read", str(one.id))
    ]
    return Answer(status=200, body={"value": value})


def _get(call: Call) -> Answer:
    return Answer(status=200, body=document(call.azure.store.require(call.id)))


def _head(call: Call) -> Answer:
    if call.azure.store.get(call.id) is None:
        return Answer(status=404, headers={"x-ms-failure-cause": "gateway"})
    return Answer(status=204)


def _put(call: Call) -> Answer:
    name = call.id.name
    if _NAME.fullmatch(name) is None:
        raise AzureError(
            400,
            "InvalidResourceGroup",
            f"The provided resource group name '{name}' has these invalid characters or form: it may only contain "
            "letters, digits, '-', '.', '(', ')' or '_' and may not end with a period.",
            gateway=True,
        )
    location = _location(call.body)
    existing = call.azure.store.get(call.id)
    if existing is None:
        group = seed(call.azure, name, location, _tags(call.body))
        group.envelope = _managed_by(call.body)
        return Answer(status=201, body=document(group))
    if (existing.location or "").lower() != location:
        raise AzureError(
            409,
            "InvalidResourceGroupLocation",
            f"Invalid resource group location '{location}'. The Resource group already exists in location "
            f"'{existing.location}'.",
            gateway=True,
        )
    existing.tags = _tags(call.body)
    existing.envelope = _managed_by(call.body)
    call.azure.store.touch(existing)
    return Answer(status=200, body=document(existing))


def _patch(call: Call) -> Answer:
    group = call.azure.store.require(call.id)
    if "tags" in call.body:
        group.tags = _tags(call.body)
        call.azure.store.touch(group)
    return Answer(status=200, body=document(group))


def _delete(call: Call) -> Answer:
    group = call.azure.store.require(call.id)
    group.properties["provisioningState"] = "Deleting"

    def finish() -> None:
        call.azure.store.delete(group.id)

    operation = call.azure.operations.start(call, style=Style.RESOURCES_DELETE, seconds=_DELETE_SECONDS, finish=finish)
    return operation.answer(202)


def _resources(call: Call) -> Answer:
    """Top-level resources and nested ones with a region of their own, as far as the caller may read them."""
    if call.id.group is not None:
        call.azure.store.require(call.id)
    asked = filters.parse(call.query.get("$filter"), _RESOURCE_FILTERS)
    allows = call.azure.authorization.allows
    more = {name.strip().lower() for name in call.query.get("$expand", "").split(",")}
    value = [
        _entry(one, more, by_tag="tagname" in asked)
        for one in call.azure.store.all()
        if one.id.group is not None
        and one.id.is_under(call.id)
        and (len(one.id.types) == 1 or one.location is not None)
        and asked.get("resourcetype", one.id.type).lower() == one.id.type.lower()
        and asked.get("name", one.id.name).lower() == one.id.name.lower()
        and asked.get("resourcegroup", one.id.group).lower() == one.id.group.lower()
        and region(asked.get("location", one.location)) == region(one.location)
        and _has_tag(one, asked)
        and allows(call.principal, one.id.type + "/read", str(one.id))
    ]
    return Answer(status=200, body={"value": value})


def _entry(resource: Resource, more: set[str], *, by_tag: bool) -> Json:
    """One entry of a list, with what `$expand` names; who asks by tag gets neither that nor the tags."""
    entry = resource.summary()
    if by_tag:
        entry.pop("tags", None)
        return entry
    for name, moment in (("createdTime", resource.created), ("changedTime", resource.changed)):
        if name.lower() in more:
            entry[name] = moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
    if "provisioningstate" in more:
        entry["provisioningState"] = resource.properties.get("provisioningState", "Succeeded")
    return entry


def _has_tag(resource: Resource, asked: dict[str, str]) -> bool:
    tags = resource.tags or {}
    if "tagname" not in asked:
        return True
    return asked["tagname"] in tags and asked.get("tagvalue", tags[asked["tagname"]]) == tags[asked["tagname"]]


def _location(body: Json) -> str:
    location = body.get("location")
    if not isinstance(location, str) or not location:
        raise AzureError(
            400,
            "LocationRequired",
            "The location property is required for this definition.",
            gateway=True,
        )
    name = region(location)
    if name not in LOCATION_NAMES:
        raise AzureError(
            400,
            "LocationNotAvailableForResourceGroup",
            f"The provided location '{location}' is not available for resource group. "
            f"List of available regions is '{','.join(sorted(LOCATION_NAMES))}'.",
            gateway=True,
        )
    return name


def _managed_by(body: Json) -> Json:
    """The id of the resource that manages a group, such as a managed application."""
    return {"managedBy": body["managedBy"]} if isinstance(body.get("managedBy"), str) else {}


def _tags(body: Json) -> dict[str, str] | None:
    tags = body.get("tags")
    if tags is None:
        return None
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise AzureError(400, "InvalidTags", "The tags must be an object of strings.", gateway=True)
    return dict(tags)
