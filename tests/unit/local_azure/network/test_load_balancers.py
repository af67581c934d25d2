# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load balancers, their NAT rules, and the ways through them."""

from __future__ import annotations

import copy

import pytest
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.network.models import QueryInboundNatRulePortMappingRequest

from ansible_collections.azvm.access.tests.unit.local_azure.network.clouds import SCENARIO, Cloud, Json, NewCloud

LB = "loadBalancers/front"
RULE = f"{LB}/inboundNatRules/rdp"
NIC = "networkInterfaces/win1-nic"
OPEN = {
    "name": "OpenRdp",
    "priority": 310,
    "protocol": "Tcp",
    "destinationPortRange": "3389",
    "sourceAddressPrefix": "127.0.0.1",
}


def scenario() -> Json:
    made = copy.deepcopy(SCENARIO)
    network = made["network"]
    for group in network["networkSecurityGroups"][:2]:
        group["securityRules"].append(OPEN)
    network["publicIPAddresses"] += [{"name": "front-ip"}, {"name": "spare-ip"}]
    network["loadBalancers"] = [
        {
            "name": "front",
            "frontendIPConfigurations": [{"name": "public", "publicIPAddress": "front-ip"}],
            "backendAddressPools": ["servers"],
            "inboundNatRules": [
                {"name": "rdp", "frontendPort": 50001, "backendPort": 3389},
                {
                    "name": "each",
                    "frontendPortRangeStart": 50100,
                    "frontendPortRangeEnd": 50100,
                    "backendPort": 5986,
                    "backendAddressPool": "servers",
                },
            ],
        }
    ]
    nic = network["networkInterfaces"][0]
    del nic["publicIPAddress"]
    nic["loadBalancerInboundNatRules"] = ["front/rdp"]
    return made


@pytest.fixture
def cloud(new_cloud: NewCloud) -> Cloud:
    made = new_cloud(scenario())
    made.attach()
    return made


def ways(cloud: Cloud, nic: str = NIC) -> list[tuple[int, int]]:
    found = cloud.made.azure.network.forwards(cloud.id(nic))
    return [(forward.port, forward.backend_port) for forward, _configuration in found]


def pool_reference(cloud: Cloud) -> list[Json]:
    return [{"id": str(cloud.id(f"{LB}/backendAddressPools/servers"))}]


def error_code(answer: Json) -> str:
    return str(answer["error"]["code"])


def test_a_rule_shows_whom_it_leads_to(cloud: Cloud) -> None:
    shown = cloud.get(LB).json()
    rule = cloud.get(RULE).json()
    configuration = f"{cloud.id(NIC)}/ipConfigurations/ipconfig1"
    assert rule["properties"]["backendIPConfiguration"] == {"id": configuration}
    assert shown["properties"]["inboundNatRules"][0] == rule
    assert shown["properties"]["frontendIPConfigurations"][0]["properties"]["inboundNatRules"][0]["id"] == rule["id"]
    assert (
        cloud.get("publicIPAddresses/front-ip")
        .json()["properties"]["ipConfiguration"]["id"]
        .endswith("/loadBalancers/front/frontendIPConfigurations/public")
    )
    assert [one["name"] for one in cloud.get(f"{LB}/inboundNatRules").json()["value"]] == ["rdp", "each"]
    assert cloud.get(f"{LB}/inboundNatRules/none").json()["error"]["code"] == "NotFound"


def test_the_way_is_guarded_like_the_vm(cloud: Cloud) -> None:
    network = cloud.made.azure.network
    ((forward, configuration),) = network.forwards(cloud.id(NIC))
    assert (forward.port, forward.backend_port) == (50001, 3389)
    assert network.admits(cloud.id(NIC), port=3389, ip_configuration=configuration, forward=forward).allowed
    assert not network.admits(cloud.id(NIC), port=5986, ip_configuration=configuration, forward=forward).allowed


def test_a_standard_balancer_is_closed_without_a_group(cloud: Cloud) -> None:
    nic = cloud.get(NIC).json()
    del nic["properties"]["networkSecurityGroup"]
    own = nic["properties"]["ipConfigurations"][0]["properties"]
    own["subnet"] = {"id": str(cloud.id("virtualNetworks/access-vnet/subnets/open"))}
    assert cloud.put(NIC, nic).status_code == 200
    network = cloud.made.azure.network
    ((forward, configuration),) = network.forwards(cloud.id(NIC))
    verdict = network.admits(cloud.id(NIC), port=3389, ip_configuration=configuration, forward=forward)
    assert (verdict.allowed, verdict.level) == (False, "publicAddress")


