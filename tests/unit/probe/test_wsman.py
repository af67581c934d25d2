# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WSMan Identify and the list of ways to sign in, from services that know it and others that do not."""

from __future__ import annotations

import socket
import threading
import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_causes import Cause
from ansible_collections.azvm.access.plugins.module_utils._probe.certificate import read_certificate
from ansible_collections.azvm.access.plugins.module_utils._probe.resolve import Endpoint
from ansible_collections.azvm.access.plugins.module_utils._probe.tls import open_again
from ansible_collections.azvm.access.plugins.module_utils._probe.wsman import probe_identity
from ansible_collections.azvm.access.tests.unit.probe.servers import (
    IDENTIFY_RESPONSE,
    Server,
    answer,
    drips,
    http,
    reset,
    silent,
    tls,
    winrm,
)

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.plugins.module_utils._domain.probe_observations import Identification
    from ansible_collections.azvm.access.plugins.module_utils._probe.channel import Channel
    from ansible_collections.azvm.access.tests.unit.probe.identities import Identity, Issue
    from ansible_collections.azvm.access.tests.unit.probe.servers import Behaviour, Request


@pytest.fixture
def identity(issue: Issue) -> Identity:
    return issue("win1", "2001:db8::1")


def ask(
    identity: Identity, behaviour: Behaviour, *, host: str = "win1", pinned: bool = True, seconds: float = 2
) -> Identification:
    with Server(tls(identity.context(), behaviour)) as server:

        def connect() -> Channel:
            return open_again(
                Endpoint(host, socket.AF_INET, ("127.0.0.1", server.port)),
                certificate=read_certificate(identity.der),
                pinned=pinned,
                server_name=host,
                deadline=Deadline(seconds),
            )

        return probe_identity(connect, host=host, port=5986, trusted=pinned)


def test_windows(identity: Identity) -> None:
    requests: list[Request] = []
    seen = ask(identity, http(winrm("Negotiate", "Kerberos", 'Basic realm="WSMAN"'), requests))
    assert seen.broken is None
    assert seen.trusted
    assert seen.product_vendor == "Microsoft Corporation"
    assert seen.product_version == "OS: 0.0.0 SP: 0.0 Stack: 3.0"
    assert seen.protocol_version == "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
    assert seen.auth_methods == ("Negotiate", "Kerberos", "Basic")


def test_the_two_requests(identity: Identity) -> None:
    requests: list[Request] = []
    ask(identity, http(winrm("Negotiate"), requests), host="2001:db8::1")
    identify, plain = requests
    assert {request.line for request in requests} == {"POST /wsman HTTP/1.1"}
    assert {request.headers["host"] for request in requests} == {"[2001:db8::1]:5986"}
    assert identify.headers["wsmanidentify"] == "unauthenticated"
    assert identify.headers["content-type"] == "application/soap+xml;charset=UTF-8"
    assert b"<wsmid:Identify/>" in identify.body
    assert "wsmanidentify" not in plain.headers
    assert plain.body == b""
    assert not any("authorization" in request.headers for request in requests)


@pytest.mark.parametrize(
    "behaviour",
    [
        http(winrm("Negotiate", headers=("Connection: close",)), keep_alive=False),
        http(winrm("Negotiate"), keep_alive=True),
    ],
    ids=["closes after each answer", "keeps the connection"],
)
def test_connections_kept_or_not(identity: Identity, behaviour: Behaviour) -> None:
    assert ask(identity, behaviour).auth_methods == ("Negotiate",)


def test_a_service_that_hangs_up_before_the_second_answer_is_still_identified(identity: Identity) -> None:
    seen = ask(identity, http(winrm("Negotiate"), keep_alive=False))
    assert (seen.broken, seen.product_vendor, seen.auth_methods) == (None, "Microsoft Corporation", None)


