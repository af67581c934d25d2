# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a JSON value is what a schema allows."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .newer import Newer
from .shape import ANYTHING, Kind, Schema, Shape

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?")
_DURATION = re.compile(r"P(?!$)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*={0,2}")
_PLAIN = re.compile(r"[\w .*/:+-]{0,60}")
_JSON_TYPES: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong, and where: `at` such as properties.ipConfigurations[0].name. Never says what a secret is."""

    kind: str
    at: str
    text: str


class Reader:
    """Checks one message.

    A `request` is read as Azure reads it: names and enumerated values in any casing, null as if it were absent, nothing
    required that is read-only, and in a patch (`partial`) nothing required at all.

    `seen` collects the properties found, as definition and name.
    """

    def __init__(self, newer: Newer, *, request: bool, partial: bool = False) -> None:
        self.problems: list[Problem] = []
        self.seen: set[str] = set()
        self._newer = newer
        self._request = request
        self._partial = partial
        self._at: list[str] = []

    def read(self, value: Any, schema: Schema) -> None:
        """Check the value and note every problem in it."""
        shape = schema.shape
        if value is None:
            if not shape.nullable and shape.kind != "any" and not self._request:
                self.note("null", f"null where {shape.kind} is declared")
            return
        if shape.kind == "any":
            return
        if not _is_kind(value, shape.kind):
            self.note("type", f"{_JSON_TYPES[type(value)]} where {shape.kind} is declared")
        elif shape.kind == "object":
            self._object(value, shape)
        elif shape.kind == "array":
            self._array(value, shape)
        elif shape.kind == "string":
            self._string(value, shape)
        elif shape.kind != "boolean":
            self._number(value, shape)

    def _object(self, value: Mapping[str, Any], shape: Shape) -> None:
        shape = self._variant(value, shape)
        owner = shape.names[0] if shape.names else ""
        given = {name for name, part in value.items() if part is not None or not self._request}
        for name in sorted(shape.required - given) if not self._partial else ():
            declared = shape.properties.get(name, ANYTHING).shape
            if not (self._request and declared.read_only):
                self.note("required", f"the required property {name} is missing")
        spelled: Mapping[str, str] | None = None
        for name, part in value.items():
            declared_name = name
            if name not in shape.properties and self._request:
                spelled = spelled or {one.lower(): one for one in shape.properties}
                declared_name = spelled.get(name.lower(), name)
            self.seen.add(f"{owner}.{declared_name}")
            self._at.append(f".{name}" if self._at else name)
            self._property(declared_name, part, shape)
            self._at.pop()

    def _property(self, name: str, value: Any, shape: Shape) -> None:
        schema = shape.properties.get(name, shape.additional)
        if schema is None:
            newer = next(self._newer.properties(shape.names, name), None)
            if newer is None:
                self.note("unknown", f"no property of {' and '.join(shape.names) or 'this object'}, nor newer than it")
            else:
                self.read(value, newer)
            return
        before = len(self.problems)
        self.read(value, schema)
        if len(self.problems) > before and self._is_newer(value, shape.names, name):
            del self.problems[before:]

    def _is_newer(self, value: Any, names: Collection[str], name: str) -> bool:
        """Whether a newer specification of the property takes a value that the older one refuses."""
        for schema in self._newer.properties(names, name):
            trial = Reader(self._newer, request=self._request, partial=self._partial)
            trial.read(value, schema)
            if not trial.problems and schema.shape.values is not None:
                return True
        return False

    def _variant(self, value: Mapping[str, Any], shape: Shape) -> Shape:
        if not shape.variants or shape.discriminator is None:
            return shape
        chosen = shape.variants.get(str(value.get(shape.discriminator)))
        if chosen is None:
            self.note("discriminator", f"{shape.discriminator} names none of {', '.join(sorted(shape.variants))}")
            return shape
        return chosen.shape

    def _array(self, value: list[Any], shape: Shape) -> None:
        self._length(len(value), shape, "items")
        if shape.unique and len({repr(one) for one in value}) < len(value):
            self.note("unique", "an item is there twice")
        items = shape.items or ANYTHING
        for number, one in enumerate(value):
            self._at.append(f"[{number}]")
            self.read(one, items)
            self._at.pop()

    def _string(self, value: str, shape: Shape) -> None:
        self._length(len(value), shape, "characters")
        if shape.pattern is not None and shape.pattern.search(value) is None:
            self.note("pattern", f"does not match {shape.pattern.pattern}")
        test = _FORMATS.get(shape.format)
        if test is not None and not test(value):
            self.note("format", f"is no {shape.format}")
        if shape.values is None or shape.open or value in shape.values:
            return
        if self._request and value.lower() in {one.lower() for one in shape.values}:
            return
        shown = f"{value!r} is " if not shape.secret and _PLAIN.fullmatch(value) else ""
        self.note("enum", f"{shown}none of {', '.join(sorted(shape.values))}")

    def _number(self, value: float, shape: Shape) -> None:
        below, above = shape.exclusive
        if shape.lowest is not None and (value < shape.lowest or (below and value == shape.lowest)):
            self.note("range", f"less than {shape.lowest} allows")
        if shape.highest is not None and (value > shape.highest or (above and value == shape.highest)):
            self.note("range", f"more than {shape.highest} allows")

    def _length(self, length: int, shape: Shape, of: str) -> None:
        least, most = shape.length
        if length < least or (most is not None and length > most):
            self.note("length", f"{length} {of} where {least} to {'any number' if most is None else most} may be")

    def note(self, kind: str, text: str) -> None:
        """Note a problem at the place that is being read."""
        self.problems.append(Problem(kind=kind, at="".join(self._at), text=text))


def _is_kind(value: Any, kind: Kind) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


_TYPES: Mapping[Kind, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    return True


def _is_absolute(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc)


_FORMATS: Mapping[str, Callable[[str], bool]] = {
    "arm-id": lambda text: text.startswith("/"),
    "base64url": lambda text: _BASE64URL.fullmatch(text) is not None,
    "byte": _is_base64,
    "date-time": lambda text: _DATE_TIME.fullmatch(text) is not None,
    "duration": lambda text: _DURATION.fullmatch(text) is not None,
    "uri": _is_absolute,
    "uuid": _is_uuid,
}
