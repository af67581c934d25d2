# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual networks and subnets, application security groups, and what writes of tags alone answer."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.azvm.access.tests.unit.local_azure.network.clouds import Cloud, Json

VNET = "virtualNetworks/access-vnet"
FRESH = "virtualNetworks/fresh"


def network(**properties: Any) -> Json:
    space = {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}}
    return {"location": "westeurope", "properties": {**space, **properties}}


def test_a_network_has_what_was_stated_and_no_more(cloud: Cloud) -> None:
    stated = {
        "dhcpOptions": {"dnsServers": []},
        "flowTimeoutInMinutes": 10,
        "encryption": {"enabled": True, "enforcement": "AllowUnencrypted"},
    }
    community = {"bgpCommunities": {"virtualNetworkCommunity": "12076:20000"}}
    made = cloud.put(FRESH, network(**stated, **community))
    assert made.status_code == 201
    shown = cloud.get(FRESH).json()["properties"]
    assert stated.items() <= shown.items()
    assert shown["bgpCommunities"].keys() == {"virtualNetworkCommunity", "regionalCommunity"}
    cloud.put(FRESH, network())
    assert not (stated | community).keys() & cloud.get(FRESH).json()["properties"].keys()


def test_encryption_is_stated_whole_or_off(cloud: Cloud) -> None:
    refused = cloud.put(FRESH, network(encryption={"enabled": True}))
    assert refused.json()["error"]["code"] == "MustSpecifyBothEncryptionIntentAndEnforcementPolicy"
    assert cloud.put(FRESH, network(encryption={"enabled": False})).status_code == 201
    shown = cloud.get(FRESH).json()["properties"]["encryption"]
    assert shown == {"enabled": False, "enforcement": "AllowUnencrypted"}


def test_a_subnet_given_to_a_service(cloud: Cloud) -> None:
    nat = {"id": str(cloud.id("natGateways/nat"))}
    properties = {
        "addressPrefix": "10.0.7.0/24",
        "natGateway": nat,
        "serviceEndpoints": [{"service": "Microsoft.KeyVault"}],
        "delegations": [{"name": "web", "properties": {"serviceName": "Microsoft.Web/serverFarms"}}],
    }
    assert cloud.put(f"{VNET}/subnets/given", {"properties": properties}).status_code == 201
    shown = cloud.get(f"{VNET}/subnets/given").json()["properties"]
    endpoint = {"provisioningState": "Succeeded", "service": "Microsoft.KeyVault", "locations": ["*"]}
    assert (shown["natGateway"], shown["serviceEndpoints"]) == (nat, [endpoint])
    delegation = shown["delegations"][0]
    assert delegation["id"].endswith("/subnets/given/delegations/web")
    assert delegation["type"] == "Microsoft.Network/virtualNetworks/subnets/delegations"
    assert delegation["properties"] == {
        "provisioningState": "Succeeded",
        "serviceName": "Microsoft.Web/serverFarms",
        "actions": ["Microsoft.Network/virtualNetworks/subnets/action"],
    }
    for links in ("ServiceAssociationLinks", "ResourceNavigationLinks"):
        assert cloud.get(f"{VNET}/subnets/given/{links}").json() == {"value": []}
        assert cloud.get(f"{VNET}/subnets/none/{links}").status_code == 404


def test_route_tables_are_refused_instead_of_left_out(cloud: Cloud) -> None:
    table = {"id": str(cloud.id("routeTables/way"))}
    answer = cloud.put(f"{VNET}/subnets/routed", {"properties": {"addressPrefix": "10.0.8.0/24", "routeTable": table}})
    assert answer.json()["error"]["code"] == "NotInLocalAzure"


@pytest.mark.parametrize("path", [VNET, "networkSecurityGroups/win1-nsg", "applicationSecurityGroups/servers"])
def test_new_tags_alone_are_there_at_once(cloud: Cloud, path: str) -> None:
    before = cloud.get(path).json()
    answer = cloud.put(path, {**before, "tags": {"team": "web"}})
    assert (answer.status_code, answer.json()["properties"]["provisioningState"]) == (200, "Succeeded")
    assert answer.json()["etag"] != before["etag"]
    assert "azure-asyncoperation" in answer.headers
    patched = cloud.patch(path, {"tags": {"team": "desk"}})
    assert (patched.status_code, patched.headers["azure-asyncnotification"]) == (200, "Enabled")
    assert cloud.get(path).json()["tags"] == {"team": "desk"}


def test_an_application_security_group_is_made_in_an_operation(cloud: Cloud) -> None:
    made = cloud.put("applicationSecurityGroups/fresh", {"location": "westeurope"})
    assert (made.status_code, made.json()["properties"]) == (201, {"provisioningState": "Updating"})
    assert cloud.get("applicationSecurityGroups/fresh").json()["properties"] == {"provisioningState": "Succeeded"}
