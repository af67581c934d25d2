# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of Azure's host names mean which service."""

from __future__ import annotations

import enum

from ..compute.console import HOST_SUFFIX as CONSOLE_SUFFIX


class Service(enum.Enum):
    """What stands behind a host name."""

    MANAGEMENT = "management"
    LOGIN = "login"
    GRAPH = "graph"
    VAULT = "vault"
    CONSOLE = "console"


_HOSTS = {
    "management.azure.com": Service.MANAGEMENT,
    "management.chinacloudapi.cn": Service.MANAGEMENT,
    "management.usgovcloudapi.net": Service.MANAGEMENT,
    "login.microsoftonline.com": Service.LOGIN,
    "login.microsoft.com": Service.LOGIN,
    "login.windows.net": Service.LOGIN,
    "sts.windows.net": Service.LOGIN,
    "login.chinacloudapi.cn": Service.LOGIN,
    "login.partner.microsoftonline.cn": Service.LOGIN,
    "login.microsoftonline.us": Service.LOGIN,
    "login.usgovcloudapi.net": Service.LOGIN,
    "graph.microsoft.com": Service.GRAPH,
    "graph.windows.net": Service.GRAPH,
    "graph.microsoft.us": Service.GRAPH,
    "microsoftgraph.chinacloudapi.cn": Service.GRAPH,
}
_VAULT_SUFFIXES = ("vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net")

#: The names that the server's certificate must cover.
CERTIFICATE_NAMES = (*_HOSTS, *(f"*.{suffix}" for suffix in (*_VAULT_SUFFIXES, CONSOLE_SUFFIX)))


def service_of(host: str) -> Service | None:
    """The service behind a host name (a port is ignored); None for a host that is not Azure's."""
    name = host.partition(":")[0].rstrip(".").lower()
    if name in _HOSTS:
        return _HOSTS[name]
    label, _dot, suffix = name.partition(".")
    if label and suffix in _VAULT_SUFFIXES:
        return Service.VAULT
    return Service.CONSOLE if label.startswith("md-") and suffix == CONSOLE_SUFFIX else None
