# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The X.224 negotiation with every kind of server."""

from __future__ import annotations

import socket
import threading
import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_causes import Cause
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_rdp import Nla, SecurityProtocol
from ansible_collections.azvm.access.plugins.module_utils._probe.resolve import Endpoint
from ansible_collections.azvm.access.plugins.module_utils._probe.x224 import probe_negotiation
from ansible_collections.azvm.access.tests.unit.probe.rdp_servers import (
    HYBRID,
    LEGACY,
    RDSAAD,
    SSL,
    Answer,
    confirm,
    rdp,
    refuses,
    selects,
    windows,
)
from ansible_collections.azvm.access.tests.unit.probe.servers import (
    Server,
    close,
    closed_port,
    drips,
    filtered_port,
    reset,
    says,
    silent,
)

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.plugins.module_utils._domain.probe_causes import Break
    from ansible_collections.azvm.access.plugins.module_utils._domain.probe_rdp import Negotiation
    from ansible_collections.azvm.access.tests.unit.probe.servers import Behaviour


def negotiate(port: int, *, seconds: float = 2) -> Negotiation:
    return probe_negotiation(
        Endpoint("127.0.0.1", socket.AF_INET, ("127.0.0.1", port)), time_limit=lambda: Deadline(seconds)
    )


def served(behaviour: Behaviour, *, seconds: float = 2) -> Negotiation:
    with Server(behaviour) as server:
        return negotiate(server.port, seconds=seconds)


def broken(seen: Negotiation) -> Break:
    assert seen.selected is None
    assert seen.first.broken is not None
    return seen.first.broken


def xrdp_tls(asked: int) -> bytes:
    return selects(SSL) if asked & SSL else refuses(1)


def xrdp_negotiate(asked: int) -> bytes:
    return selects(asked & SSL)


def freerdp_nla(asked: int) -> bytes:
    return selects(HYBRID) if asked & HYBRID else refuses(5)


@pytest.mark.parametrize(
    ("answer", "selected", "accepted", "nla"),
    [
        (windows(), "HYBRID_EX", ("HYBRID", "RDSTLS", "HYBRID_EX"), Nla.REQUIRED),
        (windows(nla=False), "HYBRID_EX", ("SSL", "HYBRID", "RDSTLS", "HYBRID_EX"), Nla.SUPPORTED),
        (
            windows(nla=False, tls_only=False),
            "HYBRID_EX",
            ("RDP", "SSL", "HYBRID", "RDSTLS", "HYBRID_EX"),
            Nla.SUPPORTED,
        ),
        (freerdp_nla, "HYBRID", ("HYBRID",), Nla.REQUIRED),
        (xrdp_tls, "SSL", ("SSL",), Nla.OFF),
        (xrdp_negotiate, "SSL", ("RDP", "SSL"), Nla.OFF),
        (lambda _asked: selects(0), "RDP", ("RDP",), Nla.OFF),
        (lambda asked: refuses(2) if asked else selects(0), "RDP", ("RDP",), Nla.OFF),
        (lambda asked: selects(RDSAAD) if asked & RDSAAD else refuses(7), "RDSAAD", ("RDSAAD",), None),
    ],
    ids=[
        "Windows",
        "Windows without NLA",
        "Windows that negotiates",
        "freerdp-shadow with NLA",
        "xrdp tls",
        "xrdp negotiate",
        "xrdp rdp",
        "RDP's own security on request only",
        "Microsoft Entra only",
    ],
)
def test_servers(answer: Answer, selected: str, accepted: tuple[str, ...], nla: Nla | None) -> None:
    seen = served(rdp(answer))
    assert seen.selected is SecurityProtocol[selected]
    assert tuple(protocol.name for protocol in seen.accepted) == accepted
    assert seen.nla is nla
    assert seen.decisive.broken is None


def test_nla_takes_two_questions() -> None:
    requests: list[int] = []
    served(rdp(windows(), requests=requests))
    assert requests == [11, 1, 0, 3, 16, 4]


@pytest.mark.parametrize(("answer", "requests"), [(selects(0), [11]), (LEGACY, [11]), (refuses(3), [11])])
def test_no_question_whose_answer_is_known(answer: bytes, requests: list[int]) -> None:
    asked: list[int] = []
    served(rdp(lambda _asked: answer, requests=asked))
    assert asked == requests


def test_a_server_from_before_negotiation() -> None:
    seen = served(rdp(lambda _asked: LEGACY))
    assert (seen.selected, seen.first.legacy, seen.nla) == (SecurityProtocol.RDP, True, Nla.OFF)


