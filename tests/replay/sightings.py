# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a recording shows which resource, and what it says about it."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from local_azure.core.resource_id import ResourceId

from .recordings import Exchange, Json

#: Words that name a system beyond doubt: of a disk, a configuration, a run command, the handler of an extension.
_SYSTEMS = {
    "Linux": re.compile(
        r'"osType": "Linux"|"linuxConfiguration"|"commandId": "(RunShellScript|ifconfig)"|"type": "\w+ForLinux"'
    ),
    "Windows": re.compile(
        r'"osType": "Windows"|"windowsConfiguration"|"commandId": "RunPowerShellScript"|"type": "\w+(For)?Windows"'
        r'|"type": "(VMAccessAgent|BGInfo|IaaSAntimalware)"|"publisher": "MicrosoftWindowsServer"'
    ),
}
#: What a machine says of the interfaces it refers to.
_OF_A_REFERENCE = frozenset({"primary", "deleteOption"})
_LOCATION = re.compile(r"/locations/([^/]+)/", re.IGNORECASE)


class Sightings:
    """The documents of a recording by resource, in the order in which they were answered."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._documents: defaultdict[str, list[tuple[int, Json]]] = defaultdict(list)
        self._made: defaultdict[str, list[int]] = defaultdict(list)
        self._locations: dict[str, str] = {}
        self._ids: dict[str, ResourceId] = {}
        self._systems = Counter(system for one in exchanges for system in _systems(one))
        for position, exchange in enumerate(exchanges):
            for id in [*references([exchange.path, exchange.request, exchange.response])]:
                if id.key not in self._ids or str(self._ids[id.key].name).isupper():
                    self._ids[id.key] = id  # some answers have ids in capitals
            if exchange.succeeded:
                for id, document in groups(exchange.response):
                    self._ids[id.key] = id
                    self._documents[id.key].append((position, document))
                    self._locations[(id.group or "").lower()] = document["location"]
                for id, document in documents(exchange.response):
                    self._documents[id.key].append((position, document))
                    self._locations.setdefault((id.group or "").lower(), document.get("location") or "")
            if exchange.method == "PUT" and exchange.status == 201:
                self._made[exchange.path.lower()].append(position)
            if exchange.is_poll and (found := _LOCATION.search(exchange.path)):
                self._locations.setdefault("", found[1])

    def document(self, id: ResourceId, at: int) -> Json:
        """What the resource looked like: as the recording shows it next from `at` on, else last before; else empty.

        What was made in it after `at` is taken out.
        """
        seen = self._documents.get(id.key, [])
        later = [(position, document) for position, document in seen if position >= at]
        if not seen:
            return {}
        position, document = later[0] if later else seen[-1]
        shown: Json = self._without_made(document, at, position)
        return shown

    def user_data(self, id: ResourceId) -> str | None:
        """The user data of a machine, which is shown only to those who ask for it."""
        shown = (document["properties"].get("userData") for _position, document in self._documents.get(id.key, ()))
        return next(filter(None, shown), None)

    def is_shown_before(self, id: ResourceId, at: int) -> bool:
        """Whether an answer before `at` shows the resource."""
        return any(position < at for position, _document in self._documents.get(id.key, ()))

    def under(self, id: ResourceId) -> list[Json]:
        """How the parts of a resource look wherever the recording shows them."""
        parts = (seen for key, seen in self._documents.items() if key.startswith(f"{id.key}/"))
        return [document for seen in parts for _position, document in seen]

    def is_made_later(self, id: str, at: int) -> bool:
        """Whether the recording makes this resource at `at` or afterwards."""
        return any(position >= at for position in self._made.get(id.lower(), ()))

    @property
    def system(self) -> str:
        """The operating system of machines that are never shown: what most exchanges tell of, Linux where none does."""
        return next((system for system, _times in self._systems.most_common(1)), "Linux")

    def location(self, id: ResourceId) -> str:
        """The region of the resource's group, as far as the recording tells."""
        known = self._locations
        return known.get((id.group or "").lower()) or known.get("") or next(filter(None, known.values()), "westeurope")

    def group_of(self, type: str, name: str) -> str | None:
        """The resource group of a resource that is known by its type and name only."""
        found = (id.group for id in self._ids.values() if id.type.lower() == type.lower() and id.name == name)
        return next(found, None)

    def spelt(self, id: ResourceId) -> ResourceId:
        """The id as it was given to the resource, as far as the recording tells."""
        return self._ids.get(id.key, id)

    def all(self) -> Iterator[tuple[ResourceId, Json]]:
        """Every document."""
        for key, seen in self._documents.items():
            for _position, document in seen:
                yield self._ids[key], document

    def _without_made(self, value: Any, at: int, until: int) -> Any:
        """The document shown at `until` without what the recording has made in it from `at` on."""
        if isinstance(value, dict):
            return {name: self._without_made(inner, at, until) for name, inner in value.items()}
        if isinstance(value, list):
            return [
                self._without_made(one, at, until)
                for one in value
                if not (isinstance(one, dict) and self._is_made(str(one.get("id", "")), at, until))
            ]
        return value

    def _is_made(self, id: str, at: int, until: int) -> bool:
        return any(at <= position <= until for position in self._made.get(id.lower(), ()))


def _systems(exchange: Exchange) -> Iterator[str]:
    """The systems that an exchange tells of."""
    text = json.dumps([exchange.request, exchange.response])
    return (system for system, words in _SYSTEMS.items() if words.search(text))


class Gaps:
    """Where exchanges were not kept, or not played, and whether something may have changed since it was last seen."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._gaps = [at for at, exchange in enumerate(exchanges) if exchange.after_gap]
        self._seen: dict[str, int] = {}

    def open(self, at: int) -> None:
        """Note that the exchange before `at` has changed nothing here."""
        self._gaps.append(at)

    def see(self, key: str, at: int) -> None:
        """Note that the exchange at `at` shows or writes this."""
        self._seen[key] = at

    def since(self, key: str, at: int) -> bool:
        """Whether exchanges are missing between the last one that showed this and the one at `at`."""
        return any(self._seen.get(key, -1) < gap <= at for gap in self._gaps)


def documents(value: Any) -> Iterator[tuple[ResourceId, Json]]:
    """The resources that an answer shows with their properties, enclosing ones first."""
    if isinstance(value, dict):
        id = as_id(value.get("id"))
        properties = value.get("properties")
        if id is not None and id.types and isinstance(properties, dict) and not properties.keys() <= _OF_A_REFERENCE:
            yield id, value
        for inner in value.values():
            yield from documents(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from documents(inner)


def groups(value: Any) -> Iterator[tuple[ResourceId, Json]]:
    """The resource groups that an answer shows: one, or a list of them."""
    listed = value.get("value") if isinstance(value, dict) else None
    for document in listed if isinstance(listed, list) else [value]:
        id = as_id(document.get("id")) if isinstance(document, dict) else None
        if id is not None and id.group is not None and not id.types and "location" in document:
            yield id, document


def references(value: Any, *, groups: bool = False) -> Iterator[ResourceId]:
    """The resources, and groups if wanted, whose ids appear in `value`."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name != "vaultId":  # what a deleted vault was
                yield from references(inner, groups=groups)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner, groups=groups)
    else:
        id = as_id(value)
        if id is not None and (id.types or (groups and id.group is not None)):
            yield id


def as_id(text: object) -> ResourceId | None:
    """The resource id that `text` is; None for anything else."""
    if not isinstance(text, str) or not text.startswith("/subscriptions/"):
        return None
    try:
        return ResourceId.parse(text)
    except ValueError:
        return None
