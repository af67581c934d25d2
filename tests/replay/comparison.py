# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a recorded answer and a local one have different, apart from values that nobody can foretell.

Compared are the status, which headers there are, the tree of JSON names and types, words whose spelling clients rely on
(states, codes, types), the casing of every text, and the wording of errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .recordings import Exchange, Json
from .translation import Translation

#: Headers that tell a client something; the recordings keep a choice of them.
HEADERS = frozenset(
    {
        "azure-asyncnotification",
        "azure-asyncoperation",
        "content-type",
        "etag",
        "location",
        "www-authenticate",
        "x-ms-failure-cause",
        "x-ms-keyvault-region",
        "x-ms-keyvault-service-version",
        "x-ms-ratelimit-remaining-resource",
        "x-ms-ratelimit-remaining-subscription-global-writes",
        "x-ms-ratelimit-remaining-subscription-writes",
    }
)
#: Headers that are only missed where the recording has them: most recordings were kept without.
_OFTEN_LEFT_OUT = frozenset({"retry-after", "x-ms-keyvault-network-info"})
_LINKS = ("azure-asyncoperation", "location")

#: Names whose values are words that clients compare with.
_WORDS = frozenset({"provisioningState", "code", "level", "displayStatus", "type", "direction", "access"})
_ERROR_WORDS = re.compile(r"\$\.error(\.innererror)?\.code|\$\.status")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CHOSEN = re.compile(rf"{_GUID.pattern}|\b[0-9a-f]{{32}}\b|\d{{4}}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)?", re.IGNORECASE)

#: What stands at the end of a list that was shortened when it was kept.
_SHORTENED = re.compile(r"… \d+ more")
_EXTRA = "not in the recording"
_ON_ANOTHER_PAGE = re.compile(rf"\$\.value\[[^\]]+\]: {_EXTRA}|\$\.value: an empty list, here a list of .*")

#: What tells the elements of a list apart, the best first.
_IDENTITIES = ("id", "kid", "name", "code", "number", "addressPrefix")


def compare(
    exchange: Exchange, status: int, headers: Mapping[str, str], body: Any, translation: Translation
) -> list[str]:
    """The differences as lines, each with where it is; `headers` has lower-case names.

    `translation` tells what the local Azure chose in earlier answers in place of what Azure chose.
    """
    if status != exchange.status:
        return [f"status: {exchange.status}, here {status} {_reason(body)}".rstrip()]
    found = [*_Bodies(translation).trees("$", translation.body(exchange.response), body)]
    if _is_page(exchange):
        found = [line for line in found if _ON_ANOTHER_PAGE.fullmatch(line) is None]
    return [*_headers(exchange.headers, headers), *found]


def _is_page(exchange: Exchange) -> bool:
    """Whether an answer of Resource Manager is a page of a list: how much goes on one isn't known."""
    response = exchange.response if isinstance(exchange.response, dict) else {}
    return exchange.is_management and bool(response.get("nextLink") or "skiptoken" in exchange.query.lower())


