# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reset that is cut off right after a request, and started again: the VM takes what the vault holds."""

from __future__ import annotations

import itertools
import random
import typing as t
from functools import partial

import pytest

from ansible_collections.azvm.access.tests.integration.reset_access.conftest import GENERATE
from ansible_collections.azvm.access.tests.integration.support.end_state import differences, end_state, unused_versions
from ansible_collections.azvm.access.tests.integration.support.interrupted import cut_off, settled
from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import SECRET, VAULT

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.azvm.access.tests.integration.reset_access.conftest import Job
    from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import Json

PARTS = 4
WRITES = (
    {"method": "PUT", "path": f"/secrets/{SECRET}$"},
    {"method": "PUT", "path": "/extensions/enablevmaccess$"},
)
# Without force, a password that the vault holds already is the one to set.
ONCE = {**GENERATE, "reset_access_force": False}


def undisturbed(job: Job) -> Json:
    """The end of a reset that nothing disturbed; the scenario begins anew after it."""
    job.vm.run(mode="both", generate=True, vault_name=VAULT)
    state = end_state(settled(job.vm.control))
    job.begin_anew()
    return state


def converges(job: Job, variables: Json, wanted: Json, *, more_versions: int = 0) -> None:
    """Run again, to the end: the VM takes what the vault holds, and nothing else is left or to be done."""
    job.begin(**variables).wait().succeeded()
    state = settled(job.vm.control)

    assert differences(end_state(state), wanted) == []
    assert len(unused_versions(state)) == more_versions
    assert job.vm.signs_in(job.vm.control.secret(VAULT, SECRET))
    assert not job.vm.run(mode="password", generate=True, vault_name=VAULT).changed
    assert job.vm.control.secrets().leaks(job.controller.home, job.controller.temporary) == []


@pytest.mark.full
def test_killed_again_and_again(job: Job) -> None:
    wanted = undisturbed(job)
    other = {"method": "GET", "nth": random.Random(3389).randint(1, 4)}  # noqa: S311 - any one, the same each time
    for request in (*WRITES, other):
        assert cut_off(job.vm.control, partial(job.begin, **ONCE), **request)

    converges(job, ONCE, wanted)


@pytest.mark.full
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("force", [False, True])
def test_killed_at_every_request(
    job: Job, part: int, force: bool, record_property: Callable[[str, object], None]
) -> None:
    wanted = undisturbed(job)
    everything = {**GENERATE, "reset_access_force": force, "reset_access_restart": True}
    first = part + 1
    for nth in itertools.count(first, PARTS):
        job.vm.control.mark()
        if not cut_off(job.vm.control, partial(job.begin, **everything), nth=nth):
            break
        # A run with force makes a new password. What the one before it has written is then a former version.
        written = f"PUT {SECRET}" in job.vm.writes
        converges(job, everything, wanted, more_versions=int(force and written))
        job.begin_anew()
    assert nth > first
    record_property("summary", f"killed at every {PARTS}th request from {first} to {nth - PARTS}")
