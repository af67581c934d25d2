# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller for playbooks: a home of its own, real processes, and everything they left to read afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import typing as t
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

from ansible_collections.azvm.access.plugins.module_utils._domain import errors
from ansible_collections.azvm.access.tests.integration.support.preloaded import NAME_LENGTH, Preloaded

Json = dict[str, t.Any]

CLONE = Path(__file__).resolve().parents[3]
COLLECTIONS = Path(errors.__file__ or "").parents[6]
MARK = "AZVM_TEST_RUN"
HOST_FAILED = 2
"""The exit status of ``ansible-playbook`` when a task failed."""
_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one task gave for one host. ``status`` is ``ok``, ``failed``, ``unreachable`` or ``skipped``."""

    host: str
    task: str
    status: str
    result: Json


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run that has ended; ``code`` is negative when a signal ended it."""

    code: int
    output: str
    errors: str
    results: tuple[Result, ...]

    def of(self, task: str, host: str | None = None) -> Json:
        """The result of the task whose name ends like this; the last one when it ran several times."""
        found = [
            one for one in self.results if one.task.endswith(task) and host in (None, one.host) and one.status == "ok"
        ]
        assert found, f"no successful task {task!r}: {self}"
        return found[-1].result

    def fact(self, name: str, host: str | None = None) -> Json:
        """The fact of that name that a task set for the host, the last one."""
        facts = [one.result.get("ansible_facts", {}) for one in self.results if host in (None, one.host)]
        found: list[Json] = [each[name] for each in facts if name in each]
        assert found, f"no fact {name!r}: {self}"
        return found[-1]

    def changed(self, host: str | None = None) -> list[str]:
        """The names of the tasks that changed something."""
        return [one.task for one in self.results if host in (None, one.host) and one.result.get("changed")]

    def failures(self, host: str | None = None) -> list[Result]:
        return [one for one in self.results if one.status in ("failed", "unreachable") and host in (None, one.host)]

    def of_host(self, host: str) -> Finished:
        """The part of it that is about one host."""
        return replace(self, output="", errors="", results=tuple(one for one in self.results if one.host == host))

    def succeeded(self) -> Finished:
        """Itself; an assertion fails with all that the run said unless it ended well."""
        assert self.code == 0, str(self)
        return self

    def __str__(self) -> str:
        return f"exit status {self.code}\n{self.output}\n{self.errors}"


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What was seen of a run's processes: what ``ps`` shows everybody, and what its own account and root can read."""

    run: Run
    command_lines: bytes
    environments: bytes


@dataclass(kw_only=True)
class Run:
    """A run under way. ``folder`` holds its inputs and what it gives: output, errors, and the results of its tasks."""

    process: subprocess.Popen[bytes]
    folder: Path
    mark: str

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @property
    def errors(self) -> Path:
        return self.folder / "errors"

    @property
    def results(self) -> Path:
        return self.folder / "results.jsonl"

    def wait(self, seconds: float = _SECONDS) -> Finished:
        """Wait for its end; it is killed and fails the test when that takes longer than ``seconds``."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the run did not end in {seconds:.0f} seconds: {self._finished()}") from None
        return self._finished()

    def kill(self) -> Finished:
        """End every process of the run at once, as a power cut would."""
        # Ansible's workers leave the process group, so it is the inherited mark in the environment that counts.
        while pids := self.pids():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.poll()
            time.sleep(0.005)
        self.process.wait(10)
        return self._finished()

    def pids(self) -> list[int]:
        """The processes that this run has started and that still live."""
        mark = f"{MARK}={self.mark}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0") or self._named(entry):
                        found.append(int(entry.name))
        return found

    def _named(self, entry: Path) -> bool:
        """Whether it is a module that :class:`Preloaded` has started for this run."""
        return (entry / "comm").read_text(encoding="ascii", errors="replace").strip() == self.mark[:NAME_LENGTH]

    def watched(self) -> Watched:
        """Look at its processes until it has ended."""
        lines, environments = set(), set()
        while not self.ended:
            for pid in self.pids():
                with contextlib.suppress(OSError):
                    lines.add(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "))
                    environments.add(Path(f"/proc/{pid}/environ").read_bytes())
            time.sleep(0.05)
        return Watched(run=self, command_lines=b"\n".join(lines), environments=b"\n".join(environments))

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def _finished(self) -> Finished:
        lines = self.results.read_text(encoding="utf-8").splitlines() if self.results.exists() else []
        return Finished(
            code=self.process.returncode if self.process.returncode is not None else -1,
            output=self.output.read_text(encoding="utf-8", errors="replace"),
            errors=self.errors.read_text(encoding="utf-8", errors="replace"),
            results=tuple(Result(**json.loads(line)) for line in lines if line.endswith("}")),
        )


@dataclass(kw_only=True)
class Controller:
    """Where somebody runs playbooks. ``environment`` is what Azure and the scenario need.

    ``home`` is HOME with all that Ansible writes; ``runs`` holds inputs (with passwords) and outputs of the runs.
    ``python`` is the interpreter whose Ansible it is; with ``preloaded``, modules run in forks of that.
    """

    folder: Path
    environment: t.Mapping[str, str]
    more: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable
    preloaded: Preloaded | None = None
    _begun: list[Run] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        for one in (self.home, self.temporary, self.runs):
            one.mkdir(parents=True, exist_ok=True)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def trust(self) -> Path:
        """Where the role keeps the certificates to trust unless it is told otherwise."""
        return self.home / ".ansible" / "azvm.access"

    def begin(
        self,
        playbook: Path,
        *options: str,
        hosts: t.Mapping[str, Json] | None = None,
        inventory: Path | None = None,
        variables: Json | None = None,
    ) -> Run:
        """Start ``ansible-playbook``. ``hosts`` are inventory hosts with their variables, ``variables`` extra ones."""
        mark = uuid.uuid4().hex
        folder = self.runs / mark
        folder.mkdir(mode=0o700)
        command = [str(self.preloaded.python) if self.preloaded else self.python, "-m", "ansible", "playbook"]
        command += [str(playbook), *options]
        if hosts is not None:
            inventory = folder / "hosts.json"
            inventory.write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
        if inventory is not None:
            command += ["-i", str(inventory)]
        if variables is not None:
            path = folder / "variables.json"
            path.write_text(json.dumps(variables), encoding="utf-8")
            command += ["-e", f"@{path}"]
        with (folder / "output").open("wb") as output, (folder / "errors").open("wb") as problems:
            process = subprocess.Popen(
                command,
                executable=self.python,
                cwd=CLONE,
                env=self._environment(mark, folder),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=problems,
                start_new_session=True,
            )
        run = Run(process=process, folder=folder, mark=mark)
        self._begun.append(run)
        return run

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, *reason: object) -> None:
        """End what is still running, as after a test that failed half-way."""
        for run in self._begun:
            run.kill()

    def play(self, playbook: Path, *options: str, **inputs: t.Any) -> Finished:
        """Run ``ansible-playbook`` to its end; the arguments are those of :meth:`begin`."""
        return self.begin(playbook, *options, **inputs).wait()

    def _environment(self, mark: str, folder: Path) -> dict[str, str]:
        inherited = {name: value for name, value in self.environment.items() if not name.startswith("ANSIBLE_")}
        return {
            **inherited,
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            # Ansible looks the home of the account up, whatever HOME says.
            "ANSIBLE_REMOTE_TMP": str(self.temporary / "modules"),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "recorder",
            "AZVM_TEST_RESULTS": str(folder / "results.jsonl"),
            MARK: mark,
            **self.more,
        }
