# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each thing that a fault can do, as Microsoft's own clients meet it on a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import ClientSecretCredential
from azure.keyvault.certificates import CertificateClient, CertificateOperation, CertificatePolicy
from azure.keyvault.secrets import SecretClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachineUpdate
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault.models import Sku, VaultCreateOrUpdateParameters, VaultProperties
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.network.models import SecurityRule, SecurityRulePropertiesFormat

from local_azure import control
from local_azure.home import Home
from local_azure.testing import Running, running

Json = dict[str, Any]

GROUP = "access-demo"
NSG = "win1-nsg"
RULE = SecurityRule(
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


@dataclass(kw_only=True)
class Cloud:
    """A server at the start of its scenario, with the clients of its default principal."""

    server: Running
    credential: ClientSecretCredential
    network: NetworkManagementClient
    compute: ComputeManagementClient

    def fault(self, action: str, **wish: Any) -> int:
        return int(self.ask("fault/add", action=action, **wish)["id"])

    def clear(self, fault: int | None = None) -> None:
        self.ask("fault/clear", id=fault)

    def ask(self, what: str, **wish: Any) -> Json:
        return control.ask(Home(self.server.dir), what, wish)

    def rules(self) -> set[str]:
        """The names of the rules that the group really has."""
        group = next(one for one in self.ask("state")["resources"] if one["name"] == NSG)
        return {rule["name"] for rule in group["properties"]["securityRules"]}

    def statuses(self, method: str, path: str) -> list[int]:
        """How the requests with this method and end of the path were answered; 0 for a connection that was cut."""
        found = [line for line in self.server.journal() if line["method"] == method and line["path"].endswith(path)]
        return [int(line["status"]) for line in found]

    def put_rule(self, name: str, **options: Any) -> SecurityRule:
        begin = self.network.security_rules.begin_create_or_update
        return begin(GROUP, NSG, name, RULE, polling_interval=0.05, **options).result(20)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(pace=0.002) as made:
        yield made


@pytest.fixture
def cloud(server: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    control.ask(Home(server.dir), "reset", {"clear_journal": True})
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    env = server.env
    subscription = env["AZURE_SUBSCRIPTION_ID"]
    with (
        ClientSecretCredential(env["AZURE_TENANT_ID"], env["AZURE_CLIENT_ID"], env["AZURE_SECRET"]) as credential,
        NetworkManagementClient(credential, subscription, polling_interval=0.05) as network,
        ComputeManagementClient(credential, subscription, polling_interval=0.05) as compute,
    ):
        yield Cloud(server=server, credential=credential, network=network, compute=compute)


@pytest.fixture
def vault(cloud: Cloud) -> str:
    """The endpoint of a vault."""
    with KeyVaultManagementClient(cloud.credential, cloud.server.env["AZURE_SUBSCRIPTION_ID"]) as client:
        properties = VaultProperties(
            tenant_id=cloud.server.env["AZURE_TENANT_ID"],
            sku=Sku(family="A", name="standard"),
            enable_rbac_authorization=True,
            access_policies=[],
        )
        wish = VaultCreateOrUpdateParameters(location="westeurope", properties=properties)
        made = client.vaults.begin_create_or_update(GROUP, "fault-actions", wish, polling_interval=0.05).result()
    return str(made.properties.vault_uri)


@pytest.mark.parametrize(("retry_after", "least"), [("1", 1.0), (None, 0.0)])
def test_status_with_and_without_retry_after(cloud: Cloud, retry_after: str | None, least: float) -> None:
    cloud.fault("status", path="/win1-nsg$", status=429, code="Busy", retry_after=retry_after, times=1)
    began = time.monotonic()
    cloud.network.network_security_groups.get(GROUP, NSG)
    assert time.monotonic() - began >= least
    assert cloud.statuses("GET", NSG) == [429, 200]

    cloud.fault("status", path="/win1-nsg$", status=503)
    with pytest.raises(HttpResponseError, match="of the local Azure's making") as caught:
        cloud.network.network_security_groups.get(GROUP, NSG, retry_total=0)
    assert (caught.value.status_code, caught.value.error and caught.value.error.code) == (503, "ServiceUnavailable")


def test_the_sign_in_service_has_its_own_words_for_trouble(cloud: Cloud) -> None:
    cloud.fault("status", path="/oauth2/v2.0/token$", status=400)
    with pytest.raises(ClientAuthenticationError, match="AADSTS90033"):
        cloud.credential.get_token("https://management.azure.com/.default")


def test_chosen_by_user_agent_and_by_seeded_chance(cloud: Cloud) -> None:
    def seen(agent: str, requests: int) -> list[int]:
        before = len(cloud.statuses("GET", NSG))
        for _request in range(requests):
            with suppress(HttpResponseError):
                cloud.network.network_security_groups.get(GROUP, NSG, user_agent=agent, retry_total=0)
        return cloud.statuses("GET", NSG)[before:]

    def drawn(seed: int) -> list[int]:
        fault = cloud.fault("status", agent="unlucky", probability=0.5, seed=seed)
        found = seen("unlucky/1", 12)
        cloud.clear(fault)
        return found

    assert drawn(1) == drawn(1) != drawn(2)
    assert set(drawn(1)) == {200, 503}
    cloud.fault("status", agent="unlucky")
    assert seen("lucky/1", 3) == [200, 200, 200]
    cloud.ask("fault/list")


def test_delay_comes_before_the_effect_and_skew_shows_in_the_date(cloud: Cloud) -> None:
    cloud.fault("delay", path="/win1-nsg$", seconds=0.3, times=1)
    dates: list[datetime] = []

    def note(response: Any) -> None:
        dates.append(parsedate_to_datetime(response.http_response.headers["Date"]))

    began = time.monotonic()
    cloud.network.network_security_groups.get(GROUP, NSG)
    assert time.monotonic() - began >= 0.3
    cloud.fault("skew", path="/win1-nsg$", seconds=-7200)
    cloud.network.network_security_groups.get(GROUP, NSG, raw_response_hook=note)
    assert abs(datetime.now(timezone.utc) - timedelta(hours=2) - dates[-1]) < timedelta(seconds=30)


def test_hold_before_keeps_the_effect_back_until_it_is_cleared(cloud: Cloud) -> None:
    fault = cloud.fault("hold-before", method="PUT", path="/securityRules/")
    done = threading.Thread(target=cloud.put_rule, args=("Held",))
    done.start()
    wait_until(lambda: bool(cloud.ask("fault/list")["faults"][0]["applied"]))
    assert "Held" not in cloud.rules()
    cloud.clear(fault)
    done.join(20)
    assert "Held" in cloud.rules()


@pytest.mark.parametrize(("action", "took_place"), [("reset-before", False), ("reset-after", True), ("truncate", True)])
def test_a_lost_answer_and_what_had_happened_by_then(cloud: Cloud, action: str, took_place: bool) -> None:
    cloud.fault(action, method="PUT", path="/securityRules/", times=1)
    # Behind a proxy, the client takes each cut connection for one that was never made.
    lost = DecodeError if action == "truncate" else (ServiceRequestError, ServiceResponseError)
    with pytest.raises(lost):
        cloud.put_rule("Lost", retry_total=0)
    assert ("Lost" in cloud.rules()) == took_place
    assert cloud.put_rule("Lost").name == "Lost"


def test_an_expired_token_needs_another(cloud: Cloud) -> None:
    cloud.network.network_security_groups.get(GROUP, NSG)
    cloud.fault("expire-token", path="/win1-nsg$", times=1)
    for _request in range(2):
        with pytest.raises(ClientAuthenticationError, match="access token expiry UTC time"):
            cloud.network.network_security_groups.get(GROUP, NSG)
    env = cloud.server.env
    with (
        ClientSecretCredential(env["AZURE_TENANT_ID"], env["AZURE_CLIENT_ID"], env["AZURE_SECRET"]) as other,
        NetworkManagementClient(other, env["AZURE_SUBSCRIPTION_ID"]) as network,
    ):
        assert network.network_security_groups.get(GROUP, NSG).name == NSG


def test_a_revoked_token_is_exchanged_by_the_claims_challenge(cloud: Cloud, vault: str) -> None:
    cloud.fault("revoke-token", path="/win1-nsg$", times=1)
    assert cloud.network.network_security_groups.get(GROUP, NSG).name == NSG
    assert cloud.statuses("GET", NSG) == [401, 200]
    with SecretClient(vault, cloud.credential) as secrets:
        secrets.set_secret("greeting", "hello")
        cloud.fault("revoke-token", path="^/secrets/greeting", times=1)
        assert secrets.get_secret("greeting").value == "hello"
    assert cloud.statuses("GET", "/secrets/greeting/")[-2:] == [401, 200]


@pytest.mark.parametrize(("action", "code"), [("fail-operation", "Broken"), ("cancel-operation", "Broken")])
def test_an_operation_that_ends_badly(cloud: Cloud, action: str, code: str) -> None:
    fault = cloud.fault(action, path="/win1-nsg/securityRules/|/win1$", code=code, times=2)
    with pytest.raises(HttpResponseError) as caught:
        cloud.put_rule("Doomed")
    assert caught.value.error is not None
    assert caught.value.error.code == code
    group = cloud.network.network_security_groups.get(GROUP, NSG)
    assert group.properties is not None
    assert group.properties.provisioning_state == "Failed"
    # Tags alone would be there at once.
    change: Any = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": False}}}}
    with pytest.raises(HttpResponseError, match=code):
        cloud.compute.virtual_machines.begin_update(GROUP, "win1", change).result()
    machine = cloud.compute.virtual_machines.get(GROUP, "win1")
    assert machine.properties is not None
    assert machine.properties.provisioning_state == "Failed"
    cloud.clear(fault)
    assert cloud.put_rule("Doomed").name == "Doomed"


def test_an_operation_that_never_ends_until_the_fault_is_over(cloud: Cloud) -> None:
    fault = cloud.fault("hang-operation", method="POST", path="/win1/restart$")
    poller = cloud.compute.virtual_machines.begin_restart(GROUP, "win1")
    poller.wait(1)
    assert not poller.done()
    cloud.clear(fault)
    poller.wait(20)
    assert poller.status() == "Succeeded"


def test_a_vault_that_gives_up_a_certificate_or_never_ends_it(cloud: Cloud, vault: str) -> None:
    with CertificateClient(vault, cloud.credential) as certificates:
        assert not list(certificates.list_properties_of_certificates())  # signed in by now
        cloud.fault("fail-operation", path="/certificates/.*/create$", code="Broken", times=1)
        policy = CertificatePolicy.get_default()
        made = certificates.begin_create_certificate("web", policy, _polling_interval=0.05).result()
        assert isinstance(made, CertificateOperation)
        assert (made.status, made.error and made.error.code) == ("failed", "Broken")
        fault = cloud.fault("hang-operation", path="/certificates/.*/create$")
        poller = certificates.begin_create_certificate("web", policy, _polling_interval=0.05)
        poller.wait(1)
        assert not poller.done()
        cloud.clear(fault)
        poller.wait(20)
        assert certificates.get_certificate("web").name == "web"


def test_provisioning_that_seems_stuck(cloud: Cloud) -> None:
    fault = cloud.fault("stuck", method="PUT", path="/securityRules/")
    shown = cloud.put_rule("Stuck").properties
    assert shown is not None
    assert shown.provisioning_state == "Updating"
    cloud.clear(fault)
    again = cloud.network.security_rules.get(GROUP, NSG, "Stuck").properties
    assert again is not None
    assert again.provisioning_state == "Succeeded"


def test_reads_that_lag_behind_a_write(cloud: Cloud) -> None:
    cloud.fault("stale", method="PUT", path="/securityRules/", seconds=1)
    # Even the client's own look at what it has just made.
    with pytest.raises(HttpResponseError, match="securityRules/Late not found"):
        cloud.put_rule("Late")
    assert "Late" in cloud.rules()
    group = cloud.network.network_security_groups.get(GROUP, NSG)
    assert "Late" not in {rule.name for rule in (group.properties and group.properties.security_rules) or []}
    wait_until(lambda: seen_rule(cloud, "Late"))


def seen_rule(cloud: Cloud, name: str) -> bool:
    try:
        return cloud.network.security_rules.get(GROUP, NSG, name).name == name
    except ResourceNotFoundError:
        return False


def test_the_buckets_of_resource_manager_and_compute(cloud: Cloud) -> None:
    cloud.fault("throttle")

    def tag(number: int) -> None:
        update = VirtualMachineUpdate(tags={"n": str(number)})
        cloud.compute.virtual_machines.begin_update(GROUP, "win1", update, polling=False, retry_total=0)

    for number in range(12):
        tag(number)
    with pytest.raises(HttpResponseError) as caught:
        tag(12)
    refused: Any = caught.value.response
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 15  # 4 a minute
    assert refused.json()["error"]["details"][0]["target"] == "UpdateVMResource"

    with pytest.raises(HttpResponseError, match="Number of 'reads' requests"):
        read_often(cloud, 1000)
    assert cloud.statuses("GET", NSG).count(200) >= 240
    assert cloud.statuses("GET", NSG).count(429) == 1
    cloud.clear()
    # At the pace of the operations, both are soon full again.
    wait_until(lambda: cloud.network.network_security_groups.get(GROUP, NSG).name == NSG)
    tag(13)


def read_often(cloud: Cloud, times: int) -> None:
    for _request in range(times):
        cloud.network.network_security_groups.get(GROUP, NSG, retry_total=0)


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
