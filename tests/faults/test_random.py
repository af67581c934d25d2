# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A day on which three of ten requests meet trouble: a run gets through or says why not, and the next one ends well."""

from __future__ import annotations

import typing as t

from ansible_collections.azvm.access.tests.faults.conftest import roles_of
from ansible_collections.azvm.access.tests.faults.jobs import JOBS
from ansible_collections.azvm.access.tests.faults.trial import Trial, Tried, carried_out

if t.TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from ansible_collections.azvm.access.tests.faults.conftest import Extent, Note
    from ansible_collections.azvm.access.tests.faults.fleet import Fleet
    from ansible_collections.azvm.access.tests.faults.trial import Undisturbed

TROUBLES: tuple[dict[str, t.Any], ...] = (
    {"action": "status", "status": 429, "code": "TooManyRequests", "retry_after": "1"},
    {"action": "status", "status": 500, "code": "InternalServerError"},
    {"action": "status", "status": 503},
    {"action": "reset-before"},
    {"action": "reset-after"},
    {"action": "truncate"},
)
#: Of each trouble: 30 of 100 requests meet one of them.
SHARE = 0.0577
SEEDS = 20


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("role", roles_of(metafunc.config, 2))


def test_a_bad_day(
    *,
    fleet: Callable[[str, int], Fleet],
    undisturbed: Callable[[str], Undisturbed],
    role: str,
    extent: Extent,
    seed: int,
    note: Note,
) -> None:
    # The seeds are dealt out to the roles; with every kind of fault, each role meets them all.
    seeds = {"sample": range(1), "each": range(list(JOBS).index(role), SEEDS, len(JOBS)), "all": range(SEEDS)}[extent]
    before = undisturbed(role)
    islands = fleet(role, len(seeds))
    islands.start_over()

    trials = {}
    for n, each in enumerate(seeds, start=1):
        dice = (1000 * seed + each) * len(TROUBLES)
        faults = [islands.fault(n, probability=SHARE, seed=dice + i, **one) for i, one in enumerate(TROUBLES)]
        trials[n] = Trial(tried=Tried(job=role, kind="30 % at random"), faults=faults)
    tried = carried_out(islands, trials, before, forks=6)

    note(tried)
    assert [str(one) for one in tried if one.troubles] == []
    assert [one for one in tried if one.met is None] == []
    assert islands.azure.secrets().leaks(islands.controller.folder) == []
