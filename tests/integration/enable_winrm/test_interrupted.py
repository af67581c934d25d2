# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A first run that is cut off right after a request, and started again: the end is that of an undisturbed run."""

from __future__ import annotations

import itertools
import random
import typing as t

import pytest

from ansible_collections.azvm.access.tests.integration.enable_winrm.conftest import Job
from ansible_collections.azvm.access.tests.integration.support.controller import Controller, Json
from ansible_collections.azvm.access.tests.integration.support.end_state import differences, end_state, unused_versions
from ansible_collections.azvm.access.tests.integration.support.interrupted import cut_off, settled

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _pytest.mark import ParameterSet

    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure

PARTS = 4

# Every write of a first run. The script that only looks has its own, as it leaves a Run Command, too.
WRITES = {
    "vault": {"method": "PUT", "path": r"/vaults/[^/]+$"},
    "version": {"method": "PUT", "path": r"^/secrets/"},
    "reference": {"method": "PATCH", "path": r"/virtualMachines/win1$"},
    "look inside": {"method": "PUT", "path": r"/runCommands/.*-read-"},
    "look inside, tidied": {"method": "DELETE", "path": r"/runCommands/.*-read-"},
    "listener": {"method": "PUT", "path": r"/runCommands/.*-apply-"},
    "listener, tidied": {"method": "DELETE", "path": r"/runCommands/.*-apply-"},
    "rule of the subnet": {"method": "PUT", "path": r"/subnet-nsg/securityRules/"},
    "rule of the interface": {"method": "PUT", "path": r"/win1-nsg/securityRules/"},
}
SAMPLE = ("vault", "version", "reference", "look inside, tidied", "listener", "rule of the subnet")


def long(*values: str) -> ParameterSet:
    """Parameters of the long form only."""
    return pytest.param(*values, marks=pytest.mark.full)


@pytest.fixture(scope="module")
def undisturbed(azure: Azure, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """The state after a run that nothing disturbed."""
    azure.start_over("windows-vm")
    with Controller(folder=tmp_path_factory.mktemp("undisturbed"), environment=azure.server.env) as controller:
        job = Job(azure=azure, controller=controller)
        job.run().succeeded()
        return settled(job.azure)


def converges(job: Job, undisturbed: Json, *, extra_versions: int = 0) -> None:
    """Run again, to the end: the same state, a working connection, and nothing left on the controller."""
    job.run().succeeded()
    state = settled(job.azure)

    assert differences(end_state(state), end_state(undisturbed)) == []
    assert len(unused_versions(state)) <= extra_versions
    assert job.connects() == r"win1\azureuser"
    assert [path.name for path in job.controller.trust.iterdir()] == [job.trust.name]
    assert job.azure.secrets().leaks(job.controller.home, job.controller.temporary) == []


@pytest.mark.parametrize("name", [name if name in SAMPLE else long(name) for name in WRITES])
def test_killed_at_a_write(job: Job, undisturbed: Json, name: str) -> None:
    assert cut_off(job.azure, job.begin, **WRITES[name])

    converges(job, undisturbed)


def test_killed_at_another_request(job: Job, undisturbed: Json) -> None:
    assert cut_off(job.azure, job.begin, nth=random.Random(5986).randint(3, 50))  # noqa: S311 - any of them will do, the same each time

    converges(job, undisturbed)


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("version", "reset-after"),
        ("listener", "reset-after"),
        *(long(name, "reset-before") for name in WRITES),
        *(long(name, "reset-after") for name in WRITES if name not in ("version", "listener")),
    ],
)
def test_a_lost_connection_is_no_end(azure: Azure, job: Job, undisturbed: Json, name: str, action: str) -> None:
    fault = azure.fault(action, times=1, **WRITES[name])
    run = job.begin()

    assert azure.reached(fault, unless=lambda: run.ended)
    run.wait()
    # The client sends a write again whose answer was lost: a secret then has one version more.
    converges(job, undisturbed, extra_versions=1 if name == "version" else 0)


@pytest.mark.full
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_request(
    azure: Azure, undisturbed: Json, part: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    for nth in itertools.count(part + 1, PARTS):
        azure.start_over("windows-vm")
        with Controller(folder=tmp_path / str(nth), environment=azure.server.env) as controller:
            again = Job(azure=azure, controller=controller)
            if not cut_off(azure, again.begin, nth=nth):
                break
            converges(again, undisturbed)
    record_property("summary", f"killed at every {PARTS}th request from {part + 1} to {nth - PARTS}")
