# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network Watcher: the watchers themselves, and its reports on machines and groups."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.azvm.access.tests.unit.local_azure.network.clouds import SCENARIO, Cloud, NewCloud, rule_body

WATCHERS = "/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers"
AGENT = {"name": "agent", "publisher": "Microsoft.Azure.NetworkWatcher", "type": "NetworkWatcherAgentWindows"}


@pytest.fixture
def machine(new_cloud: NewCloud) -> Cloud:
    """The usual cloud with a running machine, win1, that has the agent of Network Watcher."""
    machines = [{"name": "win1", "network_interfaces": ["win1-nic"], "resource_group": "rg", "extensions": [AGENT]}]
    return new_cloud({**SCENARIO, "compute": {"virtual_machines": machines}})


def vm(cloud: Cloud) -> str:
    return f"{cloud.made.group('rg')}/providers/Microsoft.Compute/virtualMachines/win1"


def ask(cloud: Cloud, question: str, body: dict[str, Any]) -> dict[str, Any]:
    started = cloud.post(f"{cloud.made.subscription}{WATCHERS}/NetworkWatcher_westeurope/{question}", body)
    assert (started.status_code, started.text) == (202, "null")
    cloud.settle()
    document: dict[str, Any] = cloud.made.client.get(started.headers["location"]).json()
    return document


class TestConnectivityCheck:
    def test_an_address_on_the_internet_is_reachable(self, machine: Cloud) -> None:
        report = ask(
            machine,
            "connectivityCheck",
            {"source": {"resourceId": vm(machine)}, "destination": {"address": "203.0.113.9", "port": 443}},
        )

        assert report["connectionStatus"] == "Reachable"
        assert [(hop["type"], hop["address"]) for hop in report["hops"]] == [
            ("Source", "10.0.0.4"),
            ("Internet", "203.0.113.9"),
        ]
        assert report["hops"][0]["nextHopIds"] == [report["hops"][1]["id"]]
        assert report["probesFailed"] == 0

    def test_the_rule_in_the_way_is_named(self, machine: Cloud) -> None:
        denied = rule_body(access="Deny", direction="Outbound", destinationPortRange="25")
        machine.put("networkSecurityGroups/win1-nsg/securityRules/NoMail", denied)
        machine.settle()

        report = ask(
            machine,
            "connectivityCheck",
            {"source": {"resourceId": vm(machine)}, "destination": {"address": "mail.example.com", "port": 25}},
        )

        assert report["connectionStatus"] == "Unreachable"
        assert report["hops"][0]["issues"] == [
            {
                "origin": "Outbound",
                "severity": "Error",
                "type": "NetworkSecurityRule",
                "context": [{"key": "RuleName", "value": "UserRule_NoMail"}],
            }
        ]
        assert "avgLatencyInMs" not in report
        assert report["probesFailed"] == report["probesSent"]

    def test_a_machine_without_the_agent_can_not_be_the_source(self, new_cloud: NewCloud) -> None:
        machines = [{"name": "win1", "network_interfaces": ["win1-nic"], "resource_group": "rg"}]
        cloud = new_cloud({**SCENARIO, "compute": {"virtual_machines": machines}})

        refused = cloud.post(
            f"{cloud.made.subscription}{WATCHERS}/NetworkWatcher_westeurope/connectivityCheck",
            {"source": {"resourceId": vm(cloud)}, "destination": {"address": "203.0.113.9"}},
        )

        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "NetworkWatcherAgentNotInstalled")


def test_the_group_view_shows_both_groups_and_the_rules_that_count(machine: Cloud) -> None:
    report = ask(machine, "securityGroupView", {"targetResourceId": vm(machine)})

    (shown,) = report["networkInterfaces"]
    associations = shown["securityRuleAssociations"]
    assert list(associations) == [
        "networkInterfaceAssociation",
        "subnetAssociation",
        "defaultSecurityRules",
        "effectiveSecurityRules",
    ]
    assert [one["name"] for one in associations["subnetAssociation"]["securityRules"]] == ["AllowHttps"]
    assert associations["defaultSecurityRules"][0]["id"].startswith("/subscriptions//resourceGroups//providers/")
    names = [one["name"] for one in associations["effectiveSecurityRules"]]
    assert names[0] == "DefaultOutboundDenyAll"
    assert {"DefaultInboundDenyAll", "UserRule_AllowHttps", "DefaultRule_DenyAllInBound"} <= set(names)


