# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many islands at once, each with trouble of its own, and what becomes of them."""

from __future__ import annotations

import shutil
import typing as t
from dataclasses import dataclass, field, replace
from pathlib import Path

from ansible_collections.azvm.access.tests.faults.jobs import ISLANDS, PLAY
from ansible_collections.azvm.access.tests.integration.support.end_state import (
    differences,
    end_state,
    of_group,
    unused_versions,
    without_name,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.azvm.access.tests.faults.jobs import Job
    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure, Fault
    from ansible_collections.azvm.access.tests.integration.support.controller import Controller, Finished, Json, Run

#: As long as a run of dozens of islands may take.
RUN_SECONDS = 1800.0

_RUN_COMMANDS = "Microsoft.Compute/virtualMachines/runCommands"
_UNCLEAR = ("Traceback", "MODULE FAILURE", "Module result deserialization")


@dataclass(kw_only=True)
class Fleet:
    """``job`` on the islands 1 to ``count``; island n is the inventory host ``h<n>``."""

    azure: Azure
    controller: Controller
    job: Job
    count: int

    def start_over(self) -> None:
        """The start of the scenario, with nothing left of earlier runs but what the job comes after."""
        self.azure.start_over(ISLANDS, count=self.count)
        shutil.rmtree(self._islands, ignore_errors=True)
        if self.job.after:
            replace(self, job=self.job.after).run(range(1, self.count + 1)).succeeded()
            self.settled()
            self.azure.mark()

    def begin(self, numbers: Iterable[int], *, forks: int) -> Run:
        return self.controller.begin(PLAY, "--forks", str(forks), hosts=self._hosts(numbers))

    def run(self, numbers: Iterable[int], *, forks: int = 6) -> Finished:
        return self.begin(numbers, forks=forks).wait(RUN_SECONDS)

    def fault(self, number: int, action: str, **wish: t.Any) -> Fault:
        """A fault for the requests of one island's run."""
        return self.azure.fault(action, agent=rf"\brun-h{number}\b", **wish)

    def settled(self) -> Json:
        """The state once Azure has carried out the deletions that nobody waits for."""
        self.azure.eventually(lambda: not [one for one in self._resources() if one["type"] == _RUN_COMMANDS])
        return self.azure.state()

    def folder(self, number: int) -> Path:
        """Where the run of one island may write."""
        return self._islands / f"h{number}"

    def island(self, state: Json, number: int) -> Island:
        return Island.of(state, f"island-{number}", self.folder(number))

    @property
    def _islands(self) -> Path:
        return self.controller.folder / "islands"

    def _hosts(self, numbers: Iterable[int]) -> dict[str, Json]:
        return {f"h{n}": self.job.variables(f"island-{n}", self.folder(n)) for n in numbers}

    def _resources(self) -> list[Json]:
        found: list[Json] = self.azure.state()["resources"]
        return found


@dataclass(frozen=True, kw_only=True)
class Island:
    """How things stand on an island: in Azure, in its VMs, and in the folder of its run."""

    state: Json = field(repr=False)
    unused: list[Json]
    files: list[str]

    @classmethod
    def of(cls, whole: Json, name: str, folder: Path) -> Island:
        part = of_group(whole, name)
        files = sorted(without_name(str(path.relative_to(folder)), name) for path in folder.rglob("*"))
        return cls(state=end_state(part), unused=unused_versions(part), files=files)

    def differences(self, undisturbed: Island) -> list[str]:
        """What is not as after a run that nothing disturbed: lost, left over or other."""
        return [
            *differences(self.state, undisturbed.state),
            *(f"a version that nothing uses: {one['version']}" for one in self.unused),
            *(f"file {name}" for name in sorted({*self.files} ^ {*undisturbed.files})),
        ]


def unclear(run: Finished) -> list[str]:
    """The failures of a run that do not say in a sentence what is wrong."""
    found = []
    for failed in run.failures():
        told = str(failed.result.get("msg") or "")
        code = (failed.result.get("failure") or {}).get("code")
        if failed.status == "unreachable" or not told or not code or any(word in str(failed) for word in _UNCLEAR):
            found.append(f"{failed.host}, {failed.task}: {failed.result}")
    return found
