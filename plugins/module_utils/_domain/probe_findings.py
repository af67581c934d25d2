# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with what an access probe observed, stage by stage."""

from __future__ import annotations

import types
import typing as t

from .probe_causes import Break, Cause, Protocol, Stage
from .probe_observations import TcpState
from .probe_rdp import Nla, SecurityProtocol
from .probe_words import TLS_MESSAGES, message
from .server_name import name_matches, normalise_server_name

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from .probe_observations import Certificate, Expectation, Identification, Observed, Session

_NAMES_SHOWN = 8
_OUTDATED = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})


class Finding(t.NamedTuple):
    """Something wrong, as one clause."""

    cause: Cause
    message: str


# Whether the stage was tried, and what was found there, the worst first.
Judgement = tuple[bool, tuple[Finding, ...]]


def _judge_resolution(observed: Observed, expected: Expectation, now: datetime) -> Judgement:
    seen = observed.resolution
    if observed.location.not_running:
        return True, (Finding(Cause.VM_NOT_RUNNING, f"the VM is {observed.location.not_running}"),)
    if not observed.location.hosts:
        return True, (Finding(Cause.NO_ADDRESS, "the VM has no such address"),)
    if seen is not None and not seen.addresses:
        return True, (Finding(Cause.NAME_NOT_RESOLVED, f"the name does not resolve ({seen.error})"),)
    return seen is not None, ()


def _judge_tcp(observed: Observed, expected: Expectation, now: datetime) -> Judgement:
    seen = observed.tcp
    if seen is None or seen.state is TcpState.OPEN:
        return seen is not None, ()
    named = "" if seen.address == seen.host else f" ({seen.address})"
    if seen.state is TcpState.FILTERED:
        silence = f"no answer in {seen.seconds:.1f} seconds{named}, packets are dropped"
        return True, (Finding(Cause.TCP_FILTERED, silence),)
    if seen.state is TcpState.CLOSED:
        return True, (Finding(Cause.TCP_CLOSED, f"the connection was refused at once{named}"),)
    return True, (Finding(Cause.TCP_UNREACHABLE, f"there is no way to the address{named}: {seen.error}"),)


def _judge_negotiation(observed: Observed, expected: Expectation, now: datetime) -> Judgement:
    seen = observed.rdp
    if seen is None:
        return False, ()
    if seen.decisive.broken is not None:
        return True, (_broken(seen.decisive.broken, expected),)
    if seen.nla is Nla.OFF:
        return True, (Finding(Cause.NLA_OFF, "network level authentication is off"),)
    if seen.nla is Nla.SUPPORTED:
        return True, (Finding(Cause.NLA_NOT_REQUIRED, "network level authentication is not required"),)
    return True, ()


def _judge_tls(observed: Observed, expected: Expectation, now: datetime) -> Judgement:
    if observed.rdp and observed.rdp.selected is SecurityProtocol.RDP:
        return True, (Finding(Cause.TLS_NOT_OFFERED, "it takes standard RDP security only, without a certificate"),)
    seen = observed.tls
    if seen is None:
        return False, ()
    # A handshake with the expected certificate only can still fail where one that verifies nothing did not.
    outcome = _tls_break(observed.wsman) or seen.outcome
    if isinstance(outcome, Break):
        return True, (_broken(outcome, expected),)
    return True, tuple(_judge_session(outcome, observed, expected, now))


