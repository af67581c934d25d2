# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's side of CredSSP with NTLM for the machine's own accounts, and the NTSTATUS code of each refusal."""

from __future__ import annotations

import asyncio
import hashlib
import struct

import spnego
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from spnego._credssp_structures import NegoData, TSRequest
from spnego.exceptions import NegotiateOptions, SpnegoError

from ..certificates import InstalledCertificate
from ..machine import AccountTrouble, Machine
from ..nt_hash import nt_hash
from ..ntlm import account, accounts, client_name
from .ntlm_session import NtlmSession, verify

VERSION = 6
FIRST_WITH_NONCE = 5
LARGEST_MESSAGE = 65536
STATUS_LOGON_FAILURE = 0xC000006D
STATUS_ACCOUNT_DISABLED = 0xC0000072
STATUS_OF_TROUBLE: dict[AccountTrouble, int] = {
    "locked_out": 0xC0000234,
    "expired": 0xC0000193,
    "password_expired": 0xC0000071,
    "must_change": 0xC0000224,
}


class CredSsp:
    """One sign-in, message by message (MS-CSSP section 3.1.5). `over` when the client has nothing more to say."""

    def __init__(self, machine: Machine, certificate: InstalledCertificate) -> None:
        self._machine = machine
        self._key = _public_key(certificate)
        self._challenge = b""
        self._accepted = False
        self.over = False

    def step(self, message: bytes) -> bytes:
        """The answer to a message, empty for the last one. Raises ValueError for what is no CredSSP."""
        if self._accepted:
            # The password, for a desktop that this machine does not have: it is not even looked at.
            self.over = True
            return b""
        try:
            request = TSRequest.unpack(message)
            if not request.nego_tokens:
                raise ValueError("no token")
            token = request.nego_tokens[0].nego_token
            answer = self._judge(request, token) if self._challenge else self._ask(token)
        except (SpnegoError, struct.error, IndexError, KeyError) as error:
            # Such as a token wrapped in SPNEGO, which Windows would take; no client here sends one.
            raise ValueError("no CredSSP with NTLM") from error
        return answer.pack()

    def _ask(self, token: bytes) -> TSRequest:
        with accounts(self._machine):
            ntlm = spnego.server(protocol="ntlm", options=NegotiateOptions.use_ntlm)
            challenge = ntlm.step(token) or b""
        self._challenge = challenge[24:32]  # MS-NLMP section 2.2.1.2
        return TSRequest(VERSION, nego_tokens=NegoData(challenge))

    def _judge(self, request: TSRequest, token: bytes) -> TSRequest:
        session = self._session(token)
        if isinstance(session, int):
            self.over = True
            # As Windows writes it, in four bytes: a negative number.
            return TSRequest(VERSION, error_code=session - (1 << 32))
        nonce = request.client_nonce if request.version >= FIRST_WITH_NONCE else None
        if session.unwrap(request.pub_key_auth or b"") != _proof(self._key, nonce, "Client-To-Server"):
            raise ValueError("the client talks to another server")
        self._accepted = True
        return TSRequest(VERSION, pub_key_auth=session.wrap(_proof(self._key, nonce, "Server-To-Client")))

    def _session(self, token: bytes) -> NtlmSession | int:
        """The session of an account that may sign in, or the NTSTATUS code of a refusal.

        Unknown names and wrong passwords get the same one. A lock-out is told to everybody, other troubles only to who
        knows the password (unverified).
        """
        user = account(self._machine, client_name(token))
        if user is None or not user.password:
            return STATUS_LOGON_FAILURE
        if user.trouble == "locked_out":
            return STATUS_OF_TROUBLE["locked_out"]
        session = verify(token, server_challenge=self._challenge, nt_hash=nt_hash(user.password))
        if session is None:
            self._machine.sign_in_failed(user.name)
            return STATUS_LOGON_FAILURE
        if not user.enabled:
            return STATUS_ACCOUNT_DISABLED
        if user.trouble != "none":
            return STATUS_OF_TROUBLE[user.trouble]
        self._machine.sign_in_succeeded(user)
        return session


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """One message in DER. Raises ValueError for something else, asyncio.IncompleteReadError when the client left."""
    head = await reader.readexactly(2)
    length = head[1]
    if length & 0x80:
        size = await reader.readexactly(length & 0x7F)
        head += size
        length = int.from_bytes(size, "big")
    if head[0] != 0x30 or length > LARGEST_MESSAGE:
        raise ValueError("no TSRequest")
    return head + await reader.readexactly(length)


def _public_key(certificate: InstalledCertificate) -> bytes:
    """The subjectPublicKey of the certificate."""
    key = certificate.certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _proof(key: bytes, nonce: bytes | None, direction: str) -> bytes:
    if nonce is not None:
        return hashlib.sha256(f"CredSSP {direction} Binding Hash\0".encode() + nonce + key).digest()
    return key if direction == "Client-To-Server" else bytes([key[0] + 1]) + key[1:]
