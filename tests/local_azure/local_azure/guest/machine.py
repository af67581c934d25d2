# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Windows knows inside one virtual machine: accounts, certificates, WinRM, Remote Desktop, firewall."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Literal

from . import scripts
from .certificates import InstalledCertificate, read_pfx, self_signed, thumbprint
from .firewall import Firewall, windows_server_rules
from .rdp.state import RemoteDesktop
from .scripts import ScriptResult
from .winrm import WinRm

Agent = Literal["ready", "starting", "unresponsive"]
VmAccess = Literal["works", "hangs", "agent_dies"]
AccountTrouble = Literal["none", "locked_out", "expired", "password_expired", "must_change"]
MY = "My"
# Of new Windows Servers, also for the built-in Administrator (Microsoft: account lockout threshold).
LOCKOUT_THRESHOLD = 10
TOKEN_FILTER_POLICY = r"HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System\LocalAccountTokenFilterPolicy"
REMOTE_DESKTOP = "Remote Desktop"


@dataclass(frozen=True, kw_only=True)
class LocalUser:
    """A local account. `built_in` marks the built-in Administrator (RID 500).

    The account that Azure makes from osProfile.adminUsername is the built-in Administrator under another name, so
    remote restrictions for other administrators do not touch it. `trouble` keeps it from signing in.
    """

    name: str
    password: str
    enabled: bool = True
    admin: bool = True
    built_in: bool = False
    trouble: AccountTrouble = "none"

    @property
    def may_sign_in(self) -> bool:
        return self.enabled and bool(self.password) and self.trouble == "none"


@dataclass(frozen=True, kw_only=True)
class Service:
    """What stands behind a listening port."""

    kind: Literal["rdp", "winrm-http", "winrm-https"]
    port: int


