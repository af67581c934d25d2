# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The RDP port: negotiation by what a client asks for, TLS with the machine's own certificate, CredSSP."""

from __future__ import annotations

import socket
import ssl
import struct

import pytest
import spnego
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from spnego._credssp_structures import NegoData, TSRequest
from spnego.exceptions import NegotiateOptions

from local_azure.guest.machine import Machine
from local_azure.guest.rdp.state import SecurityLayer

from .conftest import PASSWORD, Site, make_machine


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


def secured(site: Site) -> ssl.SSLSocket:
    """A connection on which CredSSP comes next."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = socket.create_connection((site.address, 3389), timeout=10)
    connection.sendall(request(3))
    assert connection.recv(19)[-4:] == b"\x02\x00\x00\x00"
    return context.wrap_socket(connection)


def test_a_sign_in_and_a_password_that_is_not_looked_at(site: Site) -> None:
    with secured(site) as connection:
        der = connection.getpeercert(binary_form=True)
        assert der is not None
        key = x509.load_der_x509_certificate(der).public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
        ntlm = spnego.client("azureuser", PASSWORD, protocol="ntlm", options=NegotiateOptions.use_ntlm)
        challenge = exchange(connection, TSRequest(4, nego_tokens=NegoData(ntlm.step() or b"")))
        assert challenge.nego_tokens is not None
        token = ntlm.step(challenge.nego_tokens[0].nego_token)
        proof = ntlm.wrap(key).data
        accepted = exchange(connection, TSRequest(4, nego_tokens=NegoData(token or b""), pub_key_auth=proof))
        assert accepted.error_code is None
        assert ntlm.unwrap(accepted.pub_key_auth or b"").data == bytes([key[0] + 1]) + key[1:]
        connection.sendall(TSRequest(4, auth_info=b"never read").pack())
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def exchange(connection: ssl.SSLSocket, message: TSRequest) -> TSRequest:
    connection.sendall(message.pack())
    return TSRequest.unpack(connection.recv(65536))


@pytest.mark.parametrize(
    "message", [b"GET / HTTP/1.1\r\n\r\n", b"\x30\x84\xff\xff\xff\xff", b"\x30\x05\xa0\x03\x02\x01\x06"]
)
def test_what_is_no_credssp_is_hung_up_on(site: Site, message: bytes) -> None:
    with secured(site) as connection:
        connection.sendall(message)
        try:
            answer = connection.recv(64)
        except ConnectionResetError:
            answer = b""

    assert answer == b""


def test_ten_wrong_passwords_lock_an_account() -> None:
    machine = make_machine()
    for _try in range(9):
        machine.sign_in_failed("AzureUser")
    user = machine.user("azureuser")
    assert user is not None
    assert user.may_sign_in
    machine.sign_in_succeeded(user)
    for _try in range(10):
        machine.sign_in_failed("azureuser")
    locked = machine.user("azureuser")
    assert locked is not None
    assert (locked.trouble, locked.may_sign_in) == ("locked_out", False)
