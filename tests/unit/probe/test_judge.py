# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict, from values alone."""

from __future__ import annotations

import dataclasses
import json
import string
from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.probe import judge
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_causes import (
    STAGES,
    Cause,
    Protocol,
    Stage,
    hint,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_observations import (
    Break,
    Certificate,
    Connection,
    Expectation,
    Handshake,
    Identification,
    Location,
    Observed,
    Resolution,
    Session,
    TcpState,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_result import describe

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SHA1, SHA256 = "A1" * 20, "B2" * 32
CERTIFICATE = Certificate(
    subject="CN=win1",
    issuer="CN=win1",
    serial="1F",
    thumbprint=SHA1,
    thumbprint_sha256=SHA256,
    not_before=NOW - timedelta(days=1),
    not_after=NOW + timedelta(days=30, hours=1),
    dns_names=("win1.example.com",),
    ip_addresses=("192.0.2.10",),
    for_servers=True,
    pem="-----BEGIN CERTIFICATE-----\n",
)
SESSION = Session(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", certificate=CERTIFICATE)
GOOD = Observed(
    location=Location(hosts=("192.0.2.10",)),
    resolution=Resolution(addresses=("192.0.2.10",), seconds=0.01),
    tcp=Connection(state=TcpState.OPEN, host="192.0.2.10", address="192.0.2.10", seconds=0.02),
    tls=Handshake(outcome=SESSION, seconds=0.03),
    wsman=Identification(
        trusted=True,
        seconds=0.04,
        product_vendor="Microsoft Corporation",
        product_version="OS: 0.0.0 SP: 0.0 Stack: 3.0",
        protocol_version="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
        auth_methods=("Negotiate", "Kerberos"),
    ),
)
WINRM = Expectation(protocol=Protocol.WINRM, port=5986, thumbprint=SHA1)


def port(state: TcpState) -> Observed:
    tcp = Connection(state=state, host="win1.example.com", address="192.0.2.10", seconds=5.0, error="No route to host")
    return dataclasses.replace(GOOD, location=Location(hosts=("win1.example.com",)), tcp=tcp, tls=None, wsman=None)


def presents(*, version: str = "TLSv1.3", **changes: object) -> Observed:
    certificate = dataclasses.replace(CERTIFICATE, **changes)  # type: ignore[arg-type]  # fields of a test's choice
    session = dataclasses.replace(SESSION, certificate=certificate, version=version)
    return dataclasses.replace(GOOD, tls=Handshake(outcome=session, seconds=0.1), wsman=None)


def handshake_breaks(cause: Cause) -> Observed:
    broken = Break(cause=cause, detail="the detail")
    return dataclasses.replace(GOOD, tls=Handshake(outcome=broken, seconds=0.1), wsman=None)


def identify_breaks(cause: Cause) -> Observed:
    broken = Break(cause=cause, detail="the detail")
    return dataclasses.replace(GOOD, wsman=Identification(seconds=0.1, broken=broken))


CASES: list[tuple[Observed, Stage, Cause, str]] = [
    (
        Observed(location=Location(hosts=(), not_running="deallocated")),
        Stage.RESOLVE,
        Cause.VM_NOT_RUNNING,
        "the VM is deallocated",
    ),
    (Observed(location=Location(hosts=())), Stage.RESOLVE, Cause.NO_ADDRESS, "no such"),
    (
        Observed(
            location=Location(hosts=("win9",)),
            resolution=Resolution(addresses=(), seconds=0, error="win9: Name not known"),
        ),
        Stage.RESOLVE,
        Cause.NAME_NOT_RESOLVED,
        "win9: Name not known",
    ),
    (port(TcpState.FILTERED), Stage.TCP, Cause.TCP_FILTERED, "no answer in 5.0 seconds (192.0.2.10)"),
    (port(TcpState.CLOSED), Stage.TCP, Cause.TCP_CLOSED, "refused at once"),
    (port(TcpState.UNREACHABLE), Stage.TCP, Cause.TCP_UNREACHABLE, "No route to host"),
    *[
        (handshake_breaks(cause), Stage.TLS, cause, "the detail")
        for cause in (
            Cause.NOT_TLS,
            Cause.TLS_SILENT,
            Cause.TLS_CLOSED,
            Cause.TLS_REFUSED,
            Cause.CERTIFICATE_UNREADABLE,
        )
    ],
    (presents(version="TLSv1.1"), Stage.TLS, Cause.TLS_OUTDATED, "TLSv1.1"),
    (
        presents(thumbprint="C3" * 20, subject="CN=win2"),
        Stage.TLS,
        Cause.CERTIFICATE_MISMATCH,
        f"{'C3' * 20} (CN=win2) where {SHA1} is expected",
    ),
    (
        presents(not_after=NOW - timedelta(hours=1)),
        Stage.TLS,
        Cause.CERTIFICATE_EXPIRED,
        "expired at 2026-11-20T11:00:00Z",
    ),
    (
        presents(not_before=NOW + timedelta(hours=1)),
        Stage.TLS,
        Cause.CERTIFICATE_NOT_YET_VALID,
        "from 2026-11-20T13:00:00Z, and it is 2026-11-20T12:00:00Z here",
    ),
    (presents(for_servers=False), Stage.TLS, Cause.CERTIFICATE_WRONG_USAGE, "server authentication"),
    (
        presents(ip_addresses=()),
        Stage.TLS,
        Cause.CERTIFICATE_NAME_MISMATCH,
        "its certificate names win1.example.com, not 192.0.2.10",
    ),
    (
        presents(ip_addresses=(), dns_names=()),
        Stage.TLS,
        Cause.CERTIFICATE_NAME_MISMATCH,
        "has no subject alternative name, not 192.0.2.10 (the common name does not count)",
    ),
    # Found while connecting for Identify, yet about TLS.
    (identify_breaks(Cause.CERTIFICATE_REJECTED), Stage.TLS, Cause.CERTIFICATE_REJECTED, "the detail"),
    (identify_breaks(Cause.CERTIFICATE_CHANGED), Stage.TLS, Cause.CERTIFICATE_CHANGED, "the detail"),
    *[
        (identify_breaks(cause), Stage.IDENTIFY, cause, "the detail")
        for cause in (
            Cause.IDENTIFY_SILENT,
            Cause.IDENTIFY_CLOSED,
            Cause.IDENTIFY_REFUSED,
            Cause.IDENTIFY_NOT_FOUND,
            Cause.SERVICE_UNAVAILABLE,
            Cause.NOT_WSMAN,
        )
    ],
]


@pytest.mark.parametrize(("observed", "stage", "cause", "text"), CASES, ids=[case[2].value for case in CASES])
def test_each_cause(observed: Observed, stage: Stage, cause: Cause, text: str) -> None:
    verdict = judge(observed, WINRM, now=NOW)
    assert (verdict.verified, verdict.stage, verdict.cause) == (False, stage, cause)
    assert text in verdict.message
    assert verdict.message.startswith("WinRM ")
    assert verdict.message.endswith(".")
    assert verdict.hint
    json.dumps(describe(observed, WINRM, verdict, tries=1, now=NOW))


def test_a_server_can_put_nothing_strange_into_the_message() -> None:
    names = tuple(f"vm{number}.example.com\x1b[2J" for number in range(100))
    verdict = judge(presents(dns_names=names, ip_addresses=()), WINRM, now=NOW)
    assert verdict.message.isprintable()
    assert "and 92 more" in verdict.message


def test_every_cause_has_a_case() -> None:
    assert {case[2] for case in CASES} == set(Cause)


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("cause", Cause)
def test_every_cause_says_what_to_do_next(protocol: Protocol, cause: Cause) -> None:
    text = hint(cause, protocol=protocol, port=5986)
    assert text.endswith(".")
    assert not any(name for _text, name, _spec, _conversion in string.Formatter().parse(text))


def test_verified() -> None:
    verdict = judge(GOOD, WINRM, now=NOW)
    assert (verdict.verified, verdict.stage, verdict.cause, verdict.hint) == (True, Stage.IDENTIFY, None, None)
    assert verdict.message == (
        "WinRM at 192.0.2.10 port 5986: the service answers with the expected certificate, valid for 30 more days."
    )


def test_verified_without_an_expected_certificate_says_so() -> None:
    verdict = judge(GOOD, dataclasses.replace(WINRM, thumbprint=None), now=NOW)
    assert verdict.verified
    assert "not compared" in verdict.message
    assert "expected_thumbprint" in str(verdict.hint)


def test_sha256_is_as_good() -> None:
    assert judge(GOOD, dataclasses.replace(WINRM, thumbprint=SHA256), now=NOW).verified
    other = judge(GOOD, dataclasses.replace(WINRM, thumbprint="D4" * 32), now=NOW)
    assert other.cause is Cause.CERTIFICATE_MISMATCH
    assert SHA256 in other.message


def test_server_name_replaces_the_address() -> None:
    assert judge(GOOD, dataclasses.replace(WINRM, server_name="win1.example.com"), now=NOW).verified
    other = judge(GOOD, dataclasses.replace(WINRM, server_name="win2.example.com"), now=NOW)
    assert other.cause is Cause.CERTIFICATE_NAME_MISMATCH


def test_what_was_not_tried_is_not_verified() -> None:
    partial: Observed = Observed(location=Location(hosts=("192.0.2.10",)))
    for name, stage in zip(("resolution", "tcp", "tls", "wsman"), STAGES[Protocol.WINRM], strict=True):
        verdict = judge(partial, WINRM, now=NOW)
        assert (verdict.verified, verdict.cause) == (False, None)
        assert f"{stage.value} was not tried" in verdict.message
        partial = dataclasses.replace(partial, **{name: getattr(GOOD, name)})
    assert judge(partial, WINRM, now=NOW).verified


def test_the_result() -> None:
    assert describe(GOOD, WINRM, judge(GOOD, WINRM, now=NOW), tries=3, now=NOW) == {
        "verified": True,
        "stage": "identify",
        "cause": None,
        "message": "WinRM at 192.0.2.10 port 5986: the service answers with the expected certificate, valid for 30 more"
        " days.",
        "hint": None,
        "protocol": "winrm",
        "address": "192.0.2.10",
        "port": 5986,
        "server_name": "192.0.2.10",
        "tries": 3,
        "resolve": {"addresses": ["192.0.2.10"], "seconds": 0.01},
        "tcp": {"state": "open", "address": "192.0.2.10", "seconds": 0.02},
        "tls": {
            "version": "TLSv1.3",
            "cipher": "TLS_AES_256_GCM_SHA384",
            "seconds": 0.03,
            "trusted": True,
            "certificate": {
                "subject": "CN=win1",
                "issuer": "CN=win1",
                "serial": "1F",
                "thumbprint": SHA1,
                "thumbprint_sha256": SHA256,
                "not_before": "2026-11-19T12:00:00Z",
                "not_after": "2026-12-20T13:00:00Z",
                "days_left": 30,
                "dns_names": ["win1.example.com"],
                "ip_addresses": ["192.0.2.10"],
                "pem": "-----BEGIN CERTIFICATE-----\n",
            },
            "thumbprint_matches": True,
            "name_matches": True,
        },
        "wsman": {
            "product_vendor": "Microsoft Corporation",
            "product_version": "OS: 0.0.0 SP: 0.0 Stack: 3.0",
            "protocol_version": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
            "auth_methods": ["Negotiate", "Kerberos"],
            "seconds": 0.04,
        },
    }
