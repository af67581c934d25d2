# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has shown of the operations that are served: as a table, and as a list of what each one lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .judge import Judge
from .operations import PLANES, Operation, Plane
from .record import Seen
from .shape import Schema

#: Parts that are named one by one in the short form; of more there is just the number.
_NAMED = 6
_TITLES = {"vault": "Key Vault, data plane"}


@dataclass(frozen=True, kw_only=True)
class Route:
    """Something that is served; `path` is a template with names in braces."""

    plane: Plane
    method: str
    path: str


@dataclass(kw_only=True)
class Service:
    """The operations of one namespace: all that are specified, those of them that are served, and what was seen."""

    specified: dict[str, Operation] = field(default_factory=dict)
    served: dict[str, Operation] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)


class Report:
    """`seen` is what recorders noted, `routes` all that is served."""

    def __init__(self, judge: Judge, routes: Iterable[Route], seen: Mapping[str, Seen]) -> None:
        self._services: dict[str, Service] = {}
        self._unspecified: list[str] = []
        self._elsewhere = {name: one for name, one in seen.items() if not one.specified}
        self._seen = seen
        for plane in PLANES:
            for operation in judge.catalogue(plane):
                self._services.setdefault(operation.namespace, Service()).specified[operation.name] = operation
        for route in routes:
            found = judge.find(route.plane, route.method, route.path)
            if found is None:
                self._unspecified.append(f"{route.method} {route.path}")
            else:
                self._services[found[0].namespace].served[found[0].name] = found[0]
        for service in self._services.values():
            service.seen = {name: seen[name] for name in service.specified if name in seen}

    @property
    def violations(self) -> int:
        return sum(one.violations for one in self._seen.values())

    @property
    def never_seen(self) -> list[str]:
        """The operations that are served and that nobody used."""
        return [name for one in self._services.values() for name in one.served if name not in one.seen]

    def table(self) -> Iterator[str]:
        """One line for each service, and one for what no specification has."""
        form = "{:<24}{:>11}{:>9}{:>9}{:>11}{:>12}{:>9}".format
        yield form("service", "operations", "served", "in part", "exchanges", "violations", "refused")
        rows = [
            (_TITLES.get(name, name), self._row(service))
            for name, service in sorted(self._services.items())
            if service.served
        ]
        for title, row in rows:
            yield form(title, *row)
        others = list(self._elsewhere.values())
        yield form("in no specification", "", "", "", *_sums(others))
        total = [sum(column) for column in zip(*(row for _title, row in rows), strict=True)]
        yield form("total", *total[:3], *_sums(self._seen.values()))

    def _row(self, service: Service) -> list[int]:
        partly = [one for one in service.served.values() if self._lacks(one)]
        return [len(service.specified), len(service.served), len(partly), *_sums(service.seen.values())]

    def unspecified(self) -> Iterator[str]:
        """What is served or was asked for although no specification has it; only states of operations are judged."""
        yield from sorted(set(self._unspecified))
        yield from (f"{one.exchanges:>6} x {name}" for name, one in sorted(self._elsewhere.items()))

    def parts(self, *, whole: bool) -> Iterator[str]:
        """What the run has not shown of each operation that is served; all of it, or shortened to a line."""
        for name, service in sorted(self._services.items()):
            for operation in sorted(service.served.values(), key=lambda one: one.name):
                lacks = [_list(what, names, whole=whole) for what, names in self._lacks(operation).items()]
                if lacks:
                    yield f"{_TITLES.get(name, name)} {operation.name}: without {'; '.join(lacks)}"

    def not_served(self) -> Iterator[str]:
        """The operations on the served kinds of resources that are not served, a line for each kind."""
        for service in self._services.values():
            kinds = {_kind(one) for one in service.served.values()}
            left: dict[str, list[str]] = {}
            for name, operation in service.specified.items():
                if name not in service.served and _kind(operation) in kinds:
                    left.setdefault(_kind(operation), []).append(name.rpartition("_")[2])
            for kind, names in sorted(left.items()):
                yield f"{kind}: not served: {', '.join(sorted(names))}"

    def _lacks(self, operation: Operation) -> dict[str, list[str]]:
        """What is declared and was not seen, by part of the operation."""
        seen = self._seen.get(operation.name)
        if seen is None:
            return {"any request": []}
        parameters = [f"{one.place} {one.name}" for one in operation.parameters if one.place in ("query", "header")]
        statuses = [status for status in operation.answers if status.startswith("2")]
        bodies = [answer.body for status, answer in operation.answers.items() if status in statuses and answer.body]
        sent = _properties([operation.body.schema] if operation.body is not None else [], writable=True)
        parts = {
            "parameters": [one for one in parameters if one not in seen.asked],
            "statuses": [one for one in statuses if one not in seen.statuses],
            "request properties": sorted(sent - seen.sent),
            "answer properties": sorted(_properties(bodies, writable=False) - seen.received),
        }
        return {what: names for what, names in parts.items() if names}


def _sums(seen: Iterable[Seen]) -> list[int]:
    """How many exchanges, violations, and problems of requests that were refused."""
    seen = list(seen)
    return [
        sum(one.exchanges for one in seen),
        sum(one.violations for one in seen),
        sum(one.refused for one in seen),
    ]


def _properties(schemas: Iterable[Schema], *, writable: bool) -> set[str]:
    """All properties that a body can have, as definition and name."""
    found: set[str] = set()
    done: set[int] = set()
    waiting = [schema.shape for schema in schemas]
    while waiting:
        shape = waiting.pop()
        if id(shape) in done:
            continue
        done.add(id(shape))
        owner = shape.names[0] if shape.names else ""
        for name, schema in () if shape.variants else shape.properties.items():  # each variant has them
            key = f"{owner}.{name}"
            if not (writable and schema.shape.read_only):
                found.add(key)
                waiting.append(schema.shape)
        more = (shape.items, shape.additional, *shape.variants.values())
        waiting += [one.shape for one in more if one is not None]
    return found


def _list(what: str, names: list[str], *, whole: bool) -> str:
    if not names or (len(names) > _NAMED and not whole):
        return f"{len(names) or ''} {what}".strip()
    return f"{what} {', '.join(names)}"


def _kind(operation: Operation) -> str:
    """The kind of resource that an operation is about: the first part of its name, or the first of its path."""
    group, mark, _verb = operation.name.partition("_")
    return group if mark else f"{_TITLES.get(operation.namespace)} {operation.segments[0]}"
