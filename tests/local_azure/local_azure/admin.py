# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control interface behind the command: its own loopback port, for callers that know the server's token."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .core.authorization import role_named
from .core.wire import Json
from .scenarios import ScenarioError, scope_of

if TYPE_CHECKING:
    from .server import Server

TOKEN_HEADER = "x-local-azure-token"

_Handler: TypeAlias = Callable[[Json], Awaitable[Json]]


class Admin:
    """Each endpoint takes and gives one JSON object; what can't be done answers 400 with `{"error": sentence}`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def app(self) -> Starlette:
        handlers: dict[str, _Handler] = {
            "health": self.health,
            "stop": self.stop,
            "state": self.state,
            "reset": self.reset,
            "scenario": self.scenario,
            "fault/add": self.add_fault,
            "fault/list": self.list_faults,
            "fault/clear": self.clear_faults,
            "clock": self.clock,
            "grant": self.grant,
        }
        return Starlette(
            routes=[Route(f"/{name}", self._guard(handler), methods=["POST"]) for name, handler in handlers.items()]
        )

    async def health(self, wish: Json) -> Json:
        server = self._server
        return {
            "dir": str(server.home.path),
            "scenario": server.scenario.name,
            "proxy_port": server.proxy_port,
            "address_block": str(server.settings.address_block),
            "time": server.azure.clock.now().isoformat(timespec="seconds"),
        }

    async def stop(self, wish: Json) -> Json:
        self._server.stop()
        return {}

    async def state(self, wish: Json) -> Json:
        return self._server.state()

    async def reset(self, wish: Json) -> Json:
        await self._server.use(None, clear_journal=bool(wish.get("clear_journal")))
        return {"scenario": self._server.scenario.name}

    async def scenario(self, wish: Json) -> Json:
        await self._server.use(str(wish["name"]), count=wish.get("count"))
        return {"scenario": self._server.scenario.name}

    async def add_fault(self, wish: Json) -> Json:
        return self._server.azure.faults.add(wish).to_json()

    async def list_faults(self, wish: Json) -> Json:
        return {"faults": [rule.to_json() for rule in self._server.azure.faults.list()]}

    async def clear_faults(self, wish: Json) -> Json:
        id = wish.get("id")
        cleared = self._server.azure.faults.clear(id)
        if id is not None and not cleared:
            raise ValueError(f"there is no fault {id}")
        return {"cleared": cleared}

    async def clock(self, wish: Json) -> Json:
        clock = self._server.azure.clock
        seconds = float(wish.get("seconds") or 0)
        if seconds:
            clock.advance(timedelta(seconds=seconds))
            self._server.azure.guests.reconcile()
        return {"time": clock.now().isoformat(timespec="seconds"), "ahead_seconds": clock.offset.total_seconds()}

    async def grant(self, wish: Json) -> Json:
        azure = self._server.azure
        principal = azure.authorization.principal_named(str(wish["principal"]))
        role = role_named(str(wish["role"]))
        if principal is None:
            known = ", ".join(one.name for one in azure.authorization.principals.values())
            raise ValueError(f"unknown principal {wish['principal']!r}; the scenario has {known}")
        if role is None:
            raise ValueError(f"unknown role {wish['role']!r}")
        made = azure.authorization.grant(
            principal.object_id,
            role,
            scope_of(azure, str(wish["scope"])),
            delay=timedelta(seconds=float(wish.get("delay") or 0)),
        )
        return {"role": made.role.name, "scope": made.scope, "effective": made.effective.isoformat(timespec="seconds")}

    def _guard(self, handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            given = request.headers.get(TOKEN_HEADER, "")
            if not hmac.compare_digest(given.encode(), self._server.token.encode()):
                return JSONResponse({"error": "wrong or missing token"}, status_code=403)
            try:
                wish = await request.json() if await request.body() else {}
                return JSONResponse(await handler(wish))
            except (ScenarioError, ValueError) as error:
                return JSONResponse({"error": str(error)}, status_code=400)

        return endpoint
