# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small provider, specified as Azure's are, and a request and answer of it that keep to the specification."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from azure_contract.judge import Exchange

Json = dict[str, Any]

FOLDER = "swagger-2024-10/specification/things/resource-manager/Microsoft.Things/stable/2024-01-01"
COMMON = "swagger-2024-10/specification/common-types/resource-management/v5"
NEWER = "bicep-types/generated/things/microsoft.things/2025-01-01"
PATH = "/subscriptions/0d5f3a52-8c1e-4b7a-9e46-2f1b7c9d8a30/resourceGroups/rg/providers/Microsoft.Things/things/one"
OPERATION = PATH.replace("resourceGroups/rg/", "").replace("things/one", "locations/here/operations/1")
RESULT = OPERATION.replace("operations/", "operationResults/")
HEADERS = {"content-type": "application/json; charset=utf-8"}
THING: Json = {
    "id": PATH,
    "name": "one",
    "location": "westeurope",
    "tags": {"any": "tag"},
    "properties": {
        "state": "Succeeded",
        "color": "Red",
        "mood": "of its own",
        "size": 3,
        "ratio": 0.5,
        "made": "2026-01-02T03:04:05Z",
        "settings": {"whatever": [1, None]},
        "parts": [{"name": "p", "shape": {"kind": "Round", "radius": 1}}],
    },
}

_TEMPLATE = "/subscriptions/{subscriptionId}/resourceGroups/{group}/providers/Microsoft.Things/things/{name}"
_PATH_PARAMETERS: list[Json] = [
    {"name": "subscriptionId", "in": "path", "required": True, "type": "string", "format": "uuid"},
    {"name": "group", "in": "path", "required": True, "type": "string", "maxLength": 90},
    {"name": "name", "in": "path", "required": True, "type": "string", "pattern": "^[a-z]+$"},
    {"name": "api-version", "in": "query", "required": True, "type": "string"},
]
_BODY: Json = {"name": "thing", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Thing"}}
_EXPAND: Json = {"name": "$expand", "in": "query", "type": "string", "enum": ["parts"]}
_FAILURE: Json = {"schema": {"$ref": "#/definitions/Failure"}}
_FOUND: Json = {"schema": {"$ref": "#/definitions/Thing"}}
_LONG: Json = {"x-ms-long-running-operation": True}

_SPECIFICATION: Json = {
    "swagger": "2.0",
    "paths": {
        _TEMPLATE: {
            "parameters": _PATH_PARAMETERS,
            "get": {"operationId": "Get", "parameters": [_EXPAND], "responses": {"200": _FOUND, "default": _FAILURE}},
            "put": {
                "operationId": "Put",
                "parameters": [_BODY],
                "responses": {"200": _FOUND, "201": _FOUND, "default": _FAILURE},
                **_LONG,
            },
            "patch": {"operationId": "Patch", "parameters": [_BODY], "responses": {"200": _FOUND, "default": _FAILURE}},
            "delete": {"operationId": "Delete", "responses": {"202": {}, "204": {}, "default": _FAILURE}, **_LONG},
        },
        f"{_TEMPLATE}/measure": {
            "parameters": _PATH_PARAMETERS,
            "post": {
                "operationId": "Measure",
                "responses": {"202": {}, "200": {"schema": {"$ref": "#/definitions/Part"}}, "default": _FAILURE},
                "x-ms-long-running-operation-options": {"final-state-via": "location"},
                **_LONG,
            },
        },
    },
    "definitions": {
        "Failure": {
            "properties": {
                "error": {
                    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
                    "required": ["code"],
                },
            },
            "required": ["error"],
        },
        "Resource": {
            "properties": {
                "id": {"type": "string", "readOnly": True},
                "name": {"type": "string", "readOnly": True},
                "location": {"type": "string"},
                "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            },
            "required": ["id", "location"],
        },
        "Thing": {
            "allOf": [{"$ref": "#/definitions/Resource"}],
            "properties": {"properties": {"$ref": "#/definitions/ThingProperties"}},
        },
        "ThingProperties": {
            "properties": {
                "state": {"type": "string", "enum": ["Succeeded", "Failed"], "readOnly": True},
                "color": {"type": "string", "enum": ["Red", "Green"], "x-ms-enum": {"name": "Color"}},
                "mood": {"type": "string", "enum": ["Good"], "x-ms-enum": {"name": "Mood", "modelAsString": True}},
                "size": {"type": "integer", "minimum": 1, "maximum": 9},
                "ratio": {"type": "number"},
                "made": {"type": "string", "format": "date-time"},
                "settings": {"type": "object"},
                "parts": {"type": "array", "items": {"$ref": "#/definitions/Part"}},
                "word": {"type": "string", "enum": ["open"], "x-ms-secret": True},
            },
            "required": ["size"],
        },
        "Part": {
            "properties": {"name": {"type": "string", "maxLength": 8}, "shape": {"$ref": "#/definitions/Form"}},
            "required": ["name"],
        },
        "Form": {"discriminator": "kind", "properties": {"kind": {"type": "string"}}, "required": ["kind"]},
        "Round": {
            "allOf": [{"$ref": "#/definitions/Form"}],
            "properties": {"radius": {"type": "integer"}},
            "required": ["radius"],
        },
    },
}
_COMMON: Json = {
    "definitions": {
        "OperationStatusResult": {
            "properties": {"status": {"type": "string"}, "properties": {}},
            "required": ["status"],
        },
        "ErrorResponse": {"properties": {"error": {"type": "object"}}, "required": ["error"]},
    },
}
_TYPES: list[Json] = [
    {"$type": "StringType"},
    {"$type": "StringLiteralType", "value": "Red"},
    {"$type": "StringLiteralType", "value": "Infrared"},
    {"$type": "UnionType", "elements": [{"$ref": "#/1"}, {"$ref": "#/2"}]},
    {
        "$type": "ObjectType",
        "name": "ThingProperties",
        "properties": {"color": {"type": {"$ref": "#/3"}, "flags": 0}, "later": {"type": {"$ref": "#/0"}, "flags": 0}},
    },
]


def write_to(folder: Path) -> Path:
    """Write the specification where the official ones would be; returns the folder of specifications."""
    for path, content in (
        (f"{FOLDER}/things.json", _SPECIFICATION),
        (f"{COMMON}/types.json", _COMMON),
        (f"{NEWER}/types.json", _TYPES),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(content), encoding="utf-8")
    return folder


def exchange(
    method: str = "GET",
    path: str = PATH,
    *,
    query: str = "api-version=2026-01-01",
    sent: object = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    received: object = ...,
) -> Exchange:
    """An exchange with that provider; bodies are JSON data, None is no body. It is answered with THING and HEADERS."""
    return Exchange(
        method=method,
        host="management.azure.com",
        path=path,
        query=query,
        request_headers=HEADERS,
        request_body=_encoded(sent),
        status=status,
        headers=HEADERS if headers is None else headers,
        body=_encoded(THING if received is ... else received),
    )


def _encoded(body: object) -> bytes:
    return b"" if body is None else json.dumps(body).encode()
