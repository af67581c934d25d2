# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and ports as a controller meets them."""

from __future__ import annotations

import socket
import threading
import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_observations import TcpState
from ansible_collections.azvm.access.plugins.module_utils._probe.resolve import Endpoint, resolve
from ansible_collections.azvm.access.plugins.module_utils._probe.tcp import probe_port
from ansible_collections.azvm.access.tests.unit.probe.servers import Server, closed_port, filtered_port, silent

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.plugins.module_utils._domain.probe_observations import Connection


def endpoint(port: int, address: str = "127.0.0.1") -> Endpoint:
    return Endpoint(address, socket.AF_INET, (address, port))


def probe(*endpoints: Endpoint) -> Connection:
    return probe_port(endpoints, time_limit=lambda: Deadline(0.3))[0]


def test_open() -> None:
    with Server(silent) as server:
        seen = probe(endpoint(server.port))
    assert (seen.state, seen.address, seen.error) == (TcpState.OPEN, "127.0.0.1", None)
    assert seen.seconds < 0.3


def test_closed() -> None:
    with closed_port() as port:
        seen = probe(endpoint(port))
    assert seen.state is TcpState.CLOSED
    assert seen.seconds < 0.3


def test_filtered() -> None:
    with filtered_port() as port:
        seen = probe(endpoint(port))
    assert seen.state is TcpState.FILTERED
    assert seen.seconds >= 0.3


def test_unreachable() -> None:
    seen = probe(endpoint(5986, "255.255.255.255"))  # Linux opens no TCP connection to the broadcast address
    assert seen.state is TcpState.UNREACHABLE
    assert seen.error


def test_an_open_address_wins() -> None:
    with Server(silent) as server, closed_port() as port:
        chosen = probe_port([endpoint(port), endpoint(server.port)], time_limit=lambda: Deadline(0.3))
    assert chosen[0].state is TcpState.OPEN
    assert chosen[1] == endpoint(server.port)


def test_the_most_telling_address_is_reported() -> None:
    with filtered_port() as filtered, closed_port() as closed:
        unreachable = endpoint(5986, "255.255.255.255")
        assert probe(unreachable, endpoint(filtered)).state is TcpState.FILTERED
        assert probe(endpoint(filtered), endpoint(closed), unreachable).state is TcpState.CLOSED


def test_ipv6() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with Server(silent, family=socket.AF_INET6, address="::1") as server:
        resolution, endpoints = resolve(["[::1]"], server.port, deadline=Deadline(1))
        seen = probe(*endpoints)
    assert resolution.addresses == ("::1",)
    assert (seen.state, seen.host, seen.address) == (TcpState.OPEN, "[::1]", "::1")


def test_resolves_names_and_keeps_their_order() -> None:
    resolution, endpoints = resolve(["127.0.0.2", "localhost", "127.0.0.2"], 5986, deadline=Deadline(2))
    assert resolution.addresses[0] == "127.0.0.2"
    assert resolution.addresses.count("127.0.0.2") == 1
    assert "127.0.0.1" in resolution.addresses
    assert resolution.error is None
    assert {found.host for found in endpoints} == {"127.0.0.2", "localhost"}


def test_a_name_that_does_not_exist() -> None:
    resolution, endpoints = resolve(["no-such-vm.invalid"], 5986, deadline=Deadline(1))
    assert (resolution.addresses, endpoints) == ((), ())
    assert resolution.error


def test_one_unknown_name_does_not_hide_the_others() -> None:
    resolution, endpoints = resolve(["no-such-vm.invalid", "127.0.0.1"], 5986, deadline=Deadline(1))
    assert resolution.addresses == ("127.0.0.1",)
    assert [found.host for found in endpoints] == ["127.0.0.1"]
    assert str(resolution.error).startswith("no-such-vm.invalid: ")


def test_a_resolver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*_arguments: object, **_options: object) -> t.NoReturn:
        released.wait(5)
        raise socket.gaierror("released")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    resolution, _endpoints = resolve(["win1.example.com"], 5986, deadline=Deadline(0.1))
    released.set()
    assert resolution.addresses == ()
    assert "no answer in 0.1 seconds" in str(resolution.error)
    assert resolution.seconds < 2
