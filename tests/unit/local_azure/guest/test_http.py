# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The listener below the level of clients: Identify, schemes, paths, faults."""

from __future__ import annotations

import base64
import re
import ssl
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection

import pytest

from local_azure.guest.firewall import FirewallRule
from local_azure.guest.machine import Machine
from local_azure.guest.nt_hash import md4, nt_hash
from local_azure.guest.wsman import soap

from .conftest import PASSWORD, Site

IDENTIFY = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:wsmid="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"><s:Header/>'
    "<s:Body><wsmid:Identify/></s:Body></s:Envelope>"
)
UNAUTHENTICATED = {"WSMANIDENTIFY": "unauthenticated"}


@dataclass(frozen=True)
class Reply:
    status: int
    schemes: list[str]
    body: str


class Client:
    """One connection without authentication of its own."""

    def __init__(self, site: Site, *, secure: bool = True) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._connection: HTTPConnection = (
            HTTPSConnection(site.address, 5986, context=context, timeout=5)
            if secure
            else HTTPConnection(site.address, 5985, timeout=5)
        )

    def send(
        self, body: str = "", headers: dict[str, str] | None = None, *, path: str = "/wsman", method: str = "POST"
    ) -> Reply:
        content = {"Content-Type": "application/soap+xml;charset=UTF-8"} | (headers or {})
        self._connection.request(method, path, body.encode(), content)
        answer = self._connection.getresponse()
        return Reply(answer.status, answer.headers.get_all("WWW-Authenticate") or [], answer.read().decode())

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def client(listening: Site) -> Client:
    return Client(listening)


@pytest.mark.parametrize("path", ["/wsman", "/WSMAN", "/wsman-anon/identify", "/wsman?PSVersion=5.1"])
def test_identify_without_signing_in_hides_the_version(client: Client, path: str) -> None:
    reply = client.send(IDENTIFY, UNAUTHENTICATED, path=path)
    client.close()

    assert reply.status == 200
    assert "<wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor>" in reply.body
    assert "OS: 0.0.0 SP: 0.0 Stack: 3.0" in reply.body


def test_everything_else_asks_to_sign_in_and_keeps_the_connection(client: Client) -> None:
    replies = [client.send(IDENTIFY), client.send("<x/>"), client.send("", {"Authorization": "Negotiate !"})]
    replies.append(client.send("<x/>", UNAUTHENTICATED))
    client.close()

    assert [(reply.status, reply.schemes, reply.body) for reply in replies] == [(401, ["Negotiate"], "")] * 4


def test_schemes_are_those_switched_on(listening: Site) -> None:
    def schemes() -> list[str]:
        client = Client(listening)
        found = client.send(IDENTIFY).schemes
        client.close()
        return found

    listening.change(lambda machine: machine.winrm.set_auth("Basic", True))
    assert schemes() == ["Negotiate", 'Basic realm="WSMAN"']
    listening.change(lambda machine: machine.winrm.set_auth("Negotiate", False))
    assert schemes() == ['Basic realm="WSMAN"']


def basic(site: Site) -> dict[str, str]:
    site.change(lambda machine: machine.winrm.set_auth("Basic", True))
    return {"Authorization": "Basic " + base64.b64encode(f"azureuser:{PASSWORD}".encode()).decode()}


def test_identify_after_signing_in_tells_the_version(listening: Site, client: Client) -> None:
    reply = client.send(IDENTIFY, basic(listening))
    client.close()

    assert reply.status == 200
    assert "OS: 10.0.20348 SP: 0.0 Stack: 3.0" in reply.body


def test_basic_signs_in_one_request_only(listening: Site, client: Client) -> None:
    first, second = client.send(IDENTIFY, basic(listening)), client.send(IDENTIFY)
    client.close()

    assert (first.status, second.status) == (200, 401)


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ("not xml", soap.SCHEMA_ERROR, "not valid XML"),
        ("<!DOCTYPE x><x/>", soap.SCHEMA_ERROR, "document type"),
        ("<x/>", soap.SCHEMA_ERROR, "not a SOAP 1.2 envelope"),
        (IDENTIFY.replace("<wsmid:Identify/>", ""), soap.INVALID_REQUEST, "no action or no resource URI"),
    ],
)
def test_what_is_no_request_gets_a_fault(listening: Site, client: Client, body: str, code: int, text: str) -> None:
    reply = client.send(body, basic(listening))
    client.close()

    assert reply.status == 500
    assert f'Code="{code}"' in reply.body
    assert text in reply.body


