# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our rules in the Windows Firewall of a VM as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .outcome import Document

FIREWALL_GROUP = "azvm.access"


@dataclass(frozen=True, kw_only=True)
class FirewallRule:
    """One rule; ``remote_addresses`` in canonical form (see firewall_addresses)."""

    enabled: bool
    direction: str
    action: str
    profile: str
    protocol: str
    local_ports: tuple[str, ...]
    remote_addresses: tuple[str, ...]

    @classmethod
    def allowing(cls, *, port: int, remote_addresses: tuple[str, ...]) -> FirewallRule:
        """The rule as this collection makes it: for every network profile."""
        return cls(
            enabled=True,
            direction="Inbound",
            action="Allow",
            profile="Any",
            protocol="TCP",
            local_ports=(str(port),),
            remote_addresses=remote_addresses,
        )

    @classmethod
    def after(cls, current: FirewallRule | None, wanted: tuple[int, tuple[str, ...]] | None) -> FirewallRule | None:
        """The rule once a plan is carried out that wants it for a port and remote addresses, or leaves it as it is."""
        return cls.allowing(port=wanted[0], remote_addresses=wanted[1]) if wanted else current

    def admits(self, *, port: int, remote_addresses: tuple[str, ...]) -> bool:
        """Whether it does just what is wanted, in every network profile."""
        words = (self.direction.lower(), self.action.lower(), self.profile.lower(), self.protocol.upper())
        return (
            self.enabled
            and words == ("inbound", "allow", "any", "TCP")
            and self.local_ports == (str(port),)
            and self.remote_addresses == remote_addresses
        )

    def describe(self, name: str) -> Document:
        """For a result; ``name`` is the rule's."""
        return {
            "name": name,
            "enabled": self.enabled,
            "profile": self.profile,
            "local_ports": list(self.local_ports),
            "remote_addresses": list(self.remote_addresses),
        }
