# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing with a key that a vault holds: the certificate comes out, the private key never does."""

from __future__ import annotations

import hashlib
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass

from .._domain.errors import Denied, Refused
from .errors import translated
from .libraries import needs

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from .clients import AzureClients


@dataclass(frozen=True, kw_only=True)
class HeldCertificate:
    """``der`` is the public certificate, ``key_id`` the URL of the version of the key that belongs to it."""

    der: bytes
    key_id: str


def held_certificate(azure: AzureClients, vault_uri: str, name: str) -> HeldCertificate:
    """The current version of a certificate. Raises :class:`Denied` without the right certificates/get."""
    with _rights("Key Vault Certificate User", "certificate permission get"):
        return _read(azure, vault_uri, name)


def sign(azure: AzureClients, key_id: str, message: bytes) -> bytes:
    """RS256, made by the vault: only the digest is sent. Raises :class:`Denied` without the right keys/sign."""
    with _rights("Key Vault Crypto User", "key permission sign"):
        return _sign(azure, key_id, hashlib.sha256(message).digest())


@translated("read the certificate {name} of the key vault {vault_uri}")
def _read(azure: AzureClients, vault_uri: str, name: str) -> HeldCertificate:
    found = azure.certificates(vault_uri).get_certificate(name)
    if not found.cer or not found.key_id:
        raise Refused(
            code="CertificateIncomplete", message=f"The key vault {vault_uri} has no issued certificate {name}."
        )
    return HeldCertificate(der=bytes(found.cer), key_id=found.key_id)


@translated("sign with the key {key_id}")
def _sign(azure: AzureClients, key_id: str, digest: bytes) -> bytes:
    client = azure.cryptography(key_id)
    with needs("azure-keyvault-keys"):
        from azure.keyvault.keys.crypto import SignatureAlgorithm
    return client.sign(SignatureAlgorithm.rs256, digest).signature


@contextmanager
def _rights(role: str, policy: str) -> Iterator[None]:
    """Name the right that is missing: the general hint is about secrets."""
    try:
        yield
    except Denied as error:
        if error.code not in ("ForbiddenByRbac", "ForbiddenByPolicy"):
            raise
        hint = f"Assign '{role}' on the vault to the caller, or add the {policy} to an access policy."
        raise Denied(code=error.code, message=error.message, hint=hint, details=error.details) from error