def test_the_interface_that_no_longer_names_the_rule_has_lost_it(cloud: Cloud) -> None:
    nic = cloud.get(NIC).json()
    del nic["properties"]["ipConfigurations"][0]["properties"]["loadBalancerInboundNatRules"]
    assert cloud.put(NIC, nic).status_code == 200
    assert ways(cloud) == []
    assert "backendIPConfiguration" not in cloud.get(RULE).json()["properties"]


def test_a_pool_member_has_a_port_of_its_own(cloud: Cloud) -> None:
    nic = cloud.get(NIC).json()
    nic["properties"]["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"] = pool_reference(cloud)
    assert cloud.put(NIC, nic).status_code == 200
    assert ways(cloud) == [(50001, 3389), (50100, 5986)]


def test_the_sdk_asks_for_the_port_of_a_member(cloud: Cloud, sdk: NetworkManagementClient) -> None:
    nic = cloud.get(NIC).json()
    own = nic["properties"]["ipConfigurations"][0]["properties"]
    own["loadBalancerBackendAddressPools"] = pool_reference(cloud)
    cloud.put(NIC, nic)
    query = QueryInboundNatRulePortMappingRequest(
        {"ipConfiguration": {"id": f"{cloud.id(NIC)}/ipConfigurations/ipconfig1"}}
    )
    found = sdk.load_balancers.begin_list_inbound_nat_rule_port_mappings("rg", "front", "servers", query).result()
    mappings = found.inbound_nat_rule_port_mappings or []
    assert [(one.inbound_nat_rule_name, one.frontend_port, one.backend_port) for one in mappings] == [
        ("each", 50100, 5986)
    ]


def test_a_rule_is_put_and_deleted_by_itself(cloud: Cloud) -> None:
    frontend = {"id": str(cloud.id(f"{LB}/frontendIPConfigurations/public"))}
    body = {"properties": {"frontendIPConfiguration": frontend, "frontendPort": 50002, "backendPort": 5986}}
    assert cloud.put(f"{LB}/inboundNatRules/winrm", body).status_code == 201
    body["properties"]["frontendPort"] = 50003
    assert cloud.put(f"{LB}/inboundNatRules/winrm", body).status_code == 200
    assert cloud.get(f"{LB}/inboundNatRules/winrm").json()["properties"]["frontendPort"] == 50003
    assert cloud.delete(f"{LB}/inboundNatRules/winrm").status_code == 202
    assert cloud.get(f"{LB}/inboundNatRules/winrm").status_code == 404
    assert cloud.delete(f"{LB}/inboundNatRules/winrm").status_code == 204
    assert cloud.delete(RULE).status_code == 400


def test_a_balancer_is_replaced_as_a_whole(cloud: Cloud) -> None:
    body = cloud.get(LB).json()
    body["properties"]["inboundNatRules"] = body["properties"]["inboundNatRules"][:1]
    assert cloud.put(LB, body).status_code == 200
    assert [one["name"] for one in cloud.get(f"{LB}/inboundNatRules").json()["value"]] == ["rdp"]
    body["properties"]["inboundNatRules"] = []
    assert cloud.put(LB, body).status_code == 400
    assert cloud.put(LB, body, headers={"If-Match": 'W/"stale"'}).status_code == 412
    assert cloud.delete(LB).status_code == 400


def test_sku_rules(new_cloud: NewCloud) -> None:
    made = scenario()
    made["network"]["allowBasicPublicIPAddresses"] = True
    made["network"]["publicIPAddresses"] += [{"name": "old-ip", "sku": "Basic"}]
    cloud = new_cloud(made)
    location = {"location": "westeurope"}
    frontend = {"name": "f", "properties": {"publicIPAddress": {"id": str(cloud.id("publicIPAddresses/old-ip"))}}}
    standard = {**location, "sku": {"name": "Standard"}, "properties": {"frontendIPConfigurations": [frontend]}}
    answer = cloud.put("loadBalancers/new", standard).json()
    assert error_code(answer) == "PublicIPAndLBSkuDoNotMatch"

    nic = cloud.get(NIC).json()
    own = nic["properties"]["ipConfigurations"][0]["properties"]
    own["publicIPAddress"] = {"id": str(cloud.id("publicIPAddresses/old-ip"))}
    assert error_code(cloud.put(NIC, nic).json()) == "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed"
    own["publicIPAddress"] = {"id": str(cloud.id("publicIPAddresses/spare-ip"))}
    assert cloud.put(NIC, nic).status_code == 200


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"frontendPort": 50001}, "RulesUseSameFrontendPortProtocolAndFrontendIPConfig"),
        ({"frontendPort": 50100}, "RulesUseSameFrontendPortProtocolAndFrontendIPConfig"),
        ({"frontendPort": 0}, "InvalidRequestFormat"),
        ({"frontendPort": 50005, "frontendIPConfiguration": None}, "InvalidResourceReference"),
    ],
)
def test_rules_that_are_refused(cloud: Cloud, rule: Json, code: str) -> None:
    frontend = {"id": str(cloud.id(f"{LB}/frontendIPConfigurations/public"))}
    body = {"properties": {"frontendIPConfiguration": frontend, "backendPort": 5986, **rule}}
    assert error_code(cloud.put(f"{LB}/inboundNatRules/new", body).json()) == code


