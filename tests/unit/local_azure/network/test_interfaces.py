# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network interfaces, virtual networks and public addresses over HTTP."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.azvm.access.tests.unit.local_azure.network.clouds import SCENARIO, Cloud, NewCloud, rule_body

NIC = "networkInterfaces/win1-nic"
VNET = "virtualNetworks/access-vnet"
ADDRESS = "publicIPAddresses/win1-ip"


def configuration(cloud: Cloud, subnet: str = "default", **properties: object) -> dict[str, Any]:
    reference = {"id": str(cloud.id(f"{VNET}/subnets/{subnet}"))}
    return {"name": "ipconfig1", "properties": {"subnet": reference, **properties}}


def interface(*configurations: dict[str, Any], **properties: object) -> dict[str, Any]:
    return {"location": "westeurope", "properties": {"ipConfigurations": list(configurations), **properties}}


def test_attaching_shows_the_vm_the_mac_and_primary(cloud: Cloud) -> None:
    before = cloud.get(NIC).json()["properties"]
    cloud.attach()
    after = cloud.get(NIC).json()["properties"]

    assert not {"macAddress", "primary", "virtualMachine"} & before.keys()
    assert after["virtualMachine"]["id"].endswith("/virtualMachines/win1")
    assert after["primary"] is True
    assert len(after["macAddress"].split("-")) == 6


def test_only_ids_without_expand_and_whole_resources_with_it(cloud: Cloud) -> None:
    plain = cloud.get(NIC).json()["properties"]
    expanded = cloud.get(f"{NIC}?$expand=IPConfigurations/PublicIPAddress,NetworkSecurityGroup").json()["properties"]
    address = expanded["ipConfigurations"][0]["properties"]["publicIPAddress"]

    assert plain["ipConfigurations"][0]["properties"]["publicIPAddress"] == {"id": str(cloud.id(ADDRESS))}
    assert plain["networkSecurityGroup"] == {"id": str(cloud.id("networkSecurityGroups/win1-nsg"))}
    assert address["properties"]["ipAddress"].startswith("127.")
    assert address["properties"]["dnsSettings"]["fqdn"] == "win1-access.westeurope.cloudapp.azure.com"
    assert expanded["networkSecurityGroup"]["properties"]["securityRules"][0]["name"] == "AllowHttps"


def test_a_put_detaches_what_it_does_not_name_but_never_the_vm(cloud: Cloud) -> None:
    cloud.attach()
    body = cloud.get(NIC).json()
    del body["properties"]["networkSecurityGroup"]
    del body["properties"]["virtualMachine"]
    del body["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"]

    assert cloud.put(NIC, body).status_code == 200
    shown = cloud.get(NIC).json()["properties"]
    assert "networkSecurityGroup" not in shown
    assert "publicIPAddress" not in shown["ipConfigurations"][0]["properties"]
    assert shown["virtualMachine"]["id"].endswith("/virtualMachines/win1")
    assert "ipConfiguration" not in cloud.get(ADDRESS).json()["properties"]


def test_private_addresses_are_dealt_out_from_the_fourth(cloud: Cloud) -> None:
    first = cloud.put("networkInterfaces/a", interface(configuration(cloud, "open")))
    second = cloud.put("networkInterfaces/b", interface(configuration(cloud, "open")))

    assert first.status_code == 201
    assert [
        one.json()["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] for one in (first, second)
    ] == ["10.0.1.4", "10.0.1.5"]


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("10.0.0.4", "PrivateIPAddressIsAllocated"),
        ("10.0.0.1", "PrivateIPAddressInReservedRange"),
        ("10.9.0.1", "PrivateIPAddressNotInSubnet"),
        ("x", "InvalidIPAddressFormat"),
    ],
)
def test_a_static_address_must_be_free_and_inside(cloud: Cloud, address: str, code: str) -> None:
    wanted = configuration(cloud, privateIPAllocationMethod="Static", privateIPAddress=address)

    answer = cloud.put("networkInterfaces/new", interface(wanted))

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_references_must_exist(cloud: Cloud) -> None:
    absent = {"id": str(cloud.id("networkSecurityGroups/absent"))}
    no_subnet = interface(configuration(cloud, "absent"))
    no_group = interface(configuration(cloud), networkSecurityGroup=absent)
    no_address = interface(configuration(cloud, publicIPAddress={"id": str(cloud.id("publicIPAddresses/absent"))}))
    taken = interface(configuration(cloud, publicIPAddress={"id": str(cloud.id(ADDRESS))}))

    codes = [
        cloud.put("networkInterfaces/new", body).json()["error"]["code"]
        for body in (no_subnet, no_group, no_address, taken)
    ]

    assert codes == ["InvalidResourceReference"] * 3 + ["PublicIPAddressInUse"]


