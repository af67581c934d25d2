# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CredSSP up to the point where a password would be handed over (MS-CSSP), and what refusals mean (MS-ERREF)."""

from __future__ import annotations

import hashlib
import types
import typing as t
from dataclasses import dataclass

from .probe_causes import Cause

if t.TYPE_CHECKING:
    from collections.abc import Mapping

OWN_VERSION = 6
"""Of CredSSP; both sides go by the lower one of theirs."""
_FIRST_WITH_NONCE = 5
_LONGEST = 65536

_SEQUENCE, _OCTETS, _BITS, _INTEGER = 0x30, 0x04, 0x03, 0x02
_VERSION, _TOKENS, _PROOF, _ERROR, _NONCE = 0xA0, 0xA1, 0xA3, 0xA4, 0xA5


@dataclass(frozen=True, kw_only=True)
class TsRequest:
    """The message of both sides (MS-CSSP, section 2.2.1). What hands over credentials, ``authInfo``, is not in it.

    ``proof`` is ``pubKeyAuth``, encrypted; ``error`` is an NTSTATUS code.
    """

    version: int
    token: bytes | None = None
    proof: bytes | None = None
    error: int | None = None
    nonce: bytes | None = None

    def encode(self) -> bytes:
        """In DER."""
        fields = _tagged(_VERSION, _INTEGER, bytes([self.version]))
        if self.token is not None:
            fields += _value(_TOKENS, _value(_SEQUENCE, _value(_SEQUENCE, _tagged(0xA0, _OCTETS, self.token))))
        if self.proof is not None:
            fields += _tagged(_PROOF, _OCTETS, self.proof)
        if self.nonce is not None:
            fields += _tagged(_NONCE, _OCTETS, self.nonce)
        return _value(_SEQUENCE, fields)

    @classmethod
    def decode(cls, message: bytes) -> TsRequest:
        """Raises ValueError when it is none."""
        content, _rest = _read(message, _SEQUENCE)
        fields: dict[int, bytes] = {}
        while content:
            tag = content[0]
            fields[tag], content = _read(content, tag)
        token = None
        if _TOKENS in fields:
            every, _rest = _read(fields[_TOKENS], _SEQUENCE)
            first, _others = _read(every, _SEQUENCE)
            token = _inner(_inner(first, 0xA0), _OCTETS)
        error = int.from_bytes(_inner(fields[_ERROR], _INTEGER), "big") & 0xFFFFFFFF if _ERROR in fields else None
        if _VERSION not in fields:
            raise ValueError("no version")
        return cls(
            version=int.from_bytes(_inner(fields[_VERSION], _INTEGER), "big"),
            token=token,
            proof=_inner(fields[_PROOF], _OCTETS) if _PROOF in fields else None,
            error=error,
            nonce=_inner(fields[_NONCE], _OCTETS) if _NONCE in fields else None,
        )


def missing(received: bytes) -> int:
    """How many more bytes a message needs at least; raises ValueError when these can't become one."""
    if received and received[0] != _SEQUENCE:
        raise ValueError(f"it begins with 0x{received[0]:02X}")
    if len(received) < 2:
        return 2 - len(received)
    following = received[1] & 0x7F if received[1] & 0x80 else 0
    header = 2 + following
    if len(received) < header:
        return header - len(received)
    length = int.from_bytes(received[2:header], "big") if following else received[1]
    if length > _LONGEST:
        raise ValueError(f"a message of {length} bytes")
    return header + length - len(received)


def wants_nonce(version: int) -> bool:
    """Whether the proofs of this version of CredSSP are made with a nonce, which the client chooses."""
    return version >= _FIRST_WITH_NONCE


def public_key(subject_public_key_info: bytes) -> bytes:
    """What a certificate has as ``subjectPublicKey``, which the proofs are about."""
    info, _rest = _read(subject_public_key_info, _SEQUENCE)
    _algorithm, bits = _read(info, _SEQUENCE)
    return _inner(bits, _BITS)[1:]  # the first byte counts unused bits


def client_proof(key: bytes, nonce: bytes | None) -> bytes:
    """What the client shows that it has seen: the server's public key (MS-CSSP, section 3.1.5)."""
    return key if nonce is None else _hash(b"CredSSP Client-To-Server Binding Hash\0", nonce, key)


def server_proof(key: bytes, nonce: bytes | None) -> bytes:
    """What only a server can say that shares the session key with the client."""
    if nonce is None:
        return bytes([(key[0] + 1) & 0xFF]) + key[1:]
    return _hash(b"CredSSP Server-To-Client Binding Hash\0", nonce, key)


def _hash(magic: bytes, nonce: bytes, key: bytes) -> bytes:
    return hashlib.sha256(magic + nonce + key).digest()


def _value(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def _tagged(tag: int, kind: int, content: bytes) -> bytes:
    return _value(tag, _value(kind, content))


def _read(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Content of the first value, and what follows it."""
    if len(data) < 2 or data[0] != tag:
        raise ValueError(f"no value with the tag 0x{tag:02X}")
    start, length = 2, data[1]
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        raise ValueError("a value is cut off")
    return data[start : start + length], data[start + length :]


def _inner(data: bytes, tag: int) -> bytes:
    content, _rest = _read(data, tag)
    return content


class Status(t.NamedTuple):
    """One NTSTATUS code: Microsoft's name for it, and what it means for the probe."""

    name: str
    cause: Cause


_STATUSES: Mapping[int, Status] = types.MappingProxyType(
    {
        0x8009030C: Status("SEC_E_LOGON_DENIED", Cause.CREDENTIALS_REJECTED),
        0xC000005E: Status("STATUS_NO_LOGON_SERVERS", Cause.NO_LOGON_SERVERS),
        0xC0000064: Status("STATUS_NO_SUCH_USER", Cause.NO_SUCH_USER),
        0xC000006A: Status("STATUS_WRONG_PASSWORD", Cause.CREDENTIALS_REJECTED),
        0xC000006D: Status("STATUS_LOGON_FAILURE", Cause.CREDENTIALS_REJECTED),
        0xC000006E: Status("STATUS_ACCOUNT_RESTRICTION", Cause.ACCOUNT_RESTRICTED),
        0xC000006F: Status("STATUS_INVALID_LOGON_HOURS", Cause.OUTSIDE_LOGON_HOURS),
        0xC0000070: Status("STATUS_INVALID_WORKSTATION", Cause.WORKSTATION_NOT_ALLOWED),
        0xC0000071: Status("STATUS_PASSWORD_EXPIRED", Cause.PASSWORD_EXPIRED),
        0xC0000072: Status("STATUS_ACCOUNT_DISABLED", Cause.ACCOUNT_DISABLED),
        0xC000015B: Status("STATUS_LOGON_TYPE_NOT_GRANTED", Cause.LOGON_TYPE_NOT_GRANTED),
        0xC0000193: Status("STATUS_ACCOUNT_EXPIRED", Cause.ACCOUNT_EXPIRED),
        0xC0000224: Status("STATUS_PASSWORD_MUST_CHANGE", Cause.PASSWORD_MUST_CHANGE),
        0xC0000234: Status("STATUS_ACCOUNT_LOCKED_OUT", Cause.ACCOUNT_LOCKED_OUT),
        0xC0000418: Status("STATUS_NTLM_BLOCKED", Cause.NTLM_BLOCKED),
    }
)


def status(code: int) -> Status:
    """Of a server that refuses."""
    return _STATUSES.get(code) or Status("unknown", Cause.AUTHENTICATION_REFUSED)
