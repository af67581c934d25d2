# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote Desktop as far as a probe can see it: X.224 negotiation and the TLS handshake (MS-RDPBCGR section 2.2.1)."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass

from .machine import Machine

TPKT_VERSION = 3
CONNECTION_REQUEST = 0xE0
CONNECTION_CONFIRM = 0xD0
NEGOTIATION_REQUEST = 1
NEGOTIATION_RESPONSE = 2
NEGOTIATION_FAILURE = 3
PROTOCOL_RDP = 0
PROTOCOL_SSL = 1
PROTOCOL_HYBRID = 2
HYBRID_REQUIRED_BY_SERVER = 5
RESPONSE_FLAGS = 0x1F  # what a current Windows Server says it can do
LARGEST_REQUEST = 1024
PATIENCE = 30.0  # seconds a client has for each step


@dataclass(frozen=True, kw_only=True)
class Negotiation:
    """What the server answers: the 19 bytes, and whether TLS follows."""

    confirm: bytes
    tls: bool


async def serve(machine: Machine, connection: socket.socket) -> None:
    """Serve an accepted socket: negotiate, do the handshake, and wait until the client leaves.

    Nobody can sign in: CredSSP and everything after it is not modelled.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(PATIENCE):
            request = await _read_packet(loop, connection)
            if request is None:
                return
            negotiation = negotiate(request, network_level=machine.rdp.network_level_authentication)
            if negotiation is None:
                return
            await loop.sock_sendall(connection, negotiation.confirm)
        if negotiation.tls:
            certificate = await asyncio.to_thread(machine.rdp_certificate)
            reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(reader)
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=certificate.tls)
            try:
                async with asyncio.timeout(PATIENCE):
                    await reader.read(1)
            finally:
                transport.abort()
    except (OSError, TimeoutError):
        return  # the client left, was too slow, or does not trust the certificate


def negotiate(request: bytes, *, network_level: bool) -> Negotiation | None:
    """Answer a connection request (with its TPKT header); None when it is not one."""
    if len(request) < 11 or request[0] != TPKT_VERSION or request[5] & 0xF0 != CONNECTION_REQUEST:
        return None
    asked = _requested_protocols(request)
    if asked & PROTOCOL_HYBRID:
        return Negotiation(confirm=_confirm(NEGOTIATION_RESPONSE, PROTOCOL_HYBRID), tls=True)
    if network_level:
        return Negotiation(confirm=_confirm(NEGOTIATION_FAILURE, HYBRID_REQUIRED_BY_SERVER), tls=False)
    if asked & PROTOCOL_SSL:
        return Negotiation(confirm=_confirm(NEGOTIATION_RESPONSE, PROTOCOL_SSL), tls=True)
    return Negotiation(confirm=_confirm(NEGOTIATION_RESPONSE, PROTOCOL_RDP), tls=False)


def _requested_protocols(request: bytes) -> int:
    """The protocols of the negotiation request at the end of the packet; 0, plain RDP, when there is none."""
    kind, _flags, length, protocols = struct.unpack("<BBHI", request[-8:])
    return int(protocols) if kind == NEGOTIATION_REQUEST and length == 8 else PROTOCOL_RDP


def _confirm(kind: int, value: int) -> bytes:
    flags = RESPONSE_FLAGS if kind == NEGOTIATION_RESPONSE else 0
    negotiation = struct.pack("<BBHI", kind, flags, 8, value)
    x224 = struct.pack(">BBHHB", 6 + len(negotiation), CONNECTION_CONFIRM, 0, 0x1234, 0) + negotiation
    return struct.pack(">BBH", TPKT_VERSION, 0, 4 + len(x224)) + x224


async def _read_packet(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> bytes | None:
    """One TPKT packet; None when the client leaves or says something else."""
    packet = b""
    wanted = 4
    while len(packet) < wanted:
        data = await loop.sock_recv(connection, wanted - len(packet))
        if not data:
            return None
        packet += data
        if len(packet) == 4:
            version, _, wanted = struct.unpack(">BBH", packet)
            if version != TPKT_VERSION or not 4 < wanted <= LARGEST_REQUEST:
                return None
    return packet
