# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the faults go, what they need, and the table that `make faults` ends with."""

from __future__ import annotations

import typing as t
from collections import defaultdict

import pytest

from ansible_collections.azvm.access.tests.faults.fleet import Fleet
from ansible_collections.azvm.access.tests.faults.jobs import ISLANDS, JOBS, REMOVALS
from ansible_collections.azvm.access.tests.faults.trial import Undisturbed
from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.integration.support.controller import MARK, Controller
from ansible_collections.azvm.access.tests.integration.support.preloaded import Preloaded
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ansible_collections.azvm.access.tests.faults.trial import Tried

Extent = t.Literal["sample", "each", "all"]
Note = t.Callable[[t.Iterable["Tried"]], None]

PROPERTY = "fault"
_PACE = 0.002


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--faults", action="store_true", help="a kill and another fault at each request, their kinds taking turns"
    )
    parser.addoption("--faults-seed", type=int, default=0, help="which kind of fault begins, and other dice")


def extent_of(config: pytest.Config) -> Extent:
    """A sample; with --faults or --full a kill and one other fault at each request; with both every kind."""
    asked = bool(config.getoption("--faults")) + bool(config.getoption("--full"))
    extents: tuple[Extent, ...] = ("sample", "each", "all")
    return extents[asked]


def roles_of(config: pytest.Config, n: int) -> list[str]:
    """All roles; in a sample one, so that each has its turn with another ``n`` and seed."""
    roles = list(JOBS)
    seed = int(config.getoption("--faults-seed"))
    return [roles[(n + seed) % len(roles)]] if extent_of(config) == "sample" else roles


@pytest.fixture(scope="session")
def extent(pytestconfig: pytest.Config) -> Extent:
    return extent_of(pytestconfig)


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption("--faults-seed"))


@pytest.fixture(scope="session")
def preloaded() -> Iterator[Preloaded]:
    with Preloaded(MARK) as made:
        yield made


@pytest.fixture(scope="session")
def azure() -> Iterator[Azure]:
    with running(str(ISLANDS), pace=_PACE) as server:
        yield Azure(server=server)


@pytest.fixture
def fleet(azure: Azure, preloaded: Preloaded, tmp_path: Path) -> Iterator[Callable[[str, int], Fleet]]:
    """Makes a fleet for a job, by its name, and a number of islands."""
    with Controller(folder=tmp_path, environment=azure.server.env, preloaded=preloaded) as controller:

        def made(job: str, count: int) -> Fleet:
            return Fleet(azure=azure, controller=controller, job=(JOBS | REMOVALS)[job], count=count)

        yield made


@pytest.fixture(scope="session")
def known() -> dict[str, Undisturbed]:
    """What :func:`undisturbed` has found out, by job."""
    return {}


@pytest.fixture
def undisturbed(fleet: Callable[[str, int], Fleet], known: dict[str, Undisturbed]) -> Callable[[str], Undisturbed]:
    """Gives a job's run that nothing disturbs, which takes place once; the scenario is to be begun again after it."""

    def of(job: str) -> Undisturbed:
        if job not in known:
            known[job] = Undisturbed.of(fleet(job, 1))
        return known[job]

    return of


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Takes down what was tried, for the table."""

    def take_down(tried: t.Iterable[Tried]) -> None:
        for one in tried:
            record_property(PROPERTY, one.to_json())

    return take_down


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was tried, and what became of it."""
    rows: dict[tuple[str, str], list[dict[str, t.Any]]] = defaultdict(list)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                for name, value in report.user_properties:
                    if name == PROPERTY and isinstance(value, dict) and (value["met"] or value["troubles"]):
                        rows[value["job"], value["kind"]].append(value)
    if not rows:
        return
    terminalreporter.section("faults")
    line = "{:<19} {:<24} {:>6} {:>13} {:>10} {:>5}"
    terminalreporter.write_line(line.format("job", "fault", "tried", "went on", "converged", "lost"))
    every = [one for found in rows.values() for one in found]
    for (job, kind), found in [*rows.items(), (("all", ""), every)]:
        harmed = sum(bool(one["troubles"]) for one in found)
        on = sum(one["went_on"] for one in found)
        lost = sum(len(one["troubles"]) for one in found)
        terminalreporter.write_line(line.format(job, kind, len(found), on, len(found) - harmed, lost))
