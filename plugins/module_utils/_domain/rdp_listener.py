# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote Desktop inside a VM as values: what was found there, what is wanted, and what this collection once did."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from enum import Enum

if t.TYPE_CHECKING:
    from .firewall_rule import FirewallRule
    from .installed_certificate import InstalledCertificate

FIREWALL_RULE = "azvm-access-rdp"
FIREWALL_DISPLAY_NAME = "Remote Desktop (TCP-In, azvm.access)"
DEFAULT_PORT = 3389

SECURITY_LAYERS = ("rdp", "negotiate", "tls")
"""By the number that Windows has for each: SetSecurityLayer of Win32_TSGeneralSetting."""


class Binding(str, Enum):
    """Whose certificate the listener presents: SSLCertificateSHA1HashType of Win32_TSGeneralSetting."""

    INVALID = "invalid"
    OWN = "own"
    """The one that Windows makes for itself."""
    POLICY = "policy"
    CUSTOM = "custom"


class KeyAccess(str, Enum):
    """Whether NETWORK SERVICE, as which Remote Desktop runs, may read the private key."""

    GRANTED = "granted"
    MISSING = "missing"
    UNKNOWN = "unknown"
    """The key is not a file, as one in a hardware module."""


@dataclass(frozen=True, kw_only=True)
class RdpListener:
    """The listener RDP-Tcp. ``enabled`` is ``fDenyTSConnections`` turned round, ``security_layer`` a number."""

    enabled: bool
    thumbprint: str
    binding: Binding
    network_level_authentication: bool
    security_layer: int

    @property
    def bound(self) -> str | None:
        """The certificate that somebody chose; Windows makes its own one anew now and then."""
        return None if self.binding in (Binding.OWN, Binding.INVALID) else self.thumbprint


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting that this collection changed: what it was, and what it was set to.

    ``ours`` has more than one value while a change is under way.
    """

    name: str
    before: int
    ours: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class RdpRecord:
    """What this collection did in the VM and what was there before; kept inside the VM, so that it can be taken back.

    ``certificates``: thumbprints that it bound, more than one while a change is under way. ``key_rights``: thumbprints
    of the certificates whose keys it let NETWORK SERVICE read.
    """

    certificates: tuple[str, ...] = ()
    key_rights: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()

    def setting(self, name: str) -> Setting | None:
        return next((each for each in self.settings if each.name == name), None)

    def encode(self) -> str:
        return json.dumps(
            {
                "certificates": list(self.certificates),
                "key_rights": list(self.key_rights),
                "settings": {each.name: [each.before, *each.ours] for each in self.settings},
            },
            separators=(",", ":"),
        )

    @classmethod
    def decode(cls, text: str | None) -> RdpRecord:
        """An absent or damaged record claims nothing, so nothing is taken back that may belong to somebody else."""
        try:
            wire = json.loads(text or "{}")
            return cls(
                certificates=tuple(str(each) for each in wire.get("certificates", [])),
                key_rights=tuple(str(each) for each in wire.get("key_rights", [])),
                settings=tuple(
                    Setting(name=str(name), before=int(values[0]), ours=tuple(int(value) for value in values[1:]))
                    for name, values in wire.get("settings", {}).items()
                ),
            )
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return cls()


@dataclass(frozen=True, kw_only=True)
class RdpState:
    """What a guest script found. ``listener`` is None while the service does not run: then nobody can tell.

    ``port_taken`` tells whether anything listens on the wanted port. ``policy`` names what Group Policy fixes:
    ``certificate``, ``enabled``, ``network_level_authentication``, ``security_layer``. ``certificate`` and
    ``key_access`` are about the wanted certificate. ``windows_rule``: Windows' own firewall rule for 3389 is on.
    """

    computer_name: str
    service_status: str
    service_start_type: str
    port: int
    port_taken: bool
    listener: RdpListener | None
    policy: frozenset[str]
    certificate: InstalledCertificate | None
    key_access: KeyAccess | None
    firewall: FirewallRule | None
    windows_rule: bool
    record: RdpRecord
    has_record: bool

    @property
    def service_running(self) -> bool:
        return self.service_status.lower() == "running"

    @property
    def settings(self) -> dict[str, int]:
        """By name, as far as they are known."""
        if self.listener is None:
            return {"port": self.port}
        return {
            "security_layer": self.listener.security_layer,
            "network_level_authentication": int(self.listener.network_level_authentication),
            "enabled": int(self.listener.enabled),
            "port": self.port,
        }


@dataclass(frozen=True, kw_only=True)
class WantedRdp:
    """What the user wants; None: leave it as it is. ``remote_addresses`` are canonical."""

    thumbprint: str | None
    network_level_authentication: bool | None
    security_layer: int | None
    port: int | None
    remote_addresses: tuple[str, ...]

    @property
    def settings(self) -> dict[str, int]:
        """By name, in the order in which they are set."""
        wanted = {
            "security_layer": self.security_layer,
            "network_level_authentication": self.network_level_authentication,
            "enabled": 1,
            "port": self.port,
        }
        return {name: int(value) for name, value in wanted.items() if value is not None}
