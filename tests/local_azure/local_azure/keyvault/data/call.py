# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request to a vault after routing, and what its caller needs to be allowed to do it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from ...core.authorization import Principal
from ...core.call import Answer
from ...core.store import Resource
from ...core.wire import Json
from ..model import VaultContents

if TYPE_CHECKING:
    from ...core.azure import Azure

_VERSION = re.compile(r"[0-9a-fA-F]+")


@dataclass(frozen=True, kw_only=True)
class Permission:
    """`kind` is secrets, certificates or keys, `action` ends the data action, `policy` is the access policy's word.

    `collection` is what the data action names where that isn't the kind.
    """

    kind: str
    action: str
    policy: str
    collection: str | None = None

    @property
    def data_action(self) -> str:
        return f"Microsoft.KeyVault/vaults/{self.collection or self.kind}/{self.action}"


@dataclass(frozen=True, kw_only=True)
class VaultCall:
    """`params` holds the path's placeholders, `now` is the moment of the request."""

    azure: Azure
    vault: Resource
    contents: VaultContents
    host: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Json
    api_version: str
    principal: Principal
    now: datetime

    @property
    def name(self) -> str:
        return self.params["name"]

    def url(self, path: str) -> str:
        """An identifier in this vault, such as ``https://v.vault.azure.net/secrets/n``."""
        return f"https://{self.host}/{path}"

    def page_url(self, path: str) -> str:
        """The address of a collection as ``nextLink`` spells it: with the port (recorded)."""
        return f"https://{self.host}:443/{path}"


VaultHandler: TypeAlias = Callable[[VaultCall], Answer | Awaitable[Answer]]


@dataclass(frozen=True, kw_only=True)
class VaultRoute:
    """`template` such as ``secrets/{name}/{version}``; parts in braces take one segment, versions are hexadecimal."""

    method: str
    template: str
    handler: VaultHandler
    permission: Permission

    def match(self, segments: list[str]) -> dict[str, str] | None:
        parts = self.template.split("/")
        if len(parts) != len(segments):
            return None
        found: dict[str, str] = {}
        for part, segment in zip(parts, segments, strict=True):
            if part == "{version}" and not _VERSION.fullmatch(segment):
                return None  # create, rotate... are operations
            if part.startswith("{"):
                found[part[1:-1]] = segment
            elif part != segment.lower():
                return None
        return found
