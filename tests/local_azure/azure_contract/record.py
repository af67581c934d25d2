# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps account of judged exchanges: a line for each violation, and what was seen of each operation."""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from .judge import Exchange, Judge, Verdict
from .shape import Json
from .values import Problem

#: Names the folder where every recorder of a run leaves its tally, for one report about all of them.
TALLIES = "LOCAL_AZURE_CONTRACT_TALLIES"

#: What a service says of a request that can't be; other refusals (of rights, of throttling) say nothing of it.
_IMPOSSIBLE = frozenset({400, 404, 405, 409, 501})


@dataclass(frozen=True, kw_only=True)
class Violation:
    """`side` is request or answer. A request that was `refused` as one that can't be is the client's fault alone."""

    side: str
    refused: bool
    method: str
    path: str
    status: int
    operation: str
    version: str
    kind: str
    at: str
    text: str

    def __str__(self) -> str:
        at = f" at {self.at}" if self.at else ""
        version = f" ({self.version})" if self.version else ""
        outcome = f"{self.method} {self.path} -> {self.status}{', refused' if self.refused else ''}"
        return f"{outcome}: {self.side} of {self.operation}{version}{at}: {self.kind}: {self.text}"


@dataclass(kw_only=True)
class Seen:
    """What was seen of one operation. `asked` are parameters, `sent` and `received` properties of the bodies.

    `refused` are problems of requests that were refused, and no violations therefore.
    """

    exchanges: int = 0
    violations: int = 0
    refused: int = 0
    specified: bool = True
    statuses: Counter[str] = field(default_factory=Counter)
    asked: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    received: set[str] = field(default_factory=set)

    def add(self, other: Seen) -> None:
        """Take over what another recorder has seen."""
        self.exchanges += other.exchanges
        self.violations += other.violations
        self.refused += other.refused
        self.specified = other.specified
        self.statuses += other.statuses
        self.asked |= other.asked
        self.sent |= other.sent
        self.received |= other.received


class Recorder:
    """Judges exchanges by the specifications in a folder. `file` gets the violations as JSON lines."""

    def __init__(self, folder: Path, file: Path | None = None) -> None:
        self._judge = Judge(folder)
        self._lines: IO[str] | None = None
        if file is not None:
            file.unlink(missing_ok=True)
            file.touch(mode=0o600)
            self._lines = file.open("a", encoding="utf-8", buffering=1)
        self.seen: dict[str, Seen] = {}

    def note(self, exchange: Exchange) -> list[Violation]:
        """Judge an exchange, and return what violates the contract."""
        verdict = self._judge.judge(exchange)
        found = list(_violations(exchange, verdict))
        seen = self.seen.setdefault(verdict.name, Seen(specified=verdict.operation is not None))
        seen.exchanges += 1
        seen.refused += len([one for one in found if one.refused])
        seen.violations += len([one for one in found if not one.refused])
        seen.statuses[str(exchange.status)] += 1
        if 200 <= exchange.status < 300:
            seen.asked |= verdict.asked
            seen.sent |= verdict.sent
            seen.received |= verdict.received
        if self._lines is not None:
            self._lines.writelines(json.dumps(asdict(one)) + "\n" for one in found)
        return found

    def close(self) -> None:
        """Leave the tally where a report about several recorders is wanted."""
        if self._lines is not None:
            self._lines.close()
            self._lines = None
        folder = os.environ.get(TALLIES)
        if folder and self.seen:
            write_tally(Path(folder) / f"{uuid.uuid4()}.json", self.seen)
            self.seen = {}


def violations_in(file: Path) -> list[Violation]:
    """What a recorder has written."""
    return [Violation(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def write_tally(file: Path, seen: dict[str, Seen]) -> None:
    """Write what was seen of each operation."""
    content: Json = {
        name: {part: sorted(value) if isinstance(value, set) else value for part, value in vars(one).items()}
        for name, one in seen.items()
    }
    file.write_text(json.dumps(content), encoding="utf-8")


def read_tallies(files: Iterable[Path]) -> dict[str, Seen]:
    """What several recorders have seen, together."""
    total: dict[str, Seen] = {}
    for file in files:
        for name, one in json.loads(file.read_text(encoding="utf-8")).items():
            parts: Json = {part: set(value) if isinstance(value, list) else value for part, value in one.items()}
            parts["statuses"] = Counter(one["statuses"])
            total.setdefault(name, Seen()).add(Seen(**parts))
    return total


def _violations(exchange: Exchange, verdict: Verdict) -> Iterable[Violation]:
    version = verdict.operation.version if verdict.operation is not None else ""

    def violation(side: str, problem: Problem) -> Violation:
        return Violation(
            side=side,
            refused=side == "request" and exchange.status in _IMPOSSIBLE,
            method=exchange.method,
            path=exchange.path,
            status=exchange.status,
            operation=verdict.name,
            version=version,
            kind=problem.kind,
            at=problem.at,
            text=problem.text,
        )

    yield from (violation("request", one) for one in verdict.request)
    yield from (violation("answer", one) for one in verdict.answer)
