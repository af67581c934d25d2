# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The marker in an extension's forceUpdateTag: tells a later run which password was set, without telling the password.

Everybody who may read the VM can read the tag, so it holds as little as possible:

- For a password from a vault, a digest of the versioned URL of the secret. A version never changes, and the URL says
  nothing about the password.
- For a password given as an option, 32 bits of a scrypt digest with a random salt. Each guess costs a reader tens of
  milliseconds, and one in four billion other passwords fits as well: a good password stays unknown however long one
  tries, but an easily guessed one can be confirmed. Those who want no such thing keep the password in a vault.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

_PREFIX = "azvm.access"
_TAG = re.compile(
    rf"{re.escape(_PREFIX)}:[0-9a-f]{{16}}:(?P<kind>password|secret):(?P<salt>[0-9a-f]*):(?P<digest>[0-9a-f]+)"
)
_DIGEST_BYTES = {"password": 4, "secret": 16}


@dataclass(frozen=True, kw_only=True)
class Marker:
    """Which password was set. ``kind`` is ``password`` or ``secret``; ``salt`` and ``digest`` are hexadecimal."""

    kind: str
    salt: str
    digest: str

    @classmethod
    def of_password(cls, password: str, *, account: str, salt: str = "") -> Marker:
        """``account`` is the VM's id and the user name: the same password on another VM gives another digest."""
        salt = salt or secrets.token_hex(16)
        digest = hashlib.scrypt(
            password.encode(),
            salt=f"{salt}/{account.lower()}".encode(),
            n=2**15,
            r=8,
            p=1,
            maxmem=2**26,
            dklen=_DIGEST_BYTES["password"],
        )
        return cls(kind="password", salt=salt, digest=digest.hex())

    @classmethod
    def of_secret(cls, url: str, *, account: str) -> Marker:
        """``url`` is the versioned URL of a vault's secret."""
        digest = hashlib.sha256(f"{url}\n{account}".lower().encode()).digest()
        return cls(kind="secret", salt="", digest=digest[: _DIGEST_BYTES["secret"]].hex())

    @classmethod
    def parse(cls, tag: str | None) -> Marker | None:
        """The marker in a forceUpdateTag; None when somebody else wrote the tag, or no password was set."""
        found = _TAG.fullmatch(tag or "")
        return cls(kind=found["kind"], salt=found["salt"], digest=found["digest"]) if found else None

    def is_of_password(self, password: str, *, account: str) -> bool:
        """Whether this marker was made of ``password``; wrong once in four billion times for another one."""
        if self.kind != "password" or not self.salt:
            return False
        same = Marker.of_password(password, account=account, salt=self.salt)
        return hmac.compare_digest(same.digest, self.digest)

    def is_of_secret(self, url: str, *, account: str) -> bool:
        return self == Marker.of_secret(url, account=account)


def fresh_tag(marker: Marker | None) -> str:
    """A forceUpdateTag that was never used before, with ``marker`` in it: Azure runs the extension again."""
    nonce = secrets.token_hex(8)
    return ":".join((_PREFIX, nonce, *((marker.kind, marker.salt, marker.digest) if marker else ())))