class Machine:
    """One Windows Server. Plain state and methods; sockets belong to `Guests`.

    Fields may be changed in place; whoever does so calls `changed()` afterwards. `running` and the methods call it.
    `vm_access` is what becomes of a VMAccess extension that the agent is given: it works, it never reports, or the
    agent falls silent.
    """

    def __init__(
        self,
        *,
        computer_name: str,
        users: Iterable[LocalUser] = (),
        addresses: Iterable[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.computer_name = computer_name
        self.users: dict[str, LocalUser] = {user.name.lower(): user for user in users}
        self.addresses = tuple(addresses)
        self.now = now
        self.agent: Agent = "ready"
        self.certificates: dict[tuple[str, str], InstalledCertificate] = {}
        self.winrm = WinRm()
        self.rdp = RemoteDesktop()
        self.firewall = Firewall(windows_server_rules())
        self.registry: dict[str, int | str] = {}
        self.minimum_password_length = 8
        self.failed_sign_ins: dict[str, int] = {}
        self.domain_controller = False
        self.vm_access: VmAccess = "works"
        self._running = True
        self._making_certificate = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    # State that others watch

    @property
    def running(self) -> bool:
        """Whether Windows is up; a stopped or deallocated machine answers nothing."""
        return self._running

    @running.setter
    def running(self, value: bool) -> None:
        if value and not self._running:
            self.rdp.trouble = "none"
            if self.winrm.start_type != "Disabled":
                self.winrm.running = self.winrm.start_type == "Automatic"
        self._running = value
        self.changed()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every change."""
        self._listeners.append(listener)

    def changed(self) -> None:
        """Say that something in this machine was changed in place."""
        for listener in list(self._listeners):
            listener()

    # Accounts

    @property
    def remote_admins_allowed(self) -> bool:
        """LocalAccountTokenFilterPolicy: remote sign-ins of local administrators keep their full token.

        Without it, only the built-in Administrator may use WinRM (Microsoft's "User Account Control and remote
        restrictions"). The value does not exist on a fresh machine, which means 0.
        """
        return self.registry.get(TOKEN_FILTER_POLICY) == 1

    def user(self, name: str) -> LocalUser | None:
        """The account of this name, whatever its casing."""
        return self.users.get(name.lower())

    def set_user(self, user: LocalUser) -> None:
        """Create an account, or replace the one of the same name."""
        self.users[user.name.lower()] = user
        self.changed()

    def set_password(self, name: str, password: str) -> None:
        """Set an existing account's password; new sign-ins need it at once. Raises KeyError for an unknown account."""
        self.set_user(replace(self.users[name.lower()], password=password))

    def sign_in_failed(self, name: str) -> None:
        """Count a wrong password; too many lock the account."""
        user = self.user(name)
        if user is None:
            return
        key = user.name.lower()
        self.failed_sign_ins[key] = self.failed_sign_ins.get(key, 0) + 1
        if self.failed_sign_ins[key] >= LOCKOUT_THRESHOLD and user.trouble == "none":
            self.set_user(replace(user, trouble="locked_out"))

    def sign_in_succeeded(self, user: LocalUser) -> None:
        """Forget the wrong passwords before."""
        self.failed_sign_ins.pop(user.name.lower(), None)

    # Certificates

    def install_certificate(self, store: str, pfx: bytes, password: bytes | None) -> str:
        """Put certificate and key of a PFX into LocalMachine\\<store>; returns the SHA-1 thumbprint.

        Raises ValueError when `pfx` is not a readable PFX.
        """
        installed = read_pfx(pfx, password)
        self.certificates[store.lower(), installed.thumbprint] = installed
        self.changed()
        return installed.thumbprint

    def certificate(self, store: str, wanted: str) -> InstalledCertificate | None:
        """The certificate with this thumbprint in LocalMachine\\<store>."""
        return self.certificates.get((store.lower(), thumbprint(wanted)))

    @property
    def has_rdp_certificate(self) -> bool:
        """Whether Remote Desktop has a certificate to present: a bound one that is still there, or its own."""
        bound = self.rdp.certificate_thumbprint
        return not bound or self.certificate(MY, bound) is not None

    @property
    def rdp_key_usable(self) -> bool:
        """Whether the key of that certificate is there, and NETWORK SERVICE may read it."""
        if not self.rdp.certificate_thumbprint:
            return True
        bound = self.certificate(MY, self.rdp.certificate_thumbprint)
        return bound is not None and bound.key is not None and bound.thumbprint in self.rdp.readable_keys

    def rdp_certificate(self) -> InstalledCertificate | None:
        """What Remote Desktop presents: the bound certificate, else the one Windows makes for itself (six months).

        None when the bound one is gone. Making a key takes a moment: call it off the event loop.
        """
        if self.rdp.certificate_thumbprint:
            return self.certificate(MY, self.rdp.certificate_thumbprint)
        now = self.now()
        with self._making_certificate:  # connections that come in together are all shown the same one
            for (store, _thumbprint), installed in self.certificates.items():
                if store == REMOTE_DESKTOP.lower() and installed.not_after > now:
                    return installed
            made = self_signed(self.computer_name, now=now, validity=timedelta(days=183))
            self.certificates[REMOTE_DESKTOP.lower(), made.thumbprint] = made
            return made

    # Network

    def listening(self) -> dict[int, Service]:
        """The ports with a service behind them, as seen from outside the machine."""
        services: dict[int, Service] = {}
        if not self._running:
            return services
        if self.rdp.enabled and self.rdp.service_running:
            services[self.rdp.port] = Service(kind="rdp", port=self.rdp.port)
        if self.winrm.running:
            for listener in self.winrm.listeners:
                if listener.enabled and not listener.address.upper().startswith("IP:127."):
                    kind: Literal["winrm-http", "winrm-https"] = (
                        "winrm-https" if listener.transport == "HTTPS" else "winrm-http"
                    )
                    services[listener.port] = Service(kind=kind, port=listener.port)
        return services

    def admits(self, port: int, source: str) -> bool:
        """Whether Windows Firewall lets the address `source` reach this TCP port."""
        return self.firewall.admits(port, source)

    def tls_certificate(self, port: int) -> InstalledCertificate | None:
        """The certificate of the HTTPS listener on `port`; None when it is gone or lost its key."""
        for listener in self.winrm.listeners:
            if listener.transport == "HTTPS" and listener.port == port and listener.enabled:
                installed = self.certificate(MY, listener.certificate_thumbprint)
                return installed if installed is not None and installed.key is not None else None
        return None

    # Looking in and working on it from outside

    def describe(self) -> dict[str, object]:
        """Everything but secrets, for a dump."""
        winrm = self.winrm
        return {
            "computer_name": self.computer_name,
            "running": self._running,
            "agent": self.agent,
            "users": [
                {
                    "name": user.name,
                    "enabled": user.enabled,
                    "admin": user.admin,
                    "built_in": user.built_in,
                    "trouble": user.trouble,
                    "failed_sign_ins": self.failed_sign_ins.get(key, 0),
                }
                for key, user in sorted(self.users.items())
            ],
            "certificates": [
                {
                    "store": store,
                    "thumbprint": thumbprint,
                    "subject": installed.subject,
                    "not_after": installed.not_after.isoformat(),
                    "private_key": installed.key is not None,
                }
                for (store, thumbprint), installed in sorted(self.certificates.items())
            ],
            "winrm": {
                "running": winrm.running,
                "start_type": winrm.start_type,
                "listeners": [vars(listener).copy() for listener in winrm.listeners],
                "auth": vars(winrm.auth).copy(),
                "allow_unencrypted": winrm.allow_unencrypted,
                "session_configuration": winrm.session_configuration,
            },
            "rdp": self.rdp.describe(),
            "firewall": [vars(rule).copy() for _name, rule in sorted(self.firewall.items())],
            "registry": dict(sorted(self.registry.items())),
            "domain_controller": self.domain_controller,
        }

    def run_script(self, text: str, parameters: Mapping[str, str]) -> ScriptResult:
        """Run a PowerShell script as LocalSystem, as far as this guest can: only the collection's own ones."""
        result = scripts.run(self, text, parameters)
        self.changed()
        return result
