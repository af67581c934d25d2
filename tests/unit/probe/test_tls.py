# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS servers of every kind, and what the probe says of each."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
import typing as t
from datetime import timedelta

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_causes import Break, Cause
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_observations import Session
from ansible_collections.azvm.access.plugins.module_utils._probe.certificate import read_certificate
from ansible_collections.azvm.access.plugins.module_utils._probe.channel import Broken
from ansible_collections.azvm.access.plugins.module_utils._probe.resolve import Endpoint
from ansible_collections.azvm.access.plugins.module_utils._probe.tls import open_again, probe_handshake
from ansible_collections.azvm.access.tests.unit.probe.identities import CLIENT, REMOTE_DESKTOP
from ansible_collections.azvm.access.tests.unit.probe.servers import (
    Server,
    close,
    closed_port,
    drips,
    filtered_port,
    reset,
    says,
    silent,
    tls,
)

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.unit.probe.identities import Identity, Issue


def shake_hands(port: int, *, server_name: str = "win1", seconds: float = 2) -> Session | Break:
    endpoint = Endpoint("127.0.0.1", socket.AF_INET, ("127.0.0.1", port))
    return probe_handshake(endpoint, server_name=server_name, deadline=Deadline(seconds)).outcome


def broken_by(outcome: Session | Break) -> Cause:
    assert isinstance(outcome, Break)
    return outcome.cause


def test_reads_the_certificate_without_verifying_it(issue: Issue) -> None:
    identity = issue("win1.example.com", "192.0.2.1", "2001:db8::1", valid_for=timedelta(days=1))
    with Server(tls(identity.context(), silent)) as server:
        outcome = shake_hands(server.port, server_name="quite.another.name")
    assert isinstance(outcome, Session)
    assert outcome.version == "TLSv1.3"
    assert outcome.cipher.startswith("TLS_")
    seen = outcome.certificate
    assert (seen.subject, seen.issuer) == ("CN=win1", "CN=win1")
    assert seen.serial == f"{identity.certificate.serial_number:X}"
    assert (seen.thumbprint, seen.thumbprint_sha256) == (identity.thumbprint, identity.thumbprint_sha256)
    assert seen.not_before == identity.certificate.not_valid_before_utc
    assert seen.not_after == identity.certificate.not_valid_after_utc
    assert seen.dns_names == ("win1.example.com",)
    assert seen.ip_addresses == ("192.0.2.1", "2001:db8::1")
    assert seen.for_servers
    assert seen.for_remote_desktop
    assert (seen.common_name, seen.self_signed) == ("win1", True)
    assert ssl.PEM_cert_to_DER_cert(seen.pem) == identity.der


@pytest.mark.parametrize(
    ("usages", "for_servers", "for_remote_desktop"),
    [(None, True, True), ((CLIENT,), False, False), ((REMOTE_DESKTOP,), False, True)],
    ids=["no usage given", "clients only", "remote desktop only"],
)
def test_reads_certificates_with_little_in_them(
    issue: Issue, usages: t.Any, for_servers: bool, for_remote_desktop: bool
) -> None:
    seen = read_certificate(issue(usages=usages, authority=True).der)
    assert (seen.dns_names, seen.ip_addresses) == ((), ())
    assert (seen.for_servers, seen.for_remote_desktop) == (for_servers, for_remote_desktop)
    assert not seen.self_signed


def test_old_windows_is_still_read(issue: Issue) -> None:
    context = issue("win1").context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Server(tls(context, silent)) as server:
        outcome = shake_hands(server.port)
    assert isinstance(outcome, Session)
    assert outcome.version == "TLSv1.1"


def test_silence() -> None:
    with Server(silent) as server:
        assert broken_by(shake_hands(server.port, seconds=0.2)) is Cause.TLS_SILENT


def test_a_server_that_drips_does_not_outlast_the_deadline(issue: Issue) -> None:
    stop = threading.Event()
    with Server(drips(b"\x16\x03\x03\x40\x00" + bytes(200), every=0.05, stop=stop)) as server:
        endpoint = Endpoint("127.0.0.1", socket.AF_INET, ("127.0.0.1", server.port))
        seen = probe_handshake(endpoint, server_name="win1", deadline=Deadline(0.3))
        stop.set()
    assert broken_by(seen.outcome) is Cause.TLS_SILENT
    assert 0.3 <= seen.seconds < 1


@pytest.mark.parametrize("behaviour", [close, reset])
def test_closed_during_the_handshake(behaviour: t.Any) -> None:
    with Server(behaviour) as server:
        assert broken_by(shake_hands(server.port)) is Cause.TLS_CLOSED


