# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords kept in a key vault: where one is, what is known of a version, and whose it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .errors import Conflict, InvalidInput
from .vaults import checked_vault_name

CONTENT_TYPE = "Windows administrator password"

_URL = re.compile(r"(https://[0-9A-Za-z.-]+(?::\d+)?/)secrets/([0-9A-Za-z-]{1,127})(?:/([0-9A-Za-z]+)?)?/?")
_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
_VM_TAG, _USER_TAG = "azvm-access-vm", "azvm-access-user"
_TAG_LENGTH = 256


@dataclass(frozen=True, kw_only=True)
class PasswordSecret:
    """``vault_uri`` ends with a slash; ``version`` is "" for the current one."""

    vault_uri: str
    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} in {self.vault_uri.removeprefix('https://').rstrip('/')}"


@dataclass(frozen=True, kw_only=True)
class StoredPassword:
    """One version of a secret; ``url`` is its versioned URL."""

    value: str = field(repr=False)
    url: str
    tags: tuple[tuple[str, str], ...] = ()
    content_type: str | None = None

    @property
    def version(self) -> str:
        return self.url.rstrip("/").rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Account:
    """A local account of a VM, as its password is marked with in vaults and extensions."""

    vm_id: str
    user: str

    @property
    def key(self) -> str:
        return f"{self.vm_id}/{self.user}".lower()

    @property
    def tags(self) -> dict[str, str]:
        return {_VM_TAG: self.vm_id.lower()[-_TAG_LENGTH:], _USER_TAG: self.user.lower()}


def password_secret(text: str, *, vault_uri: str | None) -> PasswordSecret:
    """From the secret's URL, or from its name in the vault at ``vault_uri``.

    Raises :class:`InvalidInput` when it is neither, or a name without a vault.
    """
    url = _URL.fullmatch(text)
    if url:
        return PasswordSecret(vault_uri=url[1].lower(), name=url[2], version=url[3] or "")
    if not _NAME.fullmatch(text):
        raise InvalidInput(
            code="InvalidSecretName",
            message=f"{text!r} is neither the name nor the URL of a secret.",
            hint="Use up to 127 letters, digits and hyphens, or https://VAULT.vault.azure.net/secrets/NAME.",
        )
    if vault_uri is None:
        raise InvalidInput(
            code="VaultMissing", message=f"It is not said which vault the secret {text} is in.", hint="Set vault_name."
        )
    return PasswordSecret(vault_uri=vault_uri, name=text)


def vault_uri(vault_name: str, suffix: str) -> str:
    """Raise :class:`InvalidInput` for what can't be the name of a vault."""
    return f"https://{checked_vault_name(vault_name).lower()}.{suffix}/"


def default_secret_name(vm_name: str) -> str:
    """``password-<vm name>``, with what a vault does not take replaced by hyphens."""
    return "password-" + re.sub(r"[^0-9A-Za-z-]", "-", vm_name)


def require_own(stored: StoredPassword, account: Account, secret: PasswordSecret) -> None:
    """Raise :class:`Conflict` for a secret that was not made for this account: its value may be somebody's key."""
    tags = dict(stored.tags)
    if any(tags.get(name) != value for name, value in account.tags.items()):
        raise Conflict(
            code="SecretOfOthers",
            message=f"The secret {secret} was not made for the account {account.user} of this VM.",
            hint="Choose another password_secret for generated passwords; leave generate out to set the password that"
            " this secret holds.",
        )
