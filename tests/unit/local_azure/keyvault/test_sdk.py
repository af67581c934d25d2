# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft's own clients against a running server: vaults, secrets, certificates, secrets through Resource Manager."""

from __future__ import annotations

import base64
import ipaddress
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.identity import ClientSecretCredential
from azure.keyvault.certificates import CertificateClient, CertificatePolicy, KeyVaultCertificate
from azure.keyvault.secrets import SecretClient
from azure.mgmt.keyvault import KeyVaultManagementClient, models
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from local_azure.testing import Running, running

GROUP = "access-demo"
FAST: dict[str, Any] = {"_polling_interval": 0.05}


class Cloud:
    """Clients of one running server, for its default principal or another one."""

    def __init__(self, env: dict[str, str]) -> None:
        self.tenant = env["AZURE_TENANT_ID"]
        self.credential = ClientSecretCredential(self.tenant, env["AZURE_CLIENT_ID"], env["AZURE_CLIENT_SECRET"])
        self.management = KeyVaultManagementClient(self.credential, env["AZURE_SUBSCRIPTION_ID"], polling_interval=0.05)

    def secrets(self, vault: str) -> SecretClient:
        return SecretClient(f"https://{vault}.vault.azure.net", self.credential, retry_total=0)

    def certificates(self, vault: str, **options: Any) -> CertificateClient:
        return CertificateClient(f"https://{vault}.vault.azure.net", self.credential, retry_total=0, **options)

    def create(self, name: str, **properties: Any) -> Any:
        sku = {"family": "A", "name": "standard"}
        wanted = {"tenantId": self.tenant, "sku": sku, "enableRbacAuthorization": True} | properties
        body = models.VaultCreateOrUpdateParameters({"location": "westeurope", "properties": wanted})
        return self.management.vaults.begin_create_or_update(GROUP, name, body).result()

    def close(self) -> None:
        self.management.close()
        self.credential.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """A server that the clients of this process reach under Azure's own host names."""
    with running() as started, pytest.MonkeyPatch.context() as patch:
        for name in ("HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE", "NO_PROXY", "no_proxy"):
            patch.setenv(name, started.env[name])
        yield started


@pytest.fixture(scope="module")
def clouds(server: Running) -> Iterator[tuple[Cloud, Cloud]]:
    """The default principal's clients, and those of one with the role Contributor alone."""
    made = Cloud(server.env), Cloud(server.principal("contributor"))
    yield made
    for cloud in made:
        cloud.close()


@pytest.fixture
def cloud(clouds: tuple[Cloud, Cloud]) -> Cloud:
    return clouds[0]


@pytest.fixture
def vault(cloud: Cloud) -> str:
    """A vault of its own for a test."""
    name = f"v{uuid.uuid4().hex[:16]}"
    cloud.create(name)
    return name


def test_vault_life(cloud: Cloud) -> None:
    name = f"v{uuid.uuid4().hex[:16]}"
    question = models.VaultCheckNameAvailabilityParameters(name=name)
    assert cloud.management.vaults.check_name_availability(question).name_available
    made = cloud.create(name)
    assert made.properties.provisioning_state == "Succeeded"
    assert made.properties.vault_uri == f"https://{name}.vault.azure.net/"
    flag = models.VaultPatchParameters({"properties": {"enabledForDeployment": True}})
    changed = cloud.management.vaults.update(GROUP, name, flag)
    assert changed.properties.enabled_for_deployment is True
    assert changed.properties.enable_rbac_authorization is True
    assert name in [vault.name for vault in cloud.management.vaults.list_by_resource_group(GROUP)]

    cloud.management.vaults.delete(GROUP, name)
    with pytest.raises(ResourceNotFoundError):
        cloud.management.vaults.get(GROUP, name)
    with pytest.raises(ResourceExistsError) as caught:
        cloud.create(name)
    assert caught.value.error is not None
    assert caught.value.error.code == "ConflictError"
    deleted = cloud.management.vaults.get_deleted(name, "westeurope").properties
    assert deleted is not None
    assert deleted.deletion_date is not None

    assert cloud.create(name, createMode="recover").properties.enabled_for_deployment is True
    cloud.management.vaults.delete(GROUP, name)
    cloud.management.vaults.begin_purge_deleted(name, "westeurope").result()
    assert name not in [vault.name for vault in cloud.management.vaults.list_deleted()]


