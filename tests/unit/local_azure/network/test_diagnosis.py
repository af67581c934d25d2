# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Effective rules and routes, IP flow verify, next hop: the same engine as reachability."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.azvm.access.tests.unit.local_azure.network.clouds import Cloud, rule_body

NIC = "networkInterfaces/win1-nic"
WATCHER = "/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/NetworkWatcher_westeurope"


def result(cloud: Cloud, tail: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The final document of a report: 202 and Location, then 200."""
    started = cloud.post(tail, body)
    assert started.status_code == 202, started.text
    assert "azure-asyncoperation" not in started.headers
    cloud.settle()
    ended = cloud.made.client.get(started.headers["location"])
    assert ended.status_code == 200
    document: dict[str, Any] = ended.json()
    return document


def ask_watcher(cloud: Cloud, question: str, **body: object) -> dict[str, Any]:
    target = f"{cloud.made.group('rg')}/providers/Microsoft.Network/networkInterfaces/win1-nic"
    return result(cloud, f"{cloud.made.subscription}{WATCHER}/{question}", {"targetResourceId": target, **body})


def ip_flow(cloud: Cloud, port: int | str, remote: str, direction: str = "Inbound") -> tuple[str, str]:
    local_port, remote_port = (port, "*") if direction == "Inbound" else ("*", port)
    answer = ask_watcher(
        cloud,
        "ipFlowVerify",
        direction=direction,
        protocol="TCP",
        localIPAddress="10.0.0.4",
        localPort=str(local_port),
        remoteIPAddress=remote,
        remotePort=str(remote_port),
    )
    assert answer["ruleId"] == ""
    return answer["access"], answer["ruleName"]


def test_a_region_has_one_watcher(cloud: Cloud) -> None:
    listed = cloud.get(f"{cloud.made.subscription}/providers/Microsoft.Network/networkWatchers").json()["value"]

    assert [(one["name"], one["location"]) for one in listed] == [("NetworkWatcher_westeurope", "westeurope")]
    assert listed[0]["properties"] == {"provisioningState": "Succeeded", "runningOperationIds": []}


@pytest.mark.parametrize(
    ("port", "remote", "direction", "expected"),
    [
        (443, "203.0.113.7", "Inbound", ("Allow", "securityRules/AllowHttps")),
        (3389, "203.0.113.7", "Inbound", ("Deny", "defaultSecurityRules/DenyAllInBound")),
        (3389, "10.0.9.9", "Inbound", ("Allow", "defaultSecurityRules/AllowVnetInBound")),
        (80, "203.0.113.7", "Outbound", ("Allow", "defaultSecurityRules/AllowInternetOutBound")),
        (80, "192.168.9.9", "Outbound", ("Deny", "defaultSecurityRules/DenyAllOutBound")),
    ],
)
def test_ip_flow_verify(cloud: Cloud, port: int, remote: str, direction: str, expected: tuple[str, str]) -> None:
    cloud.attach()

    assert ip_flow(cloud, port, remote, direction) == expected


@given(
    port=st.sampled_from([22, 443, 3389]),
    source=st.sampled_from(["127.0.0.1", "203.0.113.7", "10.0.7.7", "192.168.1.1"]),
    priority=st.integers(100, 299),
    access=st.sampled_from(["Allow", "Deny"]),
    prefix=st.sampled_from(["*", "Internet", "VirtualNetwork", "127.0.0.1", "203.0.113.0/24"]),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ip_flow_verify_says_what_reachability_says(
    cloud: Cloud, *, port: int, source: str, priority: int, access: str, prefix: str
) -> None:
    for group in ("win1-nsg", "subnet-nsg"):
        body = rule_body(priority=priority, access=access, sourceAddressPrefix=prefix, destinationPortRange="0-5000")
        assert cloud.put(f"networkSecurityGroups/{group}/securityRules/Some", body).status_code in (200, 201)
    cloud.settle()

    assert (ip_flow(cloud, port, source)[0] == "Allow") == cloud.admits(port, source=source).allowed


def test_ip_flow_verify_without_any_group_is_refused(cloud: Cloud) -> None:
    nic = cloud.get(NIC).json()
    del nic["properties"]["networkSecurityGroup"]
    nic["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"] = str(
        cloud.id("virtualNetworks/access-vnet/subnets/open")
    )
    assert cloud.put(NIC, nic).status_code == 200

    answer = cloud.post(
        f"{cloud.made.subscription}{WATCHER}/ipFlowVerify",
        {
            "targetResourceId": str(cloud.id(NIC)),
            "direction": "Inbound",
            "protocol": "TCP",
            "localIPAddress": "10.0.1.4",
            "localPort": "3389",
            "remoteIPAddress": "203.0.113.7",
            "remotePort": "*",
        },
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "NsgsNotAppliedOnNic")


@pytest.mark.parametrize(
    ("destination", "hop"), [("10.0.0.6", "VirtualNetwork"), ("8.8.8.8", "Internet"), ("192.168.1.1", "None")]
)
def test_next_hop(cloud: Cloud, destination: str, hop: str) -> None:
    answer = ask_watcher(cloud, "nextHop", sourceIPAddress="10.0.0.4", destinationIPAddress=destination)

    assert answer == {"nextHopType": hop, "routeTableId": "System Route"}


def test_effective_rules_name_both_groups(cloud: Cloud) -> None:
    cloud.attach()
    value = result(cloud, f"{NIC}/effectiveNetworkSecurityGroups")["value"]
    rules = {rule["name"]: rule for rule in value[0]["effectiveSecurityRules"]}
    https, vnet = rules["securityRules/AllowHttps"], rules["defaultSecurityRules/AllowVnetInBound"]

    assert [next(iter(entry["association"])) for entry in value] == ["networkInterface", "subnet"]
    assert (https["protocol"], https["destinationPortRange"], https["destinationPortRanges"]) == (
        "Tcp",
        "443-443",
        ["443-443"],
    )
    assert https["sourceAddressPrefixes"] == ["0.0.0.0/0", "0.0.0.0/0"]
    assert vnet["expandedSourceAddressPrefix"] == ["10.0.0.0/16", "168.63.129.16/32"]
    assert value[0]["tagMap"]["VirtualNetwork"] == ["10.0.0.0/16", "168.63.129.16/32"]


@pytest.mark.parametrize("report", ["effectiveNetworkSecurityGroups", "effectiveRouteTable"])
def test_reports_need_a_running_vm(cloud: Cloud, report: str) -> None:
    orphan = cloud.post(f"{NIC}/{report}")
    cloud.attach()
    running = cloud.post(f"{NIC}/{report}")
    cloud.made.azure.network.set_allocated(cloud.id(NIC), False)
    deallocated = cloud.post(f"{NIC}/{report}")

    assert [answer.status_code for answer in (orphan, running, deallocated)] == [400, 202, 400]


def test_an_interface_without_groups_has_no_effective_rules(cloud: Cloud) -> None:
    nic = {
        "location": "westeurope",
        "properties": {
            "ipConfigurations": [
                {
                    "name": "ipconfig1",
                    "properties": {"subnet": {"id": str(cloud.id("virtualNetworks/access-vnet/subnets/open"))}},
                }
            ]
        },
    }
    cloud.put("networkInterfaces/bare", nic)
    cloud.attach("bare", "win2")

    assert result(cloud, "networkInterfaces/bare/effectiveNetworkSecurityGroups") == {"value": []}


def test_effective_routes(cloud: Cloud) -> None:
    cloud.attach()
    routes = result(cloud, f"{NIC}/effectiveRouteTable")["value"]

    assert [(route["addressPrefix"], route["nextHopType"]) for route in routes[:2]] == [
        (["10.0.0.0/16"], "VnetLocal"),
        (["0.0.0.0/0"], "Internet"),
    ]
    assert {route["nextHopType"] for route in routes[2:]} == {"None"}


def test_the_configuration_diagnostic_says_which_group_blocks(cloud: Cloud) -> None:
    cloud.put("networkSecurityGroups/win1-nsg/securityRules/Rdp", rule_body())
    cloud.settle()
    profile = {
        "direction": "Inbound",
        "protocol": "TCP",
        "source": "203.0.113.7",
        "destination": "10.0.0.4",
        "destinationPort": "3389",
    }
    answer = ask_watcher(cloud, "networkConfigurationDiagnostic", profiles=[profile])
    found = answer["results"][0]["networkSecurityGroupResult"]

    assert found["securityRuleAccessResult"] == "Deny"
    assert [group["matchedRule"] for group in found["evaluatedNetworkSecurityGroups"]] == [
        {"ruleName": "DefaultRule_DenyAllInBound", "action": "Deny"},
        {"ruleName": "UserRule_Rdp", "action": "Allow"},
    ]
