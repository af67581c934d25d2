# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real azure-mgmt-network client against the provider: models in, models out, real polling."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.network.models import (
    IPAllocationMethod,
    NetworkSecurityGroup,
    NextHopParameters,
    PublicIPAddress,
    PublicIPAddressPropertiesFormat,
    PublicIPAddressSku,
    SecurityRule,
    SecurityRuleAccess,
    SecurityRuleDirection,
    SecurityRulePropertiesFormat,
    SecurityRuleProtocol,
    Subnet,
    SubnetPropertiesFormat,
    TagsObject,
    VerificationIPFlowParameters,
)

from ansible_collections.azvm.access.tests.unit.local_azure.network.clouds import Cloud


def rdp_rule(*, priority: int = 310, description: str | None = None) -> SecurityRule:
    return SecurityRule(
        properties=SecurityRulePropertiesFormat(
            protocol=SecurityRuleProtocol.TCP,
            source_address_prefixes=["127.0.0.1", "203.0.113.0/24"],
            source_port_range="*",
            destination_address_prefix="*",
            destination_port_range="3389",
            access=SecurityRuleAccess.ALLOW,
            priority=priority,
            direction=SecurityRuleDirection.INBOUND,
            description=description,
        )
    )


def test_a_rule_is_created_updated_listed_and_deleted(sdk: NetworkManagementClient, cloud: Cloud) -> None:
    created = sdk.security_rules.begin_create_or_update("rg", "win1-nsg", "Port_3389", rdp_rule()).result()
    assert created.provisioning_state == "Succeeded"
    assert created.source_address_prefixes == ["127.0.0.1", "203.0.113.0/24"]
    assert created.source_address_prefix is None
    assert created.etag == sdk.network_security_groups.get("rg", "win1-nsg").etag

    updated = sdk.security_rules.begin_create_or_update(
        "rg", "win1-nsg", "Port_3389", rdp_rule(priority=311, description="RDP")
    ).result()
    assert (updated.priority, updated.description) == (311, "RDP")
    assert [rule.name for rule in sdk.security_rules.list("rg", "win1-nsg")] == ["AllowHttps", "Port_3389"]
    assert sdk.security_rules.get("rg", "WIN1-NSG", "port_3389").id == created.id

    sdk.security_rules.begin_delete("rg", "win1-nsg", "Port_3389").result()
    with pytest.raises(ResourceNotFoundError) as caught:
        sdk.security_rules.get("rg", "win1-nsg", "Port_3389")
    assert caught.value.error is not None
    assert caught.value.error.code == "NotFound"
    sdk.security_rules.begin_delete("rg", "win1-nsg", "Port_3389").result()


def test_errors_arrive_with_code_and_message(sdk: NetworkManagementClient) -> None:
    with pytest.raises(HttpResponseError) as caught:
        sdk.security_rules.begin_create_or_update("rg", "win1-nsg", "Port_3389", rdp_rule(priority=300))
    assert caught.value.error is not None
    assert (caught.value.status_code, caught.value.error.code) == (400, "SecurityRuleConflict")


def test_a_group_is_read_whole_and_its_tags_changed(sdk: NetworkManagementClient) -> None:
    group = sdk.network_security_groups.get("rg", "win1-nsg")
    assert group.default_security_rules is not None
    assert len(group.default_security_rules) == 6
    assert group.network_interfaces is not None
    assert group.network_interfaces[0].id is not None

    tagged = sdk.network_security_groups.update_tags("rg", "win1-nsg", TagsObject(tags={"a": "b"}))

    assert tagged.tags == {"a": "b"}
    assert len(list(sdk.network_security_groups.list_all())) == len(list(sdk.network_security_groups.list("rg"))) == 3
    assert len(list(sdk.default_security_rules.list("rg", "win1-nsg"))) == 6


def test_if_match_in_a_header(sdk: NetworkManagementClient) -> None:
    group = sdk.network_security_groups.get("rg", "win1-nsg")
    sdk.security_rules.begin_create_or_update("rg", "win1-nsg", "Port_3389", rdp_rule()).result()

    with pytest.raises(HttpResponseError) as caught:
        sdk.network_security_groups.begin_create_or_update("rg", "win1-nsg", group, headers={"If-Match": group.etag})
    assert caught.value.status_code == 412


def test_an_interface_with_expansions(sdk: NetworkManagementClient, cloud: Cloud) -> None:
    cloud.attach()
    nic = sdk.network_interfaces.get("rg", "win1-nic", expand="IPConfigurations/PublicIPAddress")

    assert nic.ip_configurations is not None
    address = nic.ip_configurations[0].public_ip_address
    assert address is not None
    assert address.ip_address == "127.127.1.1"
    assert address.sku is not None
    assert address.sku.name == "Standard"
    assert nic.primary
    assert nic.virtual_machine is not None

    again = sdk.network_interfaces.begin_create_or_update("rg", "win1-nic", nic).result()
    assert again.mac_address == nic.mac_address
    assert [one.name for one in sdk.network_interfaces.list_all()] == ["win1-nic"]


