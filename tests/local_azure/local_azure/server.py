# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server: an Azure behind its proxy, running until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import addresses, guest_state
from .admin import Admin
from .build import build
from .contract import Contract
from .core.azure import Azure
from .core.journal import Journal
from .core.resource_id import GROUP_TYPE
from .core.settings import Settings
from .core.wire import Json
from .front import tls
from .front.app import Front
from .front.http import Connections
from .front.proxy import Proxy
from .home import Contact, Home
from .resources.groups import document as group_document
from .scenarios import DEFAULT_PRINCIPAL, Scenario, ScenarioError, load, populate


class ServerError(Exception):
    """The server can't start; one plain sentence."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """`port` is the proxy's (0: any free one); `pace` None means the default; `count` is for fleets.

    `contract` is the folder of the specifications by which exchanges are judged; None to have none judged.
    """

    scenario: str = "windows-vm"
    latency_ms: float = 0.0
    port: int = 0
    count: int = 1
    pace: float | None = None
    contract: Path | None = None


class Server:
    """One instance in its directory."""

    def __init__(self, home: Home, options: Options) -> None:
        self.home = home
        self.token = secrets.token_urlsafe(24)
        self._options = options
        self._count = options.count
        self._stop = asyncio.Event()
        self._block = addresses.claim()
        self.settings = Settings(
            latency=options.latency_ms / 1000,
            address_block=self._block.network,
            vm_password="La1-" + secrets.token_urlsafe(15),
        )
        if options.pace is not None:
            self.settings.pace = options.pace
            self.settings.retry_after = f"{min(10.0, max(0.05, 5 * options.pace)):g}"
        self.journal = Journal()
        self.scenario = load(options.scenario, self.settings, count=options.count)
        self.azure = self._build(self.scenario, None)
        home.contract.unlink(missing_ok=True)
        self._contract = Contract(options.contract, home.contract) if options.contract is not None else None
        self._front = Front(self.azure, self._contract)
        self._tls = tls.make()
        self._connections = Connections(self._front)
        self._proxy = Proxy(self._tls.context, self._connections.protocol, self._vault_exists)

    @property
    def proxy_port(self) -> int:
        return self._proxy.port

    async def use(self, name: str | None, *, count: int | None = None, clear_journal: bool = False) -> None:
        """Start over with the scenario of that name, or with the present one again.

        State is new, faults are gone, the clock is back; client secrets, tokens and the VMs' account stay as they are.
        Raises ScenarioError and changes nothing then.
        """
        count = count or self._count
        wanted = load(name or self.scenario.name, self.settings, count=count)
        old = self.azure
        new = self._build(wanted, old)
        old.operations.forget()
        old.faults.clear()
        self.azure, self.scenario, self._count = new, wanted, count
        self.journal.clock = new.clock
        self._front.use(new)
        old.guests.close()
        await old.guests.wait_closed()
        new.guests.settle()
        if clear_journal:
            self.journal.clear()
        self._write_environment()

    def stop(self) -> None:
        self._stop.set()

    def state(self) -> Json:
        """Everything there is, without secrets."""
        azure = self.azure
        return {
            "scenario": self.scenario.name,
            "time": azure.clock.now().isoformat(timespec="seconds"),
            "groups": [group_document(group) for group in azure.store.list(GROUP_TYPE)],
            "resources": [one.dump() for one in azure.store.all()],
            "vaults": azure.vaults.describe(),
            "guests": guest_state.describe(azure),
            "assignments": [
                {
                    "principal": one.principal_id,
                    "role": one.role.name,
                    "scope": one.scope,
                    "effective": one.effective.isoformat(timespec="seconds"),
                }
                for one in azure.authorization.assignments.values()
            ],
        }

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until `stop` or a signal. `ready` is called once clients may come. Raises ServerError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            self._proxy.bind(self._options.port)
        except OSError as error:
            raise ServerError(f"port {self._options.port} can't be used: {error.strerror}") from error
        admin_connections = Connections(Admin(self).app())
        admin = await loop.create_server(admin_connections.protocol, "127.0.0.1", 0)
        try:
            self.azure.guests.settle()
            self._proxy.start()
            self.home.journal.unlink(missing_ok=True)
            self.journal.write_to(self.home.journal)
            self.home.write(self.home.ca, self._tls.ca_pem.decode())
            self._write_environment()
            self.home.write_contact(
                Contact(
                    pid=os.getpid(),
                    admin_port=admin.sockets[0].getsockname()[1],
                    proxy_port=self._proxy.port,
                    token=self.token,
                )
            )
            ready()
            await self._stop.wait()
        finally:
            self.home.forget_server()
            self.azure.faults.clear()
            admin.close()
            await self._proxy.close()
            self._connections.close()
            self.azure.guests.close()
            await self.azure.guests.wait_closed()
            admin_connections.close()
            self.journal.close()
            if self._contract is not None:
                self._contract.close()
            self._block.release()

    def _build(self, scenario: Scenario, old: Azure | None) -> Azure:
        azure = build(self.settings, journal=self.journal, sockets=True)
        if old is not None:
            azure.identity.adopt(old.identity)
        try:
            populate(azure, scenario)
        except ScenarioError:
            azure.guests.close()
            raise
        return azure

    def _vault_exists(self, host: str) -> bool:
        return self.azure.vaults.exists(host)

    def _write_environment(self) -> None:
        self.home.forget_credentials()
        for principal in self.azure.authorization.principals.values():
            secret = self.azure.identity.secret_of(principal.client_id)
            variables = self._environment(principal.client_id, secret)
            self.home.write_env(self.home.principals / f"{principal.name}.sh", variables)
            if principal.name == DEFAULT_PRINCIPAL:
                self.home.write_env(self.home.env, variables)

    def _environment(self, client_id: str, secret: str) -> dict[str, str]:
        proxy = f"http://127.0.0.1:{self._proxy.port}"
        ca = str(self.home.ca)
        local = "127.0.0.0/8,localhost"
        settings = self.settings
        return {
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "REQUESTS_CA_BUNDLE": ca,
            "NO_PROXY": local,
            "no_proxy": local,
            "AZURE_SUBSCRIPTION_ID": settings.subscription_id,
            "AZURE_TENANT": settings.tenant_id,
            "AZURE_TENANT_ID": settings.tenant_id,
            "AZURE_CLIENT_ID": client_id,
            "AZURE_SECRET": secret,
            "AZURE_CLIENT_SECRET": secret,
            "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
            "LOCAL_AZURE_VM_USER": settings.vm_user,
            "LOCAL_AZURE_VM_PASSWORD": settings.vm_password,
            "LOCAL_AZURE_DIR": str(self.home.path),
        }


def serve(home: Home, options: Options, ready: Callable[[], None]) -> None:
    """Run a server in this process, in a directory whose lock this process holds."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")

    async def main() -> None:
        await Server(home, options).run(ready)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
