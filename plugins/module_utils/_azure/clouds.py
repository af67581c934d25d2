# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Azure clouds, by the names users know from azure.azcollection and the Azure CLI."""

from __future__ import annotations

from dataclasses import dataclass

from .._domain.errors import InvalidInput


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Hosts of one cloud. ``setting`` is the name of azure-core's ``AzureClouds`` member."""

    setting: str
    authority: str
    vault_suffix: str


CLOUDS = {
    "AzureCloud": Cloud(
        setting="AZURE_PUBLIC_CLOUD", authority="login.microsoftonline.com", vault_suffix="vault.azure.net"
    ),
    "AzureChinaCloud": Cloud(
        setting="AZURE_CHINA_CLOUD", authority="login.chinacloudapi.cn", vault_suffix="vault.azure.cn"
    ),
    "AzureUSGovernment": Cloud(
        setting="AZURE_US_GOVERNMENT", authority="login.microsoftonline.us", vault_suffix="vault.usgovcloudapi.net"
    ),
}


def cloud_named(name: str) -> Cloud:
    """Raise :class:`InvalidInput` for a cloud the SDK clients do not know."""
    for known, cloud in CLOUDS.items():
        if known.lower() == name.lower():
            return cloud
    raise InvalidInput(
        code="InvalidCloud",
        message=f"{name!r} is not a known Azure cloud.",
        hint="cloud_environment is one of " + ", ".join(CLOUDS) + ".",
    )
