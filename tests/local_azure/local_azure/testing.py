# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For tests: an Azure in this process without sockets, or a real server of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from . import contract
from .build import build, build_scenario
from .core.azure import Azure
from .core.settings import Settings
from .core.wire import Json
from .front.app import Front
from .front.http import Message, Scope
from .scenarios import DEFAULT_PRINCIPAL, Scenario, populate

_START_SECONDS = 60


class _Loopless(httpx.BaseTransport):
    """Hands requests to an ASGI application on a loop that runs only while one is served."""

    def __init__(self, app: Front) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        weakref.finalize(self, self._loop.close)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raw_path, _mark, query = request.url.raw_path.partition(b"?")
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "https",
            "path": request.url.path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("127.0.0.1", 50000),
            "server": (request.url.host, 443),
            "state": {},
        }
        incoming: list[Message] = [{"type": "http.request", "body": request.read(), "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            return incoming.pop() if incoming else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        self._loop.run_until_complete(self._app(scope, receive, send))
        if not sent or sent[-1].get("more_body"):
            raise httpx.ReadError("the connection was cut", request=request)
        body = b"".join(message.get("body", b"") for message in sent)
        return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=body, request=request)


@dataclass(kw_only=True)
class InProcess:
    """An Azure without sockets. Operations end at the request after the one that started them (pace 0)."""

    azure: Azure
    transport: httpx.BaseTransport
    client: httpx.Client

    @property
    def subscription(self) -> str:
        """The id of the subscription: `/subscriptions/...`."""
        return f"/subscriptions/{self.azure.settings.subscription_id}"

    def group(self, name: str) -> str:
        """The id of a resource group."""
        return f"{self.subscription}/resourceGroups/{name}"

    def as_principal(self, name: str | None, *, host: str = "management.azure.com") -> httpx.Client:
        """A client of that host with the principal's token, or without one for None."""
        headers: dict[str, str] = {}
        if name is not None:
            principal = self.azure.authorization.principal_named(name)
            assert principal is not None, f"the scenario has no principal {name!r}"
            audience = "https://vault.azure.net" if ".vault." in host else f"https://{host}"
            headers["Authorization"] = f"Bearer {self.azure.identity.issue(principal, audience)}"
        return httpx.Client(transport=self.transport, base_url=f"https://{host}", headers=headers)

    def vault(self, name: str, *, principal: str | None = DEFAULT_PRINCIPAL) -> httpx.Client:
        """A client of a vault's data plane."""
        return self.as_principal(principal, host=f"{name}.vault.azure.net")

    def settle(self) -> None:
        """End all operations under way, whatever their time."""
        self.azure.operations.finish_all()


def in_process(
    scenario: Scenario | str | Json | None = None,
    *,
    principal: str = DEFAULT_PRINCIPAL,
    settings: Settings | None = None,
    count: int = 1,
    judged: bool = True,
) -> InProcess:
    """An Azure with an httpx client of Resource Manager that is signed in as `principal`.

    Where Azure's specifications are at hand, an exchange that they don't allow raises ContractBroken, unless `judged`
    is off.

    `scenario` is a name, a path, a Scenario, a scenario's content as a mapping, or None for the three default
    principals and one resource group `rg` in westeurope.
    """
    settings = settings or Settings(pace=0.0, vm_password="In-process-1")
    if scenario is None:
        scenario = {"groups": [{"name": "rg", "location": "westeurope"}]}
    if isinstance(scenario, dict):
        azure = build(settings)
        populate(azure, Scenario(name="test", content=scenario))
    else:
        azure = build_scenario(scenario, settings, count=count)
    transport = _Loopless(Front(azure, contract.in_this_process() if judged else None))
    made = InProcess(azure=azure, transport=transport, client=httpx.Client(transport=transport))
    made.client = made.as_principal(principal)
    return made


@dataclass(kw_only=True)
class Running:
    """A server process. `env` is the whole environment for programs that shall use it, including this process's own."""

    dir: Path
    env: dict[str, str] = field(default_factory=dict, repr=False)

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `local-azure ARGUMENTS --dir DIR`. Raises CalledProcessError unless it succeeds or `check` is off."""
        done = _run(*arguments, "--dir", str(self.dir))
        if check and done.returncode:
            raise subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)
        return done

    def journal(self, since: int = 0) -> list[Json]:
        """The entries with a number greater than `since`."""
        return [json.loads(line) for line in self.command("journal", "--since", str(since)).stdout.splitlines()]

    def state(self) -> Json:
        state: Json = json.loads(self.command("state").stdout)
        return state

    def principal(self, name: str) -> dict[str, str]:
        """The environment for another principal of the scenario."""
        return {**os.environ, **read_env(self.dir / "principals" / f"{name}.sh")}


@contextmanager
def running(
    scenario: str = "windows-vm", *, dir: Path | None = None, **options: str | int | float
) -> Iterator[Running]:
    """A real server in a directory of its own, stopped at the end.

    `options` are those of `local-azure start`, with underscores: `latency_ms=20, count=5, pace=0.05`.
    Where Azure's specifications are at hand, every exchange is judged by them; raises ContractBroken at the end.
    """
    with tempfile.TemporaryDirectory(prefix="local-azure-") as temporary:
        home = dir or Path(temporary) / "azure"
        if contract.USUAL_FOLDER.is_dir():
            options.setdefault("contract", str(contract.USUAL_FOLDER))
        flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        done = _run("start", "--dir", str(home), "--scenario", scenario, *flags)
        if done.returncode:
            raise RuntimeError(f"local-azure start failed: {done.stderr.strip()}")
        made = Running(dir=home, env={**os.environ, **read_env(home / "env.sh")})
        try:
            yield made
        finally:
            made.command("stop")
        contract.require_kept(home / "contract.jsonl")


def read_env(path: Path) -> dict[str, str]:
    """The variables that an environment file exports."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("export "):
            name, _equals, value = shlex.split(line)[1].partition("=")
            found[name] = value
    return found


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local_azure", *arguments],
        capture_output=True,
        text=True,
        timeout=_START_SECONDS,
        check=False,
    )
