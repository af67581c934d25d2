# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of an access probe as plain JSON data."""

from __future__ import annotations

import typing as t

from .probe_causes import Protocol
from .probe_credssp import status
from .probe_findings import certificate_names, judged_name, probed_port, thumbprint_matches, timestamp
from .probe_observations import Session
from .probe_rdp import OFFERED, failure

if t.TYPE_CHECKING:
    from datetime import datetime

    from .outcome import Document
    from .probe import Verdict
    from .probe_observations import (
        Authentication,
        Certificate,
        Connection,
        Expectation,
        Identification,
        Observed,
        Resolution,
    )
    from .probe_rdp import Negotiation


def describe(observed: Observed, expected: Expectation, verdict: Verdict, *, tries: int, now: datetime) -> Document:
    """The ``probe`` result: the verdict and everything seen, as plain JSON data."""
    return {
        "verified": verdict.verified,
        "stage": verdict.stage.value,
        "cause": verdict.cause.value if verdict.cause else None,
        "message": verdict.message,
        "hint": verdict.hint,
        "warnings": [
            {"cause": warned.cause.value, "message": warned.message, "hint": warned.hint} for warned in verdict.warnings
        ],
        "protocol": expected.protocol.value,
        "address": observed.host,
        "port": probed_port(observed, expected),
        "nat_rule": observed.location.nat_rule,
        "server_name": judged_name(observed, expected) or None,
        "tries": tries,
        "resolve": _describe_resolution(observed.resolution),
        "tcp": _describe_connection(observed.tcp),
        "rdp": _describe_negotiation(observed.rdp),
        "tls": _describe_handshake(observed, expected, now),
        "wsman": _describe_identification(observed.wsman),
        "authentication": _describe_authentication(observed.authentication),
    }


def _describe_resolution(seen: Resolution | None) -> Document | None:
    if seen is None:
        return None
    return {"addresses": list(seen.addresses), "seconds": round(seen.seconds, 3)}


def _describe_connection(seen: Connection | None) -> Document | None:
    if seen is None:
        return None
    return {"state": seen.state.value, "address": seen.address, "seconds": round(seen.seconds, 3)}


def _describe_negotiation(seen: Negotiation | None) -> Document | None:
    if seen is None:
        return None
    refused = seen.first.failure
    return {
        "selected_protocol": None if seen.selected is None else seen.selected.name,
        "offered_protocols": [protocol.name for protocol in OFFERED],
        "accepted_protocols": [protocol.name for protocol in seen.accepted],
        "nla": seen.nla.value if seen.nla else None,
        "legacy": seen.first.legacy,
        "failure": None if refused is None else {"code": refused, "name": failure(refused).name},
        "seconds": round(seen.seconds, 3),
    }


def _describe_handshake(observed: Observed, expected: Expectation, now: datetime) -> Document | None:
    seen = observed.tls
    if seen is None:
        return None
    session = seen.outcome if isinstance(seen.outcome, Session) else None
    result: Document = {
        "version": session.version if session else None,
        "cipher": session.cipher if session else None,
        "seconds": round(seen.seconds, 3),
        "trusted": bool(observed.wsman and observed.wsman.trusted),
        "certificate": None,
        "thumbprint_matches": None,
        "name_matches": None,
    }
    if session is not None:
        certificate = session.certificate
        result["certificate"] = _describe_certificate(certificate, now)
        result["thumbprint_matches"] = thumbprint_matches(certificate, expected)
        result["name_matches"] = certificate_names(certificate, observed, expected)
        if expected.protocol is Protocol.RDP:
            # The handshake has shown that the machine has the key; what else RDP would send depends on nothing else.
            result["trusted"] = result["thumbprint_matches"] is True
    return result


def _describe_certificate(certificate: Certificate, now: datetime) -> Document:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": certificate.serial,
        "thumbprint": certificate.thumbprint,
        "thumbprint_sha256": certificate.thumbprint_sha256,
        "not_before": timestamp(certificate.not_before),
        "not_after": timestamp(certificate.not_after),
        "days_left": certificate.days_left(now),
        "dns_names": list(certificate.dns_names),
        "ip_addresses": list(certificate.ip_addresses),
        "pem": certificate.pem,
    }


def _describe_identification(seen: Identification | None) -> Document | None:
    if seen is None:
        return None
    return {
        "product_vendor": seen.product_vendor,
        "product_version": seen.product_version,
        "protocol_version": seen.protocol_version,
        "auth_methods": None if seen.auth_methods is None else list(seen.auth_methods),
        "seconds": round(seen.seconds, 3),
    }


def _describe_authentication(seen: Authentication | None) -> Document | None:
    if seen is None:
        return None
    refused = seen.status
    return {
        "accepted": seen.broken is None,
        "sent": seen.sent,
        "credssp_version": seen.version,
        "status": None if refused is None else {"code": f"0x{refused:08X}", "name": status(refused).name},
        "seconds": round(seen.seconds, 3),
    }
