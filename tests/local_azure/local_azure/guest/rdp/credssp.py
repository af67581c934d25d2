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
from ..machine import AccountTrouble, LocalUser, Machine
from ..ntlm import account, accounts, client_name

VERSION = 6
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
        self._ntlm: spnego.ContextProxy | None = None
        self.accepted = False
        self.over = False

    def step(self, message: bytes) -> bytes:
        """The answer to a message, empty for the last one. Raises ValueError for what is no CredSSP."""
        if self.accepted:
            # The password, for a desktop that this machine does not have: it is not even looked at.
            self.over = True
            return b""
        try:
            request = TSRequest.unpack(message)
        except (struct.error, IndexError, KeyError) as error:
            raise ValueError("no TSRequest") from error
        if not request.nego_tokens:
            raise ValueError("no token")
        token = request.nego_tokens[0].nego_token
        if self._ntlm is None:
            return TSRequest(VERSION, nego_tokens=NegoData(self._challenge(token))).pack()
        return self._judge(self._ntlm, request, token).pack()

    def _challenge(self, token: bytes) -> bytes:
        with accounts(self._machine):
            self._ntlm = spnego.server(protocol="ntlm", options=NegotiateOptions.use_ntlm)
            try:
                return self._ntlm.step(token) or b""
            except (SpnegoError, struct.error, IndexError, KeyError) as error:
                # Such as a token wrapped in SPNEGO, which Windows would take; no client here sends one.
                raise ValueError("no NTLM") from error

    def _judge(self, ntlm: spnego.ContextProxy, request: TSRequest, token: bytes) -> TSRequest:
        user = account(self._machine, client_name(token))
        status = self._status(ntlm, user, token)
        if status:
            self.over = True
            # As Windows writes it, in four bytes: a negative number.
            return TSRequest(VERSION, error_code=status - (1 << 32))
        nonce = request.client_nonce if request.version >= 5 else None
        try:
            shown = ntlm.unwrap(request.pub_key_auth or b"").data
        except SpnegoError as error:
            raise ValueError("no pubKeyAuth") from error
        if shown != _proof(self._key, nonce, "Client-To-Server"):
            raise ValueError("the client talks to another server")
        self.accepted = True
        return TSRequest(VERSION, pub_key_auth=ntlm.wrap(_proof(self._key, nonce, "Server-To-Client")).data)

    def _status(self, ntlm: spnego.ContextProxy, user: LocalUser | None, token: bytes) -> int:
        """0 for a sign-in that Windows lets pass.

        Unknown names and wrong passwords get the same answer. A lock-out is told to everybody, other troubles only to
        who knows the password (unverified).
        """
        if user is None:
            return STATUS_LOGON_FAILURE
        if user.trouble == "locked_out":
            return STATUS_OF_TROUBLE["locked_out"]
        with accounts(self._machine):
            try:
                ntlm.step(token)
            except (SpnegoError, ValueError, struct.error, IndexError, KeyError):
                self._machine.sign_in_failed(user.name)
                return STATUS_LOGON_FAILURE
        if not user.enabled:
            return STATUS_ACCOUNT_DISABLED
        if user.trouble != "none":
            return STATUS_OF_TROUBLE[user.trouble]
        self._machine.sign_in_succeeded(user)
        return 0


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
