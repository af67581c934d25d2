# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on what an access probe observed."""

from __future__ import annotations

import types
import typing as t
from dataclasses import dataclass

from .errors import AccessError
from .probe_causes import STAGES, Cause, Protocol, Stage, hint
from .probe_observations import Break, TcpState
from .server_name import name_matches, normalise_server_name

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .probe_observations import Certificate, Expectation, Identification, Observed

_NAMES_SHOWN = 8
_OUTDATED = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})


class NotVerified(AccessError):
    """The service was not reached, or is not the expected one; ``code`` is the cause, ``details`` the probe."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """``stage`` is the last stage reached; ``cause`` is None as long as nothing was found wrong."""

    verified: bool
    stage: Stage
    cause: Cause | None
    message: str
    hint: str | None


class Finding(t.NamedTuple):
    """Something wrong, as one clause."""

    cause: Cause
    message: str


def judge(observed: Observed, expected: Expectation, *, now: datetime) -> Verdict:
    """The verdict on the stages observed so far, which stop at the first one with a finding."""
    stages = STAGES[expected.protocol]
    reached = stages[0]
    for stage in stages:
        seen, finding = _JUDGES[stage](observed, expected, now)
        if not seen:
            return Verdict(
                verified=False,
                stage=reached,
                cause=None,
                message=f"{_where(observed, expected)}: {stage.value} was not tried.",
                hint=None,
            )
        reached = stage
        if finding:
            return Verdict(
                verified=False,
                stage=stage,
                cause=finding.cause,
                message=_printable(f"{_where(observed, expected)}: {finding.message}."),
                hint=hint(finding.cause, protocol=expected.protocol, port=expected.port),
            )
    return _verified(observed, expected, reached, now)


def _verified(observed: Observed, expected: Expectation, stage: Stage, now: datetime) -> Verdict:
    certificate = observed.certificate
    validity = f", valid for {certificate.days_left(now)} more days" if certificate else ""
    pinned = expected.thumbprint is not None
    which = "the expected certificate" if pinned else "a certificate that was not compared with an expected one"
    return Verdict(
        verified=True,
        stage=stage,
        cause=None,
        message=f"{_where(observed, expected)}: the service answers with {which}{validity}.",
        hint=None if pinned else "Pass expected_thumbprint to be sure that it is this VM that answers.",
    )


def _where(observed: Observed, expected: Expectation) -> str:
    service = {Protocol.WINRM: "WinRM"}[expected.protocol]
    host = observed.host
    return f"{service} at {host} port {expected.port}" if host else f"{service} on port {expected.port}"


def _printable(text: str) -> str:
    """Without what a server could have put in to play with a terminal or a log."""
    return "".join(character if character.isprintable() else "?" for character in text)


_Judgement = tuple[bool, Finding | None]


def _judge_resolution(observed: Observed, expected: Expectation, now: datetime) -> _Judgement:
    seen = observed.resolution
    if observed.location.not_running:
        return True, Finding(Cause.VM_NOT_RUNNING, f"the VM is {observed.location.not_running}")
    if not observed.location.hosts:
        return True, Finding(Cause.NO_ADDRESS, "the VM has no such address")
    if seen is not None and not seen.addresses:
        return True, Finding(Cause.NAME_NOT_RESOLVED, f"the name does not resolve ({seen.error})")
    return seen is not None, None


def _judge_tcp(observed: Observed, expected: Expectation, now: datetime) -> _Judgement:
    seen = observed.tcp
    if seen is None or seen.state is TcpState.OPEN:
        return seen is not None, None
    named = "" if seen.address == seen.host else f" ({seen.address})"
    if seen.state is TcpState.FILTERED:
        return True, Finding(Cause.TCP_FILTERED, f"no answer in {seen.seconds:.1f} seconds{named}, packets are dropped")
    if seen.state is TcpState.CLOSED:
        return True, Finding(Cause.TCP_CLOSED, f"the connection was refused at once{named}")
    return True, Finding(Cause.TCP_UNREACHABLE, f"there is no way to the address{named}: {seen.error}")


def _judge_tls(observed: Observed, expected: Expectation, now: datetime) -> _Judgement:
    seen = observed.tls
    if seen is None:
        return False, None
    # A handshake with the expected certificate only can still fail where one that verifies nothing did not.
    outcome = _tls_break(observed.wsman) or seen.outcome
    if isinstance(outcome, Break):
        return True, Finding(outcome.cause, _BREAKS[outcome.cause].format(outcome.detail))
    finding = _judge_certificate(outcome.certificate, observed, expected, now)
    if finding is None and outcome.version in _OUTDATED:
        finding = Finding(Cause.TLS_OUTDATED, f"it speaks {outcome.version} only")
    return True, finding


def _judge_certificate(
    certificate: Certificate, observed: Observed, expected: Expectation, now: datetime
) -> Finding | None:
    if thumbprint_matches(certificate, expected) is False:
        seen = certificate.thumbprint if len(expected.thumbprint or "") == 40 else certificate.thumbprint_sha256
        return Finding(
            Cause.CERTIFICATE_MISMATCH,
            f"it presents the certificate {seen} ({certificate.subject}) where {expected.thumbprint} is expected",
        )
    if now > certificate.not_after:
        return Finding(Cause.CERTIFICATE_EXPIRED, f"its certificate expired at {timestamp(certificate.not_after)}")
    if now < certificate.not_before:
        return Finding(
            Cause.CERTIFICATE_NOT_YET_VALID,
            f"its certificate is valid from {timestamp(certificate.not_before)}, and it is {timestamp(now)} here",
        )
    if not certificate.for_servers:
        return Finding(Cause.CERTIFICATE_WRONG_USAGE, "its certificate is not made for server authentication")
    name = judged_name(observed, expected)
    if not name_matches(name, dns_names=certificate.dns_names, ip_addresses=certificate.ip_addresses):
        return Finding(
            Cause.CERTIFICATE_NAME_MISMATCH,
            f"its certificate {_names(certificate)}, not {name} (the common name does not count)",
        )
    return None


def _names(certificate: Certificate) -> str:
    names = certificate.dns_names + certificate.ip_addresses
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"names {', '.join(names[:_NAMES_SHOWN])}{more}" if names else "has no subject alternative name"


def _judge_identify(observed: Observed, expected: Expectation, now: datetime) -> _Judgement:
    seen = observed.wsman
    if seen is None or seen.broken is None:
        return seen is not None, None
    return True, Finding(seen.broken.cause, _BREAKS[seen.broken.cause].format(seen.broken.detail))


_JUDGES: Mapping[Stage, t.Callable[[Observed, Expectation, datetime], _Judgement]] = types.MappingProxyType(
    {
        Stage.RESOLVE: _judge_resolution,
        Stage.TCP: _judge_tcp,
        Stage.TLS: _judge_tls,
        Stage.IDENTIFY: _judge_identify,
    }
)

_TLS_BREAKS: Mapping[Cause, str] = types.MappingProxyType(
    {
        Cause.NOT_TLS: "something other than TLS answers: {}",
        Cause.TLS_SILENT: "the connection opens and then nothing comes ({})",
        Cause.TLS_CLOSED: "the connection is closed during the TLS handshake ({})",
        Cause.TLS_REFUSED: "the TLS handshake fails ({})",
        Cause.CERTIFICATE_UNREADABLE: "its certificate can't be read ({})",
        Cause.CERTIFICATE_CHANGED: "another connection a moment later shows another certificate ({})",
        Cause.CERTIFICATE_REJECTED: "its certificate is the expected one, but does not verify ({})",
    }
)
_BREAKS: Mapping[Cause, str] = types.MappingProxyType(
    {
        **_TLS_BREAKS,
        Cause.IDENTIFY_SILENT: "the TLS connection stands, but WSMan Identify gets no answer ({})",
        Cause.IDENTIFY_CLOSED: "the connection is closed instead of an answer to WSMan Identify ({})",
        Cause.IDENTIFY_REFUSED: "WSMan Identify is refused ({})",
        Cause.IDENTIFY_NOT_FOUND: "there is no /wsman ({})",
        Cause.SERVICE_UNAVAILABLE: "Windows answers for a WinRM service that is not running ({})",
        Cause.NOT_WSMAN: "the answer is not one to WSMan Identify ({})",
    }
)


def _tls_break(wsman: Identification | None) -> Break | None:
    return wsman.broken if wsman and wsman.broken and wsman.broken.cause in _TLS_BREAKS else None


def judged_name(observed: Observed, expected: Expectation) -> str:
    """The name or address that the certificate has to carry."""
    name = expected.server_name or observed.host
    return normalise_server_name(name) if name else ""


def thumbprint_matches(certificate: Certificate, expected: Expectation) -> bool | None:
    """None when no certificate is expected."""
    if expected.thumbprint is None:
        return None
    return expected.thumbprint in (certificate.thumbprint, certificate.thumbprint_sha256)


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC, without fractions of a second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
