# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module in this process, by real SDK clients against a local Azure, with whatever a task may say."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import socket
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, ModuleType

Json = dict[str, t.Any]

SCENARIO = Path(__file__).parents[1] / "scenarios" / "open-vm.yml"
SECONDS = 3
"""What a task may take, unless it says something itself."""
_MORE = 20
_SIGN_IN = "login."


@dataclass(kw_only=True)
class Desk:
    """Where tasks are run. ``seen`` is how much of the judge's list was read."""

    azure: Azure
    seen: int = 0

    def run(self, module: ModuleType, arguments: Json, *, check_mode: bool) -> Json:
        """The result of a task; what the module raises, and what takes far too long, goes through."""
        given = {
            "timeout": SECONDS,
            "poll_interval": 0.05,
            **arguments,
            "_ansible_check_mode": check_mode,
            "_ansible_diff": True,
        }
        output = io.StringIO()
        quietly = contextlib.redirect_stdout(output)
        with patch_module_args(given), quietly, _no_longer_than(SECONDS + _MORE), contextlib.suppress(SystemExit):
            module.main()
        result: Json = json.loads(output.getvalue())
        return result

    def invalid_requests(self) -> list[str]:
        """What was sent since the last call, and that Azure's specifications or Azure itself found invalid."""
        refused = [
            f"{one['method']} {one['path']} -> {one['status']}"
            for one in self.azure.journal()
            if one["status"] == 400 and not one["host"].startswith(_SIGN_IN)  # who somebody is, only they can say
        ]
        return refused + self._against_the_contract()

    def _against_the_contract(self) -> list[str]:
        file = self.azure.server.dir / "contract.jsonl"
        if not file.exists():
            return []
        lines = file.read_text(encoding="utf-8").splitlines()
        new, self.seen = lines[self.seen :], len(lines)
        found = [json.loads(line) for line in new]
        return [
            f"{one['method']} {one['path']}: {one['at']}: {one['text']}" for one in found if one["side"] == "request"
        ]


class TooLong(Exception):
    """A task did not end when its time was over."""


@contextlib.contextmanager
def _no_longer_than(seconds: int) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise TooLong(f"the task still ran after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """A home and a folder of its own, and a resolver that asks no name server and knows loopback only."""
    known = socket.getaddrinfo

    def offline(host: t.Any, port: t.Any, *rest: int, **more: int) -> list[t.Any]:
        numeric = {"flags": more.get("flags", 0) | socket.AI_NUMERICHOST} if host != "localhost" else {}
        found = known(host, port, *rest, **{**more, **numeric})
        if any(not str(address[0]).startswith("127.") and address[0] != "::1" for *_rest, address in found):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found

    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("machine")
        patch.chdir(folder)
        patch.setenv("HOME", str(folder))
        patch.setattr(socket, "getaddrinfo", offline)
        yield patch


@pytest.fixture(scope="module")
def desk(machine: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running(str(SCENARIO), pace=0.0005) as server:
        for name, value in server.env.items():
            if name != "HOME":
                machine.setenv(name, value)
        yield Desk(azure=Azure(server=server))
