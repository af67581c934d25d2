# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NT hash of a password: MD4 (RFC 1320) of its UTF-16 form, which OpenSSL no longer offers."""

from __future__ import annotations

import struct

_MASK = 0xFFFFFFFF
_ORDER_2 = (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
_ORDER_3 = (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)


def nt_hash(password: str) -> bytes:
    """16 bytes: what Windows keeps instead of the password, and NTLM computes with (MS-NLMP section 3.3.1)."""
    return md4(password.encode("utf-16-le"))


def md4(message: bytes) -> bytes:
    """The digest of RFC 1320; only for NTLM, it protects nothing."""
    padding = b"\x80" + b"\x00" * ((55 - len(message)) % 64)
    padded = message + padding + struct.pack("<Q", 8 * len(message))
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    for start in range(0, len(padded), 64):
        state = _block(state, struct.unpack("<16I", padded[start : start + 64]))
    return struct.pack("<4I", *state)


def _block(state: list[int], words: tuple[int, ...]) -> list[int]:
    a, b, c, d = state
    for step in range(48):
        turn, index = divmod(step, 16)
        if turn == 0:
            mixed, word, shift = (b & c) | (~b & d), words[index], (3, 7, 11, 19)[index % 4]
        elif turn == 1:
            mixed = ((b & c) | (b & d) | (c & d)) + 0x5A827999
            word, shift = words[_ORDER_2[index]], (3, 5, 9, 13)[index % 4]
        else:
            mixed, word, shift = (b ^ c ^ d) + 0x6ED9EBA1, words[_ORDER_3[index]], (3, 9, 11, 15)[index % 4]
        total = (a + mixed + word) & _MASK
        a, b, c, d = d, ((total << shift) | (total >> (32 - shift))) & _MASK, b, c
    return [(old + new) & _MASK for old, new in zip(state, (a, b, c, d), strict=True)]