def test_a_subnet_gets_a_group(sdk: NetworkManagementClient) -> None:
    subnet = sdk.subnets.get("rg", "access-vnet", "open")
    assert subnet.network_security_group is None
    group = sdk.network_security_groups.get("rg", "unused-nsg")

    wanted = Subnet(
        properties=SubnetPropertiesFormat(
            address_prefix=subnet.address_prefix, network_security_group=NetworkSecurityGroup(id=group.id)
        )
    )
    changed = sdk.subnets.begin_create_or_update("rg", "access-vnet", "open", wanted).result()

    assert changed.network_security_group is not None
    assert changed.network_security_group.id == group.id
    network = sdk.virtual_networks.get("rg", "access-vnet")
    assert network.address_space is not None
    assert network.address_space.address_prefixes == ["10.0.0.0/16"]
    assert sdk.virtual_networks.check_ip_address_availability("rg", "access-vnet", ip_address="10.0.0.9").available


def test_a_public_address_is_made_and_removed(sdk: NetworkManagementClient) -> None:
    wanted = PublicIPAddress(
        location="westeurope",
        sku=PublicIPAddressSku(name="Standard"),
        properties=PublicIPAddressPropertiesFormat(public_ip_allocation_method=IPAllocationMethod.STATIC),
    )

    made = sdk.public_ip_addresses.begin_create_or_update("rg", "new", wanted).result()

    assert made.ip_address == "127.127.1.2"
    sdk.public_ip_addresses.begin_delete("rg", "new").result()
    assert [one.name for one in sdk.public_ip_addresses.list("rg")] == ["win1-ip"]


def test_effective_rules_and_routes(sdk: NetworkManagementClient, cloud: Cloud) -> None:
    cloud.attach()
    rules = sdk.network_interfaces.begin_list_effective_network_security_groups("rg", "win1-nic").result()
    routes = sdk.network_interfaces.begin_get_effective_route_table("rg", "win1-nic").result()

    assert rules.value is not None
    assert len(rules.value) == 2
    assert rules.value[0].effective_security_rules is not None
    assert rules.value[0].effective_security_rules[0].name == "securityRules/AllowHttps"
    assert routes.value is not None
    assert routes.value[0].next_hop_type == "VnetLocal"


def test_network_watcher(sdk: NetworkManagementClient, cloud: Cloud) -> None:
    cloud.attach()
    watcher = next(one for one in sdk.network_watchers.list_all() if one.location == "westeurope")
    assert watcher.name is not None
    target = str(cloud.id("networkInterfaces/win1-nic"))
    flow = VerificationIPFlowParameters(
        target_resource_id=target,
        direction="Inbound",
        protocol="TCP",
        local_port="3389",
        remote_port="*",
        local_ip_address="10.0.0.4",
        remote_ip_address="203.0.113.7",
    )
    hop = NextHopParameters(target_resource_id=target, source_ip_address="10.0.0.4", destination_ip_address="8.8.8.8")

    verdict = sdk.network_watchers.begin_verify_ip_flow("NetworkWatcherRG", watcher.name, flow).result()
    found = sdk.network_watchers.begin_get_next_hop("NetworkWatcherRG", watcher.name, hop).result()

    assert (verdict.access, verdict.rule_name) == ("Deny", "defaultSecurityRules/DenyAllInBound")
    assert (found.next_hop_type, found.route_table_id) == ("Internet", "System Route")


def test_a_conflict_with_another_write_is_an_error_or_retried(sdk: NetworkManagementClient, cloud: Cloud) -> None:
    azure = cloud.made.azure
    azure.settings.pace = 1.0
    azure.network.concurrent_writes = "conflict"
    sdk.security_rules.begin_create_or_update("rg", "win1-nsg", "A", rdp_rule(), polling=False)

    with pytest.raises(ResourceExistsError):
        sdk.security_rules.begin_create_or_update("rg", "win1-nsg", "B", rdp_rule(priority=311), polling=False)
    cloud.settle()
    azure.settings.pace = 0.05
    azure.network.concurrent_writes = "retryable"
    sdk.security_rules.begin_create_or_update("rg", "win1-nsg", "C", rdp_rule(priority=312), polling=False)
    last = sdk.security_rules.begin_create_or_update("rg", "win1-nsg", "D", rdp_rule(priority=313))
    assert last.result().provisioning_state == "Succeeded"
