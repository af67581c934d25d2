# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local Azure for the tests of VMs, and a hand to prepare it with the real SDKs."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import typing as t
import uuid
from dataclasses import dataclass
from importlib.resources import files

import pytest
import yaml
from azure.mgmt.keyvault.models import VaultCreateOrUpdateParameters
from azure.mgmt.network.models import SecurityRule
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ansible_collections.azvm.access.plugins.module_utils._azure import compute
from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import sign_in
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import VmTarget
from ansible_collections.azvm.access.plugins.module_utils._domain.virtual_machine import (
    VaultCertificate,
    VaultSecretGroup,
    VirtualMachine,
)
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from local_azure import control
from local_azure.home import Home
from local_azure.testing import Running, running

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROUP = "access-demo"
NAME = "win1"
TARGET = VmTarget(subscription=None, resource_group=GROUP, name=NAME)
WRITES = ("PUT", "PATCH", "POST", "DELETE")


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running("windows-vm", pace=0.002) as found:
        yield found


@dataclass(kw_only=True)
class Bench:
    """A fresh scenario and everything a test asks of it."""

    server: Running
    azure: AzureClients
    seen: int = 0

    def context(self, *, check_mode: bool = False, seconds: float = 60) -> Context:
        return Context(azure=self.azure, deadline=Deadline(seconds), check_mode=check_mode)

    def vm(self) -> VirtualMachine:
        return compute.read_vm(self.azure, TARGET)

    def mark(self) -> None:
        """Requests from here on are what :meth:`requests` returns."""
        self.seen = max((entry["n"] for entry in self._journal()), default=0)

    def requests(self, *methods: str) -> list[str]:
        """Method and path below the VM's group of each request to Resource Manager since :meth:`mark`."""
        return [
            f"{entry['method']} {entry['path'].split('/providers/')[-1]}"
            for entry in self._journal()
            if entry["n"] > self.seen
            and entry["host"] == "management.azure.com"
            and entry["method"] in (methods or ("GET", *WRITES))
        ]

    def _journal(self) -> list[dict[str, t.Any]]:
        lines = self.home.journal.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    @property
    def home(self) -> Home:
        return Home(self.server.dir)

    def ask(self, what: str, **wish: t.Any) -> dict[str, t.Any]:
        """What the command ``local-azure`` asks of the server, without a process of its own."""
        return control.ask(self.home, what, wish)

    def use(self, folder: Path, **vm: object) -> None:
        """Start anew with these changes to the VM of the scenario ``windows-vm``."""
        content = yaml.safe_load((files("local_azure") / "scenarios" / "windows-vm.yml").read_text(encoding="utf-8"))
        content["compute"]["virtual_machines"][0].update(vm)
        changed = folder / "changed.yml"
        changed.write_text(yaml.safe_dump(content), encoding="utf-8")
        self.ask("scenario", name=str(changed))

    def fault(self, **wish: object) -> None:
        """As ``local-azure fault add``."""
        self.ask("fault/add", **wish)

    def install(self, *names: str, common_name_apart: bool = False) -> str:
        """A certificate for these names in the VM, by way of a vault; returns its thumbprint.

        The first one is the common name, and with ``common_name_apart`` nothing but that.
        """
        return self.bring_in(*make_secret(names, alternatives=names[1:] if common_name_apart else names))

    def bring_in(self, thumbprint: str, value: str) -> str:
        """A certificate of :func:`make_secret` in the VM, by way of a vault; returns its thumbprint."""
        vault = self.azure.vaults.vaults.begin_create_or_update(
            GROUP,
            "bench-vault",
            VaultCreateOrUpdateParameters(
                {
                    "location": "westeurope",
                    "properties": {
                        "tenantId": self.azure.tenant,
                        "sku": {"family": "A", "name": "standard"},
                        "enableRbacAuthorization": True,
                        "enabledForDeployment": True,
                    },
                }
            ),
        ).result()
        secret = self.azure.secrets(vault.properties.vault_uri or "").set_secret("winrm", value)
        vm = self.vm()
        before = vm.secrets[0].certificates if vm.secrets else ()
        group = VaultSecretGroup(
            vault_id=vault.id or "", certificates=(*before, VaultCertificate(url=secret.id or "", store="My"))
        )
        compute.update_secrets(self.azure, vm, (group,), etag=vm.etag, deadline=Deadline(30))
        return thumbprint

    def open(self, port: int) -> None:
        """Let the controller through both security groups."""
        rule = SecurityRule(
            {
                "properties": {
                    "protocol": "Tcp",
                    "sourcePortRange": "*",
                    "destinationPortRange": str(port),
                    "sourceAddressPrefix": "127.0.0.1",
                    "destinationAddressPrefix": "*",
                    "access": "Allow",
                    "direction": "Inbound",
                    "priority": port % 1000 + 1000,
                }
            }
        )
        for group in ("subnet-nsg", "win1-nsg"):
            rules = self.azure.network.security_rules
            rules.begin_create_or_update(GROUP, group, f"open-{port}", rule).result()


def make_secret(names: tuple[str, ...], *, alternatives: tuple[str, ...] | None = None) -> tuple[str, str]:
    """Thumbprint of a new self-signed certificate for these names or addresses, and its PFX in Azure's JSON form."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in alternatives or names]), critical=False
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    password = uuid.uuid4().hex
    pfx = pkcs12.serialize_key_and_certificates(
        b"winrm", key, certificate, None, serialization.BestAvailableEncryption(password.encode())
    )
    secret = json.dumps({"data": base64.b64encode(pfx).decode(), "dataType": "pfx", "password": password})
    return certificate.fingerprint(hashes.SHA1()).hex().upper(), base64.b64encode(secret.encode()).decode()  # noqa: S303


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@pytest.fixture
def bench(server: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    control.ask(Home(server.dir), "fault/clear")
    control.ask(Home(server.dir), "scenario", {"name": "windows-vm"})
    for key, value in server.env.items():
        monkeypatch.setenv(key, value)
    azure = AzureClients(sign_in({}, environment=server.env), subscription=None, poll_interval=0.1, timeout=60)
    yield Bench(server=server, azure=azure)
    for client in ("compute", "network", "vaults"):
        if client in vars(azure):
            getattr(azure, client).close()