def test_what_is_in_use_cannot_be_deleted(cloud: Cloud) -> None:
    cloud.attach()

    answers = [cloud.delete(one) for one in (NIC, ADDRESS, f"{VNET}/subnets/default", VNET)]

    assert [answer.status_code for answer in answers] == [400] * 4
    assert [answer.json()["error"]["code"] for answer in answers] == [
        "NicInUse",
        "PublicIPAddressCannotBeDeleted",
        "InUseSubnetCannotBeDeleted",
        "InUseSubnetCannotBeDeleted",
    ]


def test_everything_goes_in_the_right_order(cloud: Cloud) -> None:
    for tail in (NIC, ADDRESS, f"{VNET}/subnets/default", VNET, "networkSecurityGroups/subnet-nsg"):
        assert cloud.delete(tail).status_code == 202
        assert cloud.get(tail).status_code == 404
        assert cloud.delete(tail).status_code in (204, 404)


def test_a_subnet_gets_and_loses_its_group(cloud: Cloud) -> None:
    subnet = cloud.get(f"{VNET}/subnets/default").json()
    del subnet["properties"]["networkSecurityGroup"]

    assert cloud.put(f"{VNET}/subnets/default", subnet).status_code == 200
    assert cloud.admits(443).allowed
    assert cloud.admits(443).level == "networkInterface"
    shown = cloud.get(VNET).json()
    assert "networkSecurityGroup" not in shown["properties"]["subnets"][0]["properties"]
    assert shown["properties"]["subnets"][0]["etag"] == shown["etag"]


@pytest.mark.parametrize(
    ("prefix", "code"),
    [
        ("10.0.0.128/25", "NetcfgSubnetRangesOverlap"),
        ("192.168.0.0/24", "NetcfgInvalidSubnet"),
        ("10.0.2.0/33", "InvalidAddressPrefixFormat"),
    ],
)
def test_a_bad_subnet_is_refused(cloud: Cloud, prefix: str, code: str) -> None:
    answer = cloud.put(f"{VNET}/subnets/new", {"properties": {"addressPrefix": prefix}})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert cloud.get(f"{VNET}/subnets/new").status_code == 404


def test_a_missing_subnet_of_a_missing_network_names_the_network(cloud: Cloud) -> None:
    error = cloud.get("virtualNetworks/vnet1/subnets/subnet1").json()["error"]

    assert error["code"] == "ResourceNotFound"
    assert "The Resource 'Microsoft.Network/virtualNetworks/vnet1' under resource group 'rg'" in error["message"]


def test_address_availability(cloud: Cloud) -> None:
    taken = cloud.get(f"{VNET}/CheckIPAddressAvailability?ipAddress=10.0.0.4").json()
    free = cloud.get(f"{VNET}/CheckIPAddressAvailability?ipAddress=10.0.0.77").json()
    outside = cloud.get(f"{VNET}/CheckIPAddressAvailability?ipAddress=192.168.0.1").json()

    assert taken == {
        "available": False,
        "availableIPAddresses": ["10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"],
        "isPlatformReserved": False,
    }
    assert free == {"available": True, "isPlatformReserved": False}
    reserved = cloud.get(f"{VNET}/CheckIPAddressAvailability?ipAddress=10.0.0.1").json()
    assert (reserved["available"], reserved["isPlatformReserved"]) == (False, True)
    assert outside["error"]["code"] == "PrivateIPAddressNotInAnySubnet"


def test_a_label_makes_a_full_name_inside_the_network(cloud: Cloud) -> None:
    body = interface(configuration(cloud), dnsSettings={"internalDnsNameLabel": "win1"})
    assert cloud.put(NIC, body).status_code == 200
    names = cloud.get(NIC).json()["properties"]["dnsSettings"]
    assert names["internalFqdn"] == f"win1.{names['internalDomainNameSuffix']}"


