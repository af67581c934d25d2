# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WinRM inside a VM as values: what was found there, what is wanted, and what this collection once did."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .firewall_rule import FirewallRule
    from .installed_certificate import InstalledCertificate
    from .outcome import Document

FIREWALL_RULE = "azvm-access-winrm-https"
FIREWALL_DISPLAY_NAME = "Windows Remote Management (HTTPS-In, azvm.access)"


@dataclass(frozen=True, kw_only=True)
class Listener:
    """One WinRM listener. Its identity is (address, transport); the rest are values.

    ``source`` is "GPO" for a listener that Group Policy made, which cannot be changed locally, else empty.
    """

    address: str
    transport: str
    port: int
    hostname: str
    enabled: bool
    thumbprint: str
    source: str = ""

    @property
    def is_ours_to_make(self) -> bool:
        """Whether it has the one identity that this collection manages."""
        return self.address == "*" and self.transport.upper() == "HTTPS"

    @property
    def by_policy(self) -> bool:
        return self.source.upper() == "GPO"

    def describe(self) -> Document:
        return {
            "address": self.address,
            "transport": self.transport,
            "port": self.port,
            "hostname": self.hostname,
            "enabled": self.enabled,
            "thumbprint": self.thumbprint,
            "source": self.source,
        }


@dataclass(frozen=True, kw_only=True)
class AuthMethods:
    """The switches under ``winrm/config/service/auth``."""

    basic: bool
    kerberos: bool
    negotiate: bool
    certificate: bool
    credssp: bool

    def describe(self) -> Document:
        return {
            "basic": self.basic,
            "kerberos": self.kerberos,
            "negotiate": self.negotiate,
            "certificate": self.certificate,
            "credssp": self.credssp,
        }


@dataclass(frozen=True, kw_only=True)
class Bound:
    """Port and thumbprint of a listener that this collection made."""

    port: int
    thumbprint: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """What this collection did in the VM and what was there before; kept inside the VM, so that it can be taken back.

    ``listeners``: more than one while a replacement is under way. ``auth`` and ``settings`` map the switches that were
    changed to their former value. ``token_filter_policy`` is the former value (None: there was none) in a one-tuple, or
    an empty tuple when it was not touched.
    """

    listeners: tuple[Bound, ...] = ()
    auth: tuple[tuple[str, bool], ...] = ()
    settings: tuple[tuple[str, bool], ...] = ()
    token_filter_policy: tuple[int | None, ...] = ()

    def owns(self, listener: Listener) -> bool:
        return Bound(port=listener.port, thumbprint=listener.thumbprint) in self.listeners

    def encode(self) -> str:
        return json.dumps(
            {
                "listeners": [{"port": each.port, "thumbprint": each.thumbprint} for each in self.listeners],
                "auth": dict(self.auth),
                "settings": dict(self.settings),
                "token_filter_policy": list(self.token_filter_policy),
            },
            separators=(",", ":"),
        )

    @classmethod
    def decode(cls, text: str | None) -> Record:
        """An absent or damaged record claims nothing, so nothing is taken back that may belong to somebody else."""
        try:
            wire = json.loads(text or "{}")
            return cls(
                listeners=tuple(
                    Bound(port=int(each["port"]), thumbprint=str(each["thumbprint"]))
                    for each in wire.get("listeners", [])
                ),
                auth=_switches(wire.get("auth", {})),
                settings=_switches(wire.get("settings", {})),
                token_filter_policy=tuple(
                    None if each is None else int(each) for each in wire.get("token_filter_policy", [])
                ),
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()


def _switches(wire: Mapping[str, t.Any]) -> tuple[tuple[str, bool], ...]:
    return tuple((str(name), bool(value)) for name, value in wire.items())


@dataclass(frozen=True, kw_only=True)
class GuestState:
    """What a guest script found. ``listeners``, ``auth``, ``allow_unencrypted`` and ``session_configuration`` are None
    while the WinRM service does not run: then nobody can tell.

    ``policy`` holds the settings that Group Policy fixes (``Basic``, ``AllowUnencrypted``...). ``has_record`` tells an
    empty record from none.
    """

    computer_name: str
    service_status: str
    service_start_type: str
    listeners: tuple[Listener, ...] | None
    auth: AuthMethods | None
    allow_unencrypted: bool | None
    policy: frozenset[str]
    session_configuration: str | None
    token_filter_policy: int | None
    certificate: InstalledCertificate | None
    firewall: FirewallRule | None
    record: Record
    has_record: bool

    @property
    def service_running(self) -> bool:
        return self.service_status.lower() == "running"

    @property
    def listener(self) -> Listener | None:
        """The HTTPS listener on all addresses."""
        return next((each for each in self.listeners or () if each.is_ours_to_make), None)

    @property
    def foreign(self) -> tuple[Listener, ...]:
        """All others, plain HTTP ones included, and ours when Group Policy made it."""
        return tuple(each for each in self.listeners or () if not each.is_ours_to_make or each.by_policy)


@dataclass(frozen=True, kw_only=True)
class WantedListener:
    """What the user wants. ``hostname`` None: the certificate's common name. ``remote_addresses`` are canonical."""

    port: int
    thumbprint: str
    hostname: str | None
    remote_addresses: tuple[str, ...]
