# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Remote Desktop is set up inside a machine, and what can be wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SecurityLayer = Literal["rdp", "negotiate", "tls"]
Trouble = Literal["none", "hangs", "drops"]
SECURITY_LAYERS: tuple[SecurityLayer, ...] = ("rdp", "negotiate", "tls")
"""By the number that Windows has for each."""


@dataclass(kw_only=True)
class RemoteDesktop:
    """The service, `fDenyTSConnections` turned round, and the RDP-Tcp listener.

    `security_layer` is SecurityLayer 0, 1, 2 of the listener, `network_level_authentication` its
    UserAuthenticationRequired. `certificate_thumbprint` is the certificate in LocalMachine\\My that somebody bound;
    empty for the one that Windows makes for itself. Remote Desktop runs as NETWORK SERVICE, which may use the keys of
    the certificates in `readable_keys` (their thumbprints) only. `trouble` is a service that accepts connections and
    `hangs`, or `drops` each one after the first packet; a restart of Windows ends it. `policy` names what a group
    policy fixes: `certificate`, `enabled`, `network_level_authentication`, `security_layer`.
    """

    enabled: bool = True
    service_running: bool = True
    start_type: Literal["Automatic", "Manual", "Disabled"] = "Manual"
    port: int = 3389
    network_level_authentication: bool = True
    security_layer: SecurityLayer = "negotiate"
    certificate_thumbprint: str = ""
    readable_keys: frozenset[str] = frozenset()
    trouble: Trouble = "none"
    policy: set[str] = field(default_factory=set)

    def describe(self) -> dict[str, object]:
        """Everything, for a dump."""
        return {**vars(self), "readable_keys": sorted(self.readable_keys), "policy": sorted(self.policy)}
