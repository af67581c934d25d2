# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The RDP port: negotiation by what a client asks for, then TLS with the machine's own certificate."""

from __future__ import annotations

import socket
import ssl
import struct

import pytest
from cryptography import x509

from local_azure.guest.machine import Machine
from local_azure.guest.rdp.state import SecurityLayer

from .conftest import Site


def request(protocols: int | None, cookie: bytes = b"") -> bytes:
    body = cookie + (struct.pack("<BBHI", 1, 0, 8, protocols) if protocols is not None else b"")
    x224 = struct.pack(">BBHHB", 6 + len(body), 0xE0, 0, 0, 0) + body
    return struct.pack(">BBH", 3, 0, 4 + len(x224)) + x224


def ask(site: Site, packet: bytes) -> bytes:
    with socket.create_connection((site.address, 3389), timeout=5) as connection:
        connection.sendall(packet)
        return connection.recv(64)


@pytest.mark.parametrize(
    ("asked", "nla", "layer", "outcome"),
    [
        (11, True, "negotiate", (2, 8)),
        (3, True, "negotiate", (2, 2)),
        (2, True, "negotiate", (2, 2)),
        (1, True, "negotiate", (3, 5)),
        (0, True, "negotiate", (3, 5)),
        (None, True, "negotiate", (3, 5)),
        (16, True, "negotiate", (3, 5)),
        (11, False, "negotiate", (2, 8)),
        (1, False, "negotiate", (2, 1)),
        (0, False, "negotiate", (2, 0)),
        (1, False, "tls", (2, 1)),
        (0, False, "tls", (3, 1)),
        (None, False, "tls", (3, 1)),
        (11, False, "rdp", (3, 2)),
        (0, False, "rdp", (2, 0)),
    ],
)
def test_negotiation(site: Site, asked: int | None, nla: bool, layer: SecurityLayer, outcome: tuple[int, int]) -> None:
    def set_up(machine: Machine) -> None:
        machine.rdp.network_level_authentication = nla
        machine.rdp.security_layer = layer

    site.change(set_up)

    answer = ask(site, request(asked, b"Cookie: mstshash=me\r\n"))

    assert len(answer) == 19
    assert (answer[0], answer[5]) == (3, 0xD0)
    assert struct.unpack("<BBHI", answer[-8:])[0::3] == outcome


def test_who_asks_nothing_gets_no_negotiation(site: Site) -> None:
    site.change(lambda machine: setattr(machine.rdp, "network_level_authentication", False))

    answer = ask(site, request(None))

    assert (len(answer), answer[5]) == (11, 0xD0)


@pytest.mark.parametrize(
    "packet", [b"GET / HTTP/1.1\r\n\r\n", b"\x03\x00\xff\xff", b"\x03\x00\x00\x08\x03\xf0\x80\x00"]
)
def test_what_is_no_connection_request_is_hung_up_on(site: Site, packet: bytes) -> None:
    try:
        answer = ask(site, packet)
    except ConnectionResetError:
        answer = b""

    assert answer == b""


def test_tls_follows_with_the_certificate_windows_made(site: Site) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    seen = []
    for _connection in range(2):
        with socket.create_connection((site.address, 3389), timeout=10) as connection:
            connection.sendall(request(3))
            assert connection.recv(19)[-4:] == b"\x02\x00\x00\x00"
            with context.wrap_socket(connection) as secure:
                der = secure.getpeercert(binary_form=True)
        assert der is not None
        seen.append(x509.load_der_x509_certificate(der))

    assert seen[0] == seen[1]
    assert seen[0].subject.rfc4514_string() == "CN=win1"
    assert seen[0].subject == seen[0].issuer
