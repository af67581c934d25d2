# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration of the WinRM service: state, listeners, authentication switches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .certificates import InstalledCertificate, thumbprint

Transport = Literal["HTTP", "HTTPS"]
DEFAULT_PORTS: dict[Transport, int] = {"HTTP": 5985, "HTTPS": 5986}

# Texts of Windows, quoted by people who met them (e.g. ansible/ansible issue 21155, dsccommunity/WSManDsc issue 11).
CERTIFICATE_INCOMPLETE = (
    "The WinRM client cannot process the request. The certificate structure was incomplete. "
    "Change the certificate structure and try the request again."
)
CERTIFICATE_NOT_FOUND = "Cannot find the certificate that was requested."
CERTIFICATE_UNSUITABLE = (
    "Cannot create a WinRM listener on HTTPS because this machine does not have an appropriate certificate. To be used "
    "for SSL, a certificate must have a CN matching the hostname, be appropriate for Server Authentication, and not be "
    "expired, revoked, or self-signed."
)
LISTENER_EXISTS = "The WS-Management service cannot create the resource because it already exists."
PORT_IN_USE = "The process cannot access the file because it is being used by another process."
BINDING_SHARED = (
    "The WinRM client cannot process the request. The CertificateThumbprint property must be empty when the SSL "
    "configuration will be shared with another service."
)
CONTROLLED_BY_POLICY = (
    "The WS-Management service cannot process the request because the configuration is controlled by policies."
)
LISTENER_NOT_FOUND = (
    "The WS-Management service cannot process the request. The service cannot find the resource identified by the "
    "resource URI and selectors."
)
NAME_MISMATCH = (
    "The WinRM client cannot process the request. The certificate CN and the hostname that were provided do not match."
)
SERVICE_STOPPED = (
    "The client cannot connect to the destination specified in the request. Verify that the service on the destination "
    "is running and is accepting requests."
)


class WinRmError(Exception):
    """WinRM refuses a change of its configuration; the text is the one Windows gives."""


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A listener; Windows identifies it by `address` (`*` or `IP:...`) and `transport`."""

    transport: Transport
    port: int
    address: str = "*"
    hostname: str = ""
    certificate_thumbprint: str = ""
    enabled: bool = True
    url_prefix: str = "wsman"
    source: str = ""  # "GPO" for one that a group policy made, which cannot be changed here


@dataclass(kw_only=True)
class Authentication:
    """The switches under `WSMan:\\localhost\\Service\\Auth`, with the values of a fresh Windows Server."""

    basic: bool = False
    kerberos: bool = True
    negotiate: bool = True
    certificate: bool = False
    credssp: bool = False


@dataclass(kw_only=True)
class WinRm:
    """The service and its configuration; a fresh Windows Server runs it with one HTTP listener."""

    running: bool = True
    start_type: Literal["Automatic", "Manual", "Disabled"] = "Automatic"
    listeners: list[Listener] = field(default_factory=lambda: [Listener(transport="HTTP", port=5985)])
    auth: Authentication = field(default_factory=Authentication)
    allow_unencrypted: bool = False
    session_configuration: Literal["enabled", "disabled", "missing"] = "enabled"
    policy: set[str] = field(default_factory=set)
    """Names of settings that a group policy fixes, e.g. `Basic`, `AllowUnencrypted`."""
    ssl_bindings: dict[int, str] = field(default_factory=dict)
    """Certificates that others than WinRM bound in HTTP.sys (`netsh http show sslcert`), by port."""

    def find(self, address: str, transport: str) -> Listener | None:
        """The listener of this identity."""
        identity = (address.lower(), transport.upper())
        return next((one for one in self.listeners if (one.address.lower(), one.transport) == identity), None)

    def start(self) -> None:
        """Start the service. Raises WinRmError when it is disabled."""
        if self.start_type == "Disabled":
            raise WinRmError("Service 'Windows Remote Management (WS-Management) (WinRM)' cannot be started.")
        self.running = True

    def create(
        self, listener: Listener, certificate: InstalledCertificate | None, *, remote_desktop_port: int | None = None
    ) -> None:
        """Add a listener; `certificate` is what LocalMachine\\My holds for its thumbprint.

        Raises WinRmError as New-WSManInstance does; its port must be free, also of Remote Desktop.
        """
        self.require_service()
        if self.find(listener.address, listener.transport) is not None:
            raise WinRmError(LISTENER_EXISTS)
        if listener.port == remote_desktop_port or any(one.port == listener.port for one in self.listeners):
            raise WinRmError(PORT_IN_USE)
        if listener.transport == "HTTPS":
            if listener.port in self.ssl_bindings:
                raise WinRmError(BINDING_SHARED)
            _check_certificate(listener, certificate)
        self.listeners.append(listener)

    def remove(self, address: str, transport: str) -> Listener:
        """Remove a listener. Raises WinRmError when there is none, or when a group policy made it."""
        self.require_service()
        listener = self.find(address, transport)
        if listener is None:
            raise WinRmError(LISTENER_NOT_FOUND)
        if listener.source:
            raise WinRmError(CONTROLLED_BY_POLICY)
        self.listeners.remove(listener)
        return listener

    def set_auth(self, name: str, value: bool) -> None:
        """Switch a kind of authentication. Raises WinRmError for one that a policy fixes or nobody knows."""
        self._require_setting(name, {"Basic", "Kerberos", "Negotiate", "Certificate", "CredSSP"})
        setattr(self.auth, name.lower(), value)

    def set_allow_unencrypted(self, value: bool) -> None:
        """Set `Service\\AllowUnencrypted`. Raises WinRmError when a policy fixes it."""
        self._require_setting("AllowUnencrypted", {"AllowUnencrypted"})
        self.allow_unencrypted = value

    def require_service(self) -> None:
        """Raises WinRmError while the service is stopped.

        The cmdlets for WSMan talk to the service, also about its own configuration.
        """
        if not self.running:
            raise WinRmError(SERVICE_STOPPED)

    def _require_setting(self, name: str, known: set[str]) -> None:
        self.require_service()
        if name not in known:
            raise WinRmError(f"The WS-Management service cannot process the request. The property {name} is unknown.")
        if name in self.policy:
            raise WinRmError(CONTROLLED_BY_POLICY)


def _check_certificate(listener: Listener, certificate: InstalledCertificate | None) -> None:
    if not thumbprint(listener.certificate_thumbprint):
        raise WinRmError(CERTIFICATE_UNSUITABLE)
    if certificate is None:
        raise WinRmError(CERTIFICATE_NOT_FOUND)
    if certificate.key is None:
        raise WinRmError(CERTIFICATE_INCOMPLETE)
    if not certificate.serves_tls:
        raise WinRmError(CERTIFICATE_UNSUITABLE)
    if listener.hostname.lower() != certificate.common_name.lower():
        raise WinRmError(NAME_MISMATCH)
