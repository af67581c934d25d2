# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is newer than the specifications: Bicep's types, and the models of the SDKs that are installed.

Both know the definitions of a specification by the same names, with the properties and values that came later.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from importlib import util
from pathlib import Path

from .shape import ANYTHING, Json, Schema, Shape

_SDKS = {
    "microsoft.compute": ("azure.mgmt.compute.models",),
    "microsoft.keyvault": ("azure.mgmt.keyvault.models",),
    "microsoft.network": ("azure.mgmt.network.models",),
    "microsoft.security": ("azure.mgmt.security.models",),
    "vault": tuple(f"azure.keyvault.{one}._generated.models" for one in ("secrets", "certificates", "keys")),
}
_REQUIRED, _READ_ONLY = 1, 2
_NUMBERS = {"int": "integer", "float": "number", "bool": "boolean"}
_MODELS = re.compile(r'_models\.(\w+)"')


class Newer:
    """The newest knowledge of one namespace (lower case; `vault` is Key Vault's data plane)."""

    def __init__(self, folder: Path, namespace: str) -> None:
        self._sources: list[_Bicep | _Sdk] = []
        found = sorted(
            folder.glob(f"bicep-types/generated/*/{namespace}/*/types.json"), key=lambda file: file.parent.name
        )
        if found:
            self._sources.append(_Bicep(found[-1]))
        self._sources += [_Sdk(module) for module in _SDKS.get(namespace, ()) if _is_installed(module)]

    def properties(self, names: Iterable[str], property_: str) -> Iterator[Schema]:
        """What each source says of a property of the definitions of these names."""
        names = tuple(names)
        for source in self._sources:
            schema = next(filter(None, (source.property(name, property_) for name in names)), None)
            if schema is not None:
                yield schema