def _judge_session(session: Session, observed: Observed, expected: Expectation, now: datetime) -> Iterator[Finding]:
    certificate = session.certificate
    remote_desktop = expected.protocol is Protocol.RDP
    if thumbprint_matches(certificate, expected) is False:
        seen = certificate.thumbprint if len(expected.thumbprint or "") == 40 else certificate.thumbprint_sha256
        yield Finding(
            Cause.CERTIFICATE_MISMATCH,
            f"it presents the certificate {seen} ({certificate.subject}) where {expected.thumbprint} is expected",
        )
    if now > certificate.not_after:
        yield Finding(Cause.CERTIFICATE_EXPIRED, f"its certificate expired at {timestamp(certificate.not_after)}")
    if now < certificate.not_before:
        yield Finding(
            Cause.CERTIFICATE_NOT_YET_VALID,
            f"its certificate is valid from {timestamp(certificate.not_before)}, and it is {timestamp(now)} here",
        )
    if not (certificate.for_remote_desktop if remote_desktop else certificate.for_servers):
        yield Finding(Cause.CERTIFICATE_WRONG_USAGE, "its certificate is not made for server authentication")
    if not certificate_names(certificate, observed, expected):
        names = _dns_names(certificate, expected) + certificate.ip_addresses
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        shown = f"names {', '.join(names[:_NAMES_SHOWN])}{more}" if names else "has no subject alternative name"
        note = "" if remote_desktop else " (the common name does not count)"
        yield Finding(
            Cause.CERTIFICATE_NAME_MISMATCH, f"its certificate {shown}, not {judged_name(observed, expected)}{note}"
        )
    if session.version in _OUTDATED:
        yield Finding(Cause.TLS_OUTDATED, f"it speaks {session.version} only")
    if remote_desktop and certificate.self_signed and expected.thumbprint is None:
        yield Finding(Cause.CERTIFICATE_SELF_SIGNED, f"its certificate is self-signed ({certificate.subject})")


def _judge_identify(observed: Observed, expected: Expectation, now: datetime) -> Judgement:
    seen = observed.wsman
    if seen is None or seen.broken is None:
        return seen is not None, ()
    return True, (_broken(seen.broken, expected),)


def _judge_authentication(observed: Observed, expected: Expectation, now: datetime) -> Judgement:
    if observed.rdp and not observed.rdp.authenticates:
        return True, (Finding(Cause.NLA_NOT_OFFERED, "it checks no credentials before it opens a session"),)
    seen = observed.authentication
    if seen is None or seen.broken is None:
        return seen is not None, ()
    return True, (_broken(seen.broken, expected),)


def _broken(why: Break, expected: Expectation) -> Finding:
    return Finding(why.cause, message(why.cause, why.detail, protocol=expected.protocol))


JUDGES: Mapping[Stage, t.Callable[[Observed, Expectation, datetime], Judgement]] = types.MappingProxyType(
    {
        Stage.RESOLVE: _judge_resolution,
        Stage.TCP: _judge_tcp,
        Stage.NEGOTIATE: _judge_negotiation,
        Stage.TLS: _judge_tls,
        Stage.IDENTIFY: _judge_identify,
        Stage.AUTHENTICATE: _judge_authentication,
    }
)


def _tls_break(wsman: Identification | None) -> Break | None:
    return wsman.broken if wsman and wsman.broken and wsman.broken.cause in TLS_MESSAGES else None


def judged_name(observed: Observed, expected: Expectation) -> str:
    """The name or address that the certificate has to carry."""
    name = expected.server_name or observed.host
    return normalise_server_name(name) if name else ""


def probed_port(observed: Observed, expected: Expectation) -> int:
    """The port to connect to."""
    return observed.location.port or expected.port


def certificate_names(certificate: Certificate, observed: Observed, expected: Expectation) -> bool:
    """Whether it is made out for the judged name.

    Clients of Remote Desktop still go by the common name of a certificate that has no subject alternative name, as
    the one that Windows makes for itself; others don't.
    """
    return name_matches(
        judged_name(observed, expected),
        dns_names=_dns_names(certificate, expected),
        ip_addresses=certificate.ip_addresses,
    )


def _dns_names(certificate: Certificate, expected: Expectation) -> tuple[str, ...]:
    bare = not (certificate.dns_names or certificate.ip_addresses)
    if expected.protocol is Protocol.RDP and bare and certificate.common_name:
        return (certificate.common_name,)
    return certificate.dns_names


def thumbprint_matches(certificate: Certificate, expected: Expectation) -> bool | None:
    """None when no certificate is expected."""
    if expected.thumbprint is None:
        return None
    return expected.thumbprint in (certificate.thumbprint, certificate.thumbprint_sha256)


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC, without fractions of a second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
