# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever request of a run meets a fault: a plain second run ends where an undisturbed one does."""

from __future__ import annotations

import random
import typing as t

from ansible_collections.azvm.access.tests.faults.conftest import extent_of
from ansible_collections.azvm.access.tests.faults.jobs import JOBS, REMOVALS
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
#: A turn of its own.
KILLS = -1
#: In a sample, which has no removals: kills at writes and at other requests, and other faults; for the main job more.
SAMPLES = {"enable_winrm": (4, 2, 1)}
SMALL = (1, 1, 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parts, so that they run side by side; kills, and as many turns as it takes to try every kind at each request."""
    extent = extent_of(metafunc.config)
    turns_of: dict[Extent, Sequence[int]] = {"sample": [0], "each": [KILLS, 0], "all": range(KILLS, len(KINDS))}
    metafunc.parametrize("turn", turns_of[extent], ids=lambda turn: "killed" if turn == KILLS else f"turn{turn}")
    metafunc.parametrize("part", range(1 if extent == "sample" else PARTS))
    metafunc.parametrize("job", JOBS if extent == "sample" else JOBS | REMOVALS)


def test_a_fault_at_a_request(
    *,
    fleet: Callable[[str, int], Fleet],
    undisturbed: Callable[[str], Undisturbed],
    job: str,
    part: int,
    turn: int,
    extent: Extent,
    seed: int,
    note: Note,
) -> None:
    before = undisturbed(job)
    kills = [(request, KILLED) for request in before.requests]
    others = turns(before.requests, KINDS, turn + seed) + turns(before.writes, WRITE_KINDS, turn + seed)
    if extent == "sample":
        wanted = sample(kills, others, job, seed)
    else:
        wanted = (kills if turn == KILLS else others)[part::PARTS]
    untouched = len(wanted) + 1
    islands = fleet(job, untouched)
    islands.start_over()
    beginning, secrets = islands.island(islands.azure.state(), untouched), islands.azure.secrets()
    trials = {n: Trial.at(islands, n, request, kind) for n, (request, kind) in enumerate(wanted, start=1)}

    tried = carried_out(islands, trials, before, forks=FORKS)

    note(tried)
    assert [str(one) for one in tried if one.troubles] == []
    assert [wanted[n - 1] for n, trial in trials.items() if trial.tried.met is None] == []
    assert islands.island(islands.azure.state(), untouched).differences(beginning) == []
    assert (secrets | islands.azure.secrets()).leaks(islands.controller.folder) == []


def sample(kills: Wanted, others: Wanted, job: str, seed: int) -> Wanted:
    """Some of each, the same ones each time."""
    dice = random.Random(f"{job} {seed}")  # noqa: S311 - any of them will do
    at_writes, elsewhere, more = SAMPLES.get(job, SMALL)
    return [
        *dice.sample([one for one in kills if one[0].writes], at_writes),
        *dice.sample([one for one in kills if not one[0].writes], elsewhere),
        *dice.sample(others, more),
    ]


def turns(requests: Sequence[Request], kinds: Sequence[str], first: int) -> Wanted:
    """Each request with a kind of fault; the kinds take turns."""
    return [(request, kinds[n % len(kinds)]) for n, request in enumerate(requests, start=first)]
