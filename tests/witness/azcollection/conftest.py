# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""azure.azcollection, in an environment of its own, drives a local Azure that the modules of azvm.access drive, too.

One ``ansible-playbook`` of that environment runs the tasks of both: theirs with its interpreter, ours with .venv's.
"""

from __future__ import annotations

import json
import resource
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.integration.support.controller import CLONE, Controller, Run
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, t.Any]

PYTHON = CLONE / ".cache" / "witness-azcollection" / "bin" / "python"
PACE = 0.002


def theirs(module: str, /, **options: t.Any) -> Json:
    """A task of azure.azcollection: ``module`` is its name without ``azure_rm_``."""
    return {"name": f"azure_rm_{module}", f"azure.azcollection.azure_rm_{module}": options}


def ours(module: str, /, **options: t.Any) -> Json:
    """A task of azvm.access, by the interpreter that has what it needs."""
    return {
        "name": module,
        f"azvm.access.{module}": {"poll_interval": 0.1, **options},
        "vars": {"ansible_python_interpreter": sys.executable},
    }


def refused(task: Json, /) -> Json:
    """The same task, expected to fail."""
    return {**task, "ignore_errors": True}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run took: requests of any kind that the local Azure got, and CPU seconds of all processes."""

    requests: int
    cpu: float

    def __str__(self) -> str:
        return f"{self.requests} requests, {self.cpu:.2f} s CPU"


@dataclass(kw_only=True)
class Bench:
    """A local Azure and a controller with both collections."""

    azure: Azure
    controller: Controller

    def begin(self, *tasks: Json, hosts: t.Mapping[str, Json] | None = None, forks: int = 5) -> Run:
        """Start one playbook of these tasks."""
        play = {
            "name": "Tasks of both collections",
            "hosts": "all" if hosts else "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "tasks": list(tasks),
        }
        playbook = self.controller.folder / "play.yml"
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        return self.controller.begin(playbook, "--forks", str(forks), hosts=hosts)

    def run(self, *tasks: Json) -> list[Json]:
        """Run one playbook of these tasks on the controller and return their results in this order."""
        done = self.begin(*tasks).wait().succeeded()
        assert len(done.results) == len(tasks), str(done)
        return [one.result for one in done.results]

    def resource(self, type: str, name: str) -> Json:
        """One resource as the local Azure keeps it."""
        found = self.resources(type)
        assert name in found, f"no {type} {name} among {sorted(found)}"
        return found[name]

    def resources(self, type: str) -> dict[str, Json]:
        """The resources of a type, by name."""
        return {one["name"]: one for one in self.azure.state()["resources"] if one["type"].lower() == type.lower()}

    def rules(self, group: str) -> dict[str, Json]:
        """The properties of the rules of a security group, by name."""
        found = self.resource("Microsoft.Network/networkSecurityGroups", group)
        return {rule["name"]: rule["properties"] for rule in found["properties"]["securityRules"]}

    def guest(self, vm: str) -> Json:
        """What the inside of a VM is like."""
        guests: dict[str, Json] = self.azure.state()["guests"]
        return next(guest for id, guest in guests.items() if id.rpartition("/")[2] == vm)

    def cost(self, *tasks: Json) -> tuple[list[Json], Cost]:
        """As :meth:`run`, and what that took."""
        self.azure.mark()
        before = _children()
        results = self.run(*tasks)
        return results, Cost(requests=len(self.azure.journal()), cpu=_children() - before)


def changed(results: t.Iterable[Json]) -> list[bool]:
    """Whether each task changed something."""
    return [bool(result.get("changed")) for result in results]


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def azure() -> Iterator[Azure]:
    with running(pace=PACE) as server:
        yield Azure(server=server)


@pytest.fixture
def bench(azure: Azure, tmp_path: Path) -> Iterator[Bench]:
    assert PYTHON.exists(), "make witness-azcollection installs azure.azcollection"
    azure.clear_faults()
    azure.start_over("windows-vm")
    with Controller(folder=tmp_path, environment=azure.server.env, python=str(PYTHON)) as controller:
        yield Bench(azure=azure, controller=controller)
    azure.clear_faults()
