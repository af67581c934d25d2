# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Azure against what the real one answered: all recordings, and the comparison itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.replay import recordings
from ansible_collections.azvm.access.tests.replay.player import Outcome, play
from ansible_collections.azvm.access.tests.replay.recordings import Json
from ansible_collections.azvm.access.tests.replay.scope import Scope
from ansible_collections.azvm.access.tests.replay.sightings import Sightings
from ansible_collections.azvm.access.tests.replay.vault_objects import going_on

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
NSG = f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/nsg"
RULE: Json = {
    "protocol": "Tcp",
    "sourcePortRange": "*",
    "destinationPortRange": "3389",
    "sourceAddressPrefix": "203.0.113.7",
    "destinationAddressPrefix": "*",
    "access": "Allow",
    "priority": 300,
    "direction": "Inbound",
}
PLURAL: Json = {f"{name}s": [] for name in ("sourcePortRange", "destinationPortRange")} | {
    f"{name}es": [] for name in ("sourceAddressPrefix", "destinationAddressPrefix")
}
PROPERTIES = {"provisioningState": "Succeeded", **RULE, **PLURAL}


def outcomes_of(path: Path) -> list[Outcome]:
    return list(play(recordings.read(path), Scope()))


def differences(outcomes: list[Outcome]) -> list[str]:
    return [f"#{one.exchange.number}: {line}" for one in outcomes for line in one.differences]


@pytest.mark.skipif(
    not recordings.paths(), reason="the recordings of real traffic are not there: ../shared/azure-traffic"
)
class TestRealTraffic:
    @pytest.mark.parametrize("path", recordings.paths(), ids=lambda path: path.stem)
    def test_every_exchange_is_answered_as_azure_did(self, path: Path) -> None:
        outcomes = outcomes_of(path)

        assert differences(outcomes) == []
        assert any(one.left_out is None for one in outcomes)


def rule_exchange(**changes: object) -> Json:
    """A read of a rule as Azure answers it."""
    link = f"{NSG}/securityRules/rdp"
    answer = {
        "name": "rdp",
        "id": link,
        "etag": 'W/"0d8bf573-54c5-46c1-bed2-e2020f705527"',
        "type": "Microsoft.Network/networkSecurityGroups/securityRules",
        "properties": PROPERTIES,
    }
    return {
        "n": 0,
        "method": "GET",
        "host": "management.azure.com",
        "path": link,
        "query": "api-version=2022-01-01",
        "request": None,
        "status": 200,
        "headers": {"content-type": "application/json; charset=utf-8", "etag": answer["etag"]},
        "response": answer,
        **changes,
    }


def recorded(folder: Path, *exchanges: Json) -> Path:
    path = folder / "recording.jsonl"
    path.write_text("\n".join(json.dumps({**one, "n": n}) for n, one in enumerate(exchanges)), encoding="utf-8")
    return path


def test_what_a_recording_found_is_made_before_it_is_asked_for(tmp_path: Path) -> None:
    (outcome,) = outcomes_of(recorded(tmp_path, rule_exchange()))

    assert outcome.differences == []
    assert outcome.left_out is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"status": 202}, "status: 202, here 200", id="status"),
        pytest.param({"headers": {}}, "header content-type: not in the recording", id="header too much"),
        pytest.param(
            {"headers": {**rule_exchange()["headers"], "x-ms-failure-cause": "gateway"}},
            "header x-ms-failure-cause: missing",
            id="header too few",
        ),
        pytest.param(
            {"response": {**rule_exchange()["response"], "kind": "x"}}, "$.kind: missing", id="property missing"
        ),
        pytest.param(
            {"response": {**rule_exchange()["response"], "etag": 1}}, "$.etag: number, here text", id="other type"
        ),
        pytest.param(
            {"response": {**rule_exchange()["response"], "name": "RDP"}}, "$.name: spelt 'RDP', here 'rdp'", id="casing"
        ),
        pytest.param(
            {
                "response": {
                    **rule_exchange()["response"],
                    "properties": {"provisioningState": "Failed", **RULE, **PLURAL},
                }
            },
            "$.properties.provisioningState: 'Failed', here 'Succeeded'",
            id="word",
        ),
    ],
)
def test_a_difference_is_named(tmp_path: Path, change: Json, expected: str) -> None:
    (outcome,) = outcomes_of(recorded(tmp_path, rule_exchange(**change)))

    assert any(line.startswith(expected) for line in outcome.differences), outcome.differences


def test_an_operation_is_followed_under_the_address_that_the_local_azure_gave(tmp_path: Path) -> None:
    operation = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Network/locations/westus/operations"
    address = f"{operation}/9b520f10-ec87-4361-86e7-649e0e8a2a00"
    query = "api-version=2022-01-01&t=1&c=SIGNED&s=SIGNED&h=SIGNED"
    made = rule_exchange()["response"]
    updating = {**made, "properties": {**made["properties"], "provisioningState": "Updating"}}
    written = rule_exchange(
        method="PUT",
        request={"properties": RULE},
        status=201,
        headers={
            "azure-asyncnotification": "Enabled",
            "azure-asyncoperation": f"https://management.azure.com{address}?{query}",
            "content-type": "application/json; charset=utf-8",
            "x-ms-ratelimit-remaining-subscription-writes": "199",
            "x-ms-ratelimit-remaining-subscription-global-writes": "2999",
        },
        response=updating,
    )
    json_only = {"content-type": "application/json; charset=utf-8"}
    polls = [
        rule_exchange(path=address, query=query, headers=json_only, response={"status": status})
        for status in ("InProgress", "Succeeded")
    ]

    outcomes = outcomes_of(recorded(tmp_path, written, *polls, rule_exchange()))

    assert differences(outcomes) == []


