# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of vaults and of the objects in them, and the host names vaults are reached by."""

from __future__ import annotations

import re

PUBLIC_SUFFIX = "vault.azure.net"

# One suffix per cloud (azure-cli core/cloud.py).
HOST_SUFFIXES = (PUBLIC_SUFFIX, "vault.azure.cn", "vault.usgovcloudapi.net")

_VAULT = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|-(?!-)){1,22}[A-Za-z0-9]")
_OBJECT = re.compile(r"[0-9A-Za-z-]{1,127}")


def is_vault_name(name: str) -> bool:
    """3-24 letters, digits and single hyphens, a letter first, no hyphen last (Azure resource naming rules)."""
    return _VAULT.fullmatch(name) is not None


def is_object_name(name: str) -> bool:
    """Name of a secret or certificate: 1-127 letters, digits and hyphens (Key Vault data-plane specification)."""
    return _OBJECT.fullmatch(name) is not None


def vault_of_host(host: str) -> str | None:
    """The vault name in a host name such as ``myvault.vault.azure.net:443``, or None if it is no vault's host."""
    bare = host.rsplit(":", 1)[0] if ":" in host else host
    label, _dot, suffix = bare.lower().partition(".")
    return label if label and suffix in HOST_SUFFIXES else None


def resource_of_host(host: str) -> str:
    """What a token for this host must be issued for, e.g. ``https://vault.azure.net``."""
    bare = host.rsplit(":", 1)[0] if ":" in host else host
    return f"https://{bare.lower().partition('.')[2]}"


def vault_host(name: str) -> str:
    return f"{name.lower()}.{PUBLIC_SUFFIX}"


def vault_uri(name: str) -> str:
    """``vaultUri`` as Resource Manager returns it, with the trailing slash."""
    return f"https://{vault_host(name)}/"
