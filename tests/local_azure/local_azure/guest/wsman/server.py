# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP of a WinRM listener: one connection, from its TLS handshake to its end."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from email.utils import format_datetime

import h11

from ..machine import LocalUser
from . import soap
from .authentication import Authentication, SignedIn
from .service import WsmanService

LARGEST_REQUEST = 1024 * 1024  # bytes; twice the MaxEnvelopeSizekb of a fresh Windows
READ_SIZE = 65536
GOODBYE = 2.0  # seconds a client has to take leave of TLS


@dataclass(frozen=True, kw_only=True)
class _Reply:
    status: int
    body: bytes = b""
    authenticate: tuple[str, ...] = ()


class HttpConnection:
    """One connection to the listener on `port`. NTLM signs in the connection, so its state lives here."""

    def __init__(self, service: WsmanService, *, port: int, secure: bool) -> None:
        self._service = service
        self._machine = service.machine
        self._port = port
        self._secure = secure
        self._authentication = Authentication(self._machine, channel_binding=None)
        self._user: LocalUser | None = None
        self._http = h11.Connection(h11.SERVER)

    async def serve(self, connection: socket.socket) -> None:
        """Serve the accepted socket until the client or the machine ends it.

        The certificate is the one that the listener has now; connections that are already there keep theirs.
        """
        tls = None
        if self._secure:
            certificate = self._machine.tls_certificate(self._port)
            if certificate is None:
                return  # HTTP.sys finds no certificate for the handshake and drops the connection
            tls = certificate.tls
            self._authentication = Authentication(self._machine, channel_binding=certificate.channel_binding)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _protocol = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=tls)
        except OSError:
            return  # no handshake: the client left, or does not trust the certificate
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            await self._requests(reader, writer)
            writer.close()
            async with asyncio.timeout(GOODBYE):
                await writer.wait_closed()
        except (OSError, h11.RemoteProtocolError, TimeoutError):
            pass  # the client broke off, or never spoke HTTP
        finally:
            transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await self._next(reader)
            if not isinstance(request, h11.Request):
                return
            body = bytearray()
            while isinstance(event := await self._next(reader), h11.Data):
                if len(body) <= LARGEST_REQUEST:
                    body += event.data
            await self._send(writer, await self._reply(request, bytes(body)))
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _next(self, reader: asyncio.StreamReader) -> h11.Event | None:
        """The next piece of a request; None between two requests."""
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                return None
            if self._http.they_are_waiting_for_100_continue:
                raise h11.RemoteProtocolError("100-continue is not offered")
            self._http.receive_data(await reader.read(READ_SIZE))

    async def _send(self, writer: asyncio.StreamWriter, reply: _Reply) -> None:
        headers = [
            ("Server", "Microsoft-HTTPAPI/2.0"),
            ("Date", format_datetime(self._machine.now(), usegmt=True)),
            ("Content-Length", str(len(reply.body))),
        ]
        if reply.body:
            headers.append(("Content-Type", "application/soap+xml;charset=UTF-8"))
        headers += [("WWW-Authenticate", value) for value in reply.authenticate]
        events: list[h11.Event] = [h11.Response(status_code=reply.status, headers=headers)]
        if reply.body:
            events.append(h11.Data(data=reply.body))
        events.append(h11.EndOfMessage())
        writer.write(b"".join(self._http.send(event) or b"" for event in events))
        await writer.drain()

    async def _reply(self, request: h11.Request, body: bytes) -> _Reply:
        headers = {key.decode().lower(): value.decode("latin-1") for key, value in request.headers}
        path = request.target.decode("latin-1").partition("?")[0].lower().rstrip("/")
        if path not in {"/wsman", "/wsman-anon/identify"} or self._port not in self._machine.listening():
            return _Reply(status=404)
        if request.method != b"POST":
            return _Reply(status=405)
        if len(body) > LARGEST_REQUEST:
            return _Reply(status=413)
        if headers.get("wsmanidentify", "").lower() == "unauthenticated":
            return self._identify(body)
        if path != "/wsman":
            return _Reply(status=404)
        return await self._signed_in(headers.get("authorization", ""), body)

    def _identify(self, body: bytes) -> _Reply:
        try:
            identify = soap.is_identify(soap.parse(body))
        except soap.Fault:
            identify = False
        if not identify:
            return _Reply(status=401, authenticate=self._authentication.schemes())
        return _Reply(status=200, body=self._service.identify(signed_in=False))

    async def _signed_in(self, authorization: str, body: bytes) -> _Reply:
        if not self._secure:
            # Windows would ask for messages encrypted by NTLM itself on HTTP (AllowUnencrypted is off). This server
            # doesn't model that and signs nobody in over HTTP, so that no secret is ever taken in the clear.
            return _Reply(status=401, authenticate=("Negotiate",))
        user, authenticate = self._user, tuple[str, ...]()
        if authorization or user is None:
            self._user = None
            step = self._authentication.step(authorization)
            if not isinstance(step, SignedIn):
                return _Reply(status=401, authenticate=step.headers)
            user, authenticate = step.user, step.headers
            self._user = user if step.whole_connection else None
        if not body:
            return _Reply(status=200, authenticate=authenticate)
        status, answer = await self._service.handle(body, user)
        return _Reply(status=status, body=answer, authenticate=authenticate)