def test_references_that_are_refused(cloud: Cloud) -> None:
    nic = cloud.get(NIC).json()
    own = nic["properties"]["ipConfigurations"][0]["properties"]
    absent = copy.deepcopy(nic)
    ghost = {"id": str(cloud.id(f"{LB}/inboundNatRules/ghost"))}
    absent["properties"]["ipConfigurations"][0]["properties"]["loadBalancerInboundNatRules"] = [ghost]
    ranged = copy.deepcopy(nic)
    each = {"id": str(cloud.id(f"{LB}/inboundNatRules/each"))}
    ranged["properties"]["ipConfigurations"][0]["properties"]["loadBalancerInboundNatRules"] = [each]
    alone: Json = {**own, "privateIPAllocationMethod": "Dynamic"}
    other = {
        "location": "westeurope",
        "properties": {"ipConfigurations": [{"name": "ipconfig1", "properties": alone}]},
    }

    frontend = {"id": str(cloud.id(f"{LB}/frontendIPConfigurations/public"))}
    twin = {"frontendIPConfiguration": frontend, "frontendPort": 50009, "backendPort": 3389}
    assert cloud.put(f"{LB}/inboundNatRules/twin", {"properties": twin}).status_code == 201
    doubled = copy.deepcopy(nic)
    rules = doubled["properties"]["ipConfigurations"][0]["properties"]["loadBalancerInboundNatRules"]
    rules.append({"id": str(cloud.id(f"{LB}/inboundNatRules/twin"))})

    assert error_code(cloud.put(NIC, absent).json()) == "InvalidResourceReference"
    assert error_code(cloud.put(NIC, ranged).json()) == "InvalidResourceReference"
    assert error_code(cloud.put(NIC, doubled).json()) == "RulesUseSameBackendPortProtocolAndIPConfig"
    assert error_code(cloud.put("networkInterfaces/other", other).json()) == "InboundNatRuleAlreadyInUse"


def test_an_internal_frontend_takes_an_address_of_its_subnet(cloud: Cloud) -> None:
    subnet = {"id": str(cloud.id("virtualNetworks/access-vnet/subnets/default"))}
    frontend = {"name": "inside", "properties": {"subnet": subnet}}
    body = {
        "location": "westeurope",
        "sku": {"name": "Standard"},
        "properties": {"frontendIPConfigurations": [frontend]},
    }
    made = cloud.put("loadBalancers/inside", body)
    assert made.status_code == 201
    own = made.json()["properties"]["frontendIPConfigurations"][0]["properties"]
    assert own["privateIPAddress"] == "10.0.0.5"
    check = "virtualNetworks/access-vnet/checkIPAddressAvailability?ipAddress=10.0.0.5"
    assert cloud.get(check).json()["available"] is False


def balanced(cloud: Cloud) -> Json:
    """The load balancer with a rule for web traffic, its probe, and rules for what goes out."""
    body: Json = cloud.get(LB).json()
    frontend = {"id": str(cloud.id(f"{LB}/frontendIPConfigurations/public"))}
    pool = pool_reference(cloud)[0]
    body["properties"] |= {
        "probes": [{"name": "alive", "properties": {"protocol": "Http", "port": 80, "requestPath": "/"}}],
        "loadBalancingRules": [
            {
                "name": "desk",
                "properties": {
                    "frontendIPConfiguration": frontend,
                    "backendAddressPool": pool,
                    "probe": {"id": str(cloud.id(f"{LB}/probes/alive"))},
                    "protocol": "Tcp",
                    "frontendPort": 3389,
                    "backendPort": 3389,
                },
            }
        ],
        "outboundRules": [
            {
                "name": "out",
                "properties": {"frontendIPConfigurations": [frontend], "backendAddressPool": pool, "protocol": "All"},
            }
        ],
    }
    return body


