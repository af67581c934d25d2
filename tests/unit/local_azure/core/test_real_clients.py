# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft's own clients against a real server, with nothing but the environment file."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.keyvault.secrets import SecretClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault.models import Sku, VaultCreateOrUpdateParameters, VaultProperties
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.network.models import SecurityRule, SecurityRulePropertiesFormat

from local_azure.testing import Running, running

GROUP = "access-demo"
RDP = SecurityRule(
    properties=SecurityRulePropertiesFormat(
        protocol="Tcp",
        source_address_prefix="127.0.0.1",
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_range="3389",
        access="Allow",
        direction="Inbound",
        priority=310,
    )
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    with running() as server:
        yield server


@pytest.fixture
def server(shared: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    shared.command("reset", "--clear-journal")
    for name, value in shared.env.items():
        monkeypatch.setenv(name, value)
    return shared


@pytest.fixture
def credential(server: Running) -> Iterator[DefaultAzureCredential]:
    made = DefaultAzureCredential()
    yield made
    made.close()


def test_opening_rdp_in_both_groups_really_opens_it(server: Running, credential: DefaultAzureCredential) -> None:
    with NetworkManagementClient(credential, server.env["AZURE_SUBSCRIPTION_ID"]) as network:
        address = network.public_ip_addresses.get(GROUP, "win1-ip").ip_address
        for group in ("win1-nsg", "subnet-nsg"):
            with pytest.raises(TimeoutError):
                socket.create_connection((address, 3389), 0.2)
            rule = network.security_rules.begin_create_or_update(GROUP, group, "Port_3389", RDP).result()
            assert rule.properties is not None
            assert rule.properties.provisioning_state == "Succeeded"
        with socket.create_connection((address, 3389), 2) as connection:
            assert connection.getpeername()[0] == address
        with pytest.raises(ResourceNotFoundError) as caught:
            network.network_security_groups.get(GROUP, "nosuch")
        assert caught.value.error is not None
        assert caught.value.error.code == "ResourceNotFound"


def test_a_vault_is_made_used_and_refused(server: Running, credential: DefaultAzureCredential) -> None:
    with KeyVaultManagementClient(credential, server.env["AZURE_SUBSCRIPTION_ID"]) as management:
        wish = VaultCreateOrUpdateParameters(
            location="westeurope",
            properties=VaultProperties(
                tenant_id=server.env["AZURE_TENANT_ID"],
                sku=Sku(family="A", name="standard"),
                enable_rbac_authorization=True,
                access_policies=[],
            ),
        )
        vault = management.vaults.begin_create_or_update(GROUP, "real-clients-kv", wish).result()
    address = vault.properties.vault_uri
    assert address is not None
    with SecretClient(address, credential) as secrets:
        made = secrets.set_secret("greeting", "hello")
        assert secrets.get_secret("greeting", made.properties.version).value == "hello"
    reader = server.principal("contributor")
    other = ClientSecretCredential(reader["AZURE_TENANT_ID"], reader["AZURE_CLIENT_ID"], reader["AZURE_SECRET"])
    with other, SecretClient(address, other) as secrets, pytest.raises(HttpResponseError) as caught:
        secrets.get_secret("greeting")
    assert caught.value.status_code == 403
    nowhere = SecretClient("https://nosuch-kv.vault.azure.net", credential, retry_total=0)
    with nowhere, pytest.raises(ServiceRequestError):
        nowhere.get_secret("greeting")


def test_power_operations_take_a_fraction_of_a_second(server: Running, credential: DefaultAzureCredential) -> None:
    with ComputeManagementClient(credential, server.env["AZURE_SUBSCRIPTION_ID"]) as compute:
        began = time.monotonic()
        compute.virtual_machines.begin_deallocate(GROUP, "win1").result()
        view = compute.virtual_machines.instance_view(GROUP, "win1")
        assert "PowerState/deallocated" in {status.code for status in view.statuses or []}
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("tenant", "secret", "said"),
    [
        (None, "wrong", "AADSTS7000215"),
        ("11111111-2222-3333-4444-555555555555", None, "Unable to get authority configuration"),
    ],
)
def test_wrong_credentials(server: Running, tenant: str | None, secret: str | None, said: str) -> None:
    env = server.env
    wrong = ClientSecretCredential(
        tenant or env["AZURE_TENANT_ID"], env["AZURE_CLIENT_ID"], secret or env["AZURE_SECRET"]
    )
    with wrong, pytest.raises(ClientAuthenticationError, match=said):
        wrong.get_token("https://management.azure.com/.default")


def test_faults_are_survived_by_the_clients_own_retries(server: Running, credential: DefaultAzureCredential) -> None:
    retry = ("--status", "503", "--retry-after", "0.05", "--times", "2", "--method", "GET")
    server.command("fault", "add", "--action", "status", "--path", "networkSecurityGroups", *retry)
    with NetworkManagementClient(credential, server.env["AZURE_SUBSCRIPTION_ID"]) as network:
        assert [group.name for group in network.network_security_groups.list(GROUP)] == ["subnet-nsg", "win1-nsg"]
    statuses = [line["status"] for line in server.journal() if "networkSecurityGroups" in line["path"]]
    assert statuses == [503, 503, 200]
