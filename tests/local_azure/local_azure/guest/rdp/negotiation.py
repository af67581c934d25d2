# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The X.224 connection request and its confirm, with the negotiation in them (MS-RDPBCGR sections 2.2.1.1, 2.2.1.2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .state import RemoteDesktop

TPKT_VERSION = 3
CONNECTION_REQUEST = 0xE0
CONNECTION_CONFIRM = 0xD0
NEGOTIATION_REQUEST = 1
NEGOTIATION_RESPONSE = 2
NEGOTIATION_FAILURE = 3
PROTOCOL_RDP = 0
PROTOCOL_SSL = 1
PROTOCOL_HYBRID = 2
PROTOCOL_HYBRID_EX = 8
SSL_REQUIRED_BY_SERVER = 1
SSL_NOT_ALLOWED_BY_SERVER = 2
SSL_CERT_NOT_ON_SERVER = 3
HYBRID_REQUIRED_BY_SERVER = 5
RESPONSE_FLAGS = 0x1F  # what a current Windows Server says it can do
_WITH_TLS = PROTOCOL_SSL | PROTOCOL_HYBRID | PROTOCOL_HYBRID_EX


@dataclass(frozen=True, kw_only=True)
class Negotiation:
    """What the server answers, and what follows: TLS, and CredSSP in it."""

    confirm: bytes
    protocol: int = PROTOCOL_RDP

    @property
    def tls(self) -> bool:
        return bool(self.protocol & _WITH_TLS)

    @property
    def credssp(self) -> bool:
        return bool(self.protocol & (PROTOCOL_HYBRID | PROTOCOL_HYBRID_EX))


def negotiate(request: bytes, desktop: RemoteDesktop, *, has_certificate: bool = True) -> Negotiation | None:
    """Answer a connection request (with its TPKT header); None when it is not one.

    Redirected sessions (RDSTLS) and Microsoft Entra (RDSAAD) are not taken.
    """
    if len(request) < 11 or request[0] != TPKT_VERSION or request[5] & 0xF0 != CONNECTION_REQUEST:
        return None
    asked = _requested_protocols(request)
    offered = asked or PROTOCOL_RDP
    failure = _failure(offered, desktop, has_certificate=has_certificate)
    if failure is not None:
        return Negotiation(confirm=_confirm(NEGOTIATION_FAILURE, failure))
    for protocol in (PROTOCOL_HYBRID_EX, PROTOCOL_HYBRID, PROTOCOL_SSL):
        if offered & protocol:
            return Negotiation(confirm=_confirm(NEGOTIATION_RESPONSE, protocol), protocol=protocol)
    if asked is None:
        return Negotiation(confirm=_packet(b""))
    return Negotiation(confirm=_confirm(NEGOTIATION_RESPONSE, PROTOCOL_RDP))


def _failure(offered: int, desktop: RemoteDesktop, *, has_certificate: bool) -> int | None:
    if desktop.security_layer == "rdp":
        return SSL_NOT_ALLOWED_BY_SERVER if offered & _WITH_TLS else None
    if offered & _WITH_TLS and not has_certificate:
        return SSL_CERT_NOT_ON_SERVER
    if offered & (PROTOCOL_HYBRID | PROTOCOL_HYBRID_EX):
        return None
    if desktop.network_level_authentication:
        return HYBRID_REQUIRED_BY_SERVER
    if desktop.security_layer == "tls" and not offered & PROTOCOL_SSL:
        return SSL_REQUIRED_BY_SERVER
    return None


def _requested_protocols(request: bytes) -> int | None:
    """The protocols of the negotiation request at the end of the packet; None when there is none."""
    kind, _flags, length, protocols = struct.unpack("<BBHI", request[-8:])
    return int(protocols) if kind == NEGOTIATION_REQUEST and length == 8 else None


def _confirm(kind: int, value: int) -> bytes:
    flags = RESPONSE_FLAGS if kind == NEGOTIATION_RESPONSE else 0
    return _packet(struct.pack("<BBHI", kind, flags, 8, value))


def _packet(negotiation: bytes) -> bytes:
    x224 = struct.pack(">BBHHB", 6 + len(negotiation), CONNECTION_CONFIRM, 0, 0x1234, 0) + negotiation
    return struct.pack(">BBH", TPKT_VERSION, 0, 4 + len(x224)) + x224