def test_application_gateways_lead_to_primary_configurations_only(cloud: Cloud) -> None:
    pools = [{"id": str(cloud.id("applicationGateways/g/backendAddressPools/p"))}]
    second = configuration(cloud, applicationGatewayBackendAddressPools=pools)
    second["name"], second["properties"]["primary"] = "second", False
    answer = cloud.put(NIC, interface(configuration(cloud, applicationGatewayBackendAddressPools=[])) | {})
    assert (
        "applicationGatewayBackendAddressPools" not in answer.json()["properties"]["ipConfigurations"][0]["properties"]
    )
    body = interface(configuration(cloud))
    body["properties"]["ipConfigurations"].append(second)
    refused = cloud.put(NIC, body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (
        400,
        "ApplicationGatewayLoadBalancingNotSupportedOnSecondaryIpConfigurations",
    )


@pytest.mark.parametrize(
    ("version", "tier", "protection"),
    [("2020-04-01", False, False), ("2022-01-01", True, False), ("2022-05-01", True, True)],
)
def test_older_versions_tell_less_of_an_address(cloud: Cloud, version: str, tier: bool, protection: bool) -> None:
    path = f"{cloud.made.group('rg')}/providers/Microsoft.Network/publicIPAddresses/win1-ip"
    shown = cloud.made.client.get(path, params={"api-version": version}).json()
    assert ("tier" in shown["sku"], "ddosSettings" in shown["properties"]) == (tier, protection)


def test_a_global_address_is_standard(cloud: Cloud) -> None:
    body = {"location": "westeurope", "sku": {"name": "Basic", "tier": "Global"}, "properties": {}}
    refused = cloud.put("publicIPAddresses/wide", body)
    assert refused.json()["error"]["code"] == "GlobalPublicIPAddressNotSupportedForBasicPublicIpAddress"


def test_dns_labels_are_free_until_an_address_has_them(cloud: Cloud) -> None:
    path = "/subscriptions/{}/providers/Microsoft.Network/locations/westeurope/CheckDnsNameAvailability"
    path = path.format(cloud.made.azure.settings.subscription_id)
    found = [cloud.get(f"{path}?domainNameLabel={label}").json() for label in ("win1-access", "nobodys")]
    assert found == [{"available": False}, {"available": True}]


def test_public_addresses_come_from_this_instance_and_differ(cloud: Cloud) -> None:
    body = {
        "location": "westeurope",
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    for name in ("a", "b"):
        created = cloud.put(f"publicIPAddresses/{name}", body)
        assert created.status_code == 201
    shown = [cloud.get(f"publicIPAddresses/{name}").json()["properties"] for name in ("win1-ip", "a", "b")]
    numbers = [one["ipAddress"] for one in shown]

    assert numbers == ["127.127.1.1", "127.127.1.2", "127.127.1.3"]


@pytest.mark.parametrize(
    ("sku", "method", "code"),
    [
        ("Basic", "Dynamic", "IPv4BasicSkuPublicIpCountLimitReached"),
        ("Standard", "Dynamic", "StandardSkuPublicIPAddressesMustBeStatic"),
        ("Gold", "Static", "InvalidRequestFormat"),
    ],
)
def test_a_public_address_azure_does_not_make(cloud: Cloud, sku: str, method: str, code: str) -> None:
    body = {"location": "westeurope", "sku": {"name": sku}, "properties": {"publicIPAllocationMethod": method}}

    answer = cloud.put("publicIPAddresses/new", body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_a_label_is_unique_in_its_region_and_resolves(cloud: Cloud) -> None:
    body = {
        "location": "westeurope",
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static", "dnsSettings": {"domainNameLabel": "win1-access"}},
    }
    taken = cloud.put("publicIPAddresses/new", body)
    malformed = copy.deepcopy(body)
    malformed["properties"] = {"dnsSettings": {"domainNameLabel": "Win_1"}, "publicIPAllocationMethod": "Static"}

    assert taken.json()["error"]["code"] == "DnsRecordInUse"
    assert cloud.put("publicIPAddresses/new", malformed).json()["error"]["code"] == "InvalidDomainNameLabel"
    assert cloud.made.azure.network.resolve("win1-access.westeurope.cloudapp.azure.com") == "127.127.1.1"
    assert cloud.made.azure.network.resolve("absent.westeurope.cloudapp.azure.com") is None


def basic_cloud(new_cloud: NewCloud) -> Cloud:
    scenario = copy.deepcopy(SCENARIO)
    scenario["network"]["publicIPAddresses"] = [{"name": "win1-ip", "sku": "Basic"}]
    return new_cloud(scenario)


def test_a_dynamic_address_comes_and_goes_with_the_vm(new_cloud: NewCloud) -> None:
    cloud = basic_cloud(new_cloud)
    nic = cloud.id(NIC)
    network = cloud.made.azure.network
    assert "ipAddress" not in cloud.get(ADDRESS).json()["properties"]

    cloud.attach()
    assert network.faces(nic) == [("127.127.1.1", "ipconfig1")]
    network.set_allocated(nic, False)
    assert "ipAddress" not in cloud.get(ADDRESS).json()["properties"]
    assert network.faces(nic) == []
    network.set_allocated(nic, True)
    assert "ipAddress" in cloud.get(ADDRESS).json()["properties"]


def test_the_internal_domain_is_told_while_there_is_hardware_or_never_was(new_cloud: NewCloud) -> None:
    cloud = basic_cloud(new_cloud)

    def told() -> bool:
        return "internalDomainNameSuffix" in cloud.get(NIC).json()["properties"]["dnsSettings"]

    seen = [told()]
    cloud.attach()
    seen.append(told())
    for allocated in (False, True):
        cloud.made.azure.network.set_allocated(cloud.id(NIC), allocated)
        seen.append(told())
    assert seen == [True, True, False, True]


def without_groups(scenario: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(scenario)
    del changed["network"]["networkInterfaces"][0]["networkSecurityGroup"]
    del changed["network"]["virtualNetworks"][0]["subnets"][0]["networkSecurityGroup"]
    return changed


def test_without_any_group_a_standard_address_is_closed_and_a_private_one_open(new_cloud: NewCloud) -> None:
    cloud = new_cloud(without_groups(SCENARIO))
    nic = cloud.id(NIC)

    assert cloud.admits(3389).level == "publicAddress"
    assert cloud.made.azure.network.admits(nic, port=3389, address="10.0.0.4").allowed


def test_a_private_address_in_the_loopback_network_is_a_face(new_cloud: NewCloud) -> None:
    scenario = copy.deepcopy(SCENARIO)
    network = scenario["network"]["virtualNetworks"][0]
    network["addressSpace"] = ["127.127.64.0/24"]
    network["subnets"] = [{"name": "default", "addressPrefix": "127.127.64.0/24", "networkSecurityGroup": "subnet-nsg"}]
    del scenario["network"]["networkInterfaces"][0]["publicIPAddress"]
    cloud = new_cloud(scenario)

    assert cloud.made.azure.network.faces(cloud.id(NIC)) == [("127.127.64.4", "ipconfig1")]
    assert cloud.admits(443).allowed
    assert cloud.admits(3389, source="127.127.64.9").rule_path == "defaultSecurityRules/AllowVnetInBound"


def test_nobody_gets_through_to_an_interface_that_is_gone(cloud: Cloud) -> None:
    absent = cloud.id("networkInterfaces/absent")

    assert not cloud.made.azure.network.admits(absent, port=443).allowed
    assert cloud.made.azure.network.faces(absent) == []


def test_members_of_an_application_security_group_are_matched(cloud: Cloud) -> None:
    group = {"id": str(cloud.id("applicationSecurityGroups/servers"))}
    for nsg in ("win1-nsg", "subnet-nsg"):
        cloud.put(
            f"networkSecurityGroups/{nsg}/securityRules/Rdp",
            rule_body(destinationAddressPrefix=None, destinationApplicationSecurityGroups=[group]),
        )
    cloud.settle()
    assert not cloud.admits(3389).allowed

    body = cloud.get(NIC).json()
    body["properties"]["ipConfigurations"][0]["properties"]["applicationSecurityGroups"] = [group]
    assert cloud.put(NIC, body).status_code == 200
    assert cloud.admits(3389).allowed


def test_a_rule_for_another_private_address_does_not_open_this_vm(cloud: Cloud) -> None:
    for nsg, address in (("win1-nsg", "10.0.0.4"), ("subnet-nsg", "10.0.0.5")):
        cloud.put(
            f"networkSecurityGroups/{nsg}/securityRules/Rdp",
            rule_body(sourceAddressPrefix="127.0.0.1", destinationAddressPrefix=address),
        )
    cloud.settle()
    assert cloud.admits(3389).level == "subnet"

    cloud.put(
        "networkSecurityGroups/subnet-nsg/securityRules/Rdp",
        rule_body(sourceAddressPrefix="127.0.0.1", destinationAddressPrefix="10.0.0.4/32"),
    )
    cloud.settle()
    assert cloud.admits(3389).allowed
    assert not cloud.admits(3389, source="203.0.113.7").allowed


def test_a_put_loses_every_setting_it_does_not_state(cloud: Cloud) -> None:
    settings = {
        "enableAcceleratedNetworking": True,
        "enableIPForwarding": True,
        "dnsSettings": {"dnsServers": ["10.0.0.10"], "internalDnsNameLabel": "inside"},
        "disableTcpStateTracking": True,
        "workloadType": "rehearsal",
        "nicType": "Elastic",
        "privateLinkService": {"id": str(cloud.id("privateLinkServices/pls"))},
        "migrationPhase": "Prepare",
        "auxiliaryMode": "AcceleratedConnections",
        "auxiliarySku": "A1",
    }
    own: dict[str, Any] = {
        "gatewayLoadBalancer": {"id": str(cloud.id("loadBalancers/gw/frontendIPConfigurations/f"))},
        "virtualNetworkTaps": [{"id": str(cloud.id("virtualNetworkTaps/tap"))}],
        "applicationGatewayBackendAddressPools": [{"id": str(cloud.id("applicationGateways/g/backendAddressPools/p"))}],
        "privateIPAddressPrefixLength": 28,
    }
    zone = {"name": "zone", "type": "EdgeZone"}
    body = {**interface(configuration(cloud, **own), **settings), "tags": {"team": "web"}, "extendedLocation": zone}
    assert cloud.put(NIC, body).status_code == 200
    shown = cloud.get(NIC).json()
    assert (shown["tags"], shown["extendedLocation"]) == ({"team": "web"}, zone)
    for name, value in settings.items():
        found = shown["properties"][name]
        assert value.items() <= found.items() if isinstance(value, dict) else found == value
    assert own.items() <= shown["properties"]["ipConfigurations"][0]["properties"].items()
    assert cloud.put(NIC, shown).status_code == 200, "what is read can be written back"

    assert cloud.put(NIC, interface(configuration(cloud))).status_code == 200
    bare = cloud.get(NIC).json()
    assert not {"tags", "extendedLocation"} & bare.keys()
    assert not own.keys() & bare["properties"]["ipConfigurations"][0]["properties"].keys()
    assert settings.keys() & bare["properties"].keys() == {
        "enableIPForwarding",
        "dnsSettings",
        "disableTcpStateTracking",
        "nicType",
        "auxiliaryMode",
    }
    assert bare["properties"]["enableIPForwarding"] is bare["properties"]["disableTcpStateTracking"] is False
    assert bare["properties"]["dnsSettings"]["dnsServers"] == []
    assert "internalDnsNameLabel" not in bare["properties"]["dnsSettings"]
    assert (bare["properties"]["nicType"], bare["properties"]["auxiliaryMode"]) == ("Standard", "None")


def test_an_address_of_another_region_is_refused(cloud: Cloud) -> None:
    body = {
        "location": "westus",
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    assert cloud.put("publicIPAddresses/far", body).status_code == 201
    far = {"id": str(cloud.id("publicIPAddresses/far"))}
    answer = cloud.put(NIC, interface(configuration(cloud, publicIPAddress=far)))
    assert answer.json()["error"]["code"] == "InvalidResourceReference"
    assert "same region" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("tail", "path"),
    [
        (NIC, ("properties", "enableFlying")),
        (NIC, ("properties", "dnsSettings", "enableFlying")),
        (NIC, ("properties", "ipConfigurations", 0, "enableFlying")),
        (NIC, ("properties", "ipConfigurations", 0, "properties", "enableFlying")),
        (NIC, ("enableFlying",)),
        (ADDRESS, ("properties", "enableFlying")),
        (ADDRESS, ("sku", "enableFlying")),
        (ADDRESS, ("enableFlying",)),
    ],
)
def test_what_is_not_known_is_refused_and_never_dropped(
    new_cloud: NewCloud, tail: str, path: tuple[str | int, ...]
) -> None:
    cloud = new_cloud(SCENARIO, judged=False)
    body = cloud.get(tail).json()
    *way, last = path
    place = body
    for step in way:
        place = place[step]
    place[str(last)] = True
    error = cloud.put(tail, body).json()["error"]
    assert error["code"] == "InvalidRequestFormat"
    assert "'enableFlying'" in error["details"][0]["message"]


def dual_stack() -> dict[str, Any]:
    """The interface has an IPv6 configuration besides, with a public address of its own."""
    scenario = copy.deepcopy(SCENARIO)
    network = scenario["network"]
    network["virtualNetworks"][0]["addressSpace"].append("fd00:db8::/48")
    subnet = network["virtualNetworks"][0]["subnets"][0]
    subnet["addressPrefixes"] = [subnet.pop("addressPrefix"), "fd00:db8::/64"]
    network["publicIPAddresses"].append({"name": "win1-ip6", "publicIPAddressVersion": "IPv6"})
    own = {"subnet": "access-vnet/default"}
    network["networkInterfaces"][0] = {
        "name": "win1-nic",
        "networkSecurityGroup": "win1-nsg",
        "ipConfigurations": [
            {"name": "four", **own, "publicIPAddress": "win1-ip"},
            {"name": "six", **own, "privateIPAddressVersion": "IPv6", "publicIPAddress": "win1-ip6"},
        ],
    }
    return scenario


def test_an_interface_with_both_versions(new_cloud: NewCloud) -> None:
    cloud = new_cloud(dual_stack())
    body = cloud.get(NIC).json()
    four, six = (each["properties"] for each in body["properties"]["ipConfigurations"])
    assert (four["privateIPAddress"], six["privateIPAddress"]) == ("10.0.0.4", "fd00:db8::4")
    assert cloud.get("publicIPAddresses/win1-ip6").json()["properties"]["ipAddress"] == "2001:db8::1"
    assert [name for _address, name in cloud.made.azure.network.faces(cloud.id(NIC))] == ["four"]
    assert cloud.admits(443).allowed

    del four["publicIPAddress"]
    assert cloud.put(NIC, body).status_code == 200
    shown = [each["properties"] for each in cloud.get(NIC).json()["properties"]["ipConfigurations"]]
    assert shown == [four, six]


def test_versions_do_not_mix(new_cloud: NewCloud) -> None:
    cloud = new_cloud(dual_stack())
    body = cloud.get(NIC).json()
    four, six = (each["properties"] for each in body["properties"]["ipConfigurations"])
    four["publicIPAddress"], six["publicIPAddress"] = six["publicIPAddress"], four["publicIPAddress"]
    assert cloud.put(NIC, body).json()["error"]["code"] == "PublicIPAddressInUse"
    del six["publicIPAddress"]
    del four["publicIPAddress"]
    assert cloud.put(NIC, body).status_code == 200
    six["publicIPAddress"] = {"id": str(cloud.id(ADDRESS))}
    assert cloud.put(NIC, body).json()["error"]["code"] == "IPVersionForPublicIpAndNicIpConfigurationMustMatch"
    del six["publicIPAddress"]
    four["primary"], six["primary"] = False, True
    assert cloud.put(NIC, body).json()["error"]["code"] == "PrimaryIPConfigurationMustBeIPv4"


def test_an_address_keeps_what_a_put_states_and_loses_the_rest(cloud: Cloud) -> None:
    settings = {
        "idleTimeoutInMinutes": 15,
        "ipTags": [{"ipTagType": "RoutingPreference", "tag": "Internet"}],
        "ddosSettings": {"protectionMode": "Enabled"},
        "publicIPPrefix": {"id": str(cloud.id("publicIPPrefixes/prefix"))},
        "natGateway": {"id": str(cloud.id("natGateways/nat"))},
        "deleteOption": "Detach",
        "migrationPhase": "Prepare",
    }
    body: dict[str, Any] = {
        "location": "westeurope",
        "sku": {"name": "Standard", "tier": "Global"},
        "properties": {"publicIPAllocationMethod": "Static", **settings},
        "zones": ["1", "2"],
        "tags": {"team": "web"},
    }
    body["properties"]["dnsSettings"] = {"domainNameLabel": "win1-access", "reverseFqdn": "win1.example.com."}
    assert cloud.put(ADDRESS, body).status_code == 200
    shown = cloud.get(ADDRESS).json()
    assert settings.items() <= shown["properties"].items()
    assert shown["properties"]["dnsSettings"].items() >= body["properties"]["dnsSettings"].items()
    assert {name: shown[name] for name in ("sku", "zones", "tags")} == {
        name: body[name] for name in ("sku", "zones", "tags")
    }
    assert cloud.put(ADDRESS, shown).status_code == 200, "what is read can be written back"

    bare = {"location": "westeurope", "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
    assert cloud.put(ADDRESS, bare).status_code == 200
    left = cloud.get(ADDRESS).json()
    assert settings.keys() & left["properties"].keys() == {"idleTimeoutInMinutes", "ipTags", "ddosSettings"}
    assert left["properties"]["ddosSettings"] == {"protectionMode": "VirtualNetworkInherited"}
    assert (left["properties"]["idleTimeoutInMinutes"], left["properties"]["ipTags"]) == (4, [])
    assert not {"zones", "tags"} & left.keys()
