# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict, from values alone."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.probe import judge
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_causes import (
    STAGES,
    Break,
    Cause,
    Protocol,
    Stage,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_credssp import status
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_observations import (
    Authentication,
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
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_rdp import (
    OFFERED,
    Negotiation,
    Nla,
    Reply,
    SecurityProtocol,
    failure,
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
    for_remote_desktop=True,
    common_name="win1",
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


def refused(offer: tuple[SecurityProtocol, ...], code: int) -> Reply:
    return Reply(offered=offer, failure=code, broken=Break(cause=failure(code).cause, detail="the detail"))


SSL_ONLY = (SecurityProtocol.SSL,)
NLA_REQUIRED = Negotiation(
    seconds=0.05,
    first=Reply(offered=OFFERED, selected=SecurityProtocol.HYBRID_EX),
    others=(
        refused(SSL_ONLY, 5),
        refused((), 5),
        Reply(offered=(*SSL_ONLY, SecurityProtocol.HYBRID), selected=SecurityProtocol.HYBRID),
    ),
)
GOOD_RDP = dataclasses.replace(GOOD, rdp=NLA_REQUIRED, wsman=None)
RDP = Expectation(protocol=Protocol.RDP, port=3389)
PINNED_RDP = dataclasses.replace(RDP, thumbprint=SHA1)
SIGN_IN = dataclasses.replace(PINNED_RDP, authenticates=True)
ACCEPTED = dataclasses.replace(GOOD_RDP, authentication=Authentication(seconds=0.06, sent=True, version=6))


def port(state: TcpState) -> Observed:
    tcp = Connection(state=state, host="win1.example.com", address="192.0.2.10", seconds=5.0, error="No route to host")
    return dataclasses.replace(GOOD, location=Location(hosts=("win1.example.com",)), tcp=tcp, tls=None, wsman=None)


def presents(*, good: Observed = GOOD, version: str = "TLSv1.3", **changes: object) -> Observed:
    certificate = dataclasses.replace(CERTIFICATE, **changes)  # type: ignore[arg-type]  # fields of a test's choice
    session = dataclasses.replace(SESSION, certificate=certificate, version=version)
    return dataclasses.replace(good, tls=Handshake(outcome=session, seconds=0.1), wsman=None)


def handshake_breaks(cause: Cause, *, good: Observed = GOOD) -> Observed:
    broken = Break(cause=cause, detail="the detail")
    return dataclasses.replace(good, tls=Handshake(outcome=broken, seconds=0.1), wsman=None)


def negotiates(first: Reply, *others: Reply) -> Observed:
    """An RDP server whose negotiation goes so, and whose certificate is good."""
    negotiation = Negotiation(seconds=0.1, first=first, others=others)
    tls = None if negotiation.selected in {None, SecurityProtocol.RDP} else GOOD.tls
    return dataclasses.replace(GOOD_RDP, rdp=negotiation, tls=tls)


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


RDP_CASES: list[tuple[Observed, Stage, Cause, str]] = [
    (port(TcpState.FILTERED), Stage.TCP, Cause.TCP_FILTERED, "no answer in 5.0 seconds (192.0.2.10)"),
    (port(TcpState.CLOSED), Stage.TCP, Cause.TCP_CLOSED, "refused at once"),
    *[
        (
            negotiates(Reply(offered=OFFERED, broken=Break(cause=cause, detail="the detail"))),
            Stage.NEGOTIATE,
            cause,
            "the detail",
        )
        for cause in (
            Cause.NEGOTIATION_SILENT,
            Cause.NEGOTIATION_CLOSED,
            Cause.NEGOTIATION_UNEXPECTED,
            Cause.NOT_RDP,
        )
    ],
    *[
        (negotiates(refused(OFFERED, code)), Stage.NEGOTIATE, cause, "the detail")
        for code, cause in (
            (1, Cause.TLS_REQUIRED),
            (2, Cause.TLS_NOT_ALLOWED),
            (3, Cause.NO_SERVER_CERTIFICATE),
            (4, Cause.INCONSISTENT_REQUEST),
            (5, Cause.NLA_REQUIRED),
            (6, Cause.CLIENT_CERTIFICATE_REQUIRED),
            (7, Cause.ENTRA_SIGN_IN_REQUIRED),
            (99, Cause.NEGOTIATION_REFUSED),
        )
    ],
    *[
        (handshake_breaks(cause, good=GOOD_RDP), Stage.TLS, cause, "the detail")
        for cause in (
            Cause.NOT_TLS,
            Cause.TLS_SILENT,
            Cause.TLS_CLOSED,
            Cause.TLS_REFUSED,
            Cause.NO_SERVER_CERTIFICATE,  # the listener has changed since the negotiation
        )
    ],
    (presents(good=GOOD_RDP, thumbprint="C3" * 20), Stage.TLS, Cause.CERTIFICATE_MISMATCH, f"where {SHA1} is expected"),
]


def authentication_breaks(cause: Cause, code: int | None = None) -> Observed:
    broken = Break(cause=cause, detail="the detail")
    seen = Authentication(seconds=0.1, sent=True, version=6, status=code, broken=broken)
    return dataclasses.replace(GOOD_RDP, authentication=seen)


STATUSES = {
    0x8009030C: (Cause.CREDENTIALS_REJECTED, "user name or the password is wrong"),
    0xC000006D: (Cause.CREDENTIALS_REJECTED, "user name or the password is wrong"),
    0xC000006A: (Cause.CREDENTIALS_REJECTED, "user name or the password is wrong"),
    0xC0000064: (Cause.NO_SUCH_USER, "no such user"),
    0xC0000234: (Cause.ACCOUNT_LOCKED_OUT, "locked out"),
    0xC0000072: (Cause.ACCOUNT_DISABLED, "is disabled"),
    0xC0000193: (Cause.ACCOUNT_EXPIRED, "account has expired"),
    0xC0000071: (Cause.PASSWORD_EXPIRED, "password has expired"),
    0xC0000224: (Cause.PASSWORD_MUST_CHANGE, "must be changed"),
    0xC000006F: (Cause.OUTSIDE_LOGON_HOURS, "at this time"),
    0xC0000070: (Cause.WORKSTATION_NOT_ALLOWED, "from this computer"),
    0xC000006E: (Cause.ACCOUNT_RESTRICTED, "a restriction"),
    0xC000015B: (Cause.LOGON_TYPE_NOT_GRANTED, "no right"),
    0xC000005E: (Cause.NO_LOGON_SERVERS, "no domain controller"),
    0xC0000418: (Cause.NTLM_BLOCKED, "NTLM"),
    0xC0000001: (Cause.AUTHENTICATION_REFUSED, "not known here"),
}
SIGN_IN_CASES: list[tuple[Observed, Stage, Cause, str]] = [
    *[
        (authentication_breaks(status(code).cause, code), Stage.AUTHENTICATE, cause, text)
        for code, (cause, text) in STATUSES.items()
    ],
    (
        dataclasses.replace(GOOD_RDP, rdp=Negotiation(seconds=0.1, first=Reply(offered=OFFERED, selected=SSL_ONLY[0]))),
        Stage.AUTHENTICATE,
        Cause.NLA_NOT_OFFERED,
        "checks no credentials",
    ),
    *[
        (authentication_breaks(cause), Stage.AUTHENTICATE, cause, "the detail")
        for cause in (
            Cause.AUTHENTICATION_SILENT,
            Cause.AUTHENTICATION_CLOSED,
            Cause.AUTHENTICATION_UNEXPECTED,
            Cause.SERVER_NOT_PROVEN,
            Cause.CERTIFICATE_CHANGED,  # since it was read
        )
    ],
]

# What clients of Remote Desktop warn of: with an expected certificate it stops the probe, without one it does not.
WARNINGS: list[tuple[Observed, Cause, str]] = [
    (
        negotiates(Reply(offered=OFFERED, selected=SecurityProtocol.RDP, legacy=True)),
        Cause.TLS_NOT_OFFERED,
        "standard RDP security only",
    ),
    (presents(good=GOOD_RDP, version="TLSv1"), Cause.TLS_OUTDATED, "TLSv1 only"),
    (presents(good=GOOD_RDP, not_after=NOW - timedelta(hours=1)), Cause.CERTIFICATE_EXPIRED, "expired at"),
    (presents(good=GOOD_RDP, not_before=NOW + timedelta(hours=1)), Cause.CERTIFICATE_NOT_YET_VALID, "valid from"),
    (presents(good=GOOD_RDP, for_remote_desktop=False), Cause.CERTIFICATE_WRONG_USAGE, "server authentication"),
    (
        presents(good=GOOD_RDP, dns_names=(), ip_addresses=()),
        Cause.CERTIFICATE_NAME_MISMATCH,
        "its certificate names win1, not 192.0.2.10.",
    ),
]

ALL_CASES = [
    *[(WINRM, *case) for case in CASES],
    *[(RDP, *case) for case in RDP_CASES if case[2] is not Cause.CERTIFICATE_MISMATCH],
    *[(PINNED_RDP, *case) for case in RDP_CASES],
    *[(SIGN_IN, *case) for case in SIGN_IN_CASES],
    *[(PINNED_RDP, observed, Stage.TLS, cause, text) for observed, cause, text in WARNINGS],
]


@pytest.mark.parametrize(
    ("expected", "observed", "stage", "cause", "text"),
    ALL_CASES,
    ids=[f"{case[0].protocol.value}-{case[3].value}" for case in ALL_CASES],
)
def test_each_cause(expected: Expectation, observed: Observed, stage: Stage, cause: Cause, text: str) -> None:
    verdict = judge(observed, expected, now=NOW)
    assert (verdict.verified, verdict.stage, verdict.cause) == (False, stage, cause)
    assert text in verdict.message
    assert verdict.message.startswith("WinRM " if expected is WINRM else "RDP ")
    assert verdict.message.endswith(".")
    check_hint(verdict.hint)
    json.dumps(describe(observed, expected, verdict, tries=1, now=NOW))


def test_through_a_nat_rule_the_hint_tells_the_two_ports_apart() -> None:
    location = Location(hosts=("win1.example.com",), port=50001, nat_rule="the rule")
    observed = dataclasses.replace(port(TcpState.FILTERED), location=location)
    verdict = judge(observed, RDP, now=NOW)
    assert "port 50001: no answer" in verdict.message
    assert "both allow port 3389 from" in str(verdict.hint)
    assert "lets port 50001 out" in str(verdict.hint)
    seen = describe(observed, RDP, verdict, tries=1, now=NOW)
    assert (seen["port"], seen["nat_rule"]) == (50001, "the rule")


def check_hint(text: str | None) -> None:
    """A sentence or more, with every placeholder filled in."""
    assert text is not None
    assert text.endswith(".")
    assert not re.search(r"[{}]", text)


@pytest.mark.parametrize(("observed", "cause", "text"), WARNINGS, ids=[case[1].value for case in WARNINGS])
def test_what_clients_of_remote_desktop_warn_of(observed: Observed, cause: Cause, text: str) -> None:
    verdict = judge(observed, RDP, now=NOW)
    assert (verdict.verified, verdict.stage, verdict.cause) == (True, Stage.TLS, None)
    warned = next(warned for warned in verdict.warnings if warned.cause is cause)
    assert text in warned.message
    check_hint(warned.hint)
    assert {"cause": cause.value, "message": warned.message, "hint": warned.hint} in describe(
        observed, RDP, verdict, tries=1, now=NOW
    )["warnings"]


def test_a_server_can_put_nothing_strange_into_the_message() -> None:
    names = tuple(f"vm{number}.example.com\x1b[2J" for number in range(100))
    verdict = judge(presents(dns_names=names, ip_addresses=()), WINRM, now=NOW)
    assert verdict.message.isprintable()
    assert "and 92 more" in verdict.message


def test_every_cause_has_a_case() -> None:
    only_warned_of = {Cause.NLA_OFF, Cause.NLA_NOT_REQUIRED, Cause.CERTIFICATE_SELF_SIGNED}
    assert {case[3] for case in ALL_CASES} | only_warned_of == set(Cause)


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
        "warnings": [],
        "protocol": "winrm",
        "address": "192.0.2.10",
        "port": 5986,
        "nat_rule": None,
        "server_name": "192.0.2.10",
        "tries": 3,
        "resolve": {"addresses": ["192.0.2.10"], "seconds": 0.01},
        "tcp": {"state": "open", "address": "192.0.2.10", "seconds": 0.02},
        "rdp": None,
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
        "authentication": None,
    }


def test_rdp_verified_with_the_expected_certificate() -> None:
    verdict = judge(GOOD_RDP, PINNED_RDP, now=NOW)
    assert (verdict.verified, verdict.stage, verdict.hint, verdict.warnings) == (True, Stage.TLS, None, ())
    assert verdict.message == (
        "RDP at 192.0.2.10 port 3389: the service answers with the expected certificate, valid for 30 more days;"
        " network level authentication is required."
    )
    seen = describe(GOOD_RDP, PINNED_RDP, verdict, tries=1, now=NOW)
    assert seen["rdp"] == {
        "selected_protocol": "HYBRID_EX",
        "offered_protocols": ["SSL", "HYBRID", "HYBRID_EX"],
        "accepted_protocols": ["HYBRID", "HYBRID_EX"],
        "nla": "required",
        "legacy": False,
        "failure": None,
        "seconds": 0.05,
    }
    assert seen["tls"]["trusted"]
    assert seen["wsman"] is None


def test_rdp_verified_with_credentials() -> None:
    verdict = judge(ACCEPTED, SIGN_IN, now=NOW)
    assert (verdict.verified, verdict.stage, verdict.hint) == (True, Stage.AUTHENTICATE, None)
    assert verdict.message.endswith("is required; it accepts the credentials.")
    assert describe(ACCEPTED, SIGN_IN, verdict, tries=1, now=NOW)["authentication"] == {
        "accepted": True,
        "sent": True,
        "credssp_version": 6,
        "status": None,
        "seconds": 0.06,
    }
    untried = judge(GOOD_RDP, SIGN_IN, now=NOW)
    assert (untried.verified, untried.stage, untried.cause) == (False, Stage.TLS, None)


def test_the_status_of_a_refusal_is_told() -> None:
    refusal = authentication_breaks(Cause.ACCOUNT_DISABLED, 0xC0000072)
    seen = describe(refusal, SIGN_IN, judge(refusal, SIGN_IN, now=NOW), tries=1, now=NOW)["authentication"]
    assert seen["accepted"] is False
    assert seen["status"] == {"code": "0xC0000072", "name": "STATUS_ACCOUNT_DISABLED"}


def test_rdp_as_windows_sets_itself_up() -> None:
    """A certificate of its own that names the computer and nothing else."""
    observed = presents(good=GOOD_RDP, dns_names=(), ip_addresses=())
    verdict = judge(observed, RDP, now=NOW)
    assert verdict.verified
    assert [warned.cause for warned in verdict.warnings] == [
        Cause.CERTIFICATE_NAME_MISMATCH,
        Cause.CERTIFICATE_SELF_SIGNED,
    ]
    assert "not compared" in verdict.message
    assert not describe(observed, RDP, verdict, tries=1, now=NOW)["tls"]["trusted"]


def test_rdp_goes_by_the_common_name_where_there_is_no_other() -> None:
    named = dataclasses.replace(PINNED_RDP, server_name="win1")
    bare = presents(good=GOOD_RDP, dns_names=(), ip_addresses=())
    assert judge(bare, named, now=NOW).verified
    assert judge(presents(good=GOOD_RDP), named, now=NOW).cause is Cause.CERTIFICATE_NAME_MISMATCH
    nameless = presents(good=GOOD_RDP, dns_names=(), ip_addresses=(), common_name=None)
    assert judge(nameless, named, now=NOW).cause is Cause.CERTIFICATE_NAME_MISMATCH


def test_rdp_by_another_name_than_the_one_asked_for() -> None:
    verdict = judge(GOOD_RDP, dataclasses.replace(RDP, server_name="win2.example.com"), now=NOW)
    assert (verdict.verified, verdict.cause) == (False, Cause.CERTIFICATE_NAME_MISMATCH)


def test_rdp_certificates_may_be_for_remote_desktop_only() -> None:
    observed = presents(good=GOOD_RDP, for_servers=False)
    assert judge(observed, PINNED_RDP, now=NOW).verified


@pytest.mark.parametrize("expected", [RDP, PINNED_RDP], ids=["any certificate", "one certificate"])
@pytest.mark.parametrize(
    ("replies", "cause", "text"),
    [
        ((Reply(offered=OFFERED, selected=SecurityProtocol.SSL),), Cause.NLA_OFF, "authentication is off."),
        (
            (
                Reply(offered=OFFERED, selected=SecurityProtocol.HYBRID_EX),
                Reply(offered=SSL_ONLY, selected=SecurityProtocol.SSL),
            ),
            Cause.NLA_NOT_REQUIRED,
            "authentication is possible, but not required.",
        ),
    ],
    ids=["off", "not required"],
)
def test_nla_is_only_warned_of(expected: Expectation, replies: tuple[Reply, ...], cause: Cause, text: str) -> None:
    verdict = judge(negotiates(*replies), expected, now=NOW)
    assert verdict.verified
    assert verdict.warnings[0].cause is cause
    assert verdict.message.endswith(text)
    check_hint(verdict.warnings[0].hint)


SILENT = Break(cause=Cause.NEGOTIATION_SILENT, detail="waited 5.0 seconds")


@pytest.mark.parametrize(
    ("first", "others", "selected", "nla"),
    [
        (SecurityProtocol.HYBRID, (refused(SSL_ONLY, 5),), SecurityProtocol.HYBRID, Nla.REQUIRED),
        (
            SecurityProtocol.HYBRID_EX,
            (Reply(offered=SSL_ONLY, selected=SecurityProtocol.SSL),),
            SecurityProtocol.HYBRID_EX,
            Nla.SUPPORTED,
        ),
        (SecurityProtocol.HYBRID, (Reply(offered=SSL_ONLY, broken=SILENT),), SecurityProtocol.HYBRID, None),
        (SecurityProtocol.SSL, (refused((), 1),), SecurityProtocol.SSL, Nla.OFF),
        (SecurityProtocol.RDP, (), SecurityProtocol.RDP, Nla.OFF),
        (2, (Reply(offered=(), selected=SecurityProtocol.RDP),), SecurityProtocol.RDP, Nla.OFF),
        (
            7,
            (Reply(offered=(SecurityProtocol.RDSAAD,), selected=SecurityProtocol.RDSAAD),),
            SecurityProtocol.RDSAAD,
            None,
        ),
        (3, (), None, None),
    ],
)
def test_network_level_authentication(
    first: SecurityProtocol | int, others: tuple[Reply, ...], selected: SecurityProtocol | None, nla: Nla | None
) -> None:
    reply = Reply(offered=OFFERED, selected=first) if isinstance(first, SecurityProtocol) else refused(OFFERED, first)
    negotiation = Negotiation(seconds=0.1, first=reply, others=others)
    assert (negotiation.selected, negotiation.nla) == (selected, nla)