def test_rules_and_probes_have_their_defaults_and_show_who_refers_to_them(cloud: Cloud) -> None:
    assert cloud.put(LB, balanced(cloud)).status_code == 200
    shown = cloud.get(LB).json()["properties"]
    rule, probe, out = (shown[part][0] for part in ("loadBalancingRules", "probes", "outboundRules"))
    named = {"id": rule["id"]}
    assert probe["properties"] == {
        "provisioningState": "Succeeded",
        "protocol": "Http",
        "port": 80,
        "requestPath": "/",
        "intervalInSeconds": 15,
        "numberOfProbes": 2,
        "probeThreshold": 1,
        "loadBalancingRules": [named],
    }
    own = rule["properties"]
    assert (own["loadDistribution"], own["idleTimeoutInMinutes"], own["disableOutboundSnat"]) == ("Default", 4, False)
    assert own["backendAddressPools"] == [own["backendAddressPool"]] == pool_reference(cloud)
    assert out["properties"]["allocationPolicy"] == {"onDemandAllocation": False, "portReuse": "FirstAvailable"}
    frontend, pool = shown["frontendIPConfigurations"][0]["properties"], shown["backendAddressPools"][0]["properties"]
    assert frontend["loadBalancingRules"] == pool["loadBalancingRules"] == [named]
    assert frontend["outboundRules"] == pool["outboundRules"] == [{"id": out["id"]}]
    for part, one in (("loadBalancingRules", rule), ("probes", probe), ("outboundRules", out)):
        assert cloud.get(f"{LB}/{part}/{one['name']}").json() == one
    assert cloud.get(f"{LB}/probes/none").json()["error"]["code"] == "NotFound"


def test_a_balancing_rule_leads_to_the_first_member_of_its_pool(cloud: Cloud) -> None:
    cloud.put(LB, balanced(cloud))
    nic = cloud.get(NIC).json()
    own = nic["properties"]["ipConfigurations"][0]["properties"]
    own["loadBalancerInboundNatRules"] = []
    own["loadBalancerBackendAddressPools"] = pool_reference(cloud)
    assert cloud.put(NIC, nic).status_code == 200
    assert (3389, 3389) in ways(cloud)
    interfaces = cloud.get(f"{LB}/networkInterfaces").json()["value"]
    assert [one["name"] for one in interfaces] == ["win1-nic"]


def test_two_rules_do_not_share_a_port(cloud: Cloud) -> None:
    body = balanced(cloud)
    body["properties"]["loadBalancingRules"][0]["properties"]["frontendPort"] = 50001
    refused = cloud.put(LB, body)
    assert error_code(refused.json()) == "RulesUseSameFrontendPortProtocolAndFrontendIPConfig"


def test_a_pool_is_put_by_itself_with_members_by_address(cloud: Cloud) -> None:
    network = {"id": str(cloud.id("virtualNetworks/access-vnet"))}
    member = {"name": "one", "properties": {"ipAddress": "10.0.0.9", "virtualNetwork": network}}
    made = cloud.put(f"{LB}/backendAddressPools/more", {"properties": {"loadBalancerBackendAddresses": [member]}})
    assert (made.status_code, made.json()["properties"]["provisioningState"]) == (201, "Updating")
    shown = cloud.get(f"{LB}/backendAddressPools/more").json()
    assert shown["properties"]["provisioningState"] == "Succeeded"
    address = shown["properties"]["loadBalancerBackendAddresses"][0]
    assert (address["name"], address["properties"]["ipAddress"]) == ("one", "10.0.0.9")
    assert cloud.delete(f"{LB}/backendAddressPools/more").status_code == 202
    assert cloud.get(f"{LB}/backendAddressPools/more").status_code == 404


def test_a_basic_load_balancer_has_no_outbound_rules(new_cloud: NewCloud) -> None:
    cloud = new_cloud(SCENARIO)
    assert cloud.put("loadBalancers/old", {"location": "westeurope", "properties": {}}).status_code == 201
    shown = cloud.get("loadBalancers/old").json()
    assert "outboundRules" not in shown["properties"]
    assert shown["properties"]["inboundNatPools"] == shown["properties"]["loadBalancingRules"] == []


def test_frontends_in_a_subnet_have_an_address_each(new_cloud: NewCloud) -> None:
    cloud = new_cloud(SCENARIO)
    subnet = {"subnet": {"id": str(cloud.id("virtualNetworks/access-vnet/subnets/open"))}}
    frontends = [{"name": name, "properties": dict(subnet)} for name in ("one", "two")]
    body = {
        "location": "westeurope",
        "sku": {"name": "Standard"},
        "properties": {"frontendIPConfigurations": frontends},
    }
    made = cloud.put("loadBalancers/inner", body).json()["properties"]
    addresses = [one["properties"]["privateIPAddress"] for one in made["frontendIPConfigurations"]]
    assert (made["provisioningState"], addresses) == ("Updating", ["10.0.1.4", "10.0.1.5"])


def test_what_is_not_rehearsed_is_said(cloud: Cloud) -> None:
    body = {"location": "westeurope", "sku": {"name": "Standard", "tier": "Global"}, "properties": {}}
    answer = cloud.put("loadBalancers/wide", body)
    assert (answer.status_code, error_code(answer.json())) == (501, "NotInLocalAzure")
