# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that meet faults, a plain second run, and a look at what there is."""

from __future__ import annotations

import time
import typing as t
from dataclasses import asdict, dataclass, field

from ansible_collections.azvm.access.tests.faults.fleet import unclear

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.azvm.access.tests.faults.fleet import Fleet, Island
    from ansible_collections.azvm.access.tests.integration.support.azure_control import Fault
    from ansible_collections.azvm.access.tests.integration.support.controller import Json

KILLED = "killed"

#: Each kind of fault that one request can meet, as the local Azure is told it.
FAULTS: dict[str, Json] = {
    "429": {"action": "status", "status": 429, "code": "TooManyRequests", "retry_after": "1"},
    "503": {"action": "status", "status": 503},
    "lost before": {"action": "reset-before"},
    "lost after": {"action": "reset-after"},
    KILLED: {"action": "hold"},
}
KINDS = tuple(FAULTS)

#: What can become of a request that changes something, besides.
WRITE_FAULTS: dict[str, Json] = {
    "operation failed": {"action": "fail-operation", "code": "InternalExecutionError"},
    "operation cancelled": {"action": "cancel-operation"},
    "answer cut short": {"action": "truncate"},
    "reads lag behind": {"action": "stale", "seconds": 2},
    "token revoked": {"action": "revoke-token"},
}
WRITE_KINDS = tuple(WRITE_FAULTS)

#: Requests that change something: no sign-ins.
WRITES: dict[str, str] = {"method": "PUT,PATCH,POST,DELETE", "path": "^(?!.*/oauth2/)"}

_PATIENCE = 300.0


@dataclass(kw_only=True)
class Tried:
    """``kind`` of fault. ``met`` is the request it met last, None when none came.

    ``went_on`` is true when the first run took no harm; ``troubles`` is what is not as it should be at the end.
    """

    role: str
    kind: str
    met: str | None = None
    went_on: bool = False
    troubles: list[str] = field(default_factory=list)

    def to_json(self) -> Json:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.role}: {self.kind} at {self.met}: {'; '.join(self.troubles) or 'fine'}"


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """The run of island 1: how many requests it sent, how many of them writes, and how things stood after it."""

    requests: int
    writes: int
    island: Island


@dataclass(kw_only=True)
class Trial:
    """What is tried on one island; the faults are in force."""

    tried: Tried
    faults: list[Fault]


def undisturbed(fleet: Fleet) -> Undisturbed:
    """Begin the scenario again, and run island 1."""
    fleet.start_over()
    counter = fleet.fault(1, "delay")
    fleet.run([1]).succeeded()
    requests = fleet.azure.met(counter)
    fleet.azure.clear_fault(counter)
    writes = len(fleet.azure.writes())
    return Undisturbed(requests=requests, writes=writes, island=fleet.island(fleet.settled(), 1))


def at_request(fleet: Fleet, number: int, nth: int, kind: str) -> Trial:
    """One fault at the nth request of an island's run."""
    fault = fleet.fault(number, nth=nth, **FAULTS[kind])
    return Trial(tried=Tried(role=fleet.job.role, kind=kind), faults=[fault])


def at_write(fleet: Fleet, number: int, nth: int, kind: str) -> Trial:
    """One fault at the nth write of an island's run."""
    fault = fleet.fault(number, nth=nth, **WRITES, **WRITE_FAULTS[kind])
    return Trial(tried=Tried(role=fleet.job.role, kind=kind), faults=[fault])


def carried_out(fleet: Fleet, trials: dict[int, Trial], before: Undisturbed, *, forks: int) -> list[Tried]:
    """Run the islands with their faults, then all of them without, and compare each with the undisturbed one."""
    killed = {n: one for n, one in trials.items() if one.tried.kind == KILLED}
    others = [n for n in trials if n not in killed]

    first = fleet.run(others, forks=forks) if others else None
    if killed:
        _cut_off(fleet, {n: one.faults[0] for n, one in killed.items()})
    rules = {rule["id"]: rule for rule in fleet.azure.ask("fault/list")["faults"]}
    fleet.azure.clear_faults()
    second = fleet.run(trials, forks=forks)
    state = fleet.settled()

    for n, trial in trials.items():
        one, mine = trial.tried, first.of_host(f"h{n}") if first and n in others else None
        again = second.of_host(f"h{n}")
        one.met = next((rules[fault.id]["met"] for fault in trial.faults if rules[fault.id]["met"]), None)
        one.went_on = mine is not None and not mine.failures()
        one.troubles = [
            *(f"not clear: {told}" for told in (unclear(mine) if mine else [])),
            *(f"failed again: {failed.result.get('msg')}" for failed in again.failures()),
            *fleet.island(state, n).differences(before.island),
            *(
                []
                if again.failures() or fleet.job.works(fleet.azure, again)
                else ["what was handed over does not work"]
            ),
        ]
    return [trial.tried for trial in trials.values()]


def _cut_off(fleet: Fleet, faults: dict[int, Fault]) -> None:
    """Kill a run of these islands once each waits for the answer that its fault holds, or is through."""
    run = fleet.begin(faults, forks=len(faults))
    met = _waiting(fleet, faults, lambda: run.ended)
    run.kill()
    assert met or run.ended


def _waiting(fleet: Fleet, faults: dict[int, Fault], over: Callable[[], bool]) -> bool:
    """Wait until each fault has met its request; False when the run is over before."""
    deadline = time.monotonic() + _PATIENCE
    waiting = {fault.id for fault in faults.values()}
    while waiting:
        if over():
            return False
        assert time.monotonic() < deadline, f"requests that never came: {waiting}"
        waiting -= {rule["id"] for rule in fleet.azure.ask("fault/list")["faults"] if rule["applied"]}
        time.sleep(0.05)
    return True