class _Bicep:
    """The types of one version of one provider."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._schemas: dict[int, Schema] = {}

    def property(self, name: str, property_: str) -> Schema | None:
        part = self._objects.get(name, {}).get("properties", {}).get(property_)
        return None if part is None else self._schema(part["type"], part.get("flags", 0))

    @cached_property
    def _types(self) -> list[Json]:
        types: list[Json] = json.loads(self._file.read_bytes())
        return types

    @cached_property
    def _objects(self) -> dict[str, Json]:
        return {one["name"]: one for one in self._types if one["$type"] == "ObjectType"}

    def _schema(self, reference: Json, flags: int = 0) -> Schema:
        number = int(reference["$ref"].rpartition("/")[2])
        key = number * 2 + bool(flags & _READ_ONLY)
        if key not in self._schemas:
            self._schemas[key] = Schema(lambda: self._shape(self._types[number], read_only=bool(flags & _READ_ONLY)))
        return self._schemas[key]

    def _shape(self, raw: Json, *, read_only: bool) -> Shape:
        kind = raw["$type"]
        if kind == "ArrayType":
            return Shape(kind="array", items=self._schema(raw["itemType"]), read_only=read_only)
        if kind == "ObjectType":
            parts = raw["properties"]
            return Shape(
                kind="object",
                names=(raw["name"],),
                properties={name: self._schema(part["type"], part["flags"]) for name, part in parts.items()},
                required=frozenset(name for name, part in parts.items() if part["flags"] & _REQUIRED),
                additional=self._schema(raw["additionalProperties"]) if "additionalProperties" in raw else None,
                read_only=read_only,
            )
        if kind in ("UnionType", "StringLiteralType", "StringType"):
            values, open_ = self._strings(raw)
            return Shape(kind="string", values=values, open=open_, read_only=read_only)
        if kind == "IntegerType":
            return Shape(kind="integer", lowest=raw.get("minValue"), highest=raw.get("maxValue"), read_only=read_only)
        return Shape(kind="boolean" if kind == "BooleanType" else "any", read_only=read_only)

    def _strings(self, raw: Json) -> tuple[frozenset[str] | None, bool]:
        if raw["$type"] != "UnionType":
            return (frozenset({raw["value"]}), False) if "value" in raw else (None, False)
        parts = [self._types[int(one["$ref"].rpartition("/")[2])] for one in raw["elements"]]
        literals = frozenset(one["value"] for one in parts if one["$type"] == "StringLiteralType")
        return literals, len(literals) < len(parts)


class _Sdk:
    """The models of an SDK, read from their source: importing them would take a second and more."""

    def __init__(self, module: str) -> None:
        self._folder = _folder(module)
        self._classes: dict[str, tuple[Sequence[str], dict[str, Schema]]] = {}

    def property(self, name: str, property_: str) -> Schema | None:
        bases, properties = self._class(name)
        if property_ in properties:
            return properties[property_]
        return next(filter(None, (self.property(base, property_) for base in bases)), None)

    def _class(self, name: str) -> tuple[Sequence[str], dict[str, Schema]]:
        if name not in self._classes:
            found = _class_in(self._models, name)
            self._classes[name] = ((), {}) if found is None else (_bases(found), dict(self._fields(found)))
        return self._classes[name]

    @cached_property
    def _models(self) -> str:
        return (self._folder / "_models.py").read_text(encoding="utf-8")

    @cached_property
    def _enums(self) -> str:
        return (self._folder / "_enums.py").read_text(encoding="utf-8")

    def _fields(self, model: ast.ClassDef) -> Iterator[tuple[str, Schema]]:
        for one in model.body:
            if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and isinstance(one.value, ast.Call):
                names = [arg.value for arg in one.value.keywords if arg.arg == "name"]
                wire = names[0].value if names and isinstance(names[0], ast.Constant) else one.target.id
                yield str(wire), self._schema(ast.unparse(one.annotation).replace("'", '"'))

    def _schema(self, annotation: str) -> Schema:
        return Schema(lambda: self._shape(annotation))

    def _shape(self, annotation: str) -> Shape:
        text = annotation.removeprefix("Optional[").removesuffix("]") if "Optional[" in annotation[:9] else annotation
        if text.startswith("list["):
            return Shape(kind="array", items=self._schema(text[5:-1]))
        if text.startswith("dict["):
            return Shape(kind="object", additional=self._schema(text.partition(", ")[2][:-1]))
        model = _MODELS.search(text)
        if model is not None:
            return self._named(model[1])
        if text in _NUMBERS:
            return Shape(kind=_NUMBERS[text])  # type: ignore[arg-type]  # its values are kinds
        return Shape(kind="string") if text in ("str", "bytes") else ANYTHING.shape

    def _named(self, name: str) -> Shape:
        enum = _class_in(self._enums, name)
        if enum is not None:
            assigned = [one.value for one in enum.body if isinstance(one, ast.Assign)]
            return Shape(
                kind="string", values=frozenset(str(one.value) for one in assigned if isinstance(one, ast.Constant))
            )
        return Shape(kind="object", names=(name,), properties=self._all_fields(name))

    def _all_fields(self, name: str) -> dict[str, Schema]:
        bases, properties = self._class(name)
        inherited = {wire: schema for base in bases for wire, schema in self._all_fields(base).items()}
        return inherited | properties


def _class_in(source: str, name: str) -> ast.ClassDef | None:
    """One class of a module's source, found as text since parsing all of them would take seconds."""
    start = source.find(f"\nclass {name}(")
    if start < 0:
        return None
    end = source.find("\nclass ", start + 1)
    found = ast.parse(source[start : end if end > 0 else None]).body[0]
    return found if isinstance(found, ast.ClassDef) else None


def _bases(model: ast.ClassDef) -> tuple[str, ...]:
    return tuple(base.id for base in model.bases if isinstance(base, ast.Name) and base.id != "_Model")


def _is_installed(module: str) -> bool:
    return (_folder(module) / "_models.py").is_file()


def _folder(module: str) -> Path:
    """Where the source of a package is; the SDK that holds it is found, not imported."""
    sdk, rest = module.split(".")[:3], module.split(".")[3:]
    try:
        spec = util.find_spec(".".join(sdk))
    except ModuleNotFoundError:
        spec = None
    found = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(found)), *rest) if found else Path(*module.split("."))