@pytest.mark.parametrize(
    ("code", "name", "cause"),
    [
        (1, "SSL_REQUIRED_BY_SERVER", Cause.TLS_REQUIRED),
        (2, "SSL_NOT_ALLOWED_BY_SERVER", Cause.TLS_NOT_ALLOWED),
        (3, "SSL_CERT_NOT_ON_SERVER", Cause.NO_SERVER_CERTIFICATE),
        (4, "INCONSISTENT_FLAGS", Cause.INCONSISTENT_REQUEST),
        (5, "HYBRID_REQUIRED_BY_SERVER", Cause.NLA_REQUIRED),
        (6, "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER", Cause.CLIENT_CERTIFICATE_REQUIRED),
        (7, "ENTRA_AUTH_REQUIRED_BY_SERVER", Cause.ENTRA_SIGN_IN_REQUIRED),
        (0x1234, "unknown", Cause.NEGOTIATION_REFUSED),
    ],
)
def test_failure_codes(code: int, name: str, cause: Cause) -> None:
    seen = served(rdp(lambda _asked: refuses(code)))
    assert seen.first.failure == code
    assert broken(seen).cause is cause
    assert broken(seen).detail == f"failure code {code}, {name}"


@pytest.mark.parametrize(
    ("behaviour", "cause", "text"),
    [
        (close, Cause.NEGOTIATION_CLOSED, "closed after 0 bytes"),
        (reset, Cause.NEGOTIATION_CLOSED, "reset"),
        (rdp(lambda _asked: selects(2)[:7]), Cause.NEGOTIATION_CLOSED, "closed after 7 bytes"),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n", first=True), Cause.NOT_RDP, "SSH-2.0-OpenSSH_9.2"),
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Cause.NOT_RDP, "HTTP/1.1 400"),
        (says(b"\x15\x03\x01\x00\x02\x02\x46"), Cause.NOT_RDP, "......F"),
        (says(bytes.fromhex("0300000802f08000")), Cause.NEGOTIATION_UNEXPECTED, "a packet of 8 bytes"),
        (says(bytes.fromhex("0300000b06f08000000000")), Cause.NEGOTIATION_UNEXPECTED, "X.224 PDU 0xF0"),
        (says(bytes.fromhex("0300000b06800000123400")), Cause.NEGOTIATION_UNEXPECTED, "X.224 PDU 0x80"),
        (says(b"\x03\x00\xff\xff" + bytes(60)), Cause.NEGOTIATION_UNEXPECTED, "a packet of 65535 bytes"),
        (says(bytes.fromhex("0300000d08d00000123400") + b"ab"), Cause.NEGOTIATION_UNEXPECTED, "13 bytes"),
        (says(selects(2) + b"more"), Cause.NEGOTIATION_UNEXPECTED, "23 bytes"),
        (says(confirm(9, 2)), Cause.NEGOTIATION_UNEXPECTED, "structure of type 9"),
        (says(selects(4)), Cause.NEGOTIATION_UNEXPECTED, "protocol 4, which was not offered"),
        (says(selects(11)), Cause.NEGOTIATION_UNEXPECTED, "protocol 11, which was not offered"),
    ],
)
def test_other_answers(behaviour: Behaviour, cause: Cause, text: str) -> None:
    seen = served(behaviour)
    assert broken(seen).cause is cause
    assert text in broken(seen).detail


@pytest.mark.parametrize("packet", [selects(2), LEGACY])
def test_an_answer_in_pieces(packet: bytes) -> None:
    stop = threading.Event()
    seen = served(drips(packet, every=0.005, stop=stop))
    assert seen.selected is not None


def test_silence() -> None:
    seen = served(silent, seconds=0.2)
    assert broken(seen).cause is Cause.NEGOTIATION_SILENT


def test_a_server_that_drips_does_not_outlast_the_deadline() -> None:
    stop = threading.Event()
    seen = served(drips(b"\x03\x00\x01\x00" + bytes(252), every=0.05, stop=stop), seconds=0.3)
    stop.set()
    assert broken(seen).cause is Cause.NEGOTIATION_SILENT
    assert 0.3 <= seen.seconds < 1


def test_further_questions_share_one_deadline() -> None:
    """A server may fall silent at what it does not know: what it has answered before still counts."""

    def behave(connection: socket.socket) -> None:
        request = connection.recv(4096)
        if request[-4] & HYBRID:
            connection.sendall(freerdp_nla(HYBRID))
        elif request[-4] == SSL:
            connection.sendall(freerdp_nla(SSL))
        else:
            silent(connection)

    seen = served(behave, seconds=0.3)
    assert (seen.selected, seen.nla) == (SecurityProtocol.HYBRID, Nla.REQUIRED)
    assert seen.seconds < 1


def test_a_port_that_goes_away_after_the_tcp_stage() -> None:
    with closed_port() as port:
        assert broken(negotiate(port)).cause is Cause.NEGOTIATION_CLOSED
    with filtered_port() as port:
        assert broken(negotiate(port, seconds=0.2)).cause is Cause.NEGOTIATION_SILENT
