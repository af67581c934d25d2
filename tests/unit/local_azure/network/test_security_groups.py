# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security groups and rules over HTTP: answers, etags, conflicts, and when a write takes effect."""

from __future__ import annotations

from ansible_collections.azvm.access.tests.unit.local_azure.network.clouds import SCENARIO, Cloud, NewCloud, rule_body

NSG = "networkSecurityGroups/win1-nsg"
RULE = f"{NSG}/securityRules/Port_3389"


def open_subnet(cloud: Cloud, port: str = "3389") -> None:
    """Let the subnet's group through, so that the interface's group decides."""
    body = rule_body(destinationPortRange=port, priority=200)
    assert cloud.put("networkSecurityGroups/subnet-nsg/securityRules/Open", body).status_code == 201
    cloud.settle()


def test_a_new_rule_is_201_updating_then_succeeded(slow_cloud: Cloud) -> None:
    answer = slow_cloud.put(RULE, rule_body(access="allow", direction="inbound"))

    assert answer.status_code == 201
    assert answer.json()["properties"]["provisioningState"] == "Updating"
    assert answer.json()["properties"]["access"] == "Allow"
    assert "/providers/Microsoft.Network/locations/westeurope/operations/" in answer.headers["azure-asyncoperation"]
    assert "location" not in answer.headers
    assert "etag" not in answer.headers
    assert slow_cloud.made.client.get(answer.headers["azure-asyncoperation"]).json() == {"status": "InProgress"}

    slow_cloud.settle()

    assert slow_cloud.made.client.get(answer.headers["azure-asyncoperation"]).json() == {"status": "Succeeded"}
    final = slow_cloud.get(RULE)
    assert final.json()["properties"]["provisioningState"] == "Succeeded"
    assert final.headers["etag"] == final.json()["etag"] != answer.json()["etag"]


def test_an_update_is_200_and_keeps_place_and_spelling(cloud: Cloud) -> None:
    cloud.put(RULE, rule_body())
    cloud.put(f"{NSG}/securityRules/Other", rule_body(priority=1001))

    answer = cloud.put(f"{NSG}/securityRules/PORT_3389", rule_body(destinationPortRange="3390"))

    assert answer.status_code == 200
    names = [rule["name"] for rule in cloud.get(NSG).json()["properties"]["securityRules"]]
    assert names == ["AllowHttps", "Port_3389", "Other"]
    assert cloud.get(RULE).json()["properties"]["destinationPortRange"] == "3390"


def test_group_and_rules_share_one_etag(cloud: Cloud) -> None:
    cloud.put(RULE, rule_body())
    group = cloud.get(NSG).json()
    everything = [*group["properties"]["securityRules"], *group["properties"]["defaultSecurityRules"]]

    assert {one["etag"] for one in everything} == {group["etag"]}
    assert cloud.get(RULE).json()["etag"] == group["etag"]


def test_deleting_is_202_and_deleting_what_is_absent_204(slow_cloud: Cloud) -> None:
    slow_cloud.put(RULE, rule_body())
    slow_cloud.settle()

    answer = slow_cloud.delete(RULE)

    assert answer.status_code == 202
    assert answer.content == b""
    assert slow_cloud.get(RULE).json()["properties"]["provisioningState"] == "Deleting"
    slow_cloud.settle()
    assert slow_cloud.made.client.get(answer.headers["azure-asyncoperation"]).json() == {"status": "Succeeded"}
    assert slow_cloud.made.client.get(answer.headers["location"]).status_code == 204
    assert slow_cloud.get(RULE).status_code == 404
    assert slow_cloud.delete(RULE).status_code == 204
    assert slow_cloud.delete("networkSecurityGroups/absent").status_code == 204


def test_a_missing_rule_and_a_missing_group_have_different_404s(cloud: Cloud) -> None:
    rule = cloud.get(RULE).json()["error"]
    group = cloud.get("networkSecurityGroups/absent").json()["error"]
    inside = cloud.get("networkSecurityGroups/absent/securityRules/x")
    writing = cloud.put("networkSecurityGroups/absent/securityRules/x", rule_body()).json()["error"]

    assert rule["code"] == "NotFound"
    assert rule["message"] == f"Resource {cloud.id(RULE)} not found."
    assert rule["details"] == []
    assert group["code"] == "ResourceNotFound"
    assert "'Microsoft.Network/networkSecurityGroups/absent' under resource group 'rg'" in group["message"]
    assert inside.status_code == 404
    assert inside.headers["x-ms-failure-cause"] == "gateway"
    assert writing["code"] == "ParentResourceNotFound"


def test_priority_is_unique_per_direction(cloud: Cloud) -> None:
    refused = cloud.put(RULE, rule_body(priority=300))
    other_direction = cloud.put(RULE, rule_body(priority=300, direction="Outbound"))

    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "SecurityRuleConflict"
    assert "retry-after" not in refused.headers
    assert other_direction.status_code == 201


