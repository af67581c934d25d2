# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers on loopback that behave well and badly: the other side of every probe in these tests."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Behaviour = Callable[[socket.socket], None]

IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
IDENTIFY_RESPONSE = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body>'
    f'<wsmid:IdentifyResponse xmlns:wsmid="{IDENTITY}">'
    "<wsmid:ProtocolVersion>http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd</wsmid:ProtocolVersion>"
    "<wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor>"
    "<wsmid:ProductVersion>OS: 0.0.0 SP: 0.0 Stack: 3.0</wsmid:ProductVersion>"
    "</wsmid:IdentifyResponse></s:Body></s:Envelope>"
).encode()


@dataclass
class Server:
    """A listening socket; every connection is given to ``behaviour`` in a thread of its own."""

    behaviour: Behaviour
    family: socket.AddressFamily = socket.AF_INET
    address: str = "127.0.0.1"
    connections: list[socket.socket] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Server:
        self._listener = socket.create_server((self.address, 0), family=self.family)
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_error: object) -> None:
        # shutdown wakes the thread that waits in accept; close alone would not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
        for connection in self.connections:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _peer = self._listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the probe goes away whenever it likes
            self.behaviour(connection)


def silent(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def close(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def says(data: bytes, *, first: bool = False) -> Behaviour:
    """A service that does not speak TLS: it answers with ``data``, or speaks first."""

    def behave(connection: socket.socket) -> None:
        if not first:
            connection.recv(4096)
        connection.sendall(data)
        silent(connection)

    return behave


def drips(data: bytes, *, every: float, stop: threading.Event) -> Behaviour:
    """One byte at a time, so that no single read ever times out."""

    def behave(connection: socket.socket) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            if stop.wait(every):
                return

    return behave


def tls(context: ssl.SSLContext | Iterator[ssl.SSLContext], then: Behaviour) -> Behaviour:
    """TLS with one certificate, or with the next one for each connection that really begins a handshake."""

    def behave(connection: socket.socket) -> None:
        if not connection.recv(1, socket.MSG_PEEK):
            return
        chosen = context if isinstance(context, ssl.SSLContext) else next(context)
        with chosen.wrap_socket(connection, server_side=True) as secured:
            then(secured)

    return behave


@dataclass(frozen=True, kw_only=True)
class Request:
    line: str
    headers: Mapping[str, str]
    body: bytes


Respond = t.Callable[[Request], bytes]


def http(respond: Respond, requests: list[Request] | None = None, *, keep_alive: bool = True) -> Behaviour:
    """HTTP/1.1 by hand: ``respond`` gives the raw answer to each request."""

    def behave(connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        while line := stream.readline().decode().strip():
            headers = {}
            while field_line := stream.readline().decode().strip():
                name, _colon, value = field_line.partition(":")
                headers[name.lower()] = value.strip()
            request = Request(line=line, headers=headers, body=stream.read(int(headers.get("content-length", 0))))
            if requests is not None:
                requests.append(request)
            connection.sendall(respond(request))
            if not keep_alive:
                return

    return behave


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def winrm(*challenges: str, identity: bytes = IDENTIFY_RESPONSE, headers: tuple[str, ...] = ()) -> Respond:
    """What WinRM answers to callers who do not sign in."""

    def respond(request: Request) -> bytes:
        if request.headers.get("wsmanidentify") == "unauthenticated":
            return answer("200 OK", identity, "Content-Type: application/soap+xml;charset=UTF-8", *headers)
        return answer("401 ", b"", *(f"WWW-Authenticate: {challenge}" for challenge in challenges), *headers)

    return respond


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port that nobody listens on and nobody else can take meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


@contextlib.contextmanager
def filtered_port(address: str = "127.0.0.1") -> Iterator[int]:
    """A port whose queue is full: Linux drops further connection attempts in silence, as a packet filter does."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((address, 0))
        listener.listen(0)
        target = listener.getsockname()
        while True:
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0.15)
            try:
                filler.connect(target)
            except TimeoutError:
                break
        yield int(target[1])
