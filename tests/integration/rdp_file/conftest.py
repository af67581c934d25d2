# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rdp_file with and without a local Azure: the module's own options, the real SDK clients."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from azure.keyvault.certificates import CertificatePolicy, KeyVaultCertificate
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from ansible_collections.azvm.access.plugins.module_utils._ansible.arguments import AZURE, VM
from ansible_collections.azvm.access.plugins.module_utils._ansible.rdp_arguments import RDP_FILE
from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import sign_in
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_settings import decode
from ansible_collections.azvm.access.plugins.module_utils._operations import rdp_file
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.unit.domain.publishers import certificate, pem_key, pem_of
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome
    from local_azure.testing import Running

Json = dict[str, t.Any]

GROUP = "access-demo"
NAME = "win1"
VAULT = "publishers"
PASSPHRASE = "a passphrase nobody sees"


@dataclass(kw_only=True)
class Desk:
    """A folder to write into, and who asks. Without ``azure``, Azure can't be asked."""

    folder: Path
    azure: AzureClients

    def run(self, *, check_mode: bool = False, **given: t.Any) -> Outcome:
        """Run the operation with these options of the module."""
        validator = ArgumentSpecValidator({**AZURE, **VM, **RDP_FILE})
        validated = validator.validate({"dest": str(self.folder), **given})
        assert not validated.error_messages, validated.error_messages
        options = rdp_file.Options.from_parameters(validated.validated_parameters)
        context = Context(azure=self.azure, deadline=Deadline(60), check_mode=check_mode)
        return rdp_file.run(options, context)

    def refused(self, **given: t.Any) -> AccessError:
        """The failure of a run that must fail."""
        with pytest.raises(AccessError) as caught:
            self.run(**given)
        return caught.value

    def lines(self, name: str = "win1.rdp") -> list[str]:
        """The settings in a file."""
        text, _encoding = decode((self.folder / name).read_bytes())
        return text.splitlines()


@dataclass(kw_only=True)
class Publisher:
    """A certificate and its key in files."""

    certificate: x509.Certificate
    pfx: Path
    pem: Path

    @property
    def signer(self) -> Json:
        """``sign_with`` for the PFX."""
        return {"file": str(self.pfx), "passphrase": PASSPHRASE}


def publisher_in(folder: Path, *, name: str = "Publisher", days: int = 90) -> Publisher:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made = certificate(key, name=name, days=days)
    pfx, pem = folder / f"{name}.pfx", folder / f"{name}.pem"
    encryption = serialization.BestAvailableEncryption(PASSPHRASE.encode())
    pfx.write_bytes(pkcs12.serialize_key_and_certificates(name.encode(), key, made, None, encryption))
    pem.write_bytes(pem_of(made) + pem_key(key))
    return Publisher(certificate=made, pfx=pfx, pem=pem)


def issued(azure: AzureClients, vault: str, **policy: t.Any) -> x509.Certificate:
    """A new version of the certificate ``publisher`` in a vault, whose key can't be taken out."""
    wanted: Json = {
        "issuer_name": "Self",
        "subject": "CN=Vault Publisher",
        "enhanced_key_usage": ["1.3.6.1.5.5.7.3.3"],
        "key_usage": ["digitalSignature"],
        "exportable": False,
        "validity_in_months": 12,
    }
    client = azure.certificates(f"https://{vault}.vault.azure.net/")
    made = client.begin_create_certificate(
        "publisher", CertificatePolicy(**(wanted | policy)), _polling_interval=0.05
    ).result()
    assert isinstance(made, KeyVaultCertificate)
    return x509.load_der_x509_certificate(bytes(made.cer or b""))


def _no_credentials() -> t.NoReturn:
    raise AssertionError("Azure was asked")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Without Azure."""
    folder = tmp_path / "files"
    folder.mkdir()
    azure = AzureClients(_no_credentials, subscription=None, poll_interval=0.1, timeout=60)
    return Desk(folder=folder, azure=azure)


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return publisher_in(tmp_path)


@pytest.fixture(scope="package")
def server() -> Iterator[Running]:
    with running("windows-vm", pace=0.002) as found:
        yield found


@dataclass(kw_only=True)
class Office(Desk):
    """With the scenario windows-vm."""

    control: Azure
    changed: Path = field(repr=False)

    def win1(self, **given: t.Any) -> Outcome:
        """Run for the VM win1; requests are counted from here."""
        self.control.mark()
        return self.run(resource_group=GROUP, vm_name=NAME, **given)

    def refused_win1(self, **given: t.Any) -> AccessError:
        return self.refused(resource_group=GROUP, vm_name=NAME, **given)

    def scenario(self, network: Json | None = None, vm: Json | None = None, **sections: t.Any) -> None:
        """Begin ``windows-vm`` again with changed parts."""
        path = files("local_azure") / "scenarios" / "windows-vm.yml"
        content = {**yaml.safe_load(path.read_text(encoding="utf-8")), **sections}
        content["network"].update(network or {})
        content["compute"]["virtual_machines"][0].update(vm or {})
        self.changed.write_text(yaml.safe_dump(content), encoding="utf-8")
        self.control.start_over(self.changed)

    def vault(self, *, permissions: Json | None = None, **policy: t.Any) -> x509.Certificate:
        """A vault with a certificate ``publisher`` whose key can't be taken out.

        With ``permissions`` it has an access policy for them instead of asking for roles.
        """
        properties: Json = {}
        if permissions is not None:
            policies = [{"principal": "default", "permissions": permissions}]
            properties = {"enableRbacAuthorization": False, "accessPolicies": policies}
        self.scenario(keyvault={"vaults": [{"name": VAULT, "resource_group": GROUP, "properties": properties}]})
        return self.issue(**policy)

    def issue(self, **policy: t.Any) -> x509.Certificate:
        """A new version of that certificate."""
        return issued(self.azure, VAULT, **policy)

    def grant(self, role: str) -> None:
        self.control.ask("grant", principal="default", role=role, scope="subscription")

    def vault_requests(self) -> list[str]:
        """Method and path of each request to a vault since the last run, without those that only fetch a challenge."""
        return [
            f"{entry['method']} {entry['path']}"
            for entry in self.control.journal()
            if entry["host"].endswith(".vault.azure.net") and entry["status"] != 401
        ]


@pytest.fixture
def office(server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    control = Azure(server=server)
    control.clear_faults()
    control.start_over("windows-vm")
    for key, value in server.env.items():
        monkeypatch.setenv(key, value)
    azure = AzureClients(sign_in({}, environment=server.env), subscription=None, poll_interval=0.1, timeout=60)
    folder = tmp_path / "files"
    folder.mkdir()
    yield Office(folder=folder, azure=azure, control=control, changed=tmp_path / "changed.yml")
    for client in ("compute", "network", "vaults"):
        if client in vars(azure):
            getattr(azure, client).close()
