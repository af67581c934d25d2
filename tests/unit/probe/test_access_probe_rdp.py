# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole probe of Remote Desktop against real sockets."""

from __future__ import annotations

import ssl
import typing as t
from datetime import timedelta

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.probe import NotVerified
from ansible_collections.azvm.access.plugins.module_utils._operations.access_probe import Options, probe_access
from ansible_collections.azvm.access.tests.unit.probe.rdp_servers import LEGACY, rdp, refuses, selects, windows
from ansible_collections.azvm.access.tests.unit.probe.servers import (
    Server,
    close,
    closed_port,
    filtered_port,
    reset,
    says,
    silent,
    tls,
)

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.unit.probe.identities import Identity, Issue
    from ansible_collections.azvm.access.tests.unit.probe.servers import Behaviour

PARAMETERS: dict[str, t.Any] = {
    "protocol": "rdp",
    "address": "127.0.0.1",
    "port": None,
    "server_name": None,
    "expected_thumbprint": None,
    "address_type": "auto",
    "network_interface": None,
    "connect_timeout": 0.5,
    "wait": False,
    "required": False,
}


def probe(behaviour: Behaviour, **changes: t.Any) -> dict[str, t.Any]:
    with Server(behaviour) as server:
        return probe_at(server.port, **changes)


def probe_at(port: int, **changes: t.Any) -> dict[str, t.Any]:
    options = Options.from_parameters({**PARAMETERS, "port": port, **changes})
    return probe_access(options, candidates=lambda: ["127.0.0.1"], deadline=Deadline(5)).thing


def causes(seen: dict[str, t.Any]) -> list[str]:
    return [warned["cause"] for warned in seen["warnings"]]


@pytest.fixture
def identity(issue: Issue) -> Identity:
    return issue("127.0.0.1", "win1.example.com")


@pytest.fixture
def service(identity: Identity) -> Behaviour:
    return rdp(windows(), tls(identity.context(), close))


def test_the_port_has_a_default() -> None:
    assert Options.from_parameters(PARAMETERS).expected.port == 3389


def test_verified_with_the_expected_certificate(identity: Identity, service: Behaviour) -> None:
    seen = probe(service, expected_thumbprint=identity.thumbprint)
    assert (seen["verified"], seen["stage"], seen["cause"], seen["warnings"]) == (True, "tls", None, [])
    assert (seen["rdp"]["selected_protocol"], seen["rdp"]["nla"]) == ("HYBRID_EX", "required")
    assert (seen["tls"]["trusted"], seen["tls"]["thumbprint_matches"], seen["tls"]["name_matches"]) == (True,) * 3
    assert ssl.PEM_cert_to_DER_cert(seen["tls"]["certificate"]["pem"]) == identity.der
    assert seen["wsman"] is None


def test_the_certificate_is_read_on_a_connection_that_negotiated(identity: Identity) -> None:
    requests: list[int] = []
    with Server(rdp(windows(), tls(identity.context(), close), requests)) as server:
        assert probe_at(server.port)["verified"]
    assert requests[0] == requests[-1] == 11
    assert len(server.connections) == len(requests) + 1  # and one for TCP


def test_a_server_that_sets_itself_up(issue: Issue) -> None:
    """Windows' own certificate is self-signed and names the computer in its common name only."""
    seen = probe(rdp(windows(), tls(issue().context(), close)))
    assert seen["verified"]
    assert causes(seen) == ["CertificateNameMismatch", "CertificateSelfSigned"]
    assert (seen["tls"]["trusted"], seen["tls"]["name_matches"]) == (False, False)
    assert "expected_thumbprint" in seen["hint"]


def test_a_certificate_from_an_authority_gives_no_warning(issue: Issue) -> None:
    seen = probe(rdp(windows(), tls(issue("127.0.0.1", authority=True).context(), close)))
    assert (seen["verified"], seen["warnings"]) == (True, [])


def test_without_nla(identity: Identity) -> None:
    seen = probe(rdp(lambda asked: selects(asked & 1), tls(identity.context(), close)))
    assert (seen["verified"], seen["rdp"]["nla"]) == (True, "off")
    assert "NlaOff" in causes(seen)
    assert seen["rdp"]["accepted_protocols"] == ["RDP", "SSL"]


