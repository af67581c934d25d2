# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed reading of request bodies: what has the wrong shape is refused as the provider refuses it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from ..core.resource_id import ResourceId
from ..core.wire import Json
from . import errors

Value = TypeVar("Value")


def stated(body: Json, names: Collection[str]) -> Json:
    """Those of the properties that are there and not null, as they are given."""
    return {name: body[name] for name in names if body.get(name) is not None}


def section(body: Json, name: str) -> Json:
    """A nested object; {} when absent or null."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise errors.unparsable(f"Error converting value of '{name}' to an object. Path '{name}'.")
    return value


def objects(body: Json, name: str) -> list[Json]:
    """A list of objects; [] when absent or null."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise errors.unparsable(f"Error converting value of '{name}' to a list of objects. Path '{name}'.")
    return value


def check_known(body: Json, names: Collection[str], path: str = "") -> None:
    """Refuse a property that the service doesn't know; `path` leads to `body`, with a dot at its end."""
    for name in body:
        if name not in names:
            raise errors.unparsable(f"Could not find member '{name}' on the object. Path '{path}{name}'.")


def text(body: Json, name: str) -> str | None:
    """A string; numbers are taken as their text, as the service's parser does. None when absent, null or empty."""
    value = body.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise errors.unparsable(f"Unexpected value for '{name}', a string was expected. Path '{name}'.")
    return str(value)


def texts(body: Json, name: str) -> list[str]:
    """A list of strings; [] when absent or null."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise errors.unparsable(f"Error converting value of '{name}' to a list of strings. Path '{name}'.")
    found = []
    for item in value:
        if isinstance(item, bool) or not isinstance(item, (str, int)):
            raise errors.unparsable(f"Unexpected value in '{name}', a string was expected. Path '{name}'.")
        found.append(str(item))
    return found


def number(body: Json, name: str) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise errors.unparsable(f"Could not convert '{value}' to integer. Path '{name}'.")
    return value


def flag(body: Json, name: str, default: bool) -> bool:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise errors.unparsable(f"Could not convert '{value}' to boolean. Path '{name}'.")
    return value


def choice(body: Json, name: str, values: tuple[str, ...], default: str | None = None) -> str | None:
    """One of `values` in its canonical casing, whatever the casing given."""
    given = text(body, name)
    if given is None:
        return default
    for value in values:
        if value.lower() == given.lower():
            return value
    raise errors.unparsable(f"Error converting value \"{given}\". Path '{name}'. Allowed values: {', '.join(values)}.")


def reference(body: Json, name: str) -> ResourceId | None:
    """The id in a sub-resource reference such as {"networkSecurityGroup": {"id": ...}}."""
    given = text(section(body, name), "id")
    return None if given is None else resource_id(given)


def references(body: Json, name: str) -> list[ResourceId]:
    return [resource_id(given) for given in (text(item, "id") for item in objects(body, name)) if given is not None]


def resource_id(given: str) -> ResourceId:
    try:
        return ResourceId.parse(given)
    except ValueError as error:
        raise errors.refused("InvalidResourceReference", f"Value for reference id is not valid: {given}.") from error


def required(value: Value | None, refuse: Callable[[], Exception]) -> Value:
    """`value`, or the error that its absence means."""
    if value is None:
        raise refuse()
    return value
