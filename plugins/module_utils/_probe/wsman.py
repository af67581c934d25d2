# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WSMan Identify, and the ways to sign in that a WinRM service offers. Credentials are never sent."""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import time
import typing as t
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from .._domain.probe_causes import Cause
from .._domain.probe_observations import Identification
from .channel import Broken, Silence

if t.TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .channel import Channel

_IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
# DMTF DSP0226 (WS-Management), section 11. With the header of _ANONYMOUS, WinRM answers it without a sign-in.
_IDENTIFY = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    f' xmlns:wsmid="{_IDENTITY}"><s:Header/><s:Body><wsmid:Identify/></s:Body></s:Envelope>'
).encode("ascii")
_ANONYMOUS = "WSMANIDENTIFY: unauthenticated"
_MAX_BODY = 65536
# A challenge starts with a scheme: a word that is not the name of a parameter (RFC 9110, section 11.6.1).
_CHALLENGE = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*)(?=\s*(?:,|$)|\s+[^\s=])")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: int
    reason: str
    challenges: tuple[str, ...]
    body: bytes
    closes: bool


def probe_identity(connect: Callable[[], Channel], *, host: str, port: int, trusted: bool) -> Identification:
    """Ask the service what it is, then provoke a 401 that lists how one may sign in.

    ``connect`` opens a TLS connection with a time limit of its own, and raises Broken. ``trusted`` says whether it
    verifies the certificate.
    """
    started = time.monotonic()
    verified = False
    try:
        with contextlib.ExitStack() as opened:
            channel = opened.enter_context(connect())
            verified = trusted
            answer = _post(channel, host=host, port=port, header=_ANONYMOUS, body=_IDENTIFY)
            vendor, version, protocol = _read_identity(answer)
            # The service has shown what it is: that the list of ways to sign in can't be had is no finding.
            methods = None
            with contextlib.suppress(Broken):
                if answer.closes:
                    channel = opened.enter_context(connect())
                methods = _auth_methods(_post(channel, host=host, port=port, header=None, body=b""))
    except Broken as error:
        return Identification(seconds=time.monotonic() - started, trusted=verified, broken=error.why)
    return Identification(
        seconds=time.monotonic() - started,
        trusted=verified,
        product_vendor=vendor,
        product_version=version,
        protocol_version=protocol,
        auth_methods=methods,
    )


def _post(channel: Channel, *, host: str, port: int, header: str | None, body: bytes) -> _Answer:
    """Raises Broken when no HTTP answer comes."""
    authority = f"[{host}]" if ":" in host else host
    lines = [
        "POST /wsman HTTP/1.1",
        f"Host: {authority}:{port}",
        "User-Agent: azvm.access",
        "Content-Type: application/soap+xml;charset=UTF-8",
        f"Content-Length: {len(body)}",
        *([header] if header else []),
    ]
    try:
        channel.send("\r\n".join([*lines, "", ""]).encode("ascii") + body)
        # http.client asks its socket for nothing but a file to read from.
        response = http.client.HTTPResponse(t.cast("socket.socket", _Source(channel)), method="POST")
        response.begin()
        content = response.read(_MAX_BODY)
        if response.length and len(content) < _MAX_BODY:
            raise Broken(Cause.IDENTIFY_CLOSED, "the answer is cut off")
        return _Answer(
            status=response.status,
            reason=response.reason,
            challenges=tuple(response.headers.get_all("WWW-Authenticate", [])),
            body=content,
            closes=response.will_close or not response.isclosed(),
        )
    except Silence:
        raise Broken(Cause.IDENTIFY_SILENT, f"waited {channel.deadline.seconds:.1f} seconds") from None
    except OSError as error:
        raise Broken(Cause.IDENTIFY_CLOSED, error.strerror or str(error)) from None
    except http.client.HTTPException as error:
        raise Broken(Cause.NOT_WSMAN, f"not HTTP: {type(error).__name__}") from None


class _Source:
    """The reading half of a channel, as http.client wants it."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._channel))


class _Reader(io.RawIOBase):
    """Closing it leaves the channel open for the next request."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        data = self._channel.receive(len(buffer))
        buffer[: len(data)] = data
        return len(data)


_CAUSES = {
    401: Cause.IDENTIFY_REFUSED,
    403: Cause.IDENTIFY_REFUSED,
    404: Cause.IDENTIFY_NOT_FOUND,
    503: Cause.SERVICE_UNAVAILABLE,
}


def _read_identity(answer: _Answer) -> tuple[str | None, str | None, str | None]:
    """Product vendor, product version and protocol version; raises Broken when the answer names no protocol version."""
    if answer.status != 200:
        raise Broken(_CAUSES.get(answer.status, Cause.NOT_WSMAN), f"HTTP {answer.status} {answer.reason[:80]}".rstrip())
    try:
        text = answer.body.decode("utf-16" if answer.body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        # SOAP forbids document type declarations, and they are what makes XML from strangers dangerous.
        if "<!DOCTYPE" in text:
            raise Broken(Cause.NOT_WSMAN, "XML with a document type declaration")
        identity = ET.fromstring(text).find(f".//{{{_IDENTITY}}}IdentifyResponse")
    except (UnicodeDecodeError, ET.ParseError):
        raise Broken(Cause.NOT_WSMAN, "HTTP 200 without XML") from None
    if identity is None:
        raise Broken(Cause.NOT_WSMAN, "XML without an IdentifyResponse")

    def text_of(name: str) -> str | None:
        return (identity.findtext(f"{{{_IDENTITY}}}{name}") or "").strip() or None

    return text_of("ProductVendor"), text_of("ProductVersion"), text_of("ProtocolVersion")


def _auth_methods(answer: _Answer) -> tuple[str, ...] | None:
    """The schemes of a 401, in the order in which they are offered."""
    if answer.status != 401:
        return None
    challenges = (_QUOTED.sub("", challenge) for challenge in answer.challenges)
    return tuple(dict.fromkeys(scheme for challenge in challenges for scheme in _CHALLENGE.findall(challenge)))
