# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line per request: what came, what was answered, and never what was in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .clock import Clock
from .wire import Json

_SECRET_PARAMETER = re.compile(
    r"((?:^|&)[^=&]*(?:sig|token|secret|password|code|assertion)[^=&]*=)[^&]*", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One request. `n` counts from 1; `status` is 0 when the connection was cut; `milliseconds` is real time."""

    n: int
    time: str
    method: str
    host: str
    path: str
    query: str
    api_version: str | None
    status: int
    client_port: int | None
    principal: str | None
    milliseconds: float

    def to_json(self) -> Json:
        return dict(self.__dict__)


class Journal:
    """All requests since the start, in memory and, when `file` is set, as JSON lines."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._entries: list[Entry] = []
        self._file: IO[str] | None = None
        self._count = 0

    def write_to(self, path: Path) -> None:
        """Also append every entry to this file (mode 0600)."""
        path.touch(mode=0o600)
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def next_number(self) -> int:
        """Count one more request; its entry follows when it has been answered."""
        self._count += 1
        return self._count

    def record(
        self,
        *,
        n: int,
        method: str,
        host: str,
        path: str,
        query: str,
        status: int,
        client_port: int | None,
        principal: str | None,
        milliseconds: float,
    ) -> Entry:
        query = redact(query)
        version = re.search(r"(?:^|&)api-version=([^&]*)", query, re.IGNORECASE)
        entry = Entry(
            n=n,
            time=self.clock.now().isoformat(timespec="milliseconds"),
            method=method,
            host=host,
            path=path,
            query=query,
            api_version=version[1] if version is not None else None,
            status=status,
            client_port=client_port,
            principal=principal,
            milliseconds=round(milliseconds, 2),
        )
        self._entries.append(entry)
        if self._file is not None:
            self._file.write(json.dumps(entry.to_json()) + "\n")
        return entry

    def since(self, n: int = 0) -> Iterator[Entry]:
        """Entries with a number greater than `n`, in order of their answers."""
        return (entry for entry in list(self._entries) if entry.n > n)

    def clear(self) -> None:
        """Forget all entries; numbers start again at 1."""
        self._entries.clear()
        self._count = 0
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()


def redact(query: str) -> str:
    """The query string with the values of signature, token and secret parameters replaced."""
    return _SECRET_PARAMETER.sub(r"\1REDACTED", query)