def test_the_topology_is_told_at_once(machine: Cloud) -> None:
    path = f"{machine.made.subscription}{WATCHERS}/NetworkWatcher_westeurope/topology"
    answer = machine.post(path, {"targetResourceGroupName": "rg"})

    assert answer.status_code == 200
    assert {"azure-asyncoperation", "location"} <= answer.headers.keys()
    drawn = {one["name"]: one["associations"] for one in answer.json()["resources"]}
    assert [(one["name"], one["associationType"]) for one in drawn["win1"]] == [("win1-nic", "Contains")]
    assert {one["name"] for one in drawn["win1-nic"]} == {"win1", "win1-nsg", "default", "win1-ip"}
    assert [one["name"] for one in drawn["access-vnet"]] == ["default", "open"]
    assert [one["name"] for one in drawn["default"]] == ["subnet-nsg"]
    subnet = machine.post(path, {"targetSubnet": {"id": str(machine.id("virtualNetworks/access-vnet/subnets/open"))}})
    assert [one["name"] for one in subnet.json()["resources"]] == ["open"]


def test_questions_count_as_reads_where_azure_counts_them_so(machine: Cloud) -> None:
    watcher = f"{machine.made.subscription}{WATCHERS}/NetworkWatcher_westeurope"
    hop = {"targetResourceId": vm(machine), "sourceIPAddress": "10.0.0.4", "destinationIPAddress": "10.0.0.5"}

    answers = [
        machine.post(f"{watcher}/nextHop", hop),
        machine.post(f"{watcher}/securityGroupView", {"targetResourceId": vm(machine)}),
    ]

    counted = ["x-ms-ratelimit-remaining-subscription-writes" in answer.headers for answer in answers]
    assert counted == [False, True]


def test_a_region_takes_one_watcher_wherever_it_is(machine: Cloud) -> None:
    second = machine.put("networkWatchers/mine", {"location": "westeurope"})
    assert (second.status_code, second.json()["error"]["code"]) == (400, "NetworkWatcherCountLimitReached")

    first = machine.put("networkWatchers/mine", {"location": "eastus", "tags": {"a": "b"}})
    assert first.status_code == 201
    assert first.json()["properties"] == {"provisioningState": "Succeeded", "runningOperationIds": []}
    assert machine.put("networkWatchers/mine", {"location": "eastus"}).status_code == 200
    assert machine.delete("networkWatchers/mine").status_code == 202
    machine.settle()
    assert machine.get("networkWatchers/mine").status_code == 404
    assert machine.delete("networkWatchers/mine").status_code == 204


class TestSubnetsAlone:
    def test_users_are_in_capitals_for_who_reads_one_in_newer_versions(self, cloud: Cloud) -> None:
        path = str(cloud.id("virtualNetworks/access-vnet/subnets/default"))

        shown = {
            version: cloud.made.client.get(f"{path}?api-version={version}").json()["properties"]
            for version in ("2023-11-01", "2024-01-01")
        }

        assert "ipamPoolPrefixAllocations" not in shown["2023-11-01"]
        assert shown["2024-01-01"]["ipamPoolPrefixAllocations"] == []
        group = cloud.made.subscription + "/resourceGroups/{}/providers/Microsoft.Network/networkInterfaces/{}"
        assert shown["2023-11-01"]["ipConfigurations"] == [
            {"id": group.format("rg", "win1-nic") + "/ipConfigurations/ipconfig1"}
        ]
        assert shown["2024-01-01"]["ipConfigurations"] == [
            {"id": group.format("RG", "WIN1-NIC") + "/ipConfigurations/IPCONFIG1"}
        ]

    def test_a_write_that_changes_nothing_has_succeeded_at_once(self, cloud: Cloud) -> None:
        path = "virtualNetworks/access-vnet/subnets/open"
        body = {"properties": {"addressPrefix": "10.0.1.0/24"}}

        states = [
            cloud.put(path, body).json()["properties"]["provisioningState"],
            cloud.put(path, {"properties": {**body["properties"], "defaultOutboundAccess": False}}).json()[
                "properties"
            ]["provisioningState"],
        ]

        assert states == ["Succeeded", "Updating"]


def test_a_protocol_stays_as_it_was_written(cloud: Cloud) -> None:
    written = cloud.put("networkSecurityGroups/win1-nsg/securityRules/Rdp", rule_body(protocol="TCP"))

    assert written.json()["properties"]["protocol"] == "TCP"
    cloud.settle()
    assert cloud.admits(3389).rule_path == "defaultSecurityRules/DenyAllInBound"
    cloud.put("networkSecurityGroups/subnet-nsg/securityRules/Rdp", rule_body(protocol="tcp"))
    cloud.settle()
    assert cloud.admits(3389).allowed