def test_a_refusal_is_compared_by_code_and_wording(tmp_path: Path) -> None:
    message = "Security rule has invalid Priority. Value provided: 50 Allowed range 100-4096."
    refused = rule_exchange(
        method="PUT",
        request={"properties": {**RULE, "priority": 50}},
        status=400,
        headers={
            "content-type": "application/json; charset=utf-8",
            "x-ms-ratelimit-remaining-subscription-writes": "199",
            "x-ms-ratelimit-remaining-subscription-global-writes": "2999",
        },
        response={"error": {"code": "SecurityRuleInvalidPriority", "message": message, "details": []}},
    )
    otherwise = {**refused, "response": {"error": {"code": "Bad", "message": message, "details": []}}}

    assert differences(outcomes_of(recorded(tmp_path, refused))) == []
    assert differences(outcomes_of(recorded(tmp_path, otherwise))) == [
        "#0: $.error.code: 'Bad', here 'SecurityRuleInvalidPriority'"
    ]


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("graph.microsoft.com", "/v1.0/me"),
        ("management.azure.com", f"{GROUP}/providers/Microsoft.Storage/storageAccounts/one"),
        ("management.azure.com", f"{GROUP}/providers/Microsoft.Compute/disks/one"),
        ("management.azure.com", f"{GROUP}/providers/Microsoft.Resources/deployments/one"),
    ],
)
def test_other_services_are_left_out_with_a_reason(tmp_path: Path, host: str, path: str) -> None:
    (outcome,) = outcomes_of(recorded(tmp_path, rule_exchange(host=host, path=path)))

    assert outcome.left_out
    assert outcome.differences == []


def test_what_a_left_out_write_has_changed_is_taken_over(tmp_path: Path) -> None:
    before = rule_exchange()
    deployment = rule_exchange(n=1, method="PUT", path=f"{GROUP}/providers/Microsoft.Resources/deployments/one")
    denied = {**before["response"], "properties": {**PROPERTIES, "access": "Deny"}}
    after = rule_exchange(n=2, response=denied)

    assert differences(outcomes_of(recorded(tmp_path, before, deployment, after))) == []
    assert differences(outcomes_of(recorded(tmp_path, before, {**after, "n": 1}))) == [
        "#1: $.properties.access: 'Deny', here 'Allow'"
    ]


def vault_exchange(n: int, method: str, path: str, status: int, response: Json | None) -> Json:
    return {
        "n": n,
        "method": method,
        "host": "v.vault.azure.net",
        "path": path,
        "query": "api-version=7.4",
        "status": status,
        "response": response,
    }


def test_a_deletion_seen_under_way_is_not_ended_first(tmp_path: Path) -> None:
    busy = {"error": {"code": "Conflict", "innererror": {"code": "ObjectIsBeingDeleted"}}}
    gone, found = {"error": {"code": "SecretNotFound"}}, {"id": "https://v.vault.azure.net/secrets/s/1"}
    path = recorded(
        tmp_path,
        vault_exchange(0, "GET", "/deletedsecrets/s", 404, gone),
        vault_exchange(1, "DELETE", "/secrets/s", 200, found),
        vault_exchange(2, "GET", "/deletedsecrets", 200, {"value": [], "nextLink": None}),
        vault_exchange(3, "POST", "/deletedsecrets/s/recover", 409, busy),
        vault_exchange(4, "DELETE", "/secrets/s", 200, found),
        vault_exchange(5, "GET", "/deletedsecrets/s", 404, gone),
        vault_exchange(6, "GET", "/deletedsecrets/s", 404, gone),
        vault_exchange(7, "GET", "/deletedsecrets/s", 200, found),
        vault_exchange(8, "DELETE", "/deletedsecrets/s", 204, None),
        vault_exchange(9, "GET", "/deletedsecrets", 200, {"value": [], "nextLink": None}),
    )

    assert going_on(recordings.read(path).exchanges) == {2, 3, 5, 6}


def test_the_system_is_what_most_exchanges_tell_of(tmp_path: Path) -> None:
    text = {"value": "runs on windows, if at all"}
    linux, windows = {"commandId": "RunShellScript"}, {"properties": {"type": "VMAccessAgent"}}
    told = [rule_exchange(n=n, request=one) for n, one in enumerate((text, windows, linux, linux))]

    assert Sightings(recordings.read(recorded(tmp_path, *told)).exchanges).system == "Linux"
    assert Sightings(recordings.read(recorded(tmp_path, *told[:2])).exchanges).system == "Windows"


def test_every_reason_on_file_is_a_sentence_and_its_patterns_can_be_read() -> None:
    assert all(len(rule.reason.split()) > 3 for rule in Scope().rules)
