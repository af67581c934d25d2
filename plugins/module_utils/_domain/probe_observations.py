# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an access probe expects, and what it observes at each stage."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from enum import Enum

from .probe_causes import STAGES, Stage

if t.TYPE_CHECKING:
    from datetime import datetime

    from .probe_causes import Break, Protocol
    from .probe_rdp import Negotiation


class TcpState(str, Enum):
    """What became of the connection attempt."""

    OPEN = "open"
    CLOSED = "closed"
    FILTERED = "filtered"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, kw_only=True)
class Location:
    """Where to look: addresses or names, best first. ``not_running`` is Azure's word for a VM that can't answer.

    ``port`` is the one to connect to, which a load balancer's ``nat_rule`` makes another than that of the VM; None
    where Azure was not asked.
    """

    hosts: tuple[str, ...]
    not_running: str | None = None
    port: int | None = None
    nat_rule: str | None = None


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """``addresses`` are IP addresses, the preferred one first; ``error`` tells of the hosts that have none."""

    addresses: tuple[str, ...]
    seconds: float
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Connection:
    """The most telling of the connection attempts; ``address`` is the IP address it was made to."""

    state: TcpState
    host: str
    address: str
    seconds: float
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What a server's certificate says; thumbprints and serial are upper-case hexadecimal digits, dates are UTC."""

    subject: str
    issuer: str
    serial: str
    thumbprint: str
    thumbprint_sha256: str
    not_before: datetime
    not_after: datetime
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    for_servers: bool
    """No extended key usage at all, or one that includes server authentication."""
    for_remote_desktop: bool
    """The same, or one that includes Remote Desktop Authentication, which nothing but Remote Desktop knows."""
    common_name: str | None
    """The subject's, the first one where it has several."""
    pem: str

    @property
    def self_signed(self) -> bool:
        """Whether its issuer is its subject."""
        return self.issuer == self.subject

    def days_left(self, now: datetime) -> int:
        """Whole days until it expires; negative afterwards."""
        return (self.not_after - now).days


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a TLS handshake agreed on. ``version`` and ``cipher`` are OpenSSL's names, such as ``TLSv1.3``."""

    version: str
    cipher: str
    certificate: Certificate


@dataclass(frozen=True, kw_only=True)
class Handshake:
    """A TLS handshake that verified nothing."""

    outcome: Session | Break
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Identification:
    """The answer to WSMan Identify (DMTF DSP0226, section 11), and the ways to sign in that the service offers.

    ``trusted`` means that the connection it came over was verified against the expected certificate.
    ``auth_methods`` is None when the service was not asked, or did not ask back for a sign-in.
    """

    seconds: float
    trusted: bool = False
    product_vendor: str | None = None
    product_version: str | None = None
    protocol_version: str | None = None
    auth_methods: tuple[str, ...] | None = None
    broken: Break | None = None


@dataclass(frozen=True, kw_only=True)
class Authentication:
    """The one attempt to have credentials accepted by network level authentication.

    ``sent`` says whether the answer that is made with the password left; from then on a refusal counts towards a
    lock-out. ``version`` is that of CredSSP on which both sides agree, None before the server said its own. ``status``
    is the NTSTATUS code of a server that refuses. ``broken`` is None only when the credentials were accepted by a
    server that proved to own the key of its certificate.
    """

    seconds: float
    sent: bool
    version: int | None = None
    status: int | None = None
    broken: Break | None = None


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What the service has to be. ``thumbprint`` is in normal form; ``server_name`` None means: the address used.

    ``port`` is the one that it has in the VM. ``authenticates`` means that it also has to accept credentials.
    """

    protocol: Protocol
    port: int
    server_name: str | None = None
    thumbprint: str | None = None
    authenticates: bool = False

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages to go through. The last one passed means that the service answers."""
        return tuple(stage for stage in STAGES[self.protocol] if self.authenticates or stage is not Stage.AUTHENTICATE)


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One try, as far as it got; a stage that was not tried is None."""

    location: Location
    resolution: Resolution | None = None
    tcp: Connection | None = None
    rdp: Negotiation | None = None
    tls: Handshake | None = None
    wsman: Identification | None = None
    authentication: Authentication | None = None

    @property
    def host(self) -> str | None:
        """The address or name the verdict is about."""
        if self.tcp is not None:
            return self.tcp.host
        return self.location.hosts[0] if self.location.hosts else None

    @property
    def certificate(self) -> Certificate | None:
        """The one that the server presented."""
        return self.tls.outcome.certificate if self.tls and isinstance(self.tls.outcome, Session) else None
