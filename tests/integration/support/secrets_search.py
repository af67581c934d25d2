# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of a job, and a search for them in everything it left behind."""

from __future__ import annotations

import base64
import json
import re
import typing as t
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_WINDOW = 24
_TOKEN = re.compile(rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}")
_KEY_BLOCK = re.compile(rb"BEGIN (?:[A-Z]+ )?PRIVATE KEY")
_LONG_SEQUENCE = b"\x30\x82"
"""How a PFX begins, as everything in DER of that size."""
_LINE_ENDS = re.compile(rb"\\r|\\n|\s")


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """``needles`` are pieces of secrets by what they are, each long enough never to turn up by chance."""

    needles: dict[str, frozenset[bytes]] = field(repr=False)

    @classmethod
    def of(cls, *, words: t.Mapping[str, str], values: Iterable[str]) -> Secrets:
        """``words`` are passwords and such; ``values`` are secret values from a vault: passwords, PFX in JSON form."""
        needles: dict[str, set[bytes]] = {name: {word.encode()} for name, word in words.items()}
        for value in values:
            for name, found in _pieces(value).items():
                needles.setdefault(name, set()).update(found)
        return cls(needles={name: frozenset(found) for name, found in needles.items()})

    def __or__(self, other: Secrets) -> Secrets:
        """These and those."""
        names = {**self.needles, **other.needles}
        return Secrets(
            needles={name: self.needles.get(name, frozenset()) | other.needles.get(name, frozenset()) for name in names}
        )

    def found_in(self, data: bytes) -> list[str]:
        """What of it is in ``data``, by name; also bearer tokens and private keys of whatever origin."""
        plain = _LINE_ENDS.sub(b"", data)
        found = [name for name, pieces in self.needles.items() if any(one in data or one in plain for one in pieces)]
        found += ["a token"] if _TOKEN.search(data) else []
        found += ["a private key in PEM form"] if _KEY_BLOCK.search(data) else []
        return found

    def leaks(self, *places: Path) -> list[str]:
        """Each file among or below ``places`` that holds something of it."""
        return [
            f"{path}: {', '.join(found)}"
            for place in places
            for path in (sorted(place.rglob("*")) if place.is_dir() else [place])
            if path.is_file() and not path.is_symlink() and (found := self.found_in(path.read_bytes()))
        ]


def _pieces(value: str) -> dict[str, set[bytes]]:
    try:
        data = base64.b64decode(value, validate=True)
        # A certificate that Key Vault has made itself is a bare PFX, without password.
        made_by_vault = data.startswith(_LONG_SEQUENCE)
        content = {"data": value, "password": ""} if made_by_vault else json.loads(data)
    except ValueError:
        return {"a password in the vault": {value.encode()}}
    password = content["password"].encode()
    key, certificate, _others = pkcs12.load_key_and_certificates(base64.b64decode(content["data"]), password or None)
    # What everybody may know stands plainly in a PFX without password.
    public = certificate.public_bytes(Encoding.DER) if certificate else b""
    assert isinstance(key, rsa.RSAPrivateKey)
    numbers = key.private_numbers()
    private = [number.to_bytes((number.bit_length() + 7) // 8) for number in (numbers.d, numbers.p, numbers.q)]
    return {
        "the password of the PFX": {password} if password else set(),
        "the secret's value": {one for one in _windows(value) if base64.b64decode(one) not in public},
        "the PFX": {one for one in _windows(content["data"]) if base64.b64decode(one) not in public},
        "the private key": {form for number in private for form in _forms(number)},
    }


def _windows(text: str, size: int = 48) -> Iterator[bytes]:
    """Pieces of a long text, so that a part of it is found, too."""
    for start in range(0, len(text) - size, size):
        yield text[start : start + size].encode()


def _forms(number: bytes) -> Iterator[bytes]:
    """Pieces of a secret number as they show in binary, hexadecimal and base64 of whatever it is part of."""
    for start in range(0, len(number) - _WINDOW - 2, _WINDOW):
        piece = number[start : start + _WINDOW]
        yield piece
        yield piece.hex().encode()
        yield piece.hex().upper().encode()
        # Base64 goes by three bytes: one of three neighbouring pieces begins where it does.
        yield from (base64.b64encode(number[start + shift : start + shift + _WINDOW]) for shift in range(3))
