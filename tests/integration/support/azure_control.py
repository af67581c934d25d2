# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running local Azure as tests drive it: faults, clock, journal and state, without a process for each command."""

from __future__ import annotations

import json
import re
import time
import typing as t
from dataclasses import dataclass
from datetime import timedelta

from local_azure import control
from local_azure.home import Home

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local_azure.testing import Running

Json = dict[str, t.Any]

WRITES = ("PUT", "PATCH", "POST", "DELETE")
_SIGN_IN = "login.microsoftonline.com"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault rule; it can meet requests with a number greater than ``since``."""

    id: int
    since: int


@dataclass(kw_only=True)
class Azure:
    """``server`` and what has been asked of it since :meth:`start_over` or :meth:`mark`."""

    server: Running
    seen: int = 0

    @property
    def home(self) -> Home:
        return Home(self.server.dir)

    def ask(self, what: str, **wish: t.Any) -> Json:
        """What the command ``local-azure`` asks of the server."""
        return control.ask(self.home, what, wish)

    def start_over(self, scenario: str | Path | None = None, **options: t.Any) -> None:
        """Begin the scenario again, or another one; the journal is empty afterwards, faults and clock are back."""
        if scenario is not None:
            self.ask("scenario", name=str(scenario), **options)
        self.ask("reset", clear_journal=True)
        self.seen = 0

    def mark(self) -> None:
        """Requests from here on are what :meth:`journal` returns."""
        self.seen = self._last()

    def journal(self) -> list[Json]:
        return [entry for entry in self._entries() if entry["n"] > self.seen]

    def writes(self) -> list[str]:
        """Method and path of each request since :meth:`mark` that could change something."""
        return [
            f"{entry['method']} {entry['path']}"
            for entry in self.journal()
            if entry["method"] in WRITES and entry["host"] != _SIGN_IN
        ]

    def fault(self, action: str, **wish: t.Any) -> Fault:
        """As ``local-azure fault add``."""
        since = self._last()
        return Fault(id=int(self.ask("fault/add", action=action, **wish)["id"]), since=since)

    def clear_faults(self) -> None:
        self.ask("fault/clear")

    def forward(self, **by: float) -> None:
        """Move Azure's clock forward: ``days=340``."""
        self.ask("clock", seconds=timedelta(**by).total_seconds())

    def state(self) -> Json:
        return self.ask("state")

    def reached(self, fault: Fault, *, unless: Callable[[], bool], seconds: float = 120) -> bool:
        """Wait until the fault has met its request and the request's effect has taken place; False when ``unless``."""
        deadline = time.monotonic() + seconds
        while True:
            over = unless()
            rule = next(one for one in self.ask("fault/list")["faults"] if one["id"] == fault.id)
            if rule["applied"] and self._answered(rule, fault.since):
                return True
            if over:
                return False
            assert time.monotonic() < deadline, f"no request met the fault {rule}"
            time.sleep(0.02)

    def _answered(self, rule: Json, since: int) -> bool:
        """Whether the journal shows the request: that happens after the effect, before an answer that is held."""
        path = re.compile(rule["path"], re.IGNORECASE)
        met = [
            one
            for one in self._entries()
            if one["n"] > since and rule["method"] in (None, one["method"]) and path.search(one["path"])
        ]
        return len(met) >= rule["seen"]

    def _last(self) -> int:
        return max((entry["n"] for entry in self._entries()), default=0)

    def _entries(self) -> list[Json]:
        lines = self.home.journal.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]
