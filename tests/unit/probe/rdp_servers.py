# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What RDP servers on loopback answer to a connection request, good and bad ones."""

from __future__ import annotations

import socket
import struct
import typing as t

from ansible_collections.azvm.access.tests.unit.probe.servers import close

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.unit.probe.servers import Behaviour

RDP, SSL, HYBRID, RDSTLS, HYBRID_EX, RDSAAD = 0, 1, 2, 4, 8, 16
LEGACY = bytes.fromhex("0300000b06d00000123400")


def confirm(kind: int, value: int) -> bytes:
    """A connection confirm with a negotiation response (2) or failure (3)."""
    return bytes.fromhex("030000130ed00000123400") + struct.pack("<BBHI", kind, 0, 8, value)


def selects(protocol: int) -> bytes:
    return confirm(2, protocol)


def refuses(code: int) -> bytes:
    return confirm(3, code)


class Answer(t.Protocol):
    def __call__(self, asked: int, /) -> bytes: ...


def windows(*, nla: bool = True, tls_only: bool = True) -> Answer:
    """A current Windows Server."""

    def answer(asked: int) -> bytes:
        for protocol in (HYBRID_EX, HYBRID, RDSTLS):
            if asked & protocol:
                return selects(protocol)
        if nla:
            return refuses(5)
        if asked & SSL:
            return selects(SSL)
        return refuses(1) if tls_only else selects(RDP)

    return answer


def asked_of(request: bytes) -> int:
    """The protocols of a connection request that keeps to MS-RDPBCGR, section 2.2.1.1."""
    version, reserved, length = struct.unpack_from(">BBH", request)
    indicator, code, destination, source, options = struct.unpack_from(">BBHHB", request, 4)
    kind, flags, size, protocols = struct.unpack_from("<BBHI", request, 11)
    assert (version, reserved, length, indicator) == (3, 0, len(request), len(request) - 5)
    assert (code, destination, source, options, kind, flags, size) == (0xE0, 0, 0, 0, 1, 0, 8)
    return int(protocols)


def rdp(answer: Answer, then: Behaviour = close, requests: list[int] | None = None) -> Behaviour:
    """Negotiates as ``answer`` says, and goes on where something other than RDP's own security was selected."""

    def behave(connection: socket.socket) -> None:
        request = connection.recv(4096)
        if not request:
            return
        asked = asked_of(request)
        if requests is not None:
            requests.append(asked)
        confirmed = answer(asked)
        connection.sendall(confirmed)
        if confirmed[11:12] == b"\x02" and any(confirmed[15:]):
            then(connection)
        else:
            connection.shutdown(socket.SHUT_RDWR)

    return behave