def test_a_rule_can_take_its_own_priority_again(cloud: Cloud) -> None:
    cloud.put(RULE, rule_body())

    assert cloud.put(RULE, rule_body()).status_code == 200


def test_a_refused_rule_leaves_the_group_as_it_was(cloud: Cloud) -> None:
    before = cloud.get(NSG).json()

    assert cloud.put(RULE, rule_body(priority=300)).status_code == 400
    assert cloud.put(RULE, rule_body(sourceAddressPrefix="any")).status_code == 400
    assert cloud.get(NSG).json() == before


def test_a_whole_group_put_replaces_the_rules_so_updates_can_be_lost(cloud: Cloud) -> None:
    stale = cloud.get(NSG).json()
    cloud.put(RULE, rule_body())

    assert cloud.put(NSG, stale).status_code == 200
    assert [rule["name"] for rule in cloud.get(NSG).json()["properties"]["securityRules"]] == ["AllowHttps"]


def test_if_match_prevents_the_lost_update(cloud: Cloud) -> None:
    stale = cloud.get(NSG).json()
    cloud.put(RULE, rule_body())

    refused = cloud.put(NSG, stale, headers={"If-Match": stale["etag"]})
    fresh = cloud.get(NSG).json()
    accepted = cloud.put(NSG, fresh, headers={"If-Match": fresh["etag"]})

    assert refused.status_code == 412
    error = refused.json()["error"]
    assert error["code"] == "PreconditionFailed"
    assert error["details"][0]["code"] == "PreconditionFailedEtagMismatch"
    assert accepted.status_code == 200


def test_ten_writers_of_single_rules_leave_ten_rules(slow_cloud: Cloud) -> None:
    for number in range(10):
        answer = slow_cloud.put(f"{NSG}/securityRules/r{number}", rule_body(priority=1000 + number))
        assert answer.status_code == 201
    slow_cloud.settle()

    group = slow_cloud.get(NSG).json()["properties"]
    assert len(group["securityRules"]) == 11
    assert group["provisioningState"] == "Succeeded"


def test_the_group_stays_updating_until_the_last_write_has_ended(slow_cloud: Cloud) -> None:
    slow_cloud.put(RULE, rule_body())
    slow_cloud.delete(f"{NSG}/securityRules/AllowHttps")
    operations = slow_cloud.made.azure.operations

    assert len(operations.running(slow_cloud.id(NSG), nested=True)) == 2
    assert slow_cloud.get(NSG).json()["properties"]["provisioningState"] == "Updating"
    slow_cloud.settle()
    assert slow_cloud.get(NSG).json()["properties"]["provisioningState"] == "Succeeded"


def test_traffic_follows_a_write_when_its_operation_ends(slow_cloud: Cloud) -> None:
    open_subnet(slow_cloud)
    slow_cloud.put(RULE, rule_body())

    assert not slow_cloud.admits(3389).allowed
    slow_cloud.settle()
    verdict = slow_cloud.admits(3389)
    assert verdict.allowed
    assert verdict.rule_id == str(slow_cloud.id(RULE))
    assert verdict.level == "networkInterface"


def test_a_slow_delete_does_not_undo_a_quicker_later_write(slow_cloud: Cloud) -> None:
    open_subnet(slow_cloud)
    slow_cloud.delete(f"{NSG}/securityRules/AllowHttps")
    slow_cloud.put(RULE, rule_body())
    slow_cloud.settle()

    assert slow_cloud.admits(3389).allowed
    assert not slow_cloud.admits(443).allowed


def test_concurrent_writes_can_be_refused_with_429(slow_cloud: Cloud) -> None:
    slow_cloud.made.azure.network.concurrent_writes = "retryable"
    slow_cloud.put(RULE, rule_body())

    refused = slow_cloud.put(f"{NSG}/securityRules/Other", rule_body(priority=1001))

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "0.05"
    error = refused.json()["error"]
    assert error["code"] == "RetryableError"
    assert error["details"][0]["code"] == "RetryableErrorDueToAnotherOperation"
    assert "PutSecurityRuleOperation" in error["details"][0]["message"]
    slow_cloud.settle()
    assert slow_cloud.put(f"{NSG}/securityRules/Other", rule_body(priority=1001)).status_code == 201


def test_concurrent_writes_can_be_refused_with_409(new_cloud: NewCloud) -> None:
    cloud = new_cloud({**SCENARIO, "network": {**SCENARIO["network"], "concurrentWrites": "conflict"}}, pace=1.0)
    cloud.put(RULE, rule_body())

    refused = cloud.delete(RULE)

    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "AnotherOperationInProgress"
    assert "retry-after" not in refused.headers