def envelope(action: str, uri: str, *, selector: str = "", body: str = "") -> str:
    selectors = f'<w:SelectorSet><w:Selector Name="ShellId">{selector}</w:Selector></w:SelectorSet>' if selector else ""
    return (
        f'<s:Envelope xmlns:s="{soap.SOAP}" xmlns:a="{soap.ADDRESSING}" xmlns:w="{soap.WSMAN}" '
        f'xmlns:rsp="{soap.SHELL}">'
        f"<s:Header><a:Action>{action}</a:Action><a:MessageID>uuid:1</a:MessageID>"
        f"<w:ResourceURI>{uri}</w:ResourceURI>{selectors}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )


def test_unknown_operations_and_resources_are_refused(listening: Site, client: Client) -> None:
    headers = basic(listening)
    shell = f"{soap.SHELL}/cmd"
    create = f"{soap.TRANSFER}/Create"
    made = client.send(envelope(create, shell, body="<rsp:Shell/>"), headers)
    found = re.search(r"<rsp:ShellId>([0-9A-F-]{36})<", made.body)
    assert found is not None
    refused = [
        client.send(envelope(create, "http://example.com/other", body="<rsp:Shell/>"), headers),
        client.send(envelope(f"{soap.SHELL}/Connect", shell, selector=found[1]), headers),
        client.send(envelope(f"{soap.SHELL}/Receive", shell, selector=found[1], body="<rsp:Receive/>"), headers),
        client.send(envelope(f"{soap.SHELL}/Command", shell, selector=found[1]), headers),
        client.send(envelope(f"{soap.TRANSFER}/Delete", shell, selector="0"), headers),
    ]
    client.close()

    assert [reply.status for reply in refused] == [500] * 5
    assert [re.findall("<f:Message>(.{25})", reply.body)[0] for reply in refused] == [
        "The WS-Management service",
        "The local Azure does not ",
        "The body has no element D",
        "The body has no element C",
        "The request for the Windo",
    ]


def test_other_paths_methods_and_sizes(client: Client) -> None:
    assert client.send(IDENTIFY, path="/other").status == 404
    assert client.send(IDENTIFY, path="/wsman-anon/identify").status == 404
    assert client.send(method="GET").status == 405
    assert client.send("x" * (1024 * 1024 + 1)).status == 413
    client.close()


def test_a_connection_whose_listener_went_finds_nothing(listening: Site, client: Client) -> None:
    assert client.send(IDENTIFY, UNAUTHENTICATED).status == 200

    listening.change(lambda machine: machine.winrm.remove("*", "HTTPS"))

    assert client.send(IDENTIFY, UNAUTHENTICATED).status == 404
    client.close()


def test_http_identifies_and_signs_nobody_in(site: Site) -> None:
    def admit(machine: Machine) -> None:
        machine.firewall["http"] = FirewallRule(name="http", local_ports=(5985,))
        machine.winrm.auth.basic = True

    site.change(admit)
    headers = basic(site)
    client = Client(site, secure=False)

    assert client.send(IDENTIFY, UNAUTHENTICATED).status == 200
    assert client.send(IDENTIFY, headers).status == 401
    client.close()


@pytest.mark.parametrize(
    ("duration", "expected"),
    [("PT20S", 20.0), ("PT180.000S", 180.0), ("PT1M1.5S", 61.5), ("P1DT1H", 90000.0), ("", 60.0), ("soon", 60.0)],
)
def test_operation_timeouts_are_durations(duration: str, expected: float) -> None:
    assert soap.seconds(duration) == expected


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        (b"abc", "a448017aaf21d8525fc10ae87aa6729d"),
        (b"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"),
        (b"1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_md4_as_in_rfc_1320(message: bytes, digest: str) -> None:
    assert md4(message).hex() == digest


def test_the_nt_hash_of_a_known_password() -> None:
    assert nt_hash("password").hex() == "8846f7eaee8fb117ad06bdd830b7586c"
