# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CONNECT proxy: Azure's host names end here in TLS, every other host is refused."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from .hosts import Service, service_of

_HEAD_LIMIT = 16 * 1024
_HEAD_SECONDS = 30.0
_HANDSHAKE_SECONDS = 30.0


class Proxy:
    """Listens on a loopback port.

    Nothing is forwarded: after the proxy's answer the same socket becomes the server's side of the TLS connection, so
    the peer that the service sees is the client itself. `vault_exists` says whether a vault's host name would resolve.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        protocol: Callable[[], asyncio.Protocol],
        vault_exists: Callable[[str], bool],
    ) -> None:
        self._context = context
        self._protocol = protocol
        self._vault_exists = vault_exists
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        assert self._listener is not None
        port: int = self._listener.getsockname()[1]
        return port

    def bind(self, port: int = 0) -> None:
        """Take the port (0: any free one). Raises OSError when it is taken."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen(256)
        except OSError:
            listener.close()
            raise
        listener.setblocking(False)
        self._listener = listener

    def start(self) -> None:
        self._accepting = asyncio.create_task(self._accept())

    async def close(self) -> None:
        tasks = [*self._tasks, *([self._accepting] if self._accepting is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    async def _accept(self) -> None:
        assert self._listener is not None
        loop = asyncio.get_running_loop()
        while True:
            connection, _peer = await loop.sock_accept(self._listener)
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = asyncio.create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        """Answer one CONNECT and hand the socket to TLS; the socket is closed here unless that succeeds."""
        loop = asyncio.get_running_loop()
        handed_over = False
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await _read_head(connection)
            refusal = self._refusal(head)
            if refusal is not None:
                await loop.sock_sendall(connection, refusal)
                return
            await loop.sock_sendall(connection, b"HTTP/1.1 200 Connection Established\r\n\r\n")
            handed_over = True
            await loop.connect_accepted_socket(
                self._protocol, connection, ssl=self._context, ssl_handshake_timeout=_HANDSHAKE_SECONDS
            )
        except (OSError, TimeoutError):
            pass  # the client went away, or its TLS does not trust this authority: its own error says so
        finally:
            if not handed_over:
                connection.close()

    def _refusal(self, head: bytes) -> bytes | None:
        line = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
        if len(line) != 3 or line[0] != "CONNECT":
            return _answer(
                "403 Forbidden", "The local Azure's proxy only takes CONNECT to Azure's host names over HTTPS."
            )
        host, _colon, port = line[1].rpartition(":")
        service = service_of(host)
        if service is None or port != "443":
            return _answer(
                "403 Forbidden", f"{line[1]} is not a host of Azure that the local Azure knows; nothing is forwarded."
            )
        if service is Service.VAULT and not self._vault_exists(host):
            return _answer("502 Bad Gateway", f"The host name {host} does not resolve: there is no such vault.")
        return None


async def _read_head(connection: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    head = b""
    while b"\r\n\r\n" not in head:
        part = await loop.sock_recv(connection, 4096)
        if not part or len(head) > _HEAD_LIMIT:
            raise ConnectionAbortedError("no request head")
        head += part
    return head


def _answer(status: str, text: str) -> bytes:
    body = (text + "\n").encode()
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode() + body