def _reason(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    return f"({error.get('code')}: {error.get('message')})" if isinstance(error, dict) else ""


def _headers(recorded: Mapping[str, str], local: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(HEADERS | (_OFTEN_LEFT_OUT & recorded.keys())):
        if name in recorded and name not in local:
            yield f"header {name}: missing"
        elif name in local and name not in recorded:
            yield f"header {name}: {_EXTRA}"
        elif name in _LINKS and name in recorded and _link(recorded[name]) != _link(local[name]):
            yield f"header {name}: {_link(recorded[name])}, here {_link(local[name])}"


def _link(url: str) -> str:
    """An address without what differs between two operations of the same kind."""
    parts = urlsplit(url)
    path = re.sub(r"/(operations|operationresults)/[^/]+$", r"/\1/{}", parts.path, flags=re.IGNORECASE)
    names = sorted({name for name, _value in parse_qsl(parts.query)})
    return f"{parts.scheme}://{parts.netloc}{path}?{'&'.join(names)}"


class _Bodies:
    """Walks a recorded and a local body side by side."""

    def __init__(self, translation: Translation) -> None:
        self._translation = translation

    def trees(self, path: str, recorded: Any, local: Any) -> Iterator[str]:
        """The differences at and under `path`."""
        if _kind(recorded) != _kind(local):
            yield f"{path}: {_kind(recorded)}, here {_kind(local)}"
        elif isinstance(recorded, dict):
            yield from self._objects(path, recorded, local)
        elif isinstance(recorded, list):
            yield from self._lists(path, recorded, local)
        elif isinstance(recorded, str):
            yield from _texts(path, recorded, local)
        elif isinstance(recorded, bool) and recorded != local:
            yield f"{path}: {recorded}, here {local}"

    def _objects(self, path: str, recorded: Json, local: Json) -> Iterator[str]:
        for name in recorded:
            if name not in local:
                yield f"{path}.{name}: missing"
            else:
                yield from self.trees(f"{path}.{name}", recorded[name], local[name])
        for name in local:
            if name not in recorded:
                yield f"{path}.{name}: {_EXTRA}"

    def _lists(self, path: str, recorded: list[Any], local: list[Any]) -> Iterator[str]:
        if recorded and isinstance(recorded[-1], str) and _SHORTENED.fullmatch(recorded[-1]):
            yield from (line for line in self._lists(path, recorded[:-1], local) if not line.endswith(_EXTRA))
            return
        identity = _identity([*recorded, *local])
        if identity is not None:
            yield from self._elements(path, identity, recorded, local)
            return
        if bool(recorded) != bool(local):
            yield f"{path}: {_amount(recorded)}, here {_amount(local)}"
        for mine, theirs in zip(recorded, local, strict=False):
            yield from self.trees(f"{path}[]", mine, theirs)

    def _elements(self, path: str, identity: str, recorded: list[Any], local: list[Any]) -> Iterator[str]:
        """Elements that can be told apart: the same ones first, then those that only differ in what was chosen."""
        mine_left, theirs_left = list(recorded), list(local)
        for key in (_exactly, _about):
            for mine in list(mine_left):
                theirs = next((one for one in theirs_left if key(one[identity]) == key(mine[identity])), None)
                if theirs is None:
                    continue
                mine_left.remove(mine)
                theirs_left.remove(theirs)
                # A page of versions goes by their random names: it may hold another one than in the recording.
                if key is _exactly or not self._translation.has_given(str(theirs[identity])):
                    yield from self.trees(f"{path}[]", mine, theirs)
        yield from (f"{path}[{_last(one[identity])}]: missing" for one in mine_left)
        yield from (f"{path}[{_last(one[identity])}]: {_EXTRA}" for one in theirs_left)


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "number", float: "number", str: "text", list: "list", dict: "object"}
    return names.get(type(value), "null")


def _identity(elements: list[Any]) -> str | None:
    """The name by which elements can be told apart; None where their place has to do."""
    if not elements or not all(isinstance(one, dict) for one in elements):
        return None
    return next((name for name in _IDENTITIES if all(isinstance(one.get(name), (str, int)) for one in elements)), None)


def _exactly(value: object) -> str:
    return str(value).lower()


def _about(value: object) -> str:
    return _CHOSEN.sub("?", _exactly(value))


def _amount(value: list[Any]) -> str:
    return f"a list of {len(value)}" if value else "an empty list"


def _last(value: object) -> str:
    return str(value).rstrip("/").rpartition("/")[2]


def _texts(path: str, recorded: str, local: str) -> Iterator[str]:
    mine, theirs = _CHOSEN.sub("?", recorded), _CHOSEN.sub("?", local)
    if mine == theirs:
        return
    name = path.rpartition(".")[2]
    if mine.lower() == theirs.lower():
        yield f"{path}: spelt {mine!r}, here {theirs!r}"
    elif name in _WORDS or _ERROR_WORDS.fullmatch(path) or path.startswith("$.error"):
        yield f"{path}: {mine!r}, here {theirs!r}"
