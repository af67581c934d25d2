# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a Remote Desktop server accepts credentials: CredSSP with NTLM, ended before the password is handed over."""

from __future__ import annotations

import functools
import os
import struct
import time
import typing as t

from .._domain.libraries import needs
from .._domain.probe_causes import Cause
from .._domain.probe_credssp import (
    OWN_VERSION,
    TsRequest,
    client_proof,
    missing,
    public_key,
    server_proof,
    status,
    wants_nonce,
)
from .._domain.probe_observations import Authentication
from .channel import Broken, Silence

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from spnego import ContextProxy

    from .channel import Channel


class SignIn:
    """One attempt, for one use: each wrong one counts towards a lock-out.

    Raises MissingLibrary without pyspnego.
    """

    def __init__(self, *, username: str, password: str) -> None:
        with needs("pyspnego"):
            import spnego
        # Bare NTLM is what every server takes: FreeRDP's does not know it wrapped in SPNEGO.
        self._client = functools.partial(
            spnego.client, username, password, protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm
        )
        self._username = username
        self._sent = False
        self._version: int | None = None
        self._status: int | None = None

    def run(self, connect: Callable[[], Channel], *, host: str) -> Authentication:
        """``connect`` opens a TLS connection on which CredSSP was negotiated, and raises Broken.

        ``host`` is what the server is called.
        """
        started = time.monotonic()
        broken = None
        try:
            with connect() as channel:
                self._exchange(channel, self._client(hostname=host, service="TERMSRV"))
        except Broken as error:
            broken = error.why
        return Authentication(
            seconds=time.monotonic() - started,
            sent=self._sent,
            version=self._version,
            status=self._status,
            broken=broken,
        )

    def _exchange(self, channel: Channel, ntlm: ContextProxy) -> None:
        """Raises Broken unless the server accepts, and proves that it has the key of its certificate."""
        from spnego.exceptions import SpnegoError

        key = _public_key(channel.peer_certificate)
        try:
            challenge = self._ask(channel, TsRequest(version=OWN_VERSION, token=ntlm.step()))
            self._version = min(OWN_VERSION, challenge.version)
            nonce = os.urandom(32) if wants_nonce(self._version) else None
            token = ntlm.step(challenge.token)
            proof = ntlm.wrap(client_proof(key, nonce)).data
            self._sent = True
            answer = self._ask(channel, TsRequest(version=OWN_VERSION, token=token, proof=proof, nonce=nonce))
            if answer.proof is None:
                raise Broken(Cause.SERVER_NOT_PROVEN, "without pubKeyAuth")
            shown = ntlm.unwrap(answer.proof).data
        except (SpnegoError, ValueError, struct.error, IndexError, KeyError) as error:
            # pyspnego reports a damaged token as any of these.
            cause = Cause.SERVER_NOT_PROVEN if self._sent else Cause.AUTHENTICATION_UNEXPECTED
            raise Broken(cause, f"NTLM: {type(error).__name__}") from None
        if shown != server_proof(key, nonce):
            raise Broken(Cause.SERVER_NOT_PROVEN, "pubKeyAuth is about another key")

    def _ask(self, channel: Channel, request: TsRequest) -> TsRequest:
        received = b""
        try:
            channel.send(request.encode())
            while (more := missing(received)) > 0:
                data = channel.receive(more)
                if not data:
                    raise Broken(Cause.AUTHENTICATION_CLOSED, self._username)
                received += data
            answer = TsRequest.decode(received)
        except Silence:
            waited = f"{self._username}; waited {channel.deadline.seconds:.1f} seconds"
            raise Broken(Cause.AUTHENTICATION_SILENT, waited) from None
        except OSError as error:
            said = f"{self._username}; {error.strerror or error}"
            raise Broken(Cause.AUTHENTICATION_CLOSED, said) from None
        except ValueError as error:
            raise Broken(Cause.AUTHENTICATION_UNEXPECTED, str(error)) from None
        if answer.error:
            self._status = answer.error
            known = status(answer.error)
            raise Broken(known.cause, f"{self._username}; {known.name}, 0x{answer.error:08X}")
        return answer


def _public_key(certificate: bytes) -> bytes:
    with needs("cryptography"):
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    key = x509.load_der_x509_certificate(certificate).public_key()
    return public_key(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
