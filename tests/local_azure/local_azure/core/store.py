# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All resources of this Azure, by id."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from . import errors
from .regions import region
from .resource_id import GROUP_TYPE, ResourceId
from .wire import Json


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(kw_only=True, eq=False)
class Resource:
    """One resource; a mutable record that its provider owns.

    `envelope` holds further top-level fields of the wire (sku, zones, identity, kind...). `private` never reaches the
    wire nor a dump: passwords, protected settings.
    """

    id: ResourceId
    properties: Json = field(default_factory=dict)
    location: str | None = None
    tags: dict[str, str] | None = None
    envelope: Json = field(default_factory=dict)
    etag: str = field(default_factory=lambda: str(uuid.uuid4()))
    private: Json = field(default_factory=dict)
    created: datetime = field(default_factory=_now)
    changed: datetime = field(default_factory=_now)

    def summary(self) -> Json:
        """The entry of this resource in a list of Resource Manager (`GET .../resources`)."""
        entry: Json = {"id": str(self.id), "name": self.id.name, "type": self.id.type}
        if self.location is not None:
            entry["location"] = region(self.location)  # Key Vault keeps another spelling for itself (recorded)
        for name in ("kind", "sku", "identity", "extendedLocation"):
            if name in self.envelope:
                entry[name] = self.envelope[name]
        if self.tags is not None:
            entry["tags"] = self.tags
        return entry

    def dump(self) -> Json:
        """Everything but `private`, for people who look at this Azure from outside."""
        shown = self.summary() | self.envelope
        return shown | {"etag": self.etag, "properties": self.properties}


class Store:
    """Resources, including resource groups (type Microsoft.Resources/resourceGroups)."""

    def __init__(self) -> None:
        self._resources: dict[str, Resource] = {}
        self._by_type: dict[str, dict[str, Resource]] = {}
        self._listeners: list[Callable[[], None]] = []

    def get(self, id: ResourceId) -> Resource | None:
        return self._resources.get(id.key)

    def require(self, id: ResourceId) -> Resource:
        """The resource, or Azure's 404: of the group, of the parent, or of the resource itself."""
        resource = self.get(id)
        if resource is not None:
            return resource
        if id.group is not None:
            group = ResourceId(id.subscription, id.group)
            if self.get(group) is None:
                raise errors.resource_group_not_found(id.group)
        self.require_parent(id)
        raise errors.resource_not_found(id.type, id.names, id.group)

    def require_parent(self, id: ResourceId) -> Resource | None:
        """The enclosing resource of a nested one (None for a top-level one), or 404 ParentResourceNotFound."""
        if len(id.types) < 2:
            return None
        parent = self.get(id.parent)
        if parent is None:
            raise errors.parent_not_found("/".join(id.parent.names))
        return parent

    def put(self, resource: Resource) -> None:
        before = self.get(resource.id)
        if before is not None:
            resource.created = before.created
        self._resources[resource.id.key] = resource
        self._by_type.setdefault(resource.id.type.lower(), {})[resource.id.key] = resource
        self._changed()

    def delete(self, id: ResourceId) -> None:
        """Remove the resource and everything nested in it; nothing happens when it is absent."""
        prefix = id.key + "/"
        doomed = [key for key in self._resources if key == id.key or key.startswith(prefix)]
        for key in doomed:
            resource = self._resources.pop(key)
            self._by_type[resource.id.type.lower()].pop(key, None)
        if doomed:
            self._changed()

    def all(self) -> list[Resource]:
        """Every resource but the groups, ordered by id."""
        return sorted(
            (resource for resource in self._resources.values() if resource.id.type != GROUP_TYPE),
            key=lambda resource: resource.id.key,
        )

    def list(
        self,
        type: str,
        *,
        subscription: str | None = None,
        group: str | None = None,
        under: ResourceId | None = None,
    ) -> list[Resource]:
        """All resources of one full type, ordered by name; `under` limits to those enclosed by that id."""
        found = [
            resource
            for resource in self._by_type.get(type.lower(), {}).values()
            if (subscription is None or resource.id.subscription.lower() == subscription.lower())
            and (group is None or (resource.id.group or "").lower() == group.lower())
            and (under is None or resource.id.is_under(under))
        ]
        return sorted(found, key=lambda resource: (resource.id.name.lower(), resource.id.key))

    def canonical(self, id: ResourceId) -> ResourceId:
        """The same id with the casing of what already exists; new names keep the casing given."""
        group = id.group
        if group is not None:
            known = self._resources.get(f"/subscriptions/{id.subscription}/resourcegroups/{group}".lower())
            group = known.id.name if known is not None else group
        namespace, types, names = id.namespace, list(id.types), list(id.names)
        for depth in range(len(types), 0, -1):
            known = self._resources.get(
                ResourceId(id.subscription, group, namespace, tuple(types[:depth]), tuple(names[:depth])).key
            )
            if known is not None:
                names[:depth] = known.id.names
                break
        return ResourceId(id.subscription, group, namespace, tuple(types), tuple(names))

    def copy(self) -> Store:
        """The resources as they are now, for looking back; what is private stays shared with the present."""
        past = Store()
        for resource in self._resources.values():
            past.put(
                replace(
                    resource,
                    properties=copy.deepcopy(resource.properties),
                    tags=dict(resource.tags) if resource.tags is not None else None,
                    envelope=copy.deepcopy(resource.envelope),
                )
            )
        return past

    @contextmanager
    def as_of(self, past: Store) -> Iterator[None]:
        """Within the block, hold what `past` holds."""
        present = self._resources, self._by_type
        self._resources, self._by_type = past._resources, past._by_type
        try:
            yield
        finally:
            self._resources, self._by_type = present

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every put, delete and touch."""
        self._listeners.append(listener)

    def touch(self, resource: Resource) -> None:
        """Say that `resource` was changed in place."""
        assert self._resources.get(resource.id.key) is resource, f"not in the store: {resource.id}"
        resource.changed = _now()
        self._changed()

    def _changed(self) -> None:
        for listener in list(self._listeners):
            listener()
