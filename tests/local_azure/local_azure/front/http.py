# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP side of a connection: uvicorn's protocol without its server, and small ASGI helpers."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Idle seconds before a kept connection is closed; Azure's front ends hold them for minutes.
KEEP_ALIVE_SECONDS = 120


class _Connection(H11Protocol):
    """Puts its transport into the ASGI scope, so that a fault rule can cut the connection."""

    _raw: socket.socket | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._raw = transport.get_extra_info("socket")
        self.app_state["transport"] = transport

    def data_received(self, data: bytes) -> None:
        # urllib3 leaves Nagle's algorithm on behind a proxy and sends head and body of a request apart: without an
        # acknowledgement at once, each request with a body would lose 40 ms.
        if self._raw is not None and hasattr(socket, "TCP_QUICKACK"):
            self._raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        super().data_received(data)


class Connections:
    """Makes the protocol objects for one ASGI application and ends their connections."""

    def __init__(self, app: App) -> None:
        self._config = uvicorn.Config(
            cast("Any", app),
            loop="none",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self._config.load()
        self._state = ServerState()

    def protocol(self) -> asyncio.Protocol:
        return _Connection(self._config, self._state, {}, asyncio.get_running_loop())

    def close(self) -> None:
        """Abort every connection."""
        for connection in list(self._state.connections):
            if connection.transport is not None:
                connection.transport.abort()


@dataclass(kw_only=True)
class Response:
    """A whole response, kept until it is known what becomes of it."""

    status: int = 500
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""

    async def send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})

    async def send_half(self, scope: Scope, send: Send) -> None:
        """Begin the answer, and end the connection in the middle of its body."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
        transport = scope.get("state", {}).get("transport")
        if transport is not None:
            transport.close()


async def read_body(receive: Receive) -> bytes | None:
    """The whole request body; None when the client went away before it was complete."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def run(app: App, scope: Scope, body: bytes) -> Response:
    """Run an application on a request whose body is known, and return its response instead of sending it."""
    response = Response(headers=[])
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            response.status = message["status"]
            response.headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            response.body += message.get("body", b"")

    await app(scope, receive, send)
    return response


async def cut(scope: Scope, receive: Receive) -> None:
    """Reset the client's connection and wait until it is gone."""
    transport = scope.get("state", {}).get("transport")
    if transport is not None:
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
