# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that meet faults, a plain second run, and a look at what there is."""

from __future__ import annotations

import re
import time
import typing as t
from collections import Counter
from dataclasses import asdict, dataclass, field

from ansible_collections.azvm.access.tests.faults.fleet import RUN_SECONDS, unclear

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.azvm.access.tests.faults.fleet import Fleet, Island
    from ansible_collections.azvm.access.tests.integration.support.azure_control import Fault
    from ansible_collections.azvm.access.tests.integration.support.controller import Json

KILLED = "killed"

#: What one request can meet, as the local Azure is told it, while the run goes on.
FAULTS: dict[str, Json] = {
    "429": {"action": "status", "status": 429, "code": "TooManyRequests", "retry_after": "1"},
    "503": {"action": "status", "status": 503},
    "lost before": {"action": "reset-before"},
    "lost after": {"action": "reset-after"},
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

_ACTIONS: dict[str, Json] = {**FAULTS, **WRITE_FAULTS, KILLED: {"action": "hold"}}

_SIGN_IN = "/oauth2/"

# What is another one in each run or on each island: its number, ids, the hash in a vault's name, a mark of a run.
_OWN = re.compile(
    r"(?<=island-)\d+|[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?<=azvm-access-)[a-z0-9]{12}\b|(?<=-)[0-9a-f]{8}$"
)

# As many runs are cut off together: the client of one that waits for longer than a minute would send its request again.
_TOGETHER = 8

_PATIENCE = 300.0


@dataclass(kw_only=True)
class Tried:
    """``kind`` of fault. ``met`` is the request it met last, None when none came.

    ``went_on`` is true when the first run took no harm; ``troubles`` is what is not as it should be at the end.
    """

    job: str
    kind: str
    met: str | None = None
    went_on: bool = False
    troubles: list[str] = field(default_factory=list)

    def to_json(self) -> Json:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.job}: {self.kind} at {self.met}: {'; '.join(self.troubles) or 'fine'}"


@dataclass(frozen=True, kw_only=True)
class Request:
    """The ``nth`` request of a run that has this method and a path in which the regular expression is found."""

    method: str
    path: str
    nth: int

    @property
    def writes(self) -> bool:
        """Whether it can change something, which a sign-in can't."""
        return self.method != "GET" and _SIGN_IN not in self.path

    @classmethod
    def of(cls, journal: Iterable[Json]) -> tuple[Request, ...]:
        """Those of a run that come each time.

        A look that is repeated until something is over comes as often as time will have it: it counts once.
        """
        seen: Counter[tuple[str, str]] = Counter()
        found, last = [], None
        for entry in journal:
            look = (entry["method"], entry["host"], entry["path"], entry["query"])
            if look != last:
                key = (entry["method"], f"^{'.+'.join(map(re.escape, _OWN.split(entry['path'])))}$")
                seen[key] += 1
                found.append(cls(method=key[0], path=key[1], nth=seen[key]))
            last = look
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """A run that nothing disturbed: its requests, and how things stood on its island in the end."""

    requests: tuple[Request, ...]
    island: Island

    @property
    def writes(self) -> tuple[Request, ...]:
        return tuple(one for one in self.requests if one.writes)

    @classmethod
    def of(cls, fleet: Fleet) -> Undisturbed:
        """Begin the scenario again, and run island 1."""
        fleet.start_over()
        every = fleet.fault(1, "delay")
        fleet.run([1]).succeeded()
        journal = fleet.azure.journal()
        # Faults find requests by the name that the run gives to its client.
        assert fleet.azure.met(every) == len(journal)
        fleet.azure.clear_fault(every)
        return cls(requests=Request.of(journal), island=fleet.island(fleet.settled(), 1))


@dataclass(kw_only=True)
class Trial:
    """What is tried on one island; the faults are in force."""

    tried: Tried
    faults: list[Fault]

    @classmethod
    def at(cls, fleet: Fleet, number: int, request: Request, kind: str) -> Trial:
        """One fault at one request of an island's run."""
        return cls(
            tried=Tried(job=fleet.job.name, kind=kind),
            faults=[fleet.fault(number, **asdict(request), **_ACTIONS[kind])],
        )


def carried_out(fleet: Fleet, trials: dict[int, Trial], before: Undisturbed, *, forks: int) -> list[Tried]:
    """Run the islands with their faults, then all of them without, and compare each with the undisturbed one."""
    killed = {n: one for n, one in trials.items() if one.tried.kind == KILLED}
    others = [n for n in trials if n not in killed]

    running = fleet.begin(others, forks=forks) if others else None
    for first_of_some in range(0, len(killed), _TOGETHER):
        some = list(killed.items())[first_of_some : first_of_some + _TOGETHER]
        _cut_off(fleet, {n: one.faults[0] for n, one in some})
    first = running.wait(RUN_SECONDS) if running else None
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
    """Kill a run of these islands once each waits for the answer that its fault holds."""
    run = fleet.begin(faults, forks=len(faults))
    deadline = time.monotonic() + _PATIENCE
    while missing := [rule for rule in _rules(fleet, faults) if not rule["applied"]]:
        assert not run.ended, f"over without the requests {missing}: {run.wait()}"
        assert time.monotonic() < deadline, f"requests that never came: {missing}"
        time.sleep(0.05)
    run.kill()
    assert [rule for rule in _rules(fleet, faults) if rule["seen"] != rule["nth"]] == [], "a run went on"


def _rules(fleet: Fleet, faults: dict[int, Fault]) -> list[Json]:
    ids = {fault.id for fault in faults.values()}
    return [rule for rule in fleet.azure.ask("fault/list")["faults"] if rule["id"] in ids]
