# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of secrets, keys and certificates: opaque texts that only Key Vault can read again."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from .model import Certificate, Key, Secret

Kind: TypeAlias = Literal["Secret", "Key", "Certificate"]

#: How the text begins; a certificate's is that of its key.
_MARKS: dict[Kind, str] = {"Secret": "Secret", "Key": "Key", "Certificate": "Key"}


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What a backup holds; a certificate comes with its secret."""

    kind: Kind
    secret: Secret | None = None
    key: Key | None = None
    certificate: Certificate | None = None

    def copy(self) -> Saved:
        """One that later changes of the objects don't reach."""
        return replace(
            self,
            secret=_copied_secret(self.secret) if self.secret is not None else None,
            key=replace(self.key, versions=[replace(one) for one in self.key.versions]) if self.key else None,
            certificate=(
                replace(self.certificate, versions=[replace(one) for one in self.certificate.versions], pending=None)
                if self.certificate is not None
                else None
            ),
        )


@dataclass(kw_only=True)
class Backups:
    """Keeps what was backed up; the texts are tickets for it. Nothing of the contents is in a text."""

    _saved: dict[str, Saved] = field(default_factory=dict, repr=False)

    def keep(self, saved: Saved) -> str:
        """The text of a new backup."""
        name = f"AzureKeyVault{_MARKS[saved.kind]}BackupV1.microsoft.com"
        content = bytes([len(name)]) + name.encode() + secrets.token_urlsafe(1024).encode()
        text = base64.urlsafe_b64encode(content).decode().rstrip("=")
        self._saved[text] = saved.copy()
        return text

    def fetch(self, text: str, kind: Kind) -> Saved | None:
        """What a text stands for; None for one that isn't a backup of that kind."""
        saved = self._saved.get(text)
        return saved.copy() if saved is not None and saved.kind == kind else None


def _copied_secret(secret: Secret) -> Secret:
    return replace(secret, versions=[replace(one) for one in secret.versions])
