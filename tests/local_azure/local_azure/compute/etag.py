# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entity tags of virtual machines: strong small integers, one more for each change."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.errors import AzureError


def first() -> str:
    """The entity tag of a virtual machine nobody has changed yet, quotes included."""
    return '"1"'


def following(etag: str) -> str:
    """The entity tag after one more change (recorded: test_resource_patch, "1" before the PATCH, "2" in its answer)."""
    return f'"{int(etag.strip(chr(34))) + 1}"'


def check(headers: Mapping[str, str], etag: str | None) -> None:
    """Refuses a write whose If-Match or If-None-Match does not agree with ``etag``, which is None for no resource.

    :raises AzureError: 412; the wording of If-Match is known second hand, that of If-None-Match is unverified.
    """
    if_match = headers.get("if-match")
    if if_match is not None and not _matches(if_match, etag):
        raise _failed("if-match", if_match, etag)
    if_none_match = headers.get("if-none-match")
    if if_none_match is not None and _matches(if_none_match, etag):
        raise _failed("if-none-match", if_none_match, etag)


def _matches(header: str, etag: str | None) -> bool:
    if etag is None:
        return False
    offered = [part.strip() for part in header.split(",")]
    return "*" in offered or any(part.strip('"') == etag.strip('"') for part in offered)


def _failed(header: str, offered: str, etag: str | None) -> AzureError:
    relation = "does not match" if header == "if-match" else "matches"
    message = f"Etag provided in {header} header {offered} {relation} etag {etag or 'null'} of resource."
    return AzureError(412, "PreconditionFailed", message)
