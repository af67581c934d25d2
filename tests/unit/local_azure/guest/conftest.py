# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine on loopback addresses of its own, served by an event loop in a thread."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local_azure.guest.firewall import FirewallRule
from local_azure.guest.guests import Guests
from local_azure.guest.machine import TOKEN_FILTER_POLICY, LocalUser, Machine
from local_azure.guest.winrm import Listener

T = TypeVar("T")
PASSWORD = "Correct:horse 9!"
VM = "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/virtualmachines/win1"
_ADDRESSES = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Certificate:
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def thumbprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - an identifier

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def pfx(self, encryption: serialization.KeySerializationEncryption | None = None) -> bytes:
        return pkcs12.serialize_key_and_certificates(
            b"win1", self.key, self.certificate, None, encryption or serialization.NoEncryption()
        )


def make_certificate(
    *, common_name: str = "win1", address: str = "127.0.0.1", usage: x509.ObjectIdentifier | None = None
) -> Certificate:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(common_name), x509.IPAddress(ip_address(address))]),
            critical=False,
        )
        .add_extension(x509.ExtendedKeyUsage([usage or ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Certificate(certificate=certificate, key=key)


def make_machine() -> Machine:
    return Machine(
        computer_name="win1",
        users=[LocalUser(name="azureuser", password=PASSWORD, built_in=True)],
        addresses=["10.0.0.4"],
    )


def listen(machine: Machine, certificate: Certificate, *, port: int = 5986) -> None:
    """What the listener script leaves: certificate, HTTPS listener, firewall rule."""
    machine.install_certificate("My", certificate.pfx(), None)
    existing = machine.winrm.find("*", "HTTPS")
    if existing is not None:
        machine.winrm.remove("*", "HTTPS")
    machine.winrm.create(
        Listener(transport="HTTPS", port=port, hostname="win1", certificate_thumbprint=certificate.thumbprint),
        machine.certificate("My", certificate.thumbprint),
    )
    machine.firewall["winrm-https"] = FirewallRule(name="winrm-https", local_ports=(port,))
    machine.changed()


def allow_remote_admins(machine: Machine) -> None:
    machine.registry[TOKEN_FILTER_POLICY] = 1
    machine.changed()


@dataclass
class NetworkFace:
    """An address with a network in front of it that lets some ports through."""

    address: str
    open_ports: set[int] = field(default_factory=lambda: {3389, 5985, 5986})
    forward: tuple[int, int] | None = None

    def allows(self, port: int) -> bool:
        return port in self.open_ports


class Site:
    """`Guests` on an event loop in a thread, with one machine on one address."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        number = next(_ADDRESSES)
        # Loopback addresses of this process: several test runs side by side do not meet.
        self.face = NetworkFace(f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}.{number % 250 + 1}")
        self.machine = make_machine()
        self.guests = Guests(lambda _vm: [self.face])
        self.call(self._start)

    @property
    def address(self) -> str:
        return self.face.address

    def call(self, function: Callable[[], T]) -> T:
        """Run a function in the event loop, as the handlers of the local Azure are."""

        async def run() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def change(self, function: Callable[[Machine], object]) -> None:
        """Change the machine, and wait until its ports are in step."""

        def changing() -> None:
            function(self.machine)
            self.guests.settle()

        self.call(changing)

    def _start(self) -> None:
        self.guests.add(VM, self.machine)
        self.guests.settle()

    def close(self) -> None:
        self.call(self.guests.close)
        asyncio.run_coroutine_threadsafe(self.guests.wait_closed(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def site() -> Iterator[Site]:
    running = Site()
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
def certificate(site: Site) -> Certificate:
    return make_certificate(address=site.address)


@pytest.fixture
def listening(site: Site, certificate: Certificate) -> Site:
    """The site with a WinRM HTTPS listener on 5986."""
    site.change(lambda machine: listen(machine, certificate))
    return site


@pytest.fixture
def trust(tmp_path: Path, certificate: Certificate) -> Path:
    """The deployed certificate as trust file."""
    path = tmp_path / "trust.pem"
    path.write_bytes(certificate.pem)
    return path
