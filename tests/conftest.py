"""What all tests share: the long form of tests, property test profiles, and lines for the end of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

SUMMARY = "summary"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of `make test-full`."""
    parser.addoption("--full", action="store_true", help="run the long forms of the tests, too")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how far property tests search: the same examples every time, or many more and new ones with --full."""
    set_hypothesis_home_dir(Path(config.rootpath) / ".cache" / "hypothesis")
    settings.register_profile("short", deadline=None, derandomize=True, database=None)
    settings.register_profile("full", deadline=None, max_examples=1000)
    settings.load_profile("full" if config.getoption("--full") else "short")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests marked `full` unless they are asked for."""
    if config.getoption("--full"):
        return
    left_out = [item for item in items if item.get_closest_marker("full")]
    items[:] = [item for item in items if not item.get_closest_marker("full")]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether this is the long run: a test may then try every case where it otherwise takes a sample."""
    return bool(pytestconfig.getoption("--full"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests noted by `record_property("summary", "first run: 41 requests")`."""
    lines = [
        f"{report.nodeid.rpartition('::')[2]}: {value}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
        for name, value in report.user_properties
        if name == SUMMARY and report.when == "call"
    ]
    if lines:
        terminalreporter.section("noted by tests")
        for line in lines:
            terminalreporter.write_line(line)