@pytest.mark.parametrize(
    ("behaviour", "shown"),
    [
        (says(b"SSH-2.0-OpenSSH_9.2\r\n", first=True), "SSH-2.0-OpenSSH_9.2"),
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "HTTP/1.1 400"),
        (says(b"\x03\x00\x00\x13\x0e\xd0"), "......"),
        (says(b"\x16"), None),
        (says(b"\x16\x02\x00\x00\x00"), "....."),
    ],
    ids=["ssh", "plain http", "rdp", "one byte", "no such TLS version"],
)
def test_other_services(behaviour: t.Any, shown: str | None) -> None:
    with Server(behaviour) as server:
        outcome = shake_hands(server.port, seconds=0.3)
    assert isinstance(outcome, Break)
    if shown is None:
        assert outcome.cause is Cause.TLS_SILENT  # it may yet become TLS
    else:
        assert outcome.cause is Cause.NOT_TLS
        assert shown in outcome.detail


def test_a_server_that_refuses(issue: Issue) -> None:
    context = issue("win1").context()
    context.sni_callback = lambda *_arguments: ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
    with Server(tls(context, silent)) as server:
        outcome = shake_hands(server.port)
    assert broken_by(outcome) is Cause.TLS_REFUSED
    assert isinstance(outcome, Break)
    assert "HANDSHAKE_FAILURE" in outcome.detail


def test_a_port_that_goes_away_after_the_tcp_stage() -> None:
    with closed_port() as port:
        assert broken_by(shake_hands(port)) is Cause.TLS_CLOSED
    with filtered_port() as port:
        assert broken_by(shake_hands(port, seconds=0.2)) is Cause.TLS_SILENT


def reopen(port: int, expected: Identity, *, pinned: bool = True, server_name: str = "win1") -> None:
    """Raises Broken when it does not open."""
    with open_again(
        Endpoint("127.0.0.1", socket.AF_INET, ("127.0.0.1", port)),
        certificate=read_certificate(expected.der),
        pinned=pinned,
        server_name=server_name,
        deadline=Deadline(2),
    ):
        pass


@pytest.mark.parametrize("name", ["win1.example.com", "192.0.2.1", "a.fleet.example.com"])
@pytest.mark.parametrize("authority", [False, True], ids=["self-signed", "by an authority"])
def test_the_expected_certificate_verifies(issue: Issue, name: str, authority: bool) -> None:
    identity = issue("win1.example.com", "*.fleet.example.com", "192.0.2.1", authority=authority)
    with Server(tls(identity.context(), silent)) as server:
        reopen(server.port, identity, server_name=name)
    assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("make", "server_name", "text"),
    [
        (lambda issue: issue("other.example.com"), "win1.example.com", "not valid for"),
        (lambda issue: issue(), "win1", "not valid for"),  # CN=win1 alone does not count
        (lambda issue: issue("win1", valid_from=timedelta(days=-9), valid_for=timedelta(days=1)), "win1", "expired"),
        (lambda issue: issue("win1", valid_from=timedelta(days=1)), "win1", "not yet valid"),
        (lambda issue: issue("win1", usages=(CLIENT,)), "win1", "purpose"),
    ],
    ids=["name", "common name only", "expired", "not yet valid", "clients only"],
)
def test_the_expected_certificate_must_still_be_good(issue: Issue, make: t.Any, server_name: str, text: str) -> None:
    identity = make(issue)
    with Server(tls(identity.context(), silent)) as server, pytest.raises(Broken, match=text) as caught:
        reopen(server.port, identity, server_name=server_name)
    assert caught.value.why.cause is Cause.CERTIFICATE_REJECTED


def test_another_certificate_never_verifies(issue: Issue) -> None:
    expected, other = issue("win1"), issue("win1")
    with Server(tls(other.context(), silent)) as server, pytest.raises(Broken) as caught:
        reopen(server.port, expected)
    assert caught.value.why.cause is Cause.CERTIFICATE_REJECTED


def test_without_a_pin_the_certificate_must_at_least_stay_the_same(issue: Issue) -> None:
    one, two = issue("win1"), issue("win1")
    contexts = itertools.cycle([one.context(), two.context()])
    with Server(tls(contexts, silent)) as server:
        reopen(server.port, one, pinned=False, server_name="anything")
        with pytest.raises(Broken) as caught:
            reopen(server.port, one, pinned=False)
    assert caught.value.why.cause is Cause.CERTIFICATE_CHANGED


def test_no_connection_stays_open(issue: Issue) -> None:
    """The probe's side of every connection is closed, whether it went well or not."""
    ends: list[bytes] = []
    done = threading.Semaphore(0)

    def until_end(connection: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            ends.append(connection.recv(1))
        done.release()

    good = issue("win1")
    with Server(tls(good.context(), until_end)) as server:
        shake_hands(server.port)
        reopen(server.port, good)
        assert done.acquire(timeout=2)
        assert done.acquire(timeout=2)
    assert all(end == b"" for end in ends)
