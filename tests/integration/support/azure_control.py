# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running local Azure as tests drive it: faults, clock, journal and state, without a process for each command."""

from __future__ import annotations

import json
import re
import ssl
import time
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx

from ansible_collections.azvm.access.tests.integration.support.secrets_search import Secrets
from local_azure import control
from local_azure.home import Home

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from local_azure.testing import Running

Json = dict[str, t.Any]

WRITES = ("PUT", "PATCH", "POST", "DELETE")
_VAULT_VERSION = {"api-version": "7.4"}
_MANAGER = "https://management.azure.com"
_SIGN_IN = "login.microsoftonline.com"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault rule; it can meet requests with a number greater than ``since``."""

    id: int
    since: int


@dataclass(kw_only=True)
class Azure:
    """``server`` and what has been asked of it since :meth:`start_over` or :meth:`mark`."""

    server: Running
    seen: int = 0

    @property
    def home(self) -> Home:
        return Home(self.server.dir)

    def ask(self, what: str, **wish: t.Any) -> Json:
        """What the command ``local-azure`` asks of the server."""
        return control.ask(self.home, what, wish)

    def start_over(self, scenario: str | Path | None = None, **options: t.Any) -> None:
        """Begin the scenario again, or another one; the journal is empty afterwards, faults and clock are back."""
        if scenario is not None:
            self.ask("scenario", name=str(scenario), **options)
        self.ask("reset", clear_journal=True)
        self.seen = 0

    def mark(self) -> None:
        """Requests from here on are what :meth:`journal` returns."""
        self.seen = self._last()

    def journal(self) -> list[Json]:
        return [entry for entry in self._entries() if entry["n"] > self.seen]

    def writes(self) -> list[str]:
        """Method and path of each request since :meth:`mark` that could change something."""
        return [
            f"{entry['method']} {entry['path']}"
            for entry in self.journal()
            if entry["method"] in WRITES and entry["host"] != _SIGN_IN
        ]

    def fault(self, action: str, **wish: t.Any) -> Fault:
        """As ``local-azure fault add``."""
        since = self._last()
        return Fault(id=int(self.ask("fault/add", action=action, **wish)["id"]), since=since)

    def clear_fault(self, fault: Fault) -> None:
        """Remove one; an answer that it holds is let go."""
        self.ask("fault/clear", id=fault.id)

    def clear_faults(self) -> None:
        self.ask("fault/clear")

    def forward(self, **by: float) -> None:
        """Move Azure's clock forward: ``days=340``."""
        self.ask("clock", seconds=timedelta(**by).total_seconds())

    def eventually(self, condition: Callable[[], bool], *, seconds: float = 30) -> None:
        """Wait until ``condition`` holds; the test fails when it does not in ``seconds``."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"still not so after {seconds:.0f} seconds"
            time.sleep(0.05)

    def secrets(self) -> Secrets:
        """All secrets there are: of the sign-in, of the VMs' account, and in the vaults what is live and enabled."""
        environment = self.server.env
        words = {
            "the client secret": environment["AZURE_CLIENT_SECRET"],
            "the password of the VM's account": environment["LOCAL_AZURE_VM_PASSWORD"],
        }
        values = [value for vault in self.state()["vaults"] for value in self._values(vault)]
        return Secrets.of(words=words, values=values)

    def secret(self, vault: str, name: str) -> str:
        """The current value of a vault's secret."""
        with self.client(f"https://{vault}.vault.azure.net") as client:
            answer = client.get(f"/secrets/{name}", params=_VAULT_VERSION).raise_for_status()
        return str(answer.json()["value"])

    def _values(self, vault: Json) -> Iterator[str]:
        name = vault["vault"].rpartition("/")[2]
        with self.client(f"https://{name}.vault.azure.net") as client:
            for secret in vault["secrets"]:
                for version in secret["versions"]:
                    if secret["deleted"] or not version["enabled"]:  # nobody can read it any more
                        continue
                    answer = client.get(f"/secrets/{secret['name']}/{version['version']}", params=_VAULT_VERSION)
                    yield answer.raise_for_status().json()["value"]

    @contextmanager
    def client(self, url: str = _MANAGER) -> Iterator[httpx.Client]:
        """A client of Resource Manager, or of one vault, that is signed in as the default principal."""
        resource = url if url == _MANAGER else "https://vault.azure.net"
        environment = self.server.env
        form = {
            "grant_type": "client_credentials",
            "client_id": environment["AZURE_CLIENT_ID"],
            "client_secret": environment["AZURE_CLIENT_SECRET"],
            "scope": f"{resource}/.default",
        }
        trust = ssl.create_default_context(cafile=environment["REQUESTS_CA_BUNDLE"])
        with httpx.Client(base_url=url, proxy=environment["HTTPS_PROXY"], verify=trust) as client:
            answer = client.post(f"https://{_SIGN_IN}/{environment['AZURE_TENANT_ID']}/oauth2/v2.0/token", data=form)
            client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
            yield client

    def state(self) -> Json:
        return self.ask("state")

    def reached(self, fault: Fault, *, unless: Callable[[], bool], seconds: float = 120) -> bool:
        """Wait until the fault has met its request and the request's effect has taken place; False when ``unless``."""
        deadline = time.monotonic() + seconds
        while True:
            over = unless()
            rule = self._rule(fault)
            if rule["applied"] and self._answered(rule, fault.since):
                return True
            if over:
                return False
            assert time.monotonic() < deadline, f"no request met the fault {rule}"
            time.sleep(0.02)

    def met(self, fault: Fault) -> int:
        """How many requests the fault has met."""
        return int(self._rule(fault)["applied"])

    def _rule(self, fault: Fault) -> Json:
        found: Json = next(one for one in self.ask("fault/list")["faults"] if one["id"] == fault.id)
        return found

    def _answered(self, rule: Json, since: int) -> bool:
        """Whether the journal shows the request: that happens after the effect, before an answer that is held."""
        path = re.compile(rule["path"], re.IGNORECASE)
        met = [
            one
            for one in self._entries()
            if one["n"] > since
            and one["method"] in (rule["method"] or one["method"]).split(",")
            and path.search(one["path"])
        ]
        return len(met) >= int(rule["seen"])

    def _last(self) -> int:
        return max((entry["n"] for entry in self._entries()), default=0)

    def _entries(self) -> list[Json]:
        lines = self.home.journal.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]
