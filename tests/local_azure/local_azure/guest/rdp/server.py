# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Remote Desktop port on a real socket: X.224 negotiation, TLS with the listener's certificate, then CredSSP."""

from __future__ import annotations

import asyncio
import socket
import struct

from ..machine import Machine
from .credssp import CredSsp, read_message
from .negotiation import TPKT_VERSION, Negotiation, negotiate

LARGEST_REQUEST = 1024
PATIENCE = 30.0  # seconds a client has for each step


async def serve(machine: Machine, connection: socket.socket) -> None:
    """Serve an accepted socket: negotiate, do the handshake, check credentials, and wait until the client leaves.

    Nobody gets a desktop: what follows the sign-in is not modelled.
    """
    loop = asyncio.get_running_loop()
    try:
        if machine.rdp.trouble == "hangs":
            while await loop.sock_recv(connection, LARGEST_REQUEST):
                pass
            return
        async with asyncio.timeout(PATIENCE):
            request = await _read_packet(loop, connection)
            if request is None or machine.rdp.trouble == "drops":
                return
            negotiation = negotiate(request, machine.rdp, has_certificate=machine.has_rdp_certificate)
            if negotiation is None:
                return
            await loop.sock_sendall(connection, negotiation.confirm)
        if negotiation.tls:
            await _secure(machine, connection, negotiation)
    except (OSError, TimeoutError):
        return  # the client left, was too slow, or does not trust the certificate


async def _secure(machine: Machine, connection: socket.socket, negotiation: Negotiation) -> None:
    loop = asyncio.get_running_loop()
    # Making a key takes a moment.
    certificate = await asyncio.to_thread(machine.rdp_certificate)
    if certificate is None or not machine.rdp_key_usable:
        # Windows closes the connection when it can't use the key.
        async with asyncio.timeout(PATIENCE):
            await loop.sock_recv(connection, LARGEST_REQUEST)
        return
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _protocol = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=certificate.tls)
    try:
        async with asyncio.timeout(PATIENCE):
            if negotiation.credssp:
                sign_in = CredSsp(machine, certificate)
                while not sign_in.over:
                    transport.write(sign_in.step(await read_message(reader)))
            await reader.read(1)
    except (asyncio.IncompleteReadError, ValueError):
        return  # the client left, or does not speak CredSSP
    finally:
        transport.abort()


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
            version, _reserved, wanted = struct.unpack(">BBH", packet)
            if version != TPKT_VERSION or not 4 < wanted <= LARGEST_REQUEST:
                return None
    return packet
