# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Specifications in Swagger 2: files, references, and the schemas in them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from .shape import ANYTHING, Json, Kind, Schema, Shape

_KINDS = {"string", "integer", "number", "boolean", "array", "object"}


class Library:
    """The files below a folder, each read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, Json] = {}
        self._schemas: dict[tuple[str, str], Schema] = {}

    def file(self, path: str) -> Json:
        """The content of a file; `path` is relative to the folder."""
        if path not in self._files:
            self._files[path] = json.loads((self.folder / path).read_bytes())
        return self._files[path]

    def follow(self, path: str, part: Json) -> tuple[str, Json]:
        """The file and the content that a part means: itself, or what its reference leads to."""
        while "$ref" in part:
            path, pointer = self._target(path, str(part["$ref"]))
            part = self._at(path, pointer)
        return path, part

    def schema(self, path: str, raw: Json) -> Schema:
        """The schema that a file holds. Definitions are made once, however many refer to them."""
        if "$ref" not in raw:
            return Schema(lambda: self._shape(path, raw, ()))
        key = self._target(path, str(raw["$ref"]))
        schema = self._schemas.get(key)
        if schema is None:
            schema = self._schemas[key] = Schema(lambda: self._shape(key[0], self._at(*key), (_name(key[1]),)))
        if raw.keys() & {"readOnly", "x-nullable", "x-ms-secret"}:  # said of this use of the definition
            return self.schema(
                path, {"allOf": [{"$ref": raw["$ref"]}], **{k: v for k, v in raw.items() if k != "$ref"}}
            )
        return schema

    def _target(self, path: str, reference: str) -> tuple[str, str]:
        file, _hash, pointer = reference.partition("#")
        return (os.path.normpath(Path(path).parent / file) if file else path), pointer

    def _at(self, path: str, pointer: str) -> Json:
        found = self.file(path)
        for part in pointer.strip("/").split("/") if pointer.strip("/") else ():
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return found

    def _shape(self, path: str, raw: Json, names: tuple[str, ...]) -> Shape:
        bases = [self.schema(path, part).shape for part in raw.get("allOf", ())]
        if "$ref" in raw:
            bases.append(self.schema(path, {"$ref": raw["$ref"]}).shape)
        kind = _kind(raw, bases)
        names += tuple(name for base in bases for name in base.names)
        if kind == "object":
            return self._object(path, raw, names, bases)
        if kind == "array":
            items = self.schema(path, raw["items"]) if "items" in raw else _first(bases, "items", ANYTHING)
            lengths = (int(raw.get("minItems", 0)), raw.get("maxItems"))
            return _with_flags(
                raw, bases, kind, names, items=items, length=lengths, unique=raw.get("uniqueItems", False)
            )
        return _scalar(raw, bases, kind, names)

    def _object(self, path: str, raw: Json, names: tuple[str, ...], bases: list[Shape]) -> Shape:
        properties: dict[str, Schema] = {}
        required = set(raw.get("required", ()))
        for base in bases:
            properties |= base.properties
            required |= base.required
        for name, part in raw.get("properties", {}).items():
            properties[name] = self.schema(path, part)
        additional = next((base.additional for base in bases if base.additional is not None), None)
        more = raw.get("additionalProperties", False)
        if more:
            additional = self.schema(path, more) if isinstance(more, dict) and more != {"type": "object"} else ANYTHING
        if not properties and "properties" not in raw and additional is None:
            return _with_flags(raw, bases, "any", names)
        discriminator = raw.get("discriminator") or next(
            (one.discriminator for one in bases if one.discriminator), None
        )
        variants = dict(self._variants(path, names[0])) if "discriminator" in raw and names else {}
        return _with_flags(
            raw,
            bases,
            "object",
            names,
            properties=properties,
            required=frozenset(required),
            additional=additional,
            discriminator=discriminator,
            variants=variants,
        )

    def _variants(self, path: str, base: str) -> Iterator[tuple[str, Schema]]:
        reference = f"#/definitions/{base}"
        for name, definition in self.file(path).get("definitions", {}).items():
            if any(part.get("$ref") == reference for part in definition.get("allOf", ())):
                value = str(definition.get("x-ms-discriminator-value", name))
                yield value, self.schema(path, {"$ref": f"#/definitions/{name}"})
                yield from self._variants(path, name)


def _name(pointer: str) -> str:
    return pointer.rpartition("/")[2]


def _kind(raw: Json, bases: list[Shape]) -> Kind:
    said = raw.get("type")
    if said in _KINDS:
        return cast("Kind", said)
    if said is None and ("properties" in raw or "additionalProperties" in raw):
        return "object"
    return next((base.kind for base in bases if base.kind != "any"), "any")


def _scalar(raw: Json, bases: list[Shape], kind: Kind, names: tuple[str, ...]) -> Shape:
    base = next(iter(bases), Shape(kind="any"))
    values, open_ = base.values, base.open
    if "enum" in raw:
        values = frozenset(map(str, raw["enum"]))
        open_ = bool(raw.get("x-ms-enum", {}).get("modelAsString", False))
    return _with_flags(
        raw,
        bases,
        kind,
        names,
        values=values,
        open=open_,
        format=raw.get("format", base.format),
        pattern=_pattern(raw["pattern"]) if "pattern" in raw else base.pattern,
        lowest=raw.get("minimum", base.lowest),
        highest=raw.get("maximum", base.highest),
        exclusive=(raw.get("exclusiveMinimum", False), raw.get("exclusiveMaximum", False)),
        length=(int(raw.get("minLength", base.length[0])), raw.get("maxLength", base.length[1])),
    )


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error:  # JavaScript takes a hyphen after a class for itself
        return re.compile(text.replace(r"\w-", r"\w\-"))


def _with_flags(raw: Json, bases: list[Shape], kind: Kind, names: tuple[str, ...], **rules: object) -> Shape:
    flags: Mapping[str, object] = {
        "nullable": bool(raw.get("x-nullable", any(base.nullable for base in bases if base.kind != "any"))),
        "secret": bool(raw.get("x-ms-secret") or raw.get("format") == "password" or any(one.secret for one in bases)),
        "read_only": bool(raw.get("readOnly") or raw.get("x-ms-mutability") == ["read"]),
    }
    return Shape(kind=kind, names=names, **cast("dict[str, object]", {**flags, **rules}))  # type: ignore[arg-type]


def _first(bases: list[Shape], name: str, otherwise: Schema) -> Schema:
    return next((getattr(base, name) for base in bases if getattr(base, name) is not None), otherwise)
