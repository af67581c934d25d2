# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that make chosen requests fail, wait, hang or lose their connection."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .wire import Json

ACTIONS = ("status", "delay", "hold", "reset-before", "reset-after")


@dataclass(kw_only=True, eq=False)
class Rule:
    """One fault.

    It applies to requests whose method is `method` (any, if None) and whose path matches the regular expression `path`
    anywhere, to the `nth` of them (counted from 1 since the rule was added; every one, if None), at most `times` times.
    `action` is one of ACTIONS: status answers `status` with `code` and `message` instead of the effect; delay waits
    `seconds` first; hold lets the effect take place and keeps the answer back until the rule is cleared; reset-before
    and reset-after cut the connection before or after the effect.
    """

    id: int
    action: str
    method: str | None = None
    path: re.Pattern[str] = field(default_factory=lambda: re.compile(""))
    nth: int | None = None
    times: int | None = None
    status: int = 503
    code: str = "ServiceUnavailable"
    message: str = "The service is unavailable."
    retry_after: str | None = None
    seconds: float = 0.0
    seen: int = 0
    applied: int = 0
    cleared: asyncio.Event = field(default_factory=asyncio.Event)

    def to_json(self) -> Json:
        shown: Json = {"id": self.id, "action": self.action, "path": self.path.pattern}
        shown |= {"method": self.method, "nth": self.nth, "times": self.times}
        if self.action == "status":
            shown |= {"status": self.status, "code": self.code, "retry_after": self.retry_after}
        if self.action == "delay":
            shown["seconds"] = self.seconds
        return shown | {"seen": self.seen, "applied": self.applied}


class Faults:
    """The rules in force, oldest first; the first that applies to a request wins."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._last = 0

    def add(self, wish: Mapping[str, object]) -> Rule:
        """Add a rule from its JSON form (the fields of Rule). Raises ValueError with a plain reason."""
        action = wish.get("action")
        if action not in ACTIONS:
            raise ValueError(f"unknown fault action {action!r}; one of {', '.join(ACTIONS)}")
        try:
            path = re.compile(str(wish.get("path") or ""), re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"path is not a regular expression: {error}") from error
        method = wish.get("method")
        retry_after = wish.get("retry_after")
        rule = Rule(
            id=self._last + 1,
            action=str(action),
            method=str(method).upper() if method else None,
            path=path,
            nth=_count(wish, "nth"),
            times=_count(wish, "times"),
            status=_count(wish, "status") or 503,
            code=str(wish.get("code") or "ServiceUnavailable"),
            message=str(wish.get("message") or "The request was refused by a fault rule of the local Azure."),
            retry_after=str(retry_after) if retry_after is not None else None,
            seconds=_seconds(wish.get("seconds")),
        )
        self._last = rule.id
        self._rules.append(rule)
        return rule

    def list(self) -> list[Rule]:
        return list(self._rules)

    def clear(self, id: int | None = None) -> int:
        """Remove one rule or all, let held answers go, and say how many were removed."""
        gone = [rule for rule in self._rules if id is None or rule.id == id]
        self._rules = [rule for rule in self._rules if rule not in gone]
        for rule in gone:
            rule.cleared.set()
        return len(gone)

    def match(self, method: str, path: str) -> Rule | None:
        """Count this request for every rule it fits and return the one to apply."""
        chosen: Rule | None = None
        for rule in self._rules:
            if (rule.method is not None and rule.method != method) or rule.path.search(path) is None:
                continue
            rule.seen += 1
            due = rule.nth is None or rule.seen == rule.nth
            if chosen is None and due and (rule.times is None or rule.applied < rule.times):
                rule.applied += 1
                chosen = rule
        return chosen


def _count(wish: Mapping[str, object], name: str) -> int | None:
    value = wish.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number from 1 on, not {value!r}")
    return value


def _seconds(value: object) -> float:
    if value is None:
        return 0.0
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
        raise ValueError(f"seconds must be a number from 0 on, not {value!r}")
    return float(value)
