# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's half of NTLM (MS-NLMP sections 3.2.5.1.2 and 3.4) on the pieces that pyspnego is made of.

Its own acceptor refuses what FreeRDP's client sends: it compares a response with one that it puts together anew,
instead of taking the client's bytes as they are (pyspnego 0.12).
"""

from __future__ import annotations

import hmac

from spnego._ntlm_raw.crypto import hmac_md5, ntowfv2, rc4init, rc4k, sealkey, signkey
from spnego._ntlm_raw.messages import Authenticate, NegotiateFlags
from spnego._ntlm_raw.security import seal, sign

PROOF = 16  # bytes at the beginning of an NTLMv2 response; one of the older NTLM has 24 in all
OLD_RESPONSE = 24
SIGNATURE = 16


def verify(message: bytes, *, server_challenge: bytes, nt_hash: bytes) -> NtlmSession | None:
    """What an AUTHENTICATE message begins; None when it was not made with this password by NTLMv2."""
    given = Authenticate.unpack(message)
    response = given.nt_challenge_response or b""
    key = ntowfv2(given.user_name or "", nt_hash, given.domain_name)
    proof = hmac_md5(key, server_challenge + response[PROOF:])
    if len(response) <= OLD_RESPONSE or not hmac.compare_digest(proof, response[:PROOF]):
        return None
    session_key = hmac_md5(key, proof)
    if given.flags & NegotiateFlags.key_exch:
        session_key = rc4k(session_key, given.encrypted_random_session_key or b"")
    return NtlmSession(given.flags, session_key)


class NtlmSession:
    """Seals one message and opens one: CredSSP has no more of them here."""

    def __init__(self, flags: int, key: bytes) -> None:
        self._flags = flags
        self._out = rc4init(sealkey(flags, key, "accept")), signkey(flags, key, "accept")
        self._in = rc4init(sealkey(flags, key, "initiate")), signkey(flags, key, "initiate")

    def wrap(self, data: bytes) -> bytes:
        sealed, signature = seal(self._flags, *self._out, 0, data)
        return signature + sealed

    def unwrap(self, data: bytes) -> bytes:
        """Raises ValueError when it was not sealed with the key of this session."""
        handle, key = self._in
        opened = handle.update(data[SIGNATURE:])
        if not hmac.compare_digest(sign(self._flags, handle, key, 0, opened), data[:SIGNATURE]):
            raise ValueError("not sealed by this client")
        return opened
