# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CredSSP acceptors behind TLS, good and bad ones. Messages and NTLM are those of pyspnego."""

from __future__ import annotations

import hashlib
import typing as t

import spnego
from cryptography.hazmat.primitives import serialization
from spnego._credssp_structures import NegoData, TSRequest
from spnego.exceptions import SpnegoError

if t.TYPE_CHECKING:
    import socket

    from ansible_collections.azvm.access.tests.unit.probe.identities import Identity
    from ansible_collections.azvm.access.tests.unit.probe.servers import Behaviour

LOGON_FAILURE = 0xC000006D
LARGEST = 65536


def ask(connection: socket.socket, answer: TSRequest) -> TSRequest | None:
    """Send, and receive the next message; None when the client has gone."""
    connection.sendall(answer.pack())
    return receive(connection)


def receive(connection: socket.socket) -> TSRequest | None:
    data = connection.recv(LARGEST)
    return TSRequest.unpack(data) if data else None


def public_key(identity: Identity) -> bytes:
    """The subjectPublicKey of an elliptic curve: its point."""
    return identity.certificate.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def proof(key: bytes, nonce: bytes | None, direction: str) -> bytes:
    if nonce is not None:
        return hashlib.sha256(f"CredSSP {direction} Binding Hash\0".encode() + nonce + key).digest()
    return key if direction == "Client-To-Server" else bytes([key[0] + 1]) + key[1:]


class Acceptor:
    """Accepts the accounts of ``NTLM_USER_FILE``.

    ``status`` is the NTSTATUS code it answers to everybody. ``own_key`` is the key that its proof is about, the one of
    its certificate if that is left out. ``signed`` writes codes as Windows does: four bytes with the highest bit set,
    which is a negative number. ``received`` is what came after the first message.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        version: int = 6,
        status: int = 0,
        own_key: bytes | None = None,
        signed: bool = True,
    ) -> None:
        self._version = version
        self._status = status
        self._key = public_key(identity)
        self._own_key = own_key or self._key
        self._signed = signed
        self.received: list[TSRequest | None] = []

    def __call__(self, connection: socket.socket) -> None:
        ntlm = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        hello = receive(connection)
        if hello is None:
            return
        assert hello.nego_tokens is not None
        challenge = ntlm.step(hello.nego_tokens[0].nego_token)
        assert challenge is not None
        answer = ask(connection, TSRequest(self._version, nego_tokens=NegoData(challenge)))
        self.received.append(answer)
        if answer is None:
            return
        self.received.append(ask(connection, self._judge(ntlm, answer)))

    def _judge(self, ntlm: spnego.ContextProxy, answer: TSRequest) -> TSRequest:
        assert answer.nego_tokens is not None
        assert answer.pub_key_auth is not None
        try:
            ntlm.step(answer.nego_tokens[0].nego_token)
        except SpnegoError:
            return self._refusal(LOGON_FAILURE)
        seen = ntlm.unwrap(answer.pub_key_auth).data
        assert seen == proof(self._key, answer.client_nonce, "Client-To-Server")
        if self._status:
            return self._refusal(self._status)
        own = proof(self._own_key, answer.client_nonce, "Server-To-Client")
        return TSRequest(self._version, pub_key_auth=ntlm.wrap(own).data)

    def _refusal(self, code: int) -> TSRequest:
        return TSRequest(self._version, error_code=code - (1 << 32) if self._signed else code)


def after_the_hello(then: Behaviour) -> Behaviour:
    """Reads the first message and goes on with something that is no CredSSP."""

    def behave(connection: socket.socket) -> None:
        if connection.recv(LARGEST):
            then(connection)

    return behave


def after_the_answer(then: Behaviour) -> Behaviour:
    """Goes on with something else when the credentials are there."""

    def behave(connection: socket.socket) -> None:
        ntlm = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        hello = receive(connection)
        if hello is None:
            return
        assert hello.nego_tokens is not None
        connection.sendall(TSRequest(6, nego_tokens=NegoData(ntlm.step(hello.nego_tokens[0].nego_token) or b"")).pack())
        connection.recv(LARGEST)
        then(connection)

    return behave
