# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key vaults: their names, what is known of one, and whether it can serve a VM."""

from __future__ import annotations

import base64
import hashlib
import re
import typing as t
from dataclasses import dataclass

from .errors import Conflict, InvalidInput
from .resource_id import ResourceId

_VAULT_NAME = re.compile(r"(?=.{3,24}\Z)[A-Za-z](?:[A-Za-z0-9]|-(?!-))*[A-Za-z0-9]")
_OBJECT_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
_STORE = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Vault:
    """``uri`` ends with a slash; ``rbac`` is ``None`` where Azure does not say (access policies, then).

    ``failed``: the last write did not come to its end.
    """

    id: ResourceId
    location: str
    uri: str
    enabled_for_deployment: bool
    rbac: bool | None
    failed: bool = False


def default_vault_name(subscription: str, resource_group: str, location: str) -> str:
    """A name that is always the same for the VMs of a group in one region, and that nobody else is likely to have.

    A VM takes certificates only from a vault of its own region. Vault names are DNS names shared by all of Azure: 60
    bits of SHA-256 keep strangers apart.
    """
    digest = hashlib.sha256(f"{subscription}/{resource_group}/{_region(location)}".lower().encode()).digest()
    return "azvm-access-" + base64.b32encode(digest).decode().lower()[:12]


def checked_vault_name(name: str) -> str:
    """Raise :class:`InvalidInput` unless Azure takes ``name``."""
    if not _VAULT_NAME.fullmatch(name):
        raise InvalidInput(
            code="InvalidVaultName",
            message=f"{name!r} can't be the name of a key vault.",
            hint="Use 3 to 24 letters, digits and single hyphens; begin with a letter, end with a letter or digit.",
        )
    return name


def checked_object_name(name: str) -> str:
    """Raise :class:`InvalidInput` unless a vault takes ``name`` for a secret or certificate."""
    if not _OBJECT_NAME.fullmatch(name):
        raise InvalidInput(
            code="InvalidCertificateName",
            message=f"{name!r} can't be the name of a certificate in a vault.",
            hint="Use up to 127 letters, digits and hyphens.",
        )
    return name


def checked_store(name: str) -> str:
    """Raise :class:`InvalidInput` unless ``name`` can be a certificate store below LocalMachine, such as ``My``."""
    if not _STORE.fullmatch(name):
        raise InvalidInput(
            code="InvalidCertificateStore",
            message=f"{name!r} can't be a certificate store.",
            hint="Name the store only, without LocalMachine; WinRM looks in My.",
        )
    return name


def default_certificate_name(vm_name: str) -> str:
    """``winrm-<vm name>``, with what a vault does not take replaced by hyphens."""
    return "winrm-" + re.sub(r"[^0-9A-Za-z-]", "-", vm_name)


def require_region(vault: Vault, location: str, *, vm: str) -> None:
    """Raise :class:`Conflict` when Azure could not take a certificate for ``vm`` from ``vault``."""
    if _region(vault.location) != _region(location):
        raise Conflict(
            code="VaultInOtherRegion",
            message=f"The key vault {vault.id.name} is in {vault.location}, the {vm} in {location};"
            " a VM takes certificates only from a vault of its own region.",
            hint=f"Name a vault of {location} with vault_name; it is made when there is none.",
        )


def _region(text: str) -> str:
    return text.replace(" ", "").lower()


def secret_of(url: str) -> tuple[str, str, str]:
    """Host, name and version of a secret URL, in lower case; the version is empty when there is none."""
    _scheme, _sep, rest = url.lower().partition("://")
    host, *path = rest.split("/")
    path = [*path, "", "", ""]
    return host, path[1], path[2]


def versions_of(secret_url: str, urls: t.Iterable[str]) -> list[str]:
    """Those of ``urls`` that name the same secret as ``secret_url``, in whatever version."""
    wanted = secret_of(secret_url)[:2]
    return [url for url in urls if secret_of(url)[:2] == wanted]
