# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network section of scenarios."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.azvm.access.tests.unit.local_azure.network.clouds import SCENARIO, Cloud, NewCloud
from local_azure.scenarios import ScenarioError


def with_network(**changes: object) -> dict[str, Any]:
    return {**SCENARIO, "network": {**copy.deepcopy(SCENARIO["network"]), **changes}}


def test_short_forms_become_whole_resources(cloud: Cloud) -> None:
    rule = cloud.get("networkSecurityGroups/win1-nsg/securityRules/AllowHttps").json()
    nic = cloud.get("networkInterfaces/win1-nic").json()

    assert rule["properties"]["sourceAddressPrefix"] == "*"
    assert rule["properties"]["provisioningState"] == "Succeeded"
    assert (rule["properties"]["direction"], rule["properties"]["access"]) == ("Inbound", "Allow")
    assert nic["location"] == "westeurope"
    assert nic["properties"]["ipConfigurations"][0]["name"] == "ipconfig1"
    assert cloud.admits(443).allowed
    assert not cloud.admits(3389).allowed


def test_rules_with_plural_fields_and_application_groups(new_cloud: NewCloud) -> None:
    rule = {
        "name": "Rdp",
        "priority": 310,
        "sourceAddressPrefixes": ["127.0.0.1"],
        "destinationPortRanges": ["3389", "5986"],
        "destinationApplicationSecurityGroups": ["servers"],
    }
    cloud = new_cloud(
        with_network(networkSecurityGroups=[{"name": "win1-nsg", "securityRules": [rule]}, {"name": "subnet-nsg"}])
    )

    shown = cloud.get("networkSecurityGroups/win1-nsg/securityRules/Rdp").json()["properties"]

    assert not {"sourceAddressPrefix", "destinationAddressPrefix", "destinationPortRange"} & shown.keys()
    assert shown["destinationApplicationSecurityGroups"] == [{"id": str(cloud.id("applicationSecurityGroups/servers"))}]


def test_other_groups_and_locations(new_cloud: NewCloud) -> None:
    scenario = with_network(networkSecurityGroups=[*SCENARIO["network"]["networkSecurityGroups"]])
    scenario["groups"] = [*SCENARIO["groups"], {"name": "other", "location": "westus"}]
    scenario["network"]["networkSecurityGroups"].append({"name": "there", "resourceGroup": "other", "tags": {"a": "b"}})
    cloud = new_cloud(scenario)
    path = f"{cloud.made.group('other')}/providers/Microsoft.Network/networkSecurityGroups/there"

    shown = cloud.get(path).json()

    assert (shown["location"], shown["tags"]) == ("westus", {"a": "b"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"networkInterface": []}, "unknown in the network section: networkInterface"),
        ({"concurrentWrites": "sometimes"}, "concurrentWrites is one of accept, retryable, conflict"),
        ({"networkInterfaces": [{"name": "n", "subnet": "access-vnet/absent"}]}, "InvalidResourceReference"),
        ({"networkInterfaces": [{"name": "n", "subnet": "default"}]}, "not the name of a"),
        ({"networkInterfaces": [{"name": "n"}]}, "'subnet' is missing"),
    ],
)
def test_what_cannot_be_is_said(new_cloud: NewCloud, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        new_cloud(with_network(**change))
