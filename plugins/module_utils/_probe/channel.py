# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS connections whose every wait draws on one deadline."""

from __future__ import annotations

import contextlib
import ssl
import typing as t

from .._domain.probe_causes import Break, Cause
from .tcp import connect

if t.TYPE_CHECKING:
    import socket
    from types import TracebackType

    from .._domain.deadline import Deadline
    from .resolve import Endpoint

R = t.TypeVar("R")

_CHUNK = 16384
_RECORD_TYPES = (0x15, 0x16)  # alert, handshake: with these a server's side of a handshake begins (RFC 8446, 5.1)


class Broken(Exception):
    """The exchange ended early; ``why`` says how."""

    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(detail)
        self.why = Break(cause=cause, detail=detail)


class Silence(Exception):
    """The deadline passed without an answer."""


class EndOfStream(ConnectionError):
    """The other side closed the TCP connection without a TLS goodbye."""

    def __init__(self) -> None:
        super().__init__("the other side closed the connection")


def reconnect(endpoint: Endpoint, deadline: Deadline, *, silent: Cause, closed: Cause) -> socket.socket:
    """Another connection to a port that was open a moment ago; raises Broken with one of the two causes."""
    try:
        return connect(endpoint, deadline)
    except TimeoutError:
        raise Broken(silent, "another connection does not open any more") from None
    except OSError as error:
        raise Broken(closed, f"another connection: {error.strerror or error}") from None


class Channel:
    """A TLS connection over a connected socket, which it owns.

    It uses OpenSSL on memory buffers: so one deadline bounds a whole exchange, however slowly bytes drip in, and the
    first bytes of a service that does not speak TLS can be shown.
    """

    def __init__(
        self, connection: socket.socket, *, context: ssl.SSLContext, server_name: str, deadline: Deadline
    ) -> None:
        self.deadline = deadline
        self._socket = connection
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._first_bytes = b""

    def __enter__(self) -> Channel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def handshake(self) -> None:
        """Raises Broken."""
        try:
            self._run(self._tls.do_handshake)
        except Silence:
            raise Broken(Cause.TLS_SILENT, f"waited {self.deadline.seconds:.1f} seconds") from None
        except ssl.SSLCertVerificationError as error:
            raise Broken(Cause.CERTIFICATE_REJECTED, error.verify_message) from None
        except ssl.SSLError as error:
            raise Broken(Cause.TLS_REFUSED, error.reason or str(error)) from None
        except OSError as error:
            raise Broken(Cause.TLS_CLOSED, error.strerror or str(error)) from None

    @property
    def version(self) -> str:
        """OpenSSL's name, such as ``TLSv1.3``; empty before the handshake."""
        return self._tls.version() or ""

    @property
    def cipher(self) -> str:
        """OpenSSL's name of the cipher suite; empty before the handshake."""
        used = self._tls.cipher()
        return used[0] if used else ""

    @property
    def peer_certificate(self) -> bytes:
        """In DER; empty before the handshake."""
        return self._tls.getpeercert(binary_form=True) or b""

    def send(self, data: bytes) -> None:
        """Raises Silence or OSError (ssl.SSLError is one)."""
        self._run(lambda: self._tls.write(data))

    def receive(self, size: int) -> bytes:
        """Up to ``size`` bytes; none at the end. Raises Silence or OSError."""
        try:
            return self._run(lambda: self._tls.read(size))
        except (ssl.SSLZeroReturnError, EndOfStream):
            return b""

    def _run(self, step: t.Callable[[], R]) -> R:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            except ssl.SSLError:
                with contextlib.suppress(OSError, Silence):
                    self._flush()  # an alert for the other side
                raise
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._await()
            try:
                self._socket.sendall(data)
            except TimeoutError:
                raise Silence from None

    def _fill(self) -> None:
        self._await()
        try:
            data = self._socket.recv(_CHUNK)
        except TimeoutError:
            raise Silence from None
        if not data:
            raise EndOfStream
        if len(self._first_bytes) < 2:
            self._first_bytes += data[:80]
            if self._first_bytes[0] not in _RECORD_TYPES or self._first_bytes[1:2] not in (b"", b"\x03"):
                raise Broken(Cause.NOT_TLS, f"it begins with {printable(self._first_bytes)!r}")
        self._incoming.write(data)

    def _await(self) -> None:
        remaining = self.deadline.remaining
        if remaining <= 0:
            raise Silence
        self._socket.settimeout(remaining)


def printable(data: bytes) -> str:
    """The first bytes of what a server sends, for a message."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data[:40])
