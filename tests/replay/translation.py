# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Azure chose in the recording and what the local one chose instead: versions, operations, tokens, backups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

_TOKEN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b", re.IGNORECASE)
#: Headers that say where an operation can be followed.
LINKS = ("azure-asyncoperation", "location")
#: Texts of at least this length that differ are taken for something opaque that is sent back as a whole.
_OPAQUE = 40


class Translation:
    """Learns from pairs of answers, and rewrites later requests."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._links: dict[tuple[str, str], str] = {}

    def learn(self, recorded: Any, local: Any) -> None:
        """Take in an answer of each."""
        for mine, theirs in _pairs(recorded, local):
            if mine == theirs:
                continue
            if mine.startswith("https://") and "?" in mine and "?" in theirs:
                self._links[where(mine)] = theirs
            elif len(mine) >= _OPAQUE and not mine.startswith(("https://", "/")):
                self._texts.setdefault(mine, theirs)
            old, new = _TOKEN.findall(mine), _TOKEN.findall(theirs)
            if len(old) == len(new):
                for one, other in zip(old, new, strict=True):
                    if one.strip("0-"):  # nil stands for whatever was made anonymous
                        self._tokens.setdefault(one, other)

    def learn_headers(self, recorded: Mapping[str, str], local: Mapping[str, str]) -> None:
        """Take in where each says its operation can be followed."""
        for name in LINKS:
            if name in recorded and name in local:
                self.learn(recorded[name], local[name])

    def has_given(self, text: str) -> bool:
        """Whether a local text has something in it that already stands for something recorded."""
        given = set(self._tokens.values())
        return any(token in given for token in _TOKEN.findall(text))

    def knows(self, url: str) -> bool:
        """Whether an earlier answer gave this address."""
        return where(url) in self._links

    def url(self, url: str) -> str:
        """The local address for a recorded one."""
        known = self._links.get(where(url))
        return known if known is not None else self.text(url)

    def text(self, text: str) -> str:
        """The text with everything exchanged that was chosen otherwise here."""
        whole = self._texts.get(text)
        return whole if whole is not None else _TOKEN.sub(lambda match: self._tokens.get(match[0], match[0]), text)

    def body(self, body: Any) -> Any:
        """The same for all texts of a body."""
        if isinstance(body, dict):
            return {name: self.body(value) for name, value in body.items()}
        if isinstance(body, list):
            return [self.body(value) for value in body]
        return self.text(body) if isinstance(body, str) else body


def where(url: str) -> tuple[str, str]:
    """Where an address leads: the query only counts where it chooses, signatures and versions aside."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    chosen = ["monitor", "$skiptoken", "$skipToken"]
    host = parts.netloc.removesuffix(":443")
    return f"{host}{quote(unquote(parts.path))}".lower(), ";".join(f"{name}={query.get(name)}" for name in chosen)


def _pairs(recorded: Any, local: Any) -> Iterator[tuple[str, str]]:
    """The texts at the same place in both."""
    if isinstance(recorded, dict) and isinstance(local, dict):
        for name in recorded.keys() & local.keys():
            yield from _pairs(recorded[name], local[name])
    elif isinstance(recorded, list) and isinstance(local, list):
        for mine, theirs in zip(recorded, local, strict=False):
            yield from _pairs(mine, theirs)
    elif isinstance(recorded, str) and isinstance(local, str):
        yield recorded, local