def test_a_group_in_use_cannot_be_deleted(cloud: Cloud) -> None:
    by_interface = cloud.delete(NSG).json()["error"]
    by_subnet = cloud.delete("networkSecurityGroups/subnet-nsg").json()["error"]

    assert by_interface["code"] == "InUseNetworkSecurityGroupCannotBeDeleted"
    assert str(cloud.id("networkInterfaces/win1-nic")) in by_interface["message"]
    assert str(cloud.id("virtualNetworks/access-vnet/subnets/default")) in by_subnet["message"]
    assert cloud.delete("networkSecurityGroups/unused-nsg").status_code == 202
    assert cloud.get("networkSecurityGroups/unused-nsg").status_code == 404


def test_a_group_shows_who_uses_it(cloud: Cloud) -> None:
    by_interface = cloud.get(NSG).json()["properties"]
    by_subnet = cloud.get("networkSecurityGroups/subnet-nsg").json()["properties"]

    assert by_interface["networkInterfaces"] == [{"id": str(cloud.id("networkInterfaces/win1-nic"))}]
    assert "subnets" not in by_interface
    assert by_subnet["subnets"] == [{"id": str(cloud.id("virtualNetworks/access-vnet/subnets/default"))}]


def test_tags_are_patched_at_once(cloud: Cloud) -> None:
    answer = cloud.patch(NSG, {"tags": {"owner": "ops"}})

    assert answer.status_code == 200
    assert "azure-asyncoperation" not in answer.headers
    shown = cloud.get(NSG).json()
    assert shown["tags"] == {"owner": "ops"}
    assert [rule["name"] for rule in shown["properties"]["securityRules"]] == ["AllowHttps"]


def test_a_new_group_needs_a_location_and_keeps_it(cloud: Cloud) -> None:
    without = cloud.put("networkSecurityGroups/new", {})
    elsewhere = cloud.put(NSG, {"location": "westus"})

    assert (without.status_code, without.json()["error"]["code"]) == (400, "LocationRequired")
    assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (409, "InvalidResourceLocation")
    assert cloud.put("networkSecurityGroups/new", {"location": "West Europe"}).status_code == 201
    assert cloud.get("networkSecurityGroups/new").json()["location"] == "westeurope"


def test_lists_at_group_and_subscription_level(cloud: Cloud) -> None:
    names = ["subnet-nsg", "unused-nsg", "win1-nsg"]
    at_subscription = f"{cloud.made.subscription}/providers/Microsoft.Network/networkSecurityGroups"

    assert [one["name"] for one in cloud.get("networkSecurityGroups").json()["value"]] == names
    assert [one["name"] for one in cloud.get(at_subscription).json()["value"]] == names
    assert [one["name"] for one in cloud.get(f"{NSG}/securityRules").json()["value"]] == ["AllowHttps"]
    assert len(cloud.get(f"{NSG}/defaultSecurityRules").json()["value"]) == 6
    assert cloud.get(f"{NSG}/defaultSecurityRules/denyallinbound").json()["name"] == "DenyAllInBound"


def test_application_security_groups_must_exist(cloud: Cloud) -> None:
    known = {"id": str(cloud.id("applicationSecurityGroups/servers"))}
    unknown = {"id": str(cloud.id("applicationSecurityGroups/absent"))}

    refused = cloud.put(RULE, rule_body(destinationAddressPrefix=None, destinationApplicationSecurityGroups=[unknown]))
    accepted = cloud.put(RULE, rule_body(destinationAddressPrefix=None, destinationApplicationSecurityGroups=[known]))

    assert refused.json()["error"]["code"] == "InvalidResourceReference"
    assert accepted.json()["properties"]["destinationApplicationSecurityGroups"] == [known]
    assert "destinationAddressPrefix" not in accepted.json()["properties"]
    assert cloud.delete("applicationSecurityGroups/servers").status_code == 400


def test_a_group_holds_a_thousand_rules_and_no_more(cloud: Cloud) -> None:
    group = cloud.get("networkSecurityGroups/unused-nsg").json()
    group["properties"]["securityRules"] = [
        {"name": f"r{number}", **rule_body(priority=100 + number)} for number in range(1000)
    ]
    assert cloud.put("networkSecurityGroups/unused-nsg", group).status_code == 200

    refused = cloud.put("networkSecurityGroups/unused-nsg/securityRules/last", rule_body(priority=4000))

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "SecurityRulesLimitReached")


def test_a_reader_reads_and_does_not_write(cloud: Cloud) -> None:
    reader = cloud.made.as_principal("reader")

    assert reader.get(cloud.path(RULE.rpartition("/")[0])).status_code == 200
    refused = reader.put(cloud.path(RULE), json=rule_body())
    assert refused.status_code == 403
    assert "Microsoft.Network/networkSecurityGroups/securityRules/write" in refused.json()["error"]["message"]
