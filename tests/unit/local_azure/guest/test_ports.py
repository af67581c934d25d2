# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open, closed and filtered, as somebody sees them who connects."""

from __future__ import annotations

import gc
import hashlib
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from local_azure.guest.firewall import FirewallRule
from local_azure.guest.guests import Guests
from local_azure.guest.machine import Machine
from local_azure.guest.ports import PortState

from .conftest import VM, Certificate, Site, listen, make_certificate

OPEN, CLOSED, FILTERED = PortState.OPEN, PortState.CLOSED, PortState.FILTERED


def look(address: str, port: int) -> PortState:
    try:
        with socket.create_connection((address, port), timeout=0.4):
            return OPEN
    except ConnectionRefusedError:
        return CLOSED
    except TimeoutError:
        return FILTERED


def test_a_fresh_windows_server_shows_rdp_only(site: Site) -> None:
    assert {port: look(site.address, port) for port in (3389, 5985, 5986)} == {
        3389: OPEN,
        5985: FILTERED,
        5986: FILTERED,
    }
    assert site.call(lambda: site.guests.ports(VM)) == {
        (site.address, 3389): OPEN,
        (site.address, 5985): FILTERED,
        (site.address, 5986): FILTERED,
    }


def power_off(machine: Machine) -> None:
    machine.running = False


def stop_winrm(machine: Machine) -> None:
    machine.winrm.running = False


def remove_listener(machine: Machine) -> None:
    machine.winrm.remove("*", "HTTPS")


def remove_firewall_rule(machine: Machine) -> None:
    del machine.firewall["winrm-https"]


def admit_others_only(machine: Machine) -> None:
    machine.firewall["winrm-https"] = replace(machine.firewall["winrm-https"], remote_addresses=("203.0.113.0/24",))


def block(machine: Machine) -> None:
    machine.firewall["block"] = FirewallRule(name="block", local_ports=(5986,), action="Block")


def listen_elsewhere(machine: Machine) -> None:
    machine.winrm.listeners[-1] = replace(machine.winrm.listeners[-1], port=5987)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (power_off, FILTERED),
        (stop_winrm, CLOSED),
        (remove_listener, CLOSED),
        (listen_elsewhere, CLOSED),
        (remove_firewall_rule, FILTERED),
        (admit_others_only, FILTERED),
        (block, FILTERED),
    ],
)
def test_the_listener_is_reached_only_when_everything_fits(
    listening: Site, change: Callable[[Machine], object], state: PortState
) -> None:
    assert look(listening.address, 5986) is OPEN

    listening.change(change)

    assert look(listening.address, 5986) is state


def test_security_groups_filter_and_let_through_again(listening: Site) -> None:
    listening.face.open_ports.remove(5986)
    listening.change(lambda _: None)
    assert look(listening.address, 5986) is FILTERED

    listening.face.open_ports.add(5986)
    listening.change(lambda _: None)
    assert look(listening.address, 5986) is OPEN


def test_a_listener_on_another_port_is_served_there(site: Site, certificate: Certificate) -> None:
    site.face.open_ports.add(15986)
    site.change(lambda machine: listen(machine, certificate, port=15986))

    assert presented(site.address, 15986) == certificate.thumbprint


def test_only_differences_are_touched(listening: Site) -> None:
    before = listening.call(lambda: dict(listening.guests._guests[VM].ports))

    listening.change(lambda machine: machine.set_password("azureuser", "An0ther:one"))
    listening.change(lambda machine: machine.changed())
    after = listening.call(lambda: dict(listening.guests._guests[VM].ports))

    assert after.keys() == before.keys()
    assert all(after[endpoint][0] is before[endpoint][0] for endpoint in before)


def test_many_changes_cost_one_pass(site: Site) -> None:
    passes: list[str] = []

    def faces(key: str) -> list[object]:
        passes.append(key)
        return []

    def work() -> Guests:
        guests = Guests(faces)  # type: ignore[arg-type]
        guests.add(VM, Machine(computer_name="win2"))
        for _request in range(10):
            guests.reconcile()
        return guests

    guests = site.call(work)
    site.call(guests.close)

    assert passes == [VM]


def test_without_an_event_loop_nothing_is_opened() -> None:
    guests = Guests(lambda _vm: [])
    guests.add(VM, Machine(computer_name="win2"))
    guests.reconcile()

    assert guests.ports(VM) == {}
    assert guests.get(VM) is not None
    assert guests.get("another") is None


def test_sockets_are_released_when_the_machine_goes(listening: Site) -> None:
    listening.call(lambda: listening.guests.remove(VM))

    assert [look(listening.address, port) for port in (3389, 5985, 5986)] == [CLOSED, CLOSED, CLOSED]
    assert listening.call(lambda: listening.guests.get(VM)) is None


def test_a_port_that_another_process_has_is_told_and_does_no_harm(
    site: Site, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    site.face.open_ports.add(15986)
    with socket.socket() as other, caplog.at_level(logging.WARNING):
        other.bind((site.address, 15986))
        other.listen()
        site.change(lambda machine: listen(machine, certificate, port=15986))
        site.change(lambda machine: machine.changed())

        assert list(site.call(lambda: site.guests.blocked(VM))) == [(site.address, 15986)]
        assert [record.getMessage() for record in caplog.records if "15986" in record.getMessage()] == [
            f"win1: port 15986 of {site.address} cannot be made open: [Errno 98] Address already in use"
        ]
        assert look(site.address, 3389) is OPEN

    site.change(lambda machine: machine.changed())
    assert presented(site.address, 15986) == certificate.thumbprint
    assert site.call(lambda: site.guests.blocked(VM)) == {}


def presented(address: str, port: int) -> str:
    """The SHA-1 thumbprint of the certificate that a TLS server presents."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((address, port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=address) as secure,
    ):
        der = secure.getpeercert(binary_form=True)
    assert der is not None
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def test_the_listener_presents_exactly_its_certificate(listening: Site, certificate: Certificate) -> None:
    assert presented(listening.address, 5986) == certificate.thumbprint

    renewed = make_certificate(address=listening.address)
    listening.change(lambda machine: listen(machine, renewed))

    assert presented(listening.address, 5986) == renewed.thumbprint


def test_no_certificate_no_handshake(listening: Site, certificate: Certificate) -> None:
    listening.change(lambda machine: machine.certificates.pop(("my", certificate.thumbprint)))

    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        presented(listening.address, 5986)
    assert look(listening.address, 5986) is OPEN


def open_files() -> int:
    gc.collect()  # what earlier tests left behind
    return len(list(Path("/proc/self/fd").iterdir()))


def test_nothing_is_left_open_in_the_process(certificate: Certificate) -> None:
    before = open_files()
    site = Site()
    site.change(lambda machine: listen(machine, certificate))
    for _connection in range(5):
        presented(site.address, 5986)
    site.close()

    assert open_files() <= before


def test_a_forward_leads_from_its_own_port_to_one_of_the_machine(site: Site) -> None:
    site.face.forward = (50001, 3389)
    site.change(lambda machine: None)

    assert site.guests.ports(VM) == {(site.address, 50001): PortState.OPEN}
    with socket.create_connection((site.address, 50001), timeout=5) as connection:
        assert connection.getpeername() == (site.address, 50001)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((site.address, 3389), timeout=5)


def test_a_forward_is_filtered_with_the_port_behind_it(site: Site) -> None:
    site.face.forward = (50001, 3389)
    site.face.open_ports = {50001}
    site.change(lambda machine: None)

    assert site.guests.ports(VM) == {(site.address, 50001): PortState.FILTERED}
