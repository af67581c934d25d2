# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the RDP port does as the listener behind it is set up, and as it is broken."""

from __future__ import annotations

import socket
import ssl
import struct

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from local_azure.guest.firewall import FirewallRule
from local_azure.guest.machine import Machine
from local_azure.guest.ports import PortState
from local_azure.guest.rdp.troubles import RdpTrouble, bring_about

from .conftest import VM, Certificate, Site, make_certificate

REQUEST = bytes.fromhex("030000130ee000000000000100080003000000")


def connect(site: Site) -> socket.socket:
    return socket.create_connection((site.address, 3389), timeout=5)


def answer(site: Site) -> bytes:
    with connect(site) as connection:
        connection.sendall(REQUEST)
        return connection.recv(64)


def presented(site: Site) -> x509.Certificate:
    """Raises ssl.SSLError or ConnectionError when there is no handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with connect(site) as connection:
        connection.sendall(REQUEST)
        assert len(connection.recv(19)) == 19
        with context.wrap_socket(connection) as secured:
            der = secured.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def bind(machine: Machine, certificate: Certificate, *, readable: bool = True) -> None:
    thumbprint = machine.install_certificate("My", certificate.pfx(), None)
    machine.rdp.certificate_thumbprint = thumbprint
    if readable:
        machine.rdp.readable_keys |= {thumbprint}


def spoil(site: Site, trouble: RdpTrouble) -> None:
    site.change(lambda machine: bring_about(machine, trouble))


def test_a_bound_certificate_is_presented(site: Site) -> None:
    bound = make_certificate(common_name="win1.example.com")
    own = presented(site)

    site.change(lambda machine: bind(machine, bound))

    assert presented(site) == bound.certificate
    site.change(lambda machine: setattr(machine.rdp, "certificate_thumbprint", ""))
    assert presented(site) == own
    assert own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "win1"


def test_network_service_needs_the_right_to_the_key(site: Site) -> None:
    site.change(lambda machine: bind(machine, make_certificate(), readable=False))

    with pytest.raises((ssl.SSLError, ConnectionError)):
        presented(site)


def test_an_unreadable_key_from_a_scenario(site: Site) -> None:
    spoil(site, "unreadable_key")

    with pytest.raises((ssl.SSLError, ConnectionError)):
        presented(site)


def test_a_bound_certificate_that_is_gone(site: Site) -> None:
    spoil(site, "no_certificate")

    assert struct.unpack("<BBHI", answer(site)[-8:])[0::3] == (3, 3)


def test_a_service_that_hangs_until_windows_is_restarted(site: Site) -> None:
    spoil(site, "hangs")

    with connect(site) as connection:
        connection.sendall(REQUEST)
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)

    site.change(lambda machine: setattr(machine, "running", False))
    site.change(lambda machine: setattr(machine, "running", True))
    assert answer(site)[-8] == 2


def test_a_service_that_drops_connections(site: Site) -> None:
    spoil(site, "drops")

    assert answer(site) == b""


def test_another_port(site: Site) -> None:
    def move(machine: Machine) -> None:
        machine.rdp.port = 3390
        machine.firewall["Port_3390"] = FirewallRule(name="Port_3390", local_ports=(3390,))

    site.face.open_ports.add(3390)
    site.change(move)

    states = site.guests.ports(VM)
    assert (states[site.address, 3389], states[site.address, 3390]) == (PortState.CLOSED, PortState.OPEN)


def test_a_stopped_service_is_closed_or_filtered(site: Site) -> None:
    def stop(machine: Machine) -> None:
        machine.rdp.service_running = False

    site.change(stop)
    assert site.guests.ports(VM)[site.address, 3389] is PortState.CLOSED

    site.change(lambda machine: machine.firewall.pop("RemoteDesktop-UserMode-In-TCP"))
    assert site.guests.ports(VM)[site.address, 3389] is PortState.FILTERED
