# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded exchanges with Azure: one JSON object a line, one file for each recording."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote

Json: TypeAlias = dict[str, Any]

#: Beside the project, not part of it.
FOLDER = Path(__file__).resolve().parents[3] / "shared" / "azure-traffic"
MANAGEMENT = "management.azure.com"

_FIELDS = ("method", "host", "path", "query", "status", "request", "response")

#: What stands for the random part of a name.
_NUMBER = re.compile(r"0000\d\d")

#: Providers of what is in no group of its own, but extends whatever comes before it in a path.
_EXTENSIONS = ("microsoft.authorization", "microsoft.resources")

_UNDER_WAY = ("inprogress", "notstarted", "running", "updating", "creating", "deleting", "accepted", "registeringdns")


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request with its answer. Header names are lower case; `request` and `response` are JSON, None for no body.

    `after_gap`: exchanges between the one before and this one were not kept, so something may have changed meanwhile.
    """

    number: int
    method: str
    host: str
    path: str
    query: str
    status: int
    request: Any = None
    response: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    after_gap: bool = False

    @property
    def is_management(self) -> bool:
        """Whether it went to Resource Manager."""
        return self.host == MANAGEMENT

    @property
    def is_vault(self) -> bool:
        """Whether it went to a vault's own plane."""
        return ".vault." in self.host

    @property
    def segments(self) -> list[str]:
        """The parts of the path; an empty one at the end, as in /secrets/name/, is left out."""
        return [part for part in unquote(self.path).split("/") if part]

    @property
    def api_version(self) -> str:
        return dict(parse_qsl(self.query)).get("api-version", "")

    @property
    def is_poll(self) -> bool:
        """Whether it asks for the state or the result of an operation."""
        lower = [part.lower() for part in self.segments]
        return self.method == "GET" and (lower[-2:-1] in (["operations"], ["operationresults"]) or "pending" in lower)

    @property
    def is_page(self) -> bool:
        """Whether it asks for a further page of a list of Resource Manager."""
        return self.is_management and "skiptoken=" in self.query.lower()

    @property
    def has_lost_body(self) -> bool:
        """Whether it made a resource without saying how: then the body was not kept."""
        shown = self.response if isinstance(self.response, dict) else {}
        return self.method == "PUT" and self.request is None and "properties" in shown and self.is_management

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300

    @property
    def under_way(self) -> bool:
        """Whether this read found something that was still going on."""
        if self.method != "GET":
            return False
        if self.is_poll and self.status == 202:
            return True
        if not isinstance(self.response, dict):
            return False
        properties = self.response.get("properties")
        state = properties.get("provisioningState") if isinstance(properties, dict) else None
        return str(self.response.get("status") or state or "").lower() in _UNDER_WAY

    @property
    def operation(self) -> str:
        """The operation without the names of resources: `GET Microsoft.Compute/virtualMachines/{}`."""
        segments = self.segments
        if not self.is_management:
            return f"{self.method} {'/'.join(['vault' if self.is_vault else self.host, *_without_names(segments)])}"
        lower = [part.lower() for part in segments]
        if "providers" not in lower or _is_about_providers(lower):
            return f"{self.method} /{'/'.join(_without_names(segments))}"
        at = lower.index("providers")
        parts = _without_names(segments[at + 2 :])
        if "providers" in lower[at + 1 :]:  # what extends a resource is named after it
            second = lower.index("providers", at + 1)
            parts = [*_without_names(segments[at + 2 : second]), *segments[second : second + 2]]
            parts += _without_names(segments[second + 2 :])
        return f"{self.method} {'/'.join([segments[at + 1], *parts])}"

    @property
    def extends(self) -> str | None:
        """The path of what a tag, lock or role assignment is for; None for any other path."""
        lower = [part.lower() for part in self.segments]
        if not self.is_management or "providers" not in lower or self.segments[-1:] == ["providers"]:
            return None
        at = len(lower) - 1 - lower[::-1].index("providers")
        extension = lower[at + 1] in _EXTENSIONS or "providers" in lower[:at]
        return "/" + "/".join(self.segments[:at]) if extension else None


def _is_about_providers(path: list[str]) -> bool:
    """Whether a path is about resource providers themselves, such as their registration; not about what is in one."""
    below = path[2:] if path[:1] == ["subscriptions"] else path
    return below[:1] == ["providers"] and below[2:] in ([], ["register"], ["unregister"])


def _without_names(segments: Sequence[str]) -> list[str]:
    """Every second segment is a name; what follows a name is a type or an action."""
    return ["{}" if position % 2 else segment for position, segment in enumerate(segments)]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The exchanges of one file, in order. `name` is the file's without its ending."""

    name: str
    exchanges: tuple[Exchange, ...]


def read(path: Path) -> Recording:
    """Read one recording."""
    exchanges: list[Exchange] = []
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for entry in _same_names(entries):
        number = int(entry.pop("n"))
        headers = {name.lower(): value for name, value in (entry.pop("headers", None) or {}).items()}
        before = exchanges[-1].number if exchanges else -1
        known = {name: entry[name] for name in _FIELDS if name in entry}
        gap = number != before + 1 or (bool(exchanges) and exchanges[-1].has_lost_body)
        exchanges.append(Exchange(number=number, headers=headers, after_gap=gap, **known))
    return Recording(name=path.stem, exchanges=tuple(exchanges))


def _same_names(entries: Any) -> Any:
    """Give resources one name throughout.

    Names were made anonymous (a number in place of their random part) only where Azure spelt them as they were given:
    in ids that it answers in capitals the random part is still there.
    """
    given = {part for id in _ids(entries) for part in id.split("/") if _NUMBER.search(part)}
    patterns = [
        (re.compile("[A-Z0-9_-]+".join(re.escape(part.upper()) for part in _NUMBER.split(name, maxsplit=1))), name)
        for name in sorted(given, key=len, reverse=True)
    ]

    def part(text: str) -> str:
        if text.isupper():
            for pattern, name in patterns:
                if pattern.fullmatch(text):
                    return name.upper()
        return text

    def anywhere(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: anywhere(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [anywhere(inner) for inner in value]
        if isinstance(value, str) and value.startswith("/subscriptions/"):
            return "/".join(map(part, value.split("/")))
        return value

    return anywhere(entries)


def _ids(value: Any) -> Iterator[str]:
    """The resource ids in `value`."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _ids(inner)
    elif isinstance(value, str) and value.startswith("/subscriptions/"):
        yield value


def paths(folder: Path = FOLDER) -> list[Path]:
    """The recordings of a folder; none where there is no such folder."""
    return sorted(folder.glob("*.jsonl"))
