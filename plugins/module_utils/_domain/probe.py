# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on what an access probe observed."""

from __future__ import annotations

import types
import typing as t
from dataclasses import dataclass

from .errors import AccessError
from .probe_causes import Cause, Protocol, Stage
from .probe_findings import JUDGES, probed_port
from .probe_rdp import Nla
from .probe_words import hint

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .probe_findings import Finding
    from .probe_observations import Expectation, Observed

# Clients of Remote Desktop warn of these and let people go on.
_WARNED_OF = frozenset(
    {
        Cause.TLS_NOT_OFFERED,
        Cause.TLS_OUTDATED,
        Cause.CERTIFICATE_EXPIRED,
        Cause.CERTIFICATE_NOT_YET_VALID,
        Cause.CERTIFICATE_WRONG_USAGE,
        Cause.CERTIFICATE_NAME_MISMATCH,
    }
)
_NEVER_STOPS = frozenset({Cause.NLA_OFF, Cause.NLA_NOT_REQUIRED, Cause.CERTIFICATE_SELF_SIGNED})


class NotVerified(AccessError):
    """The service was not reached, or is not the expected one; ``code`` is the cause, ``details`` the probe."""


@dataclass(frozen=True, kw_only=True)
class Warned:
    """Something that does not stop a probe, and what to do about it."""

    cause: Cause
    message: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """``stage`` is the last stage reached; ``cause`` is None as long as nothing was found that stops it there."""

    verified: bool
    stage: Stage
    cause: Cause | None
    message: str
    hint: str | None
    warnings: tuple[Warned, ...] = ()


def judge(observed: Observed, expected: Expectation, *, now: datetime) -> Verdict:
    """The verdict on the stages observed so far, which stop at the first one with a finding."""
    reached = expected.stages[0]
    warnings: list[Warned] = []
    for stage in expected.stages:
        seen, findings = JUDGES[stage](observed, expected, now)
        if not seen:
            return Verdict(
                verified=False,
                stage=reached,
                cause=None,
                message=f"{_where(observed, expected)}: {stage.value} was not tried.",
                hint=None,
                warnings=tuple(warnings),
            )
        reached = stage
        finding = next((finding for finding in findings if _stops(finding, expected)), None)
        warnings += [_warned(finding, observed, expected) for finding in findings if not _stops(finding, expected)]
        if finding:
            return Verdict(
                verified=False,
                stage=stage,
                cause=finding.cause,
                message=_sentence(finding, observed, expected),
                hint=_hint(finding, observed, expected),
                warnings=tuple(warnings),
            )
    return _verified(observed, expected, reached, tuple(warnings), now)


def _stops(finding: Finding, expected: Expectation) -> bool:
    if finding.cause in _NEVER_STOPS:
        return False
    if expected.protocol is not Protocol.RDP or finding.cause not in _WARNED_OF:
        return True
    # Who says which certificate or which name it has to be wants no client to warn.
    named = expected.server_name is not None and finding.cause is Cause.CERTIFICATE_NAME_MISMATCH
    return named or expected.thumbprint is not None


def _warned(finding: Finding, observed: Observed, expected: Expectation) -> Warned:
    return Warned(
        cause=finding.cause,
        message=_sentence(finding, observed, expected),
        hint=_hint(finding, observed, expected),
    )


def _hint(finding: Finding, observed: Observed, expected: Expectation) -> str:
    outside = probed_port(observed, expected)
    return hint(finding.cause, protocol=expected.protocol, port=expected.port, outside=outside)


def _verified(
    observed: Observed, expected: Expectation, stage: Stage, warnings: tuple[Warned, ...], now: datetime
) -> Verdict:
    certificate = observed.certificate
    pinned = expected.thumbprint is not None
    if certificate is None:
        which = "without TLS, so that it can't be told who it is"
    else:
        which = (
            "with the expected certificate"
            if pinned
            else "with a certificate that was not compared with an expected one"
        )
        days = certificate.days_left(now)
        which += f", valid for {days} more days" if days >= 0 else ""
    nla = observed.rdp.nla if observed.rdp else None
    signed_in = "; it accepts the credentials" if observed.authentication else ""
    return Verdict(
        verified=True,
        stage=stage,
        cause=None,
        message=f"{_where(observed, expected)}: the service answers {which}{_NLA[nla]}{signed_in}.",
        hint=None if pinned else "Pass expected_thumbprint to be sure that it is this VM that answers.",
        warnings=warnings,
    )


_NLA: Mapping[Nla | None, str] = types.MappingProxyType(
    {
        None: "",
        Nla.REQUIRED: "; network level authentication is required",
        Nla.SUPPORTED: "; network level authentication is possible, but not required",
        Nla.OFF: "; network level authentication is off",
    }
)


def _where(observed: Observed, expected: Expectation) -> str:
    service = {Protocol.WINRM: "WinRM", Protocol.RDP: "RDP"}[expected.protocol]
    host, port = observed.host, probed_port(observed, expected)
    return f"{service} at {host} port {port}" if host else f"{service} on port {port}"


def _sentence(finding: Finding, observed: Observed, expected: Expectation) -> str:
    """Without what a server could have put in to play with a terminal or a log."""
    text = f"{_where(observed, expected)}: {finding.message}."
    return "".join(character if character.isprintable() else "?" for character in text)
