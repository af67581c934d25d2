# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of an access probe as plain JSON data."""

from __future__ import annotations

import typing as t

from .probe import judged_name, thumbprint_matches, timestamp
from .probe_observations import Session
from .server_name import name_matches

if t.TYPE_CHECKING:
    from datetime import datetime

    from .outcome import Document
    from .probe import Verdict
    from .probe_observations import (
        Certificate,
        Connection,
        Expectation,
        Identification,
        Observed,
        Resolution,
    )


def describe(observed: Observed, expected: Expectation, verdict: Verdict, *, tries: int, now: datetime) -> Document:
    """The ``probe`` result: the verdict and everything seen, as plain JSON data."""
    return {
        "verified": verdict.verified,
        "stage": verdict.stage.value,
        "cause": verdict.cause.value if verdict.cause else None,
        "message": verdict.message,
        "hint": verdict.hint,
        "protocol": expected.protocol.value,
        "address": observed.host,
        "port": expected.port,
        "server_name": judged_name(observed, expected) or None,
        "tries": tries,
        "resolve": _describe_resolution(observed.resolution),
        "tcp": _describe_connection(observed.tcp),
        "tls": _describe_handshake(observed, expected, now),
        "wsman": _describe_identification(observed.wsman),
    }


def _describe_resolution(seen: Resolution | None) -> Document | None:
    if seen is None:
        return None
    return {"addresses": list(seen.addresses), "seconds": round(seen.seconds, 3)}


def _describe_connection(seen: Connection | None) -> Document | None:
    if seen is None:
        return None
    return {"state": seen.state.value, "address": seen.address, "seconds": round(seen.seconds, 3)}


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
        result["name_matches"] = name_matches(
            judged_name(observed, expected), dns_names=certificate.dns_names, ip_addresses=certificate.ip_addresses
        )
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