def test_secrets(cloud: Cloud, vault: str) -> None:
    with cloud.secrets(vault) as client:
        first = client.set_secret("pfx", "one", tags={"n": "1"}, content_type="text/plain")
        second = client.set_secret("pfx", "two")
        assert client.get_secret("pfx").value == "two"
        assert client.get_secret("pfx", first.properties.version).value == "one"
        versions = {one.version for one in client.list_properties_of_secret_versions("pfx")}
        assert versions == {first.properties.version, second.properties.version}
        client.update_secret_properties("pfx", first.properties.version, enabled=False)
        with pytest.raises(HttpResponseError) as caught:
            client.get_secret("pfx", first.properties.version)
        assert caught.value.status_code == 403

        client.begin_delete_secret("pfx", **FAST).wait()
        assert client.get_deleted_secret("pfx").recovery_id
        with pytest.raises(ResourceExistsError) as conflict:
            client.set_secret("pfx", "three")
        assert "ObjectIsDeletedButRecoverable" in conflict.value.message
        client.begin_recover_deleted_secret("pfx", **FAST).wait()
        assert client.get_secret("pfx").value == "two"


def test_pages_of_secrets(cloud: Cloud, vault: str) -> None:
    with cloud.secrets(vault) as client:
        names = [f"s{n:02}" for n in range(7)]
        for name in names:
            client.set_secret(name, "x")
        assert [one.name for one in client.list_properties_of_secrets(max_page_size=3)] == names


def test_certificate_with_an_ip_address(cloud: Cloud, vault: str) -> None:
    policy = CertificatePolicy(
        issuer_name="Self",
        subject="CN=win1",
        san_dns_names=["win1", "win1.westeurope.cloudapp.azure.com"],
        san_ip_addresses=["203.0.113.9"],
        enhanced_key_usage=["1.3.6.1.5.5.7.3.1"],
        validity_in_months=12,
        exportable=True,
        key_type="RSA",
        key_size=2048,
        content_type="application/x-pkcs12",
    )
    with cloud.certificates(vault) as client, cloud.secrets(vault) as secrets:
        made = client.begin_create_certificate("winrm", policy, **FAST).result()
        assert isinstance(made, KeyVaultCertificate)
        assert made.cer is not None
        assert made.properties is not None
        certificate = x509.load_der_x509_certificate(bytes(made.cer))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("203.0.113.9")]
        assert made.policy is not None
        assert made.policy.san_ip_addresses == ["203.0.113.9"]
        secret = secrets.get_secret("winrm", made.properties.version)
        assert secret.id == made.secret_id
        key, loaded, _chain = pkcs12.load_key_and_certificates(base64.b64decode(secret.value or ""), None)
        assert key is not None
        assert loaded == certificate

        imported = client.import_certificate("copy", base64.b64decode(secret.value or ""))
        assert imported.cer == made.cer
        client.begin_delete_certificate("copy", **FAST).wait()
        client.begin_recover_deleted_certificate("copy", **FAST).wait()
        assert [one.name for one in client.list_properties_of_certificates()] == ["copy", "winrm"]
        assert client.get_certificate_policy("copy").subject == "CN=win1"
        client.update_certificate_properties("winrm", tags={"for": "win1"})
        updated = client.get_certificate("winrm").properties
        assert updated is not None
        assert updated.tags == {"for": "win1"}


def test_secret_through_resource_manager(clouds: tuple[Cloud, Cloud], vault: str) -> None:
    owner, contributor = clouds
    body = models.SecretCreateOrUpdateParameters({"properties": {"value": "hidden"}, "tags": {"a": "b"}})
    made = contributor.management.secrets.create_or_update(GROUP, vault, "pfx", body)
    assert str(made.properties.secret_uri_with_version).startswith(f"https://{vault}.vault.azure.net/secrets/pfx/")
    assert made.properties.value is None
    with contributor.secrets(vault) as refused, pytest.raises(HttpResponseError) as caught:
        refused.get_secret("pfx")
    assert (caught.value.status_code, "ForbiddenByRbac" in caught.value.message) == (403, True)
    with owner.secrets(vault) as client:
        assert client.get_secret("pfx").value == "hidden"


def test_an_unknown_vault_does_not_resolve(cloud: Cloud) -> None:
    with cloud.secrets("nobodys-vault-77") as client, pytest.raises(ServiceRequestError):
        client.get_secret("x")


def test_no_value_leaves_the_vault(server: Running, cloud: Cloud, vault: str) -> None:
    with cloud.secrets(vault) as client:
        client.set_secret("pfx", "needle-in-haystack")
    assert vault in str(server.state()["vaults"])
    files = [file.read_bytes() for file in server.dir.rglob("*") if file.is_file()]
    for text in (str(server.state()), str(server.journal()), str(files)):
        assert "needle-in-haystack" not in text