@pytest.mark.parametrize("answer", [LEGACY, selects(0)])
def test_without_tls(answer: bytes, identity: Identity) -> None:
    behaviour = rdp(lambda _asked: answer)
    seen = probe(behaviour)
    assert (seen["verified"], seen["stage"], seen["tls"]) == (True, "tls", None)
    assert causes(seen) == ["NlaOff", "TlsNotOffered"]
    assert seen["rdp"]["legacy"] is (answer == LEGACY)
    assert "without TLS" in seen["message"]
    expecting = probe(behaviour, expected_thumbprint=identity.thumbprint)
    assert (expecting["verified"], expecting["cause"]) == (False, "TlsNotOffered")


def test_another_certificate(issue: Issue, service: Behaviour) -> None:
    seen = probe(service, expected_thumbprint=issue("127.0.0.1").thumbprint)
    assert (seen["verified"], seen["stage"], seen["cause"]) == (False, "tls", "CertificateMismatch")
    assert seen["tls"]["trusted"] is False


def test_an_expired_certificate(issue: Issue) -> None:
    old = issue("127.0.0.1", valid_from=timedelta(days=-5), valid_for=timedelta(days=2))
    behaviour = rdp(windows(), tls(old.context(), close))
    seen = probe(behaviour)
    assert seen["verified"]
    assert "CertificateExpired" in causes(seen)
    assert probe(behaviour, expected_thumbprint=old.thumbprint)["cause"] == "CertificateExpired"


def test_old_windows_is_still_read(identity: Identity) -> None:
    context = identity.context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    seen = probe(rdp(windows(), tls(context, close)))
    assert (seen["verified"], seen["tls"]["version"]) == (True, "TLSv1")
    assert "TlsOutdated" in causes(seen)


@pytest.mark.parametrize(
    ("behaviour", "stage", "cause", "hint"),
    [
        (silent, "negotiate", "NegotiationSilent", "boot diagnostics"),
        (reset, "negotiate", "NegotiationClosed", "vm_access_reset"),
        (close, "negotiate", "NegotiationClosed", "restart the VM"),
        (says(b"SSH-2.0-x\r\n", first=True), "negotiate", "NotRdp", "Another service"),
        (says(bytes.fromhex("0300000b06f08000000000")), "negotiate", "NegotiationUnexpected", "vm_access_reset"),
        (rdp(lambda _asked: refuses(3)), "negotiate", "NoServerCertificate", "delete the stale binding"),
        (rdp(lambda _asked: refuses(5)), "negotiate", "NlaRequired", "for the time of the repair"),
        (rdp(windows(), close), "tls", "TlsClosed", "NETWORK SERVICE"),
        (rdp(windows(), reset), "tls", "TlsClosed", "internal error"),
        (rdp(windows(), silent), "tls", "TlsSilent", "boot diagnostics"),
        (rdp(windows(), says(b"nonsense")), "tls", "NotTls", "sends something else"),
    ],
)
def test_where_it_stops(behaviour: Behaviour, stage: str, cause: str, hint: str) -> None:
    seen = probe(behaviour, connect_timeout=0.3)
    assert (seen["verified"], seen["stage"], seen["cause"]) == (False, stage, cause)
    assert hint in seen["hint"]


def test_ports_that_do_not_open() -> None:
    with closed_port() as port:
        seen = probe_at(port)
    assert (seen["cause"], seen["rdp"]) == ("TcpClosed", None)
    assert "vm_access_reset" in seen["hint"]
    with filtered_port() as port:
        seen = probe_at(port, connect_timeout=0.2)
    assert seen["cause"] == "TcpFiltered"
    assert f"port {port}" in seen["hint"]
    assert "next hop" in seen["hint"]


@pytest.mark.parametrize(
    ("second", "cause"), [(refuses(3), "NoServerCertificate"), (selects(0), "TlsClosed"), (b"", "NegotiationClosed")]
)
def test_a_listener_that_changes_meanwhile(second: bytes, cause: str) -> None:
    answers = iter([selects(1), refuses(1), refuses(1), refuses(1), second])
    seen = probe(rdp(lambda _asked: next(answers), close))
    assert (seen["stage"], seen["cause"]) == ("tls", cause)


def test_required_fails_with_cause_and_probe() -> None:
    with pytest.raises(NotVerified) as caught:
        probe(rdp(lambda _asked: refuses(3)), required=True)
    failure = caught.value.as_failure()
    assert failure["code"] == "NoServerCertificate"
    assert failure["details"]["rdp"]["failure"] == {"code": 3, "name": "SSL_CERT_NOT_ON_SERVER"}
