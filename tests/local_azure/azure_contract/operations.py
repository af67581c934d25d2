# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations that the specifications describe, and which one a request means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeAlias

from .shape import Json, Schema
from .swagger import Library

Plane: TypeAlias = Literal["management", "vault"]

#: Each with the part of a path by which its specifications are known.
PLANES: Mapping[Plane, str] = {"management": "resource-manager", "vault": "keyvault/data-plane"}
_VERSION = re.compile(r"(?:^|[/-])(\d{4}-\d\d-\d\d|\d+\.\d+)(?=[/-])")
_NAMESPACE = re.compile(r"/(microsoft\.\w+)/|^swagger-[\d-]+-([a-z]+)/", re.IGNORECASE)
#: Operations on whatever resource: they would take any path, and say nothing about it.
_GENERIC = re.compile(r"^/\{resourceId\}|\{resourceType\}|\{resourceProviderNamespace\}/\{")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """`place` is path, query, header or body."""

    name: str
    place: str
    required: bool
    schema: Schema
    separator: str | None  # of a list


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is declared for a status; `body` is None where nothing is."""

    body: Schema | None


class Operation:
    """One operation of one version of a specification, such as SecurityRules_Get of Microsoft.Network 2024-05-01."""

    def __init__(
        self, library: Library, file: str, template: str, method: str, raw: Json, shared: Sequence[Json]
    ) -> None:
        self._library = library
        self._file = file
        self._raw = raw
        self._shared = shared
        self.template = template
        self.method = method.upper()
        self.name = str(raw["operationId"])
        self.version = _version_of(file)
        self.segments = tuple(template.strip("/").split("/"))

    @cached_property
    def namespace(self) -> str:
        """The provider whose specification it is, in lower case; `vault` for Key Vault's data plane."""
        if PLANES["vault"] in self._file:
            return "vault"
        found = _NAMESPACE.search(self._file)
        return (found[1] or f"microsoft.{found[2]}").lower() if found is not None else ""

    @property
    def is_guest(self) -> bool:
        """Whether a provider describes its own use of an operation that is Resource Manager's."""
        return self.namespace not in ("vault", "microsoft.resources") and self.namespace not in self.template.lower()

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(self._parameter(*self._library.follow(self._file, one)) for one in self._all_parameters)

    @cached_property
    def body(self) -> Parameter | None:
        return next((one for one in self.parameters if one.place == "body"), None)

    @cached_property
    def answers(self) -> Mapping[str, Answer]:
        """By status; `default` stands for all that are not declared."""
        found = {}
        for status, reference in self._raw["responses"].items():
            file, raw = self._library.follow(self._file, reference)
            found[status] = Answer(body=self._library.schema(file, raw["schema"]) if "schema" in raw else None)
        return found

    @property
    def is_long_running(self) -> bool:
        return bool(self._raw.get("x-ms-long-running-operation", False))

    @property
    def final_state_via(self) -> str | None:
        """Which header leads to the result: azure-async-operation, location, original-uri; None if not said."""
        return str(self._raw.get("x-ms-long-running-operation-options", {}).get("final-state-via", "")) or None

    @property
    def is_list(self) -> bool:
        return "x-ms-pageable" in self._raw

    @property
    def examples(self) -> list[str]:
        """Paths of the example files, relative to the specification's own folder."""
        return [str(Path(self._file).parent / one["$ref"]) for one in self._raw.get("x-ms-examples", {}).values()]

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The values of the placeholders when the path fits, else None. Casing of the literal segments is free."""
        found: dict[str, str] = {}
        for mine, theirs in zip(self.segments, segments, strict=True):
            if mine[0] == "{":
                found[mine[1:-1]] = theirs
            elif mine.lower() != theirs.lower():
                return None
        return found

    @property
    def _all_parameters(self) -> Iterator[Json]:
        yield from self._shared
        yield from self._raw.get("parameters", ())

    def _parameter(self, file: str, raw: Json) -> Parameter:
        return Parameter(
            name=raw["name"],
            place=raw["in"],
            required=raw.get("required", False),
            schema=self._library.schema(file, raw["schema"] if raw["in"] == "body" else raw),
            separator={"multi": None, "pipes": "|"}.get(raw.get("collectionFormat", "csv"), ","),
        )

    def __repr__(self) -> str:
        return f"{self.name} ({self.version})"


class Catalogue:
    """All operations of one plane. The same operation in several versions counts as one with several versions."""

    def __init__(self, library: Library, plane: Plane) -> None:
        self._by_length: dict[tuple[str, int], list[list[Operation]]] = {}
        self._scoped: list[list[Operation]] = []
        for versions in self._versions(library, plane):
            newest = versions[-1]
            if newest.segments[0] == "{scope}":
                self._scoped.append(versions)
            else:
                self._by_length.setdefault((newest.method, len(newest.segments)), []).append(versions)
        for candidates in self._by_length.values():  # the most literal path first
            candidates.sort(
                key=lambda versions: (versions[0].is_guest, [one[0] == "{" for one in versions[0].segments])
            )

    def __iter__(self) -> Iterator[Operation]:
        """Each operation in its newest version."""
        for candidates in (*self._by_length.values(), self._scoped):
            yield from (versions[-1] for versions in candidates)

    def all_versions(self) -> Iterator[Operation]:
        for candidates in (*self._by_length.values(), self._scoped):
            for versions in candidates:
                yield from versions

    def find(self, method: str, segments: Sequence[str], version: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation that a request means, in the version closest to the asked one, and its path parameters."""
        for versions in self._by_length.get((method, len(segments)), ()):
            found = versions[-1].match(segments)
            if found is not None:
                return _closest(versions, version), found
        for versions in self._scoped:
            newest = versions[-1]
            tail = len(newest.segments) - 1
            if newest.method == method and len(segments) >= tail:
                scope = "/".join(segments[: len(segments) - tail])
                found = newest.match((scope, *segments[len(segments) - tail :]))
                if found is not None:
                    return _closest(versions, version), found
        return None

    @staticmethod
    def _versions(library: Library, plane: Plane) -> Iterable[list[Operation]]:
        found: dict[tuple[str, str, str], list[Operation]] = {}
        for file in sorted(library.folder.glob("swagger-*/**/*.json")):
            path = str(file.relative_to(library.folder))
            if not _is_of(path, plane):
                continue
            for template, methods in library.file(path).get("paths", {}).items():
                shared = methods.get("parameters", ())
                for method, raw in methods.items():
                    if method != "parameters" and _GENERIC.search(template) is None:
                        one = Operation(library, path, template, method, raw, shared)
                        key = (method, one.namespace, re.sub(r"\{.*?\}", "{}", template).lower())
                        found.setdefault(key, []).append(one)
        for versions in found.values():
            versions.sort(key=lambda one: one.version)
        return found.values()


def _is_of(path: str, plane: Plane) -> bool:
    if "/" not in path.partition("/")[2]:  # a folder of files alone, of a provider's
        return plane == "management"
    return PLANES[plane] in path


def _version_of(file: str) -> str:
    found = _VERSION.findall(file)
    return str(found[-1]) if found else ""


def _closest(versions: list[Operation], asked: str) -> Operation:
    """The last version before the asked one; the first there is, when all are newer; the newest if none is asked."""
    if not asked:
        return versions[-1]
    for one, after in pairwise(versions):
        if asked[:10] < after.version:
            return one
    return versions[-1]
