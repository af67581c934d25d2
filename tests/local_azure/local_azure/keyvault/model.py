# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a vault holds: secrets, certificates, their versions, and what is being deleted or recovered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias
from uuid import uuid4

from cryptography import x509

from ..core.errors import AzureError
from ..core.operations import Fate
from ..core.wire import Json
from .issuance import CertificateRequest, PrivateKey


def new_version() -> str:
    """A version identifier as Key Vault makes them: 32 hexadecimal digits."""
    return uuid4().hex


@dataclass(kw_only=True)
class SecretVersion:
    """One version of a secret. ``value`` stays out of every representation of the object."""

    version: str
    value: str = field(repr=False)
    content_type: str | None
    enabled: bool
    not_before: datetime | None
    expires: datetime | None
    created: datetime
    updated: datetime
    tags: dict[str, str] | None
    managed: bool = False


@dataclass(kw_only=True)
class CertificateVersion:
    """One issued or imported certificate; its key and its secret share the version identifier."""

    version: str
    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    enabled: bool
    created: datetime
    updated: datetime
    tags: dict[str, str] | None


@dataclass(kw_only=True)
class Deletion:
    """A soft deletion. Until ``visible_at`` the object is in neither collection, as in Azure."""

    deleted_at: datetime
    purge_at: datetime
    visible_at: datetime


@dataclass(kw_only=True)
class Secret:
    name: str
    versions: list[SecretVersion] = field(default_factory=list)
    deletion: Deletion | None = None
    recovered_at: datetime | None = None
    """Set by a recovery: until then the secret answers as if it were not there yet."""
    settled_at: datetime | None = None
    """Set by a recovery: until then writes are refused with ObjectIsBeingRecovered."""

    @property
    def current(self) -> SecretVersion:
        return self.versions[-1]

    @property
    def managed(self) -> bool:
        """True for the secret behind a certificate."""
        return self.current.managed

    def find(self, version: str | None) -> SecretVersion | None:
        if version is None:
            return self.current
        return next((one for one in self.versions if one.version == version.lower()), None)


@dataclass(kw_only=True)
class Pending:
    """A certificate operation: what ``/certificates/{name}/pending`` tells."""

    request_id: str
    csr: bytes
    started: datetime
    due: datetime
    request: CertificateRequest
    key: PrivateKey = field(repr=False)
    enabled: bool
    tags: dict[str, str] | None
    fate: Fate | None = None
    completed: bool = False
    cancellation_requested: bool = False

    @property
    def failure(self) -> AzureError | None:
        """Why it has ended without a certificate."""
        return self.fate.error if self.completed and self.fate is not None else None

    def end_now(self) -> None:
        """End it with the next look at it."""
        self.due = self.started


@dataclass(kw_only=True)
class Certificate:
    name: str
    policy: Json = field(default_factory=dict)
    policy_created: datetime | None = None
    policy_updated: datetime | None = None
    versions: list[CertificateVersion] = field(default_factory=list)
    pending: Pending | None = None
    deletion: Deletion | None = None
    recovered_at: datetime | None = None
    settled_at: datetime | None = None

    @property
    def current(self) -> CertificateVersion:
        return self.versions[-1]

    def find(self, version: str | None) -> CertificateVersion | None:
        if version is None:
            return self.versions[-1] if self.versions else None
        return next((one for one in self.versions if one.version == version.lower()), None)


@dataclass(kw_only=True)
class KeyVersion:
    """One version of a key that was made for itself, not with a certificate. ``operations`` are its key_ops."""

    version: str
    key: PrivateKey = field(repr=False)
    operations: list[str]
    enabled: bool
    not_before: datetime | None
    expires: datetime | None
    created: datetime
    updated: datetime
    tags: dict[str, str] | None


@dataclass(kw_only=True)
class Key:
    name: str
    versions: list[KeyVersion] = field(default_factory=list)
    deletion: Deletion | None = None
    recovered_at: datetime | None = None
    settled_at: datetime | None = None

    @property
    def current(self) -> KeyVersion:
        return self.versions[-1]

    def find(self, version: str | None) -> KeyVersion | None:
        if version is None:
            return self.current
        return next((one for one in self.versions if one.version == version.lower()), None)


@dataclass(kw_only=True)
class Issuer:
    """An authority that a vault could order certificates from. ``given`` is what a client said, as it is shown."""

    name: str
    given: Json
    enabled: bool
    created: datetime
    updated: datetime


#: What can be deleted, recovered and purged.
Held: TypeAlias = Secret | Certificate | Key


@dataclass(kw_only=True)
class VaultContents:
    """Objects by lower-case name: Key Vault compares object names without case and keeps the first spelling."""

    secrets: dict[str, Secret] = field(default_factory=dict)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    contacts: list[Json] = field(default_factory=list)
    issuers: dict[str, Issuer] = field(default_factory=dict)