@pytest.mark.parametrize(
    ("challenges", "methods"),
    [
        (("Negotiate", "Kerberos"), ("Negotiate", "Kerberos")),
        (('Negotiate, Kerberos, Basic realm="WSMAN"',), ("Negotiate", "Kerberos", "Basic")),
        (('Basic realm="a, b", charset="UTF-8", CredSSP',), ("Basic", "CredSSP")),
        (("Negotiate TlRMTVNTUAAC==", "Negotiate"), ("Negotiate",)),
        (('Basic realm="say \\"Negotiate, now\\""',), ("Basic",)),
        ((), ()),
    ],
)
def test_challenges(identity: Identity, challenges: tuple[str, ...], methods: tuple[str, ...]) -> None:
    assert ask(identity, http(winrm(*challenges))).auth_methods == methods


def test_without_a_pin_it_says_so(identity: Identity) -> None:
    assert ask(identity, http(winrm("Negotiate")), pinned=False).trusted is False


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(identity: Identity, encoding: str) -> None:
    body = IDENTIFY_RESPONSE.decode().encode(encoding)
    assert ask(identity, http(winrm("Negotiate", identity=body))).product_vendor == "Microsoft Corporation"


def test_chunked_answers(identity: Identity) -> None:
    size = f"{len(IDENTIFY_RESPONSE):x}".encode()
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n" + IDENTIFY_RESPONSE + b"\r\n0\r\n\r\n"
    )
    seen = ask(identity, http(lambda request: chunked if request.body else answer("401 ")))
    assert seen.product_vendor == "Microsoft Corporation"
    assert seen.auth_methods == ()


@pytest.mark.parametrize(
    ("raw", "cause", "text"),
    [
        (answer("404 Not Found"), Cause.IDENTIFY_NOT_FOUND, "HTTP 404 Not Found"),
        (answer("503 Service Unavailable"), Cause.SERVICE_UNAVAILABLE, "HTTP 503"),
        (answer("401 ", b"", "WWW-Authenticate: Basic"), Cause.IDENTIFY_REFUSED, "HTTP 401"),
        (answer("403 Forbidden"), Cause.IDENTIFY_REFUSED, "HTTP 403"),
        (answer("500 Oops", b"<x/>"), Cause.NOT_WSMAN, "HTTP 500 Oops"),
        (answer("200 OK", b"hello"), Cause.NOT_WSMAN, "without XML"),
        (answer("200 OK", b"<html/>"), Cause.NOT_WSMAN, "without an IdentifyResponse"),
        (answer("200 OK", b"<!DOCTYPE x []><x/>"), Cause.NOT_WSMAN, "document type"),
        (answer("200 OK", b"\xff\xfe\x00"), Cause.NOT_WSMAN, "without XML"),
        (answer("200 OK", IDENTIFY_RESPONSE + b" " * 100_000), None, ""),
        (answer("200 OK", b" " * 100_000 + IDENTIFY_RESPONSE), Cause.NOT_WSMAN, "without XML"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Cause.NOT_WSMAN, "not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", Cause.NOT_WSMAN, "not HTTP"),
    ],
)
def test_other_answers(identity: Identity, raw: bytes, cause: Cause | None, text: str) -> None:
    seen = ask(identity, http(lambda _request: raw))
    assert (seen.broken.cause if seen.broken else None) is cause
    assert text in (seen.broken.detail if seen.broken else "")
    assert seen.trusted


def test_silence(identity: Identity) -> None:
    seen = ask(identity, silent, seconds=0.3)
    assert seen.broken is not None
    assert seen.broken.cause is Cause.IDENTIFY_SILENT


def test_an_answer_that_drips(identity: Identity) -> None:
    stop = threading.Event()
    seen = ask(identity, drips(b"HTTP/1.1 200 OK\r\n" * 50, every=0.03, stop=stop), seconds=0.3)
    stop.set()
    assert seen.broken is not None
    assert seen.broken.cause is Cause.IDENTIFY_SILENT
    assert seen.seconds < 1


def truncated(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<s:Envelope")


def hang_up(connection: socket.socket) -> None:
    connection.recv(4096)


@pytest.mark.parametrize("behaviour", [hang_up, reset, truncated])
def test_closed(identity: Identity, behaviour: Behaviour) -> None:
    seen = ask(identity, behaviour)
    assert seen.broken is not None
    assert seen.broken.cause is Cause.IDENTIFY_CLOSED
    assert seen.trusted
