"""Runs the tests of a witness: a client of Azure that nobody here wrote, in an environment made on first use.

The tests themselves run in .venv and drive the commands of that environment, .cache/witness-NAME.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CLONE = Path(__file__).resolve().parents[1]
CACHE = CLONE / ".cache"


class LeftOut(Exception):
    """The environment can't be had now; one plain sentence."""


@dataclass(frozen=True, kw_only=True)
class Witness:
    """One client. Its tests and its `requirements.txt` are in tests/witness/NAME.

    `command` proves that the environment works and says which release it is. `own_requirements` is a file that the
    installed client brings along, relative to the folder of its packages, and that is installed after it.
    """

    name: str
    command: tuple[str, ...]
    own_requirements: str | None = None

    @property
    def tests(self) -> Path:
        return CLONE / "tests" / "witness" / self.name

    @property
    def requirements(self) -> Path:
        return self.tests / "requirements.txt"

    @property
    def environment(self) -> Path:
        return CACHE / f"witness-{self.name}"

    @property
    def stamp(self) -> Path:
        """Holds what the last finished installation was made of."""
        return self.environment / ".built"


WITNESSES = {
    witness.name: witness
    for witness in (
        Witness(name="az", command=("python", "-m", "azure.cli", "version", "--output", "tsv")),
        Witness(
            name="azcollection",
            command=("ansible-galaxy", "collection", "list", "azure.azcollection"),
            own_requirements="ansible_collections/azure/azcollection/requirements.txt",
        ),
    )
}


def main(arguments: list[str]) -> int:
    """Build the environment unless it is there, and run the tests; other options are for pytest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=WITNESSES)
    parser.add_argument(
        "--install-limit",
        type=float,
        metavar="SECONDS",
        help="leave the witness out, without failing, when it can't be installed in this time",
    )
    options, for_pytest = parser.parse_known_args(arguments)
    witness = WITNESSES[options.name]
    try:
        build(witness, options.install_limit)
    except LeftOut as reason:
        allowed = options.install_limit is not None
        print(f"witness {witness.name}: {'LEFT OUT' if allowed else 'FAILED'}, {reason}", flush=True)
        return 0 if allowed else 1
    return run_tests(witness, for_pytest)


def build(witness: Witness, limit: float | None) -> None:
    """Make the environment, or keep the one that is there and still good. Raises LeftOut when it can't be had."""
    wanted = fingerprint(witness)
    if witness.stamp.exists() and witness.stamp.read_text() == wanted:
        return
    print(f"witness {witness.name}: installing it in {witness.environment.relative_to(CLONE)}", flush=True)
    deadline = None if limit is None else time.monotonic() + limit
    shutil.rmtree(witness.environment, ignore_errors=True)
    started = time.monotonic()
    run_until(deadline, sys.executable, "-m", "venv", str(witness.environment))
    install(witness, witness.requirements, deadline)
    if witness.own_requirements is not None:
        install(witness, packages(witness) / witness.own_requirements, deadline)
    proof = (str(witness.environment / "bin" / witness.command[0]), *witness.command[1:])
    run_until(deadline, *proof, environment=own_home())
    witness.stamp.write_text(wanted)
    print(f"witness {witness.name}: installed in {time.monotonic() - started:.0f} s", flush=True)


def fingerprint(witness: Witness) -> str:
    """Return what an environment depends on; its commands hold the absolute path of their interpreter."""
    requirements = hashlib.sha256(witness.requirements.read_bytes()).hexdigest()
    return f"{witness.environment}\n{sys.version}\n{requirements}\n"


def packages(witness: Witness) -> Path:
    """Return the folder that the environment's packages are in."""
    return next(witness.environment.glob("lib/python3*/site-packages"))


def install(witness: Witness, requirements: Path, deadline: float | None) -> None:
    """Install what the file asks for. Raises LeftOut."""
    python = str(witness.environment / "bin" / "python")
    # Of tens of thousands of files the tests import a few hundred: those are compiled then.
    options = ("-qq", "--disable-pip-version-check", "--no-input", "--no-compile", "--progress-bar", "off")
    run_until(deadline, python, "-m", "pip", "install", *options, "--requirement", str(requirements))


def own_home() -> dict[str, str]:
    """Return an environment with a home that holds nobody's own settings."""
    home = CACHE / "home"
    home.mkdir(parents=True, exist_ok=True)
    return {**os.environ, "HOME": str(home)}


def run_until(deadline: float | None, *command: str, environment: dict[str, str] | None = None) -> None:
    """Run a command, with all that it starts ended at the deadline. Raises LeftOut when it does not succeed."""
    process = subprocess.Popen(command, cwd=CLONE, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
    what = " ".join([Path(command[0]).name, *command[1:3]])
    try:
        code = process.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise LeftOut(f"the time for its installation ended while {what!r} was running") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if code:
        raise LeftOut(f"{what!r} ended with status {code}")


def run_tests(witness: Witness, options: list[str]) -> int:
    """Run the tests and return the status of pytest."""
    command = [
        *(sys.executable, "-m", "pytest", str(witness.tests)),
        *("--numprocesses", str(min(2, os.cpu_count() or 1)), "--dist", "worksteal", "--durations", "5"),
        *options,
    ]
    return subprocess.run(command, cwd=CLONE, env=own_home(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
