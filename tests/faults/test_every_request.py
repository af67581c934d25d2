# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever request of a run meets a fault: a plain second run ends where an undisturbed one does."""

from __future__ import annotations

import random
import typing as t

from ansible_collections.azvm.access.tests.faults.conftest import extent_of, roles_of
from ansible_collections.azvm.access.tests.faults.jobs import JOBS
from ansible_collections.azvm.access.tests.faults.trial import KILLED, KINDS, WRITE_KINDS, Trial, carried_out

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from ansible_collections.azvm.access.tests.faults.conftest import Extent, Note
    from ansible_collections.azvm.access.tests.faults.fleet import Fleet
    from ansible_collections.azvm.access.tests.faults.trial import Request, Undisturbed

    Wanted = list[tuple[Request, str]]

PARTS = 4
FORKS = 6
#: How many kills a sample has, at writes and at other requests; for the main job more than for the others.
KILLS = {"enable_winrm": (4, 2)}
FEW = (2, 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parts, so that they run side by side; and as many turns as there are kinds, for every kind at each request."""
    extent = extent_of(metafunc.config)
    if "turn" in metafunc.fixturenames:
        metafunc.parametrize("turn", range(len(KINDS) if extent == "all" else 1))
        metafunc.parametrize("role", roles_of(metafunc.config, 2))
    else:
        metafunc.parametrize("role", JOBS)
    metafunc.parametrize("part", range(1 if extent == "sample" else PARTS))


def test_killed_at_a_request(
    *,
    fleet: Callable[[str, int], Fleet],
    undisturbed: Callable[[str], Undisturbed],
    role: str,
    part: int,
    extent: Extent,
    seed: int,
    note: Note,
) -> None:
    before = undisturbed(role)

    chosen: Sequence[Request] = before.requests[part::PARTS]
    if extent == "sample":
        at_writes, elsewhere = KILLS.get(role, FEW)
        others = [one for one in before.requests if not one.writes]
        dice = random.Random(f"{role} {seed}")  # noqa: S311 - any of them will do, the same each time
        chosen = [*dice.sample(before.writes, at_writes), *dice.sample(others, elsewhere)]
    converge(fleet, before, role, [(request, KILLED) for request in chosen], note)


def test_a_fault_at_a_request(
    *,
    fleet: Callable[[str, int], Fleet],
    undisturbed: Callable[[str], Undisturbed],
    role: str,
    part: int,
    turn: int,
    extent: Extent,
    seed: int,
    note: Note,
) -> None:
    before = undisturbed(role)

    wanted = turns(before.requests, KINDS, turn + seed)[part::PARTS]
    wanted += turns(before.writes, WRITE_KINDS, turn + seed)[part::PARTS]
    if extent == "sample":
        wanted = random.Random(f"{role} {seed}").sample(wanted, len(KINDS))  # noqa: S311 - as above
    converge(fleet, before, role, wanted, note)


def turns(requests: Sequence[Request], kinds: Sequence[str], first: int) -> Wanted:
    """Each request with a kind of fault; the kinds take turns."""
    return [(request, kinds[n % len(kinds)]) for n, request in enumerate(requests, start=first)]


def converge(fleet: Callable[[str, int], Fleet], before: Undisturbed, role: str, wanted: Wanted, note: Note) -> None:
    """Run an island with each fault, and all of them again without."""
    untouched = len(wanted) + 1
    islands = fleet(role, untouched)
    islands.start_over()
    beginning = islands.island(islands.azure.state(), untouched)
    trials = {n: Trial.at(islands, n, request, kind) for n, (request, kind) in enumerate(wanted, start=1)}

    tried = carried_out(islands, trials, before, forks=FORKS)

    note(tried)
    assert [str(one) for one in tried if one.troubles] == []
    assert [wanted[n - 1] for n, trial in trials.items() if trial.tried.met is None] == []
    assert islands.island(islands.azure.state(), untouched).differences(beginning) == []
    assert islands.azure.secrets().leaks(islands.controller.folder) == []
