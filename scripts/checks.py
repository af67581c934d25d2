"""Runs the checks of the project by name, one heading line each, and ends with how many passed and failed.

Checks with little to say run side by side, as many as there are cores; the others one after the other.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

CLONE = Path(__file__).resolve().parents[1]
VENV = CLONE / ".venv"
CACHE = CLONE / ".cache"
COLLECTION = "ansible_collections.azvm.access"
MINUTE = 60

CORES = min(4, os.cpu_count() or 1)

# Every process that a check starts inherits this variable; what still carries it afterwards was left running.
MARK = "AZVM_CHECKS_RUN"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One command; `limit` is the number of seconds after which it counts as hanging."""

    name: str
    command: tuple[str, ...]
    limit: int = 5 * MINUTE
    streams: bool = False  # its output is worth reading while it runs; otherwise it is shown on failure only
    tests: bool = False  # a pytest run, counted by its tests
    own_home: bool = True  # False: it installs packages, with the settings in the caller's home


@dataclass
class Tally:
    """What passed, failed and was skipped: tests where the check is a pytest run, else the check itself."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)


def python_module(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a module of .venv."""
    return (str(VENV / "bin" / "python"), "-m", name, *arguments)


def script(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a Python script of this folder."""
    return (str(VENV / "bin" / "python"), str(CLONE / "scripts" / name), *arguments)


def pytest_run(name: str, *arguments: str, folder: str | None = None, limit: int = 20 * MINUTE) -> Check:
    """Return the check that runs the tests of one folder, on as many cores as there are, four at most."""
    command = python_module(
        "pytest",
        f"tests/{folder or name}",
        "--numprocesses",
        str(CORES),
        "--dist",
        "worksteal",
        f"--junitxml={report(name)}",
        *arguments,
    )
    return Check(name=name, command=command, limit=limit, streams=True, tests=True)


def witness_run(name: str, *options: str, limit: int = 30 * MINUTE) -> Check:
    """Return the check that a client of Azure that nobody here wrote gets along with the local Azure."""
    command = script("witness.py", name, *options, f"--junitxml={report(f'witness-{name}')}")
    return Check(name=f"witness-{name}", command=command, limit=limit, streams=True, tests=True, own_home=False)


def report(name: str) -> Path:
    """Return where the pytest run of that name leaves its results."""
    return CACHE / "reports" / f"{name}.xml"


LINT = (
    Check(name="ruff check", command=python_module("ruff", "check")),
    Check(name="ruff format", command=python_module("ruff", "format", "--check", "--diff")),
    # Modules run wherever ansible-core 2.17 runs; the rest needs .venv.
    Check(
        name="mypy plugins",
        command=python_module("mypy", "--python-version", "3.10", "-p", f"{COLLECTION}.plugins"),
    ),
    Check(name="mypy tests", command=python_module("mypy", "scripts", "tests")),
    Check(name="yamllint", command=python_module("yamllint", "--strict", ".")),
    Check(name="ansible-lint", command=("ansible-lint", "--profile", "production", "--offline", "-q")),
    Check(
        name="antsibull-docs",
        command=(
            "antsibull-docs",
            "lint-collection-docs",
            "--plugin-docs",
            "--validate-collection-refs=self",
            "--check-extra-docs-refs",
            "--skip-rstcheck",
            ".",
        ),
    ),
    Check(name="antsibull-changelog", command=("antsibull-changelog", "lint")),
)
SANITY = Check(name="sanity", command=script("sanity.py"), limit=15 * MINUTE, own_home=False)
BUILD = Check(name="build", command=script("build.py"))
MOLECULE = Check(name="molecule", command=("molecule", "test", "--all"), limit=15 * MINUTE)
UNIT = pytest_run("unit")
INTEGRATION = pytest_run("integration")
# RDP servers, a client and an openssl that nobody here wrote; also part of the integration tests, which leave out what
# has no packages.
RDP = pytest_run("rdp", folder="integration/rdp_servers")
# The tests that use most of the local Azure, for the table of how it keeps to Azure's specifications.
CONTRACT = Check(name="contract", command=script("contract.py"), limit=15 * MINUTE, streams=True)
# The table of how it answers what was recorded of the real one; the unit tests have the same comparison.
REPLAY = Check(name="replay", command=python_module(f"{COLLECTION}.tests.replay"), streams=True)
# Clients come from the package index; where that takes too long they are left out, so that both end within 10 minutes.
WITNESS_NAMES = ("az", "azcollection")
WITNESSES = tuple(witness_run(name, "--install-limit=180", limit=10 * MINUTE) for name in WITNESS_NAMES)
# In `make test` a sample of the faults; in its long form, and by themselves, a kill and one other fault at every
# request; in the full form of that, every kind of fault.
FAULTS = pytest_run("faults")
EVERY_FAULT = pytest_run("faults", "--faults", limit=120 * MINUTE)
FAULTS_FULL = pytest_run("faults", "--faults", "--full", limit=360 * MINUTE)
FULL = (
    pytest_run("unit", "--full"),
    pytest_run("integration", "--full", limit=60 * MINUTE),
    pytest_run("faults", "--full", limit=120 * MINUTE),
)

GROUPS: dict[str, tuple[Check, ...]] = {
    "lint": LINT,
    "unit": (UNIT,),
    "integration": (INTEGRATION,),
    "rdp": (RDP,),
    "molecule": (MOLECULE,),
    "sanity": (SANITY,),
    "build": (BUILD,),
    "contract": (CONTRACT,),
    "replay": (REPLAY,),
    "witnesses": WITNESSES,
    **{f"witness-{name}": (witness_run(name),) for name in WITNESS_NAMES},
    "faults": (EVERY_FAULT,),
    "faults-full": (FAULTS_FULL,),
    "test": (*LINT, BUILD, UNIT, INTEGRATION, FAULTS, SANITY, MOLECULE),
    "test-full": (*LINT, BUILD, *FULL, SANITY, MOLECULE),
}


#: The processes of the checks under way.
RUNNING: set[subprocess.Popen[bytes]] = set()


def main(names: list[str]) -> int:
    """Run the named groups to their end, whatever fails on the way, and return 1 if anything did."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, frame: sys.exit(f"ended by signal {received}"))
    started = time.monotonic()
    tally = Tally()
    for directory in ("home", "ansible", "reports", "logs"):
        (CACHE / directory).mkdir(parents=True, exist_ok=True)
    checks = [check for name in names for check in GROUPS[name]]
    for streams, neighbours in itertools.groupby(checks, key=lambda check: check.streams):
        run(list(neighbours), tally, at_once=1 if streams else CORES)
    for failure in tally.failures:
        print(f"FAILED: {failure}")
    skipped = f", {tally.skipped} skipped" if tally.skipped else ""
    took = time.monotonic() - started
    print(f"== {tally.passed} passed, {tally.failed} failed{skipped} in {took:.0f} s ==", flush=True)
    return 1 if tally.failed else 0


def run(checks: list[Check], tally: Tally, *, at_once: int) -> None:
    """Run the checks, some of them at once, and count them."""
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for check, problem in zip(checks, pool.map(carried_out, checks), strict=True):
                count(check, problem, tally)
        except BaseException:  # the run itself is ended
            pool.shutdown(wait=False, cancel_futures=True)
            for process in RUNNING:
                os.killpg(process.pid, signal.SIGKILL)
            raise


def carried_out(check: Check) -> str | None:
    """Run one check, print its heading and outcome, and return what is wrong with it, None if nothing."""
    if check.streams:
        print(f"== {check.name}", flush=True)
    if check.tests:
        report(check.name).unlink(missing_ok=True)
    started = time.monotonic()
    mark = uuid.uuid4().hex
    log = CACHE / "logs" / f"{check.name.replace(' ', '-')}.log"
    problem = execute(check, mark, log)
    left = end_processes(mark)
    if left:
        problem = "; ".join([*filter(None, [problem]), f"left running: {', '.join(left)}"])
    outcome = "ok" if problem is None else f"FAILED ({problem})"
    said = "" if problem is None or check.streams else f"\n{log.read_text(errors='replace')}"
    print(f"== {check.name}: {outcome}, {time.monotonic() - started:.1f} s{said}", flush=True)
    return problem


def execute(check: Check, mark: str, log: Path) -> str | None:
    """Run the command to its end and return what is wrong with how it ended, None if nothing."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            check.command,
            cwd=CLONE,
            env=environment(check, mark),
            stdin=subprocess.DEVNULL,
            stdout=None if check.streams else output,
            stderr=None if check.streams else subprocess.STDOUT,
            start_new_session=True,
        )
        RUNNING.add(process)
        try:
            code = process.wait(timeout=check.limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"not finished after {check.limit} s"
        finally:
            RUNNING.discard(process)
    return None if code == 0 else f"exit code {code}"


def environment(check: Check, mark: str) -> dict[str, str]:
    """Return an environment in which nobody's own settings, and nobody's own Azure subscription, take part."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANSIBLE_", "AZURE_", "LOCAL_AZURE_", "MOLECULE_", "PYTEST_"))
    }
    kept |= {
        MARK: mark,
        "LC_ALL": "C.UTF-8",
        "PATH": os.pathsep.join([str(VENV / "bin"), kept.get("PATH", os.defpath)]),
        "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(VENV / "collections"),
        "ANSIBLE_HOME": str(CACHE / "ansible"),
    }
    if check.own_home:
        kept["HOME"] = str(CACHE / "home")
    return kept


