# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole probe against real sockets: one try, waiting, failing."""

from __future__ import annotations

import ssl
import threading
import time
import typing as t
from datetime import timedelta

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._domain.probe import NotVerified
from ansible_collections.azvm.access.plugins.module_utils._operations.access_probe import Options, probe_access
from ansible_collections.azvm.access.tests.unit.probe.servers import (
    Server,
    closed_port,
    filtered_port,
    http,
    reset,
    silent,
    tls,
    winrm,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.azvm.access.tests.unit.probe.identities import Identity, Issue
    from ansible_collections.azvm.access.tests.unit.probe.servers import Behaviour

PARAMETERS: dict[str, t.Any] = {
    "protocol": "winrm",
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


def probe(**changes: t.Any) -> dict[str, t.Any]:
    candidates = changes.pop("candidates", lambda: ["127.0.0.1"])
    deadline = changes.pop("deadline", None) or Deadline(5)
    options = Options.from_parameters({**PARAMETERS, **changes})
    outcome = probe_access(options, candidates=candidates, deadline=deadline)
    assert outcome.changed is False
    assert outcome.name == "probe"
    return outcome.thing


@pytest.fixture
def identity(issue: Issue) -> Identity:
    return issue("127.0.0.1", "win1.example.com")


@pytest.fixture
def service(identity: Identity) -> Behaviour:
    return tls(identity.context(), http(winrm("Negotiate", "Kerberos")))


def test_verified_with_the_expected_certificate(identity: Identity, service: Behaviour) -> None:
    with Server(service) as server:
        seen = probe(port=server.port, expected_thumbprint=identity.thumbprint.lower())
    assert (seen["verified"], seen["stage"], seen["cause"]) == (True, "identify", None)
    assert (seen["address"], seen["port"], seen["protocol"]) == ("127.0.0.1", server.port, "winrm")
    assert seen["tcp"]["state"] == "open"
    assert (seen["tls"]["trusted"], seen["tls"]["thumbprint_matches"], seen["tls"]["name_matches"]) == (True,) * 3
    assert ssl.PEM_cert_to_DER_cert(seen["tls"]["certificate"]["pem"]) == identity.der
    assert seen["tls"]["certificate"]["days_left"] == 28
    assert seen["wsman"]["auth_methods"] == ["Negotiate", "Kerberos"]
    assert len(server.connections) == 3  # one each for TCP, the certificate, and both requests


def test_verified_by_sha256_and_another_name(identity: Identity, service: Behaviour) -> None:
    with Server(service) as server:
        seen = probe(port=server.port, expected_thumbprint=identity.thumbprint_sha256, server_name="WIN1.example.com.")
    assert seen["verified"]
    assert seen["server_name"] == "win1.example.com"


def test_without_an_expected_certificate_nothing_is_trusted(service: Behaviour) -> None:
    with Server(service) as server:
        seen = probe(port=server.port)
    assert seen["verified"]
    assert (seen["tls"]["trusted"], seen["tls"]["thumbprint_matches"]) == (False, None)
    assert "not compared" in seen["message"]


def test_proxies_of_the_environment_are_not_used(service: Behaviour, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Server(service) as server:
        assert probe(port=server.port)["verified"]


def test_another_certificate_gets_no_request(issue: Issue, identity: Identity) -> None:
    requests: list[t.Any] = []
    with Server(tls(issue("127.0.0.1").context(), http(winrm("Negotiate"), requests))) as server:
        seen = probe(port=server.port, expected_thumbprint=identity.thumbprint)
    assert (seen["verified"], seen["stage"], seen["cause"]) == (False, "tls", "CertificateMismatch")
    assert (seen["tls"]["thumbprint_matches"], seen["tls"]["trusted"]) == (False, False)
    assert seen["wsman"] is None
    assert requests == []


@pytest.mark.parametrize(
    ("names", "options", "cause"),
    [
        (("192.0.2.1",), {}, "CertificateNameMismatch"),
        (("127.0.0.1",), {"valid_from": timedelta(days=-5), "valid_for": timedelta(days=2)}, "CertificateExpired"),
        (("127.0.0.1",), {"valid_from": timedelta(days=1)}, "CertificateNotYetValid"),
    ],
)
def test_certificates_that_clients_refuse(
    issue: Issue, names: tuple[str, ...], options: dict[str, t.Any], cause: str
) -> None:
    identity = issue(*names, **options)
    with Server(tls(identity.context(), http(winrm("Negotiate")))) as server:
        seen = probe(port=server.port, expected_thumbprint=identity.thumbprint)
    assert (seen["stage"], seen["cause"]) == ("tls", cause)
    assert seen["tls"]["certificate"]["thumbprint"] == identity.thumbprint
    assert seen["hint"]


def test_where_it_stops() -> None:
    with closed_port() as port:
        assert probe(port=port)["cause"] == "TcpClosed"
    with filtered_port() as port:
        seen = probe(port=port, connect_timeout=0.2)
    assert (seen["cause"], seen["tcp"]["state"], seen["tls"]) == ("TcpFiltered", "filtered", None)
    assert f"allow port {port}" in seen["hint"]
    with Server(silent) as server:
        assert probe(port=server.port, connect_timeout=0.2)["cause"] == "TlsSilent"
    with Server(reset) as server:
        assert probe(port=server.port)["cause"] == "TlsClosed"


def test_no_address() -> None:
    seen = probe(candidates=list)
    assert (seen["stage"], seen["cause"], seen["address"], seen["server_name"]) == ("resolve", "NoAddress", None, None)


def test_required_fails_with_cause_and_probe() -> None:
    with closed_port() as port, pytest.raises(NotVerified) as caught:
        probe(port=port, required=True)
    failure = caught.value.as_failure()
    assert failure["code"] == "TcpClosed"
    assert failure["message"] == failure["details"]["message"]
    assert "vm_winrm_listener" in failure["hint"]
    assert failure["details"]["tcp"]["state"] == "closed"


def after(seconds: float, do: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds, do)
    timer.start()
    return timer


def quick(seconds: float) -> Deadline:
    """A deadline whose pauses are cut short, so that the tests need not sit through them."""
    return Deadline(seconds, sleep=lambda pause: time.sleep(min(pause, 0.05)))


def test_waits_until_it_is_there(identity: Identity, service: Behaviour) -> None:
    settled = threading.Event()

    def behave(connection: t.Any) -> None:
        (service if settled.is_set() else reset)(connection)

    with Server(behave) as server:
        timer = after(0.3, settled.set)
        seen = probe(
            port=server.port, wait=True, expected_thumbprint=identity.thumbprint, required=True, deadline=quick(10)
        )
        timer.join()
    assert seen["verified"]
    assert seen["tries"] > 1


def test_waiting_ends_and_says_what_was_seen_last() -> None:
    with closed_port() as port, pytest.raises(NotVerified) as caught:
        probe(port=port, wait=True, required=True, deadline=quick(0.3))
    assert caught.value.code == "TcpClosed"
    assert caught.value.message.startswith("Gave up after 0 seconds and ")
    assert "last seen: WinRM at 127.0.0.1 port" in caught.value.message
    assert caught.value.details["tries"] > 1


def test_pauses_grow() -> None:
    pauses: list[float] = []
    clock = iter(range(0, 10_000, 10))
    deadline = Deadline(300, now=lambda: float(next(clock)), sleep=pauses.append)
    with closed_port() as port:
        seen = probe(port=port, wait=True, deadline=deadline)
    assert not seen["verified"]
    assert pauses[:3] == [1.0, 1.5, 2.25]
    assert max(pauses) <= 15
    assert seen["tries"] == len(pauses) + 1


def test_a_vm_that_gets_its_address_while_starting_is_found(service: Behaviour) -> None:
    answers = iter([[], [], ["127.0.0.1"]])
    with Server(service) as server:
        seen = probe(candidates=lambda: next(answers), port=server.port, wait=True, deadline=quick(10))
    assert seen["verified"]
    assert seen["tries"] == 3


def test_addresses_are_not_looked_up_again_once_reached() -> None:
    asked: list[None] = []

    def candidates() -> list[str]:
        asked.append(None)
        return ["127.0.0.1"]

    with Server(reset) as server:
        seen = probe(candidates=candidates, port=server.port, wait=True, deadline=quick(0.3))
    assert seen["tries"] > 1
    assert len(asked) == 1


def test_ports_and_names_have_defaults() -> None:
    options = Options.from_parameters({**PARAMETERS, "expected_thumbprint": "", "server_name": ""})
    assert options.expected.port == 5986
    assert (options.expected.thumbprint, options.expected.server_name) == (None, None)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("port", 70000, "from 1 to 65535"),
        ("port", 0, "from 1 to 65535"),
        ("connect_timeout", 0.0, "greater than zero"),
        ("expected_thumbprint", "abc", "expected_thumbprint: a thumbprint has 40"),
        ("server_name", "https://win1", "server_name:"),
        ("address", "win1/", "address:"),
    ],
)
def test_refuses_bad_options(name: str, value: object, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        Options.from_parameters({**PARAMETERS, name: value})
