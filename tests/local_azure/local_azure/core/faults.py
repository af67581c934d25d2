# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for what goes wrong: which requests each one meets, and what it is to do with them."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .wire import Json

#: What a rule can do, in the words of the command's help.
ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "status": "answer with --status and --code, without the effect",
        "delay": "wait --seconds before the effect",
        "hold": "let the effect take place and keep the answer back until the rule is cleared",
        "hold-before": "keep the request back, and so its effect, until the rule is cleared",
        "reset-before": "cut the connection before the effect",
        "reset-after": "cut the connection after the effect",
        "truncate": "let the effect take place and end the connection in the middle of the answer",
        "expire-token": "take the request's access token for expired from now on",
        "revoke-token": "take the request's access token for revoked: 401 with a claims challenge until another comes",
        "skew": "date the answer --seconds off, as a machine would whose clock is wrong (may be negative)",
        "fail-operation": "let the operation that the request begins end as Failed with --code, without its effect",
        "cancel-operation": "let it end as Canceled",
        "hang-operation": "let it go on until the rule is cleared",
        "stuck": "let reads say that what the request wrote is Updating until the rule is cleared",
        "stale": "let reads of the resource group show for --seconds what was there before the effect",
        "throttle": "count all requests at Azure's own pace, whatever the pace of operations, while the rule stands",
    }
)

_SIGNED = frozenset({"skew"})


@dataclass(kw_only=True, eq=False)
class Rule:
    """One fault.

    It meets requests with one of `methods` (any, if empty), in whose path the regular expression `path` is found, and
    in whose User-Agent `agent` is: the `nth` of them (counted from 1 since the rule was added), or each with
    `probability` (drawn from the random numbers of `seed`), or every one; at most `times`. `action` is one of ACTIONS;
    status, code, message, retry_after and seconds belong to it. `met` is the request it was applied to last.
    """

    id: int
    action: str
    methods: tuple[str, ...] = ()
    path: re.Pattern[str] = field(default_factory=lambda: re.compile(""))
    agent: re.Pattern[str] = field(default_factory=lambda: re.compile(""))
    nth: int | None = None
    probability: float | None = None
    seed: int = 0
    times: int | None = None
    status: int = 503
    code: str | None = None
    message: str = "This is a fault of the local Azure's making."
    retry_after: str | None = None
    seconds: float = 0.0
    seen: int = 0
    applied: int = 0
    met: str | None = None
    cleared: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: random.Random = field(init=False)
    _at_end: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = random.Random(self.seed)  # noqa: S311 - a fault is no secret, and is to come again

    def at_end(self, undo: Callable[[], None]) -> None:
        """Call `undo` when the rule is cleared."""
        self._at_end.append(undo)

    def end(self) -> None:
        """Let go what the rule holds."""
        self.cleared.set()
        while self._at_end:
            self._at_end.pop()()

    def fits(self, method: str, path: str, agent: str) -> bool:
        return (
            (not self.methods or method in self.methods)
            and self.path.search(path) is not None
            and self.agent.search(agent) is not None
        )

    def is_due(self) -> bool:
        """Count one more request that fits, and say whether the rule is for this one."""
        self.seen += 1
        drawn = self.probability is None or self._numbers.random() < self.probability
        return drawn and self.nth in (None, self.seen) and (self.times is None or self.applied < self.times)

    def to_json(self) -> Json:
        shown: Json = {"id": self.id, "action": self.action, "path": self.path.pattern, "agent": self.agent.pattern}
        shown |= {"method": ",".join(self.methods) or None, "nth": self.nth, "times": self.times}
        if self.probability is not None:
            shown |= {"probability": self.probability, "seed": self.seed}
        if self.action == "status":
            shown |= {"status": self.status, "retry_after": self.retry_after}
        if self.action in ("status", "fail-operation", "cancel-operation"):
            shown["code"] = self.code
        if self.action in ("delay", "skew", "stale"):
            shown["seconds"] = self.seconds
        return shown | {"seen": self.seen, "applied": self.applied, "met": self.met}


class Faults:
    """The rules in force, oldest first; the first that applies to a request wins."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._last = 0

    @property
    def throttle(self) -> bool:
        """Whether a rule wants requests to be counted at Azure's own pace."""
        return any(rule.action == "throttle" for rule in self._rules)

    def add(self, wish: Mapping[str, object]) -> Rule:
        """Add a rule from its JSON form (the fields of Rule). Raises ValueError with a plain reason."""
        action = wish.get("action")
        if action not in ACTIONS:
            raise ValueError(f"unknown fault action {action!r}; one of {', '.join(ACTIONS)}")
        method, retry_after, code = wish.get("method"), wish.get("retry_after"), wish.get("code")
        rule = Rule(
            id=self._last + 1,
            action=str(action),
            methods=tuple(str(method).upper().split(",")) if method else (),
            path=_pattern(wish, "path"),
            agent=_pattern(wish, "agent"),
            nth=_count(wish, "nth"),
            times=_count(wish, "times"),
            probability=_probability(wish.get("probability")),
            seed=_count(wish, "seed", least=0) or 0,
            status=_count(wish, "status") or Rule.status,
            code=str(code) if code else None,
            message=str(wish.get("message") or Rule.message),
            retry_after=str(retry_after) if retry_after is not None else None,
            seconds=_seconds(wish.get("seconds"), signed=action in _SIGNED),
        )
        self._last = rule.id
        self._rules.append(rule)
        return rule

    def list(self) -> list[Rule]:
        return list(self._rules)

    def clear(self, id: int | None = None) -> int:
        """Remove one rule or all, let go what they hold, and say how many were removed."""
        gone = [rule for rule in self._rules if id is None or rule.id == id]
        self._rules = [rule for rule in self._rules if rule not in gone]
        for rule in gone:
            rule.end()
        return len(gone)

    def match(self, method: str, path: str, agent: str = "") -> Rule | None:
        """Count this request for every rule it fits and return the one to apply."""
        chosen: Rule | None = None
        for rule in self._rules:
            if rule.action != "throttle" and rule.fits(method, path, agent) and rule.is_due() and chosen is None:
                rule.applied += 1
                rule.met = f"{method} {path}"
                chosen = rule
        return chosen


def _pattern(wish: Mapping[str, object], name: str) -> re.Pattern[str]:
    try:
        return re.compile(str(wish.get(name) or ""), re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"{name} is not a regular expression: {error}") from error


def _count(wish: Mapping[str, object], name: str, *, least: int = 1) -> int | None:
    value = wish.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number from {least} on, not {value!r}")
    return value


def _seconds(value: object, *, signed: bool) -> float:
    if value is None:
        return 0.0
    if not isinstance(value, (int, float)) or isinstance(value, bool) or (value < 0 and not signed):
        raise ValueError(f"seconds must be a number{'' if signed else ' from 0 on'}, not {value!r}")
    return float(value)


def _probability(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value <= 1:
        raise ValueError(f"probability must be a number above 0 and up to 1, not {value!r}")
    return float(value)
