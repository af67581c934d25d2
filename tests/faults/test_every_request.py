# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever request of a run meets a fault: a plain second run ends where an undisturbed one does."""

from __future__ import annotations

import random
import typing as t

from ansible_collections.azvm.access.tests.faults.conftest import extent_of
from ansible_collections.azvm.access.tests.faults.jobs import JOBS
from ansible_collections.azvm.access.tests.faults.trial import (
    KINDS,
    WRITE_KINDS,
    at_request,
    at_write,
    carried_out,
    undisturbed,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from ansible_collections.azvm.access.tests.faults.conftest import Extent, Note
    from ansible_collections.azvm.access.tests.faults.fleet import Fleet

PARTS = 2
#: More than the longest run has requests in one part, and writes.
ISLANDS = 64
FORKS = 6


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parts, so that they run side by side; and as many turns as there are kinds, for every kind at each request."""
    extent = extent_of(metafunc.config)
    metafunc.parametrize("turn", range(len(KINDS) if extent == "all" else 1))
    metafunc.parametrize("part", range(1 if extent == "sample" else PARTS))
    metafunc.parametrize("role", JOBS)


def test_a_fault_at_a_request(  # noqa: PLR0917 - a parameter for each thing that varies
    fleet: Callable[[str, int], Fleet], role: str, part: int, turn: int, extent: Extent, seed: int, note: Note
) -> None:
    islands = fleet(role, ISLANDS if extent != "sample" else 2)
    before = undisturbed(islands)

    wanted = {nth: KINDS[(nth + turn + seed) % len(KINDS)] for nth in range(part + 1, before.requests + 1, PARTS)}
    if extent == "sample":
        dice = random.Random(f"{role} {seed}")  # noqa: S311 - any of them will do, the same each time
        wanted = {dice.randint(1, before.requests): KINDS[(list(JOBS).index(role) - 1 + seed) % len(KINDS)]}
    trials = {n: at_request(islands, n, nth, kind) for n, (nth, kind) in enumerate(wanted.items(), start=2)}
    if extent != "sample" and not part:
        for nth in range(1, before.writes + 1):
            n = len(trials) + 2
            trials[n] = at_write(islands, n, nth, WRITE_KINDS[(nth + turn + seed) % len(WRITE_KINDS)])
    tried = carried_out(islands, trials, before, forks=FORKS)

    note(tried)
    assert [str(one) for one in tried if one.troubles] == []
    # The number of polls differs from run to run, so the last requests of the longest run may not come.
    assert len([one for one in tried if one.met is None]) <= max(1, len(tried) // 8)
    state = islands.azure.state()
    assert islands.island(state, 1).differences(before.island) == []
    assert islands.azure.secrets().leaks(islands.controller.folder) == []
