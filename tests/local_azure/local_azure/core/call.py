# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request to Resource Manager after routing, and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from .authorization import Principal
from .regions import region
from .resource_id import ResourceId
from .wire import Json

if TYPE_CHECKING:
    from .azure import Azure


@dataclass(kw_only=True)
class Call:
    """What a handler gets.

    `id` is the target in canonical casing: names of what exists are as they were created, new names as given. For a
    collection it is the enclosing resource, group or subscription, and `collection` is the full type of the members;
    for an action it is the resource, and `action` is the last path segment as the route spells it.
    `params` holds the values of the route's placeholders. Keys of `query` and `headers` are lower case.
    """

    azure: Azure
    method: str
    id: ResourceId
    principal: Principal
    api_version: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=dict)
    collection: str | None = None
    action: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        """Scheme and host as the client addressed them, without a slash at the end."""
        return "https://" + self.headers.get("host", "management.azure.com")

    @property
    def location(self) -> str:
        """The region of the target, of its group, or the one in the path; lower case without spaces."""
        for name, value in zip(self.id.types, self.id.names, strict=True):
            if name.lower() == "locations":
                return value.lower()
        resource = self.azure.store.get(self.id)
        if resource is None and self.id.group is not None:
            resource = self.azure.store.get(ResourceId(self.id.subscription, self.id.group))
        return region(resource.location if resource is not None and resource.location else "westeurope")


class Null(Enum):
    """The JSON text `null` as a body, which is something else than no body."""

    NULL = None


NULL: Final = Null.NULL


@dataclass(kw_only=True)
class Answer:
    """`body` is JSON data, NULL, or None for an empty body."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