def end_processes(mark: str) -> list[str]:
    """End what a check left running, after a moment to end by itself, and return the command lines."""
    patience = time.monotonic() + 5
    while (left := marked_processes(mark)) and time.monotonic() < patience:
        time.sleep(0.1)
    for number in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    return list(left.values())


def marked_processes(mark: str) -> dict[int, str]:
    """Return the command lines of the processes that carry the mark, by process id."""
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, PermissionError, ProcessLookupError):
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found[int(process.name)] = command.strip()[:100]
    return found


def count(check: Check, problem: str | None, tally: Tally) -> None:
    """Add the check, or each of its tests, to the tally."""
    if problem is not None:
        tally.failures.append(f"{check.name}: {problem}")
    if not check.tests or not report(check.name).exists():
        tally.failed += problem is not None
        tally.passed += problem is None and not check.tests
        tally.skipped += problem is None and check.tests  # it has said why there was nothing to test
        return
    suites = list(ElementTree.parse(report(check.name)).getroot().iter("testsuite"))
    failed = total(suites, "failures") + total(suites, "errors")
    tally.failed += failed or (problem is not None)  # such as an exit code for "no tests found"
    tally.skipped += total(suites, "skipped")
    tally.passed += total(suites, "tests") - total(suites, "skipped") - failed


def total(suites: Iterable[ElementTree.Element], attribute: str) -> int:
    """Return the sum of a counter over the test suites of a report."""
    return sum(int(suite.get(attribute, "0")) for suite in suites)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
