# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a Remote Desktop server wants connections secured: the X.224 negotiation. Credentials are never in it."""

from __future__ import annotations

import struct
import time
import typing as t

from .._domain.probe_causes import Cause
from .._domain.probe_rdp import OFFERED, Negotiation, Reply, SecurityProtocol, failure, further_questions
from .channel import Broken, printable, reconnect

if t.TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .._domain.deadline import Deadline
    from .resolve import Endpoint

    Offer: t.TypeAlias = tuple[SecurityProtocol, ...]

# MS-RDPBCGR, sections 2.2.1.1 and 2.2.1.2: a TPKT header (RFC 2126) around an X.224 PDU around the negotiation.
_TPKT = struct.Struct(">BBH")
_X224 = struct.Struct(">BBHHB")
_NEGOTIATION = struct.Struct("<BBHI")
_TPKT_VERSION = 3
_CONNECTION_REQUEST, _CONNECTION_CONFIRM = 0xE0, 0xD0
_REQUEST, _RESPONSE, _FAILURE = 1, 2, 3
_HEADERS = _TPKT.size + _X224.size
_LONGEST = 512
_CHUNK = 512


def probe_negotiation(endpoint: Endpoint, *, time_limit: Callable[[], Deadline]) -> Negotiation:
    """Offer what Microsoft's client offers, then ask over further connections what else the server takes.

    ``time_limit`` starts the clock: once for the first reply, and once for all further ones together.
    """
    started = time.monotonic()
    first = _ask(endpoint, OFFERED, time_limit())
    deadline = time_limit()
    others = tuple(_ask(endpoint, offer, deadline) for offer in further_questions(first))
    return Negotiation(seconds=time.monotonic() - started, first=first, others=others)


def ask_for_tls(connection: socket.socket, *, offer: Offer, deadline: Deadline) -> None:
    """Negotiate until TLS may begin on this connection; raises Broken."""
    reply = _negotiate(connection, offer, deadline)
    if reply.broken is not None:
        raise Broken(reply.broken.cause, reply.broken.detail)
    if reply.selected is SecurityProtocol.RDP:
        raise Broken(Cause.TLS_CLOSED, "this time, the server takes RDP's own security only")


def _ask(endpoint: Endpoint, offer: Offer, deadline: Deadline) -> Reply:
    try:
        connection = reconnect(endpoint, deadline, silent=Cause.NEGOTIATION_SILENT, closed=Cause.NEGOTIATION_CLOSED)
    except Broken as error:
        return Reply(offered=offer, broken=error.why)
    with connection:
        return _negotiate(connection, offer, deadline)


def _negotiate(connection: socket.socket, offer: Offer, deadline: Deadline) -> Reply:
    try:
        packet = _exchange(connection, _request(offer), deadline)
        return _read(packet, offer)
    except Broken as error:
        return Reply(offered=offer, broken=error.why)


def _request(offer: Offer) -> bytes:
    protocols = sum(offer)
    negotiation = _NEGOTIATION.pack(_REQUEST, 0, _NEGOTIATION.size, protocols)
    length = _HEADERS + len(negotiation)
    # The length indicator does not count itself.
    x224 = _X224.pack(length - _TPKT.size - 1, _CONNECTION_REQUEST, 0, 0, 0)
    return _TPKT.pack(_TPKT_VERSION, 0, length) + x224 + negotiation


def _exchange(connection: socket.socket, request: bytes, deadline: Deadline) -> bytes:
    """Send the request, and receive one packet; raises Broken."""
    received = b""
    try:
        connection.settimeout(max(deadline.remaining, 0.001))
        connection.sendall(request)
        while (missing := _missing(received)) > 0:
            connection.settimeout(max(deadline.remaining, 0.001))
            # Before the header is there, anything may come; after it, what follows the packet is left alone.
            data = connection.recv(_CHUNK if len(received) < _TPKT.size else missing)
            if not data:
                raise Broken(Cause.NEGOTIATION_CLOSED, f"closed after {len(received)} bytes")
            received += data
    except TimeoutError:
        raise Broken(Cause.NEGOTIATION_SILENT, f"waited {deadline.seconds:.1f} seconds") from None
    except OSError as error:
        raise Broken(Cause.NEGOTIATION_CLOSED, error.strerror or str(error)) from None
    return received


def _missing(received: bytes) -> int:
    """How many bytes the packet still lacks; raises Broken when it can't become one."""
    if received and received[0] != _TPKT_VERSION:
        raise Broken(Cause.NOT_RDP, f"it begins with {printable(received)!r}")
    if len(received) < _TPKT.size:
        return _TPKT.size - len(received)
    _version, _reserved, length = _TPKT.unpack_from(received)
    if not _HEADERS <= length <= _LONGEST:
        raise Broken(Cause.NEGOTIATION_UNEXPECTED, f"a packet of {length} bytes")
    return int(length) - len(received)


def _read(packet: bytes, offer: Offer) -> Reply:
    """Raises Broken."""
    _length, code, _destination, _source, _options = _X224.unpack_from(packet, _TPKT.size)
    if code & 0xF0 != _CONNECTION_CONFIRM:
        raise Broken(Cause.NEGOTIATION_UNEXPECTED, f"X.224 PDU 0x{code:02X}")
    if len(packet) == _HEADERS:
        return Reply(offered=offer, selected=SecurityProtocol.RDP, legacy=True)
    if len(packet) != _HEADERS + _NEGOTIATION.size:
        raise Broken(Cause.NEGOTIATION_UNEXPECTED, f"{len(packet)} bytes")
    kind, _flags, _size, value = _NEGOTIATION.unpack_from(packet, _HEADERS)
    if kind == _FAILURE:
        known = failure(value)
        broken = Broken(known.cause, f"failure code {value}, {known.name}").why
        return Reply(offered=offer, failure=value, broken=broken)
    if kind != _RESPONSE:
        raise Broken(Cause.NEGOTIATION_UNEXPECTED, f"negotiation structure of type {kind}")
    if value not in (SecurityProtocol.RDP, *offer):
        raise Broken(Cause.NEGOTIATION_UNEXPECTED, f"it selects protocol {value}, which was not offered")
    return Reply(offered=offer, selected=SecurityProtocol(value))
