# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords in a key vault's data plane: the only gateway that brings secret values to the controller."""

from __future__ import annotations

import typing as t

from .._domain.errors import Denied, NotFound
from .._domain.vault_password import StoredPassword
from .errors import translated
from .retries import ONCE, written_once

if t.TYPE_CHECKING:
    from azure.keyvault.secrets import KeyVaultSecret

    from .._domain.vault_password import PasswordSecret
    from .clients import AzureClients


def read(azure: AzureClients, secret: PasswordSecret) -> StoredPassword | None:
    """The current version, or the one that ``secret`` names; None when there is none or it is disabled.

    Raises :class:`Denied` when the caller may not read it.
    """
    try:
        return _stored(_get(azure, secret))
    except NotFound as error:
        if error.code == "SecretNotFound":
            return None
        raise
    except Denied as error:
        if error.code == "SecretDisabled":
            return None
        raise


def write(
    azure: AzureClients, secret: PasswordSecret, password: str, *, tags: t.Mapping[str, str], content_type: str | None
) -> StoredPassword:
    """One new version. Raises :class:`Conflict` with code ObjectIsDeletedButRecoverable for a soft-deleted name."""

    @translated("write a new version of the secret {secret}")
    def put(secret: PasswordSecret) -> StoredPassword:
        client = azure.secrets(secret.vault_uri)
        return _stored(client.set_secret(secret.name, password, tags=dict(tags), content_type=content_type, **ONCE))

    def taken() -> StoredPassword | None:
        found = read(azure, secret)
        return found if found and found.value == password else None

    waiting_for = f"the secret {secret} to be written"
    return written_once(lambda: put(secret), taken, deadline=azure.deadline, waiting_for=waiting_for)


@translated("disable the version {version} of the secret {secret}")
def disable(azure: AzureClients, secret: PasswordSecret, version: str) -> None:
    azure.secrets(secret.vault_uri).update_secret_properties(secret.name, version, enabled=False)


@translated("read the secret {secret}")
def _get(azure: AzureClients, secret: PasswordSecret) -> KeyVaultSecret:
    return azure.secrets(secret.vault_uri).get_secret(secret.name, secret.version or None)


def _stored(found: KeyVaultSecret) -> StoredPassword:
    properties = found.properties
    return StoredPassword(
        value=found.value or "",
        url=found.id or "",
        tags=tuple(sorted((properties.tags or {}).items())),
        content_type=properties.content_type,
    )
