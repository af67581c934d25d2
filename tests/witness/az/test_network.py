# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""az network: security groups and their rules, network interfaces, public addresses, Network Watcher."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.witness.az.cli import Az
    from ansible_collections.azvm.access.tests.witness.az.conftest import Cloud

GROUP = "--resource-group access-demo"


def test_a_security_group_is_made_tagged_and_deleted(az: Az, cloud: Cloud) -> None:
    made = az(f"network nsg create {GROUP} --name witness-nsg")["NewNSG"]
    assert (made["provisioningState"], made["securityRules"]) == ("Succeeded", [])
    assert len(made["defaultSecurityRules"]) == 6
    assert cloud.rules("witness-nsg") == {}
    az(f"network nsg update {GROUP} --name witness-nsg --set tags.owner=witness")
    assert az(f"network nsg show {GROUP} --name witness-nsg")["tags"] == {"owner": "witness"}
    assert [one["name"] for one in az(f"network nsg list {GROUP}")] == ["subnet-nsg", "win1-nsg", "witness-nsg"]
    az(f"network nsg delete {GROUP} --name witness-nsg")
    assert cloud.find("witness-nsg") is None
    assert "InUse" in az.refused(f"network nsg delete {GROUP} --name win1-nsg")


def test_a_rule_is_made_changed_and_deleted_and_its_neighbour_stays(az: Az, cloud: Cloud) -> None:
    of_win1 = f"{GROUP} --nsg-name win1-nsg"
    made = az(
        f"network nsg rule create {of_win1} --name Rdp --priority 310 --protocol Tcp --destination-port-ranges 3389"
        " --source-address-prefixes 127.0.0.1"
    )
    assert (made["access"], made["direction"], made["sourceAddressPrefix"]) == ("Allow", "Inbound", "127.0.0.1")
    assert cloud.rules("win1-nsg")["Rdp"]["destinationPortRange"] == "3389"
    sources = "127.0.0.1 127.0.0.2"
    changed = az(f"network nsg rule update {of_win1} --name Rdp --priority 320 --source-address-prefixes {sources}")
    assert changed["sourceAddressPrefixes"] == sources.split()
    rule = cloud.rules("win1-nsg")["Rdp"]
    assert (rule["priority"], rule["sourceAddressPrefixes"]) == (320, sources.split())
    assert "sourceAddressPrefix" not in rule
    assert az(f"network nsg rule show {of_win1} --name Rdp")["etag"] == changed["etag"]
    assert {one["name"] for one in az(f"network nsg rule list {of_win1}")} == {"AllowHttps", "Rdp"}
    assert "SecurityRuleConflict" in az.refused(f"network nsg rule create {of_win1} --name Other --priority 320")
    az(f"network nsg rule delete {of_win1} --name Rdp")
    assert {*cloud.rules("win1-nsg")} == {"AllowHttps"}


def test_a_network_interface_is_shown_and_given_another_security_group(az: Az, cloud: Cloud) -> None:
    nic = f"{GROUP} --name win2-nic"
    before = az(f"network nic show {nic}")
    assert before["virtualMachine"]["id"].endswith("/win2")
    assert before.get("networkSecurityGroup") is None
    after = az(f"network nic update {nic} --network-security-group win1-nsg")
    group = after["networkSecurityGroup"]["id"]
    assert cloud.properties("win2-nic")["networkSecurityGroup"] == {"id": group}
    assert group.endswith("/win1-nsg")
    assert {*before} ^ {*after} == {"networkSecurityGroup"}
    assert {name for name in before if before[name] != after[name]} == {"etag", "ipConfigurations"}


def test_effective_rules_and_routes_are_told_of_a_running_vm_only(az: Az) -> None:
    nic = f"{GROUP} --name win1-nic"
    groups = az(f"network nic list-effective-nsg {nic}")["value"]
    assert [one["networkSecurityGroup"]["id"].rpartition("/")[2] for one in groups] == ["win1-nsg", "subnet-nsg"]
    rules = {rule["name"] for rule in groups[0]["effectiveSecurityRules"]}
    assert {"securityRules/AllowHttps", "defaultSecurityRules/DenyAllInBound"} <= rules
    routes = az(f"network nic show-effective-route-table {nic}")["value"]
    assert {(one["addressPrefix"][0], one["nextHopType"]) for one in routes} >= {
        ("10.0.0.0/16", "VnetLocal"),
        ("0.0.0.0/0", "Internet"),
    }
    az(f"vm deallocate {GROUP} --name win1")
    assert "running" in az.refused(f"network nic list-effective-nsg {nic}").lower()


def test_a_public_address_is_made_named_given_to_a_vm_and_taken_back(az: Az, cloud: Cloud) -> None:
    address, configuration = f"{GROUP} --name witness-ip", f"{GROUP} --nic-name win2-nic --name ipconfig1"
    made = az(f"network public-ip create {address} --sku Standard")["publicIp"]
    assert made["ipAddress"] == cloud.properties("witness-ip")["ipAddress"]
    az(f"network public-ip update {address} --dns-name witness-demo")
    assert cloud.properties("witness-ip")["domainNameLabel"] == "witness-demo"
    az(f"network nic ip-config update {configuration} --public-ip-address witness-ip")
    assert f"{made['ipAddress']}:3389" in cloud.guest("win2")["ports"]
    assert az(f"network public-ip show {address}")["ipConfiguration"]["id"].endswith("/ipconfig1")
    assert "PublicIPAddressCannotBeDeleted" in az.refused(f"network public-ip delete {address}")
    az(f"network nic ip-config update {configuration} --remove publicIPAddress")
    az(f"network public-ip delete {address}")
    assert [one["name"] for one in az(f"network public-ip list {GROUP}")] == ["win1-ip"]
    assert cloud.find("witness-ip") is None


def test_network_watcher_says_which_rule_decides_and_where_packets_go(az: Az) -> None:
    asked = f"{GROUP} --vm win1 --direction Inbound --protocol TCP --remote 203.0.113.7:60000 --local 10.0.0.4"
    assert az(f"network watcher test-ip-flow {asked}:3389") == {
        "access": "Deny",
        "ruleName": "defaultSecurityRules/DenyAllInBound",
    }
    assert az(f"network watcher test-ip-flow {asked}:443") == {
        "access": "Allow",
        "ruleName": "securityRules/AllowHttps",
    }
    hop = az(f"network watcher show-next-hop {GROUP} --vm win1 --source-ip 10.0.0.4 --dest-ip 203.0.113.7")
    assert hop["nextHopType"] == "Internet"


def test_just_in_time_policies_are_listed_and_shown(az: Az, cloud: Cloud) -> None:
    (listed,) = az("security jit-policy list")
    (machine,) = listed["virtualMachines"]
    assert machine["id"] == (cloud.find("win2") or {})["id"]
    assert [port["number"] for port in machine["ports"]] == [3389, 5986]
    assert az(f"security jit-policy show {GROUP} --location westeurope --name default") == listed
