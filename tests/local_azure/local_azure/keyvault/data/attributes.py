# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes, tags and values of secrets and certificates: read from requests, checked, written to answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ...core.store import Resource
from ...core.wire import Json
from ..vaults import DEFAULT_RETENTION_DAYS
from .errors import bad_parameter

MAX_TAGS = 15
MAX_TAG_LENGTH = 256
MAX_VALUE_BYTES = 25 * 1024
MAX_CONTENT_TYPE_LENGTH = 255

_WITHOUT_DAYS = ("2015-06-01", "2016-10-01", "7.0")


@dataclass(frozen=True, kw_only=True)
class GivenAttributes:
    """What a request says; None where it says nothing."""

    enabled: bool | None = None
    not_before: datetime | None = None
    expires: datetime | None = None


def read_attributes(given: object) -> GivenAttributes:
    """Raises BadParameter when a value has the wrong type or the validity ends before it begins."""
    if given is None:
        return GivenAttributes()
    if not isinstance(given, dict):
        raise bad_parameter("Property attributes has invalid value")
    enabled = given.get("enabled")
    if enabled is not None and not isinstance(enabled, bool):
        raise bad_parameter("Property enabled has invalid value")
    not_before, expires = _moment(given, "nbf"), _moment(given, "exp")
    if not_before is not None and expires is not None and expires <= not_before:
        raise bad_parameter("Property exp has invalid value: it must be later than nbf")
    return GivenAttributes(enabled=enabled, not_before=not_before, expires=expires)


def _moment(given: Json, name: str) -> datetime | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise bad_parameter(f"Property {name} has invalid value")
    return datetime.fromtimestamp(value, UTC)


def read_tags(given: object) -> dict[str, str] | None:
    """None stays None (nothing said). Raises BadParameter above 15 tags or 256 characters."""
    if given is None:
        return None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise bad_parameter("Property tags has invalid value")
    if len(given) > MAX_TAGS:
        raise bad_parameter(f"The number of tags, {len(given)}, exceeds the maximum of {MAX_TAGS}.")
    for name, value in given.items():
        if len(name) > MAX_TAG_LENGTH or len(value) > MAX_TAG_LENGTH:
            raise bad_parameter(f"The name or value of a tag is longer than {MAX_TAG_LENGTH} characters.")
    return dict(given)


def read_value(given: object) -> str:
    """The value of a secret. Raises BadParameter when it is missing or above 25 kB."""
    if not isinstance(given, str):
        raise bad_parameter("The request body doesn't contain the parameter value.")
    if len(given.encode()) > MAX_VALUE_BYTES:
        raise bad_parameter(f"The secret value exceeds the maximum size of {MAX_VALUE_BYTES} bytes.")
    return given


def read_content_type(given: object) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or len(given) > MAX_CONTENT_TYPE_LENGTH:
        raise bad_parameter(f"Property contentType has invalid value: at most {MAX_CONTENT_TYPE_LENGTH} characters")
    return given


def epoch(moment: datetime) -> int:
    """Seconds since 1970, as all times of the vault's plane travel."""
    return int(moment.timestamp())


def write_attributes(
    *,
    enabled: bool,
    not_before: datetime | None,
    expires: datetime | None,
    created: datetime,
    updated: datetime,
) -> Json:
    attributes: Json = {"enabled": enabled}
    if not_before is not None:
        attributes["nbf"] = epoch(not_before)
    if expires is not None:
        attributes["exp"] = epoch(expires)
    return attributes | {"created": epoch(created), "updated": epoch(updated)}


def retention_days(vault: Resource) -> int:
    return int(vault.properties.get("softDeleteRetentionInDays", DEFAULT_RETENTION_DAYS))


def recovery(vault: Resource, api_version: str) -> Json:
    """How deleted objects of this vault can come back, as every bundle says it; 7.0 doesn't tell the days."""
    days = retention_days(vault)
    level = "Recoverable" if days == DEFAULT_RETENTION_DAYS else "CustomizedRecoverable"
    if not vault.properties.get("enablePurgeProtection"):
        level += "+Purgeable"
    return {"recoveryLevel": level} | ({"recoverableDays": days} if api_version not in _WITHOUT_DAYS else {})
