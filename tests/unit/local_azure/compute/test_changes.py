# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merging bodies, entity tags, and which changes of a virtual machine are refused."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_azure.compute import changes, etag
from local_azure.compute.merge import merge
from local_azure.core.errors import AzureError

from .conftest import Scene, SceneMaker

READER = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
IDENTITY = "0c8e4b52-61f1-4d5e-8f0d-5f3c1f3ab1c4"
API_VERSION = {"api-version": "2022-04-01"}

JSON = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), JSON, max_size=4)


@given(OBJECTS, OBJECTS)
def test_what_was_merged_in_differs_no_more(current: dict[str, object], change: dict[str, object]) -> None:
    merged = merge(current, change)
    assert merge(merged, change) == merged
    assert not changes.differs(merged, change)


@given(OBJECTS)
def test_nothing_differs_from_itself_or_from_less(value: dict[str, object]) -> None:
    assert not changes.differs(value, value)
    assert not changes.differs(value, {})
    assert merge(value, {}) == value


def test_merge_keeps_the_casing_that_is_there_and_replaces_lists() -> None:
    current = {"osProfile": {"secrets": [1, 2], "computerName": "vm"}, "x": 1}
    assert merge(current, {"osprofile": {"Secrets": [3], "computerName": None}}) == {
        "osProfile": {"secrets": [3], "computerName": "vm"},
        "x": 1,
    }


def test_entity_tags_count() -> None:
    assert etag.following(etag.first()) == '"2"'
    assert etag.following('"9"') == '"10"'


@pytest.mark.parametrize(
    ("header", "value"), [("if-match", '"3"'), ("if-match", "3"), ("if-match", "*"), ("if-none-match", '"2"')]
)
def test_entity_tags_that_agree(header: str, value: str) -> None:
    etag.check({header: value}, '"3"')


@pytest.mark.parametrize(
    ("header", "value", "current"),
    [
        ("if-match", '"2"', '"3"'),
        ("if-match", "*", None),
        ("if-none-match", "*", '"3"'),
        ("if-none-match", '"3"', '"3"'),
    ],
)
def test_entity_tags_that_do_not_agree(header: str, value: str, current: str | None) -> None:
    with pytest.raises(AzureError) as refused:
        etag.check({header: value}, current)
    assert (refused.value.status, refused.value.code) == (412, "PreconditionFailed")


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({"osProfile": {"adminPassword": "Another-1-password"}}, "adminPassword"),
        ({"osProfile": {"adminUsername": "other"}}, "adminUsername"),
        ({"osProfile": {"computerName": "other"}}, "computerName"),
        (
            {"osProfile": {"windowsConfiguration": {"winRM": {"listeners": [{"protocol": "Https"}]}}}},
            "windowsConfiguration.winRM.listeners",
        ),
        (
            {"osProfile": {"windowsConfiguration": {"enableAutomaticUpdates": False}}},
            "windowsConfiguration.enableAutomaticUpdates",
        ),
        ({"osProfile": {"linuxConfiguration": {"disablePasswordAuthentication": True}}}, "linuxConfiguration"),
        ({"storageProfile": {"imageReference": {"sku": "2019-datacenter"}}}, "imageReference"),
        ({"storageProfile": {"osDisk": {"managedDisk": {"id": "/other"}}}}, "osDisk.managedDisk.id"),
        ({"priority": "Spot"}, "priority"),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_what_is_given_at_creation_only(scene: Scene, change: dict[str, object], target: str, method: str) -> None:
    answer = scene.call(method, "", {"location": "westeurope", "properties": change})
    assert answer.status_code == 409
    assert answer.json()["error"] == {
        "code": "PropertyChangeNotAllowed",
        "message": f"Changing property '{target}' is not allowed.",
        "target": target,
    }
    assert scene.vm.etag == '"1"'


def test_a_machine_without_os_profile_gets_none(make_scene: SceneMaker) -> None:
    scene = make_scene(os_profile=False)
    answer = scene.patch_secrets([])
    assert answer.status_code == 409
    assert answer.json()["error"]["target"] == "osProfile"


@pytest.mark.parametrize(
    "change",
    [
        {"hardwareProfile": {"vmSize": "Standard_B1s"}},
        {"networkProfile": {"networkInterfaces": []}},
        {"storageProfile": {"dataDisks": [{"lun": 0}]}},
    ],
)
def test_what_the_local_azure_cannot_do_is_said_plainly(scene: Scene, change: dict[str, object]) -> None:
    answer = scene.call("PATCH", "", {"properties": change})
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotInLocalAzure")


def test_what_other_clients_send_along_is_no_change(scene: Scene) -> None:
    interface = {"id": scene.made.group("RG") + "/providers/Microsoft.Network/networkInterfaces/nic"}
    body = {
        "networkProfile": {"networkInterfaces": [{**interface, "properties": {"primary": True}}]},
        "additionalCapabilities": {"ultraSSDEnabled": False},
        "hardwareProfile": {"vmSize": "standard_d2s_v5"},
        "priority": None,
    }
    scene.succeed(scene.call("PUT", "", {"location": "westeurope", "properties": body}))


def test_no_listeners_given_where_there_are_none_is_no_change(scene: Scene) -> None:
    change = {"windowsConfiguration": {"winRM": {"listeners": []}, "provisionVMAgent": True}}
    answer = scene.call("PATCH", "", {"properties": {"osProfile": change}})
    assert (answer.status_code, "azure-asyncoperation" in answer.headers) == (200, False)


def test_a_write_of_tags_alone_is_done_at_once(scene: Scene) -> None:
    body = scene.call("GET").json()
    whole = {name: body[name] for name in ("location", "properties")}
    for method, change in (("PUT", whole | {"tags": {"a": "1"}}), ("PATCH", {"tags": {"a": "2"}}), ("PATCH", {})):
        answer = scene.call(method, "", change)
        assert answer.status_code == 200
        assert answer.json()["properties"]["provisioningState"] == "Updating"
        assert not {"azure-asyncoperation", "azure-asyncnotification", "location"} & set(answer.headers)
        assert scene.call("GET").json()["properties"]["provisioningState"] == "Succeeded"
    assert scene.vm.tags == {"a": "2"}


def test_priority_is_changed_without_hardware_only(make_scene: SceneMaker) -> None:
    change = {"properties": {"priority": "Spot", "billingProfile": {"maxPrice": -1}}}
    answer = make_scene().call("PATCH", "", change)
    assert (answer.status_code, answer.json()["error"]["target"]) == (409, "priority")
    off = make_scene(power="deallocated")
    off.succeed(off.call("PATCH", "", change))
    assert off.call("GET").json()["properties"]["priority"] == "Spot"


def test_without_hardware_disks_have_neither_size_nor_kind(make_scene: SceneMaker) -> None:
    def disk(power: str) -> set[str]:
        shown = make_scene(power=power).call("GET").json()["properties"]["storageProfile"]["osDisk"]
        return {*shown, *shown["managedDisk"]}

    assert disk("stopped") - disk("deallocated") == {"diskSizeGB", "storageAccountType"}


def test_new_hardware_spells_the_group_of_a_disk_anew(make_scene: SceneMaker) -> None:
    scene = make_scene(power="deallocated")

    def disk() -> str:
        return str(scene.call("GET").json()["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"])

    before = disk()
    scene.succeed(scene.call("POST", "/start"))
    assert disk() == before.replace("/resourceGroups/rg/", "/resourceGroups/RG/") != before


@pytest.mark.parametrize(("power", "refused"), [("running", 409), ("stopped", 501), ("deallocated", 501)])
def test_another_system_disk_is_for_a_machine_that_is_off(make_scene: SceneMaker, power: str, refused: int) -> None:
    change = {"storageProfile": {"osDisk": {"name": "other", "managedDisk": {"id": "/other"}}}}
    assert make_scene(power=power).call("PATCH", "", {"properties": change}).status_code == refused


def test_a_role_can_be_given_to_the_identity_of_a_machine(make_scene: SceneMaker) -> None:
    owner = {"name": "default", "roles": [{"role": "Owner"}]}
    scene = make_scene(principals=[owner], identity={"type": "SystemAssigned", "principalId": IDENTITY})

    def given_to(principal: str) -> int:
        path = f"{scene.vm_id}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
        properties = {"roleDefinitionId": READER, "principalId": principal}
        return scene.client.put(path, params=API_VERSION, json={"properties": properties}).status_code

    assert (given_to(IDENTITY), given_to(str(uuid.uuid4()))) == (201, 400)


def test_no_applications_are_not_kept(scene: Scene) -> None:
    body = scene.call("GET").json()
    properties = body["properties"] | {"applicationProfile": {"galleryApplications": []}}
    answer = scene.call("PUT", "", {"location": body["location"], "properties": properties})
    assert answer.status_code == 200
    assert "applicationProfile" not in scene.call("GET").json()["properties"]


def test_a_list_of_a_group_without_machines_is_not_counted(scene: Scene) -> None:
    def listed() -> tuple[int, bool]:
        group = scene.vm_id.partition("/providers/")[0]
        url = f"{group}/providers/Microsoft.Compute/virtualMachines"
        answer = scene.client.get(url, params={"api-version": "2026-04-01"})
        return len(answer.json()["value"]), "x-ms-ratelimit-remaining-resource" in answer.headers

    assert listed() == (1, True)
    scene.succeed(scene.call("DELETE"))
    assert listed() == (0, False)


def test_when_it_was_made_is_told_since_november_2021(scene: Scene) -> None:
    told = [
        "timeCreated" in scene.call("GET", api_version=version).json()["properties"]
        for version in ("2021-07-01", "2021-11-01")
    ]
    assert told == [False, True]


def test_tags_are_replaced_by_patch_and_kept_without(make_scene: SceneMaker) -> None:
    scene = make_scene(tags={"a": "1"})
    scene.call("PATCH", "", {"properties": {}})
    assert scene.vm.tags == {"a": "1"}
    scene.call("PATCH", "", {"tags": {"b": "2"}})
    assert scene.call("GET").json()["tags"] == {"b": "2"}


def test_identity_comes_with_ids(scene: Scene) -> None:
    scene.succeed(scene.call("PATCH", "", {"identity": {"type": "SystemAssigned"}}))
    identity = scene.call("GET").json()["identity"]
    assert identity["type"] == "SystemAssigned"
    assert identity["tenantId"] == scene.made.azure.settings.tenant_id
    scene.succeed(scene.call("PATCH", "", {"identity": {"type": "None"}}))
    assert "identity" not in scene.call("GET").json()


def test_user_data_is_shown_on_request_only(scene: Scene) -> None:
    scene.succeed(scene.call("PATCH", "", {"properties": {"userData": "aGVsbG8="}}))
    assert "userData" not in scene.call("GET").json()["properties"]
    assert scene.call("GET", expand="userData").json()["properties"]["userData"] == "aGVsbG8="


def test_creating_a_machine_is_refused_with_the_reason(scene: Scene) -> None:
    path = scene.vm_id + "2"
    answer = scene.client.put(path, params={"api-version": "2026-04-01"}, json={"location": "westeurope"})
    assert answer.status_code == 501
    assert "scenarios" in answer.json()["error"]["message"]


def test_put_needs_the_region_and_the_right_one(scene: Scene) -> None:
    missing = scene.call("PUT", "", {"properties": {}})
    assert (missing.status_code, missing.json()["error"]["code"]) == (400, "LocationRequired")
    wrong = scene.call("PUT", "", {"location": "eastus", "properties": {}})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (409, "InvalidResourceLocation")
    assert scene.call("PUT", "", {"location": "West Europe", "properties": {}}).status_code == 200


def test_the_etag_header_is_there_without_expand_only(scene: Scene) -> None:
    assert scene.call("GET").headers["etag"] == '"1"'
    expanded = scene.call("GET", expand="instanceView")
    assert "etag" not in expanded.headers
    assert expanded.json()["etag"] == '"1"'
    old = scene.call("GET", api_version="2023-03-01")
    assert "etag" not in old.headers
    assert "etag" not in old.json()


def test_an_unknown_expansion_is_refused(scene: Scene) -> None:
    answer = scene.call("GET", expand="everything")
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, "$expand")


def test_rights_are_checked_for_each_action(make_scene: SceneMaker) -> None:
    roles = [{"role": "Reader", "scope": "subscription"}]
    owner = [{"role": "Owner", "scope": "subscription"}]
    scene = make_scene(principals=[{"name": "default", "roles": owner}, {"name": "reader", "roles": roles}])
    assert scene.call("GET", principal="reader").status_code == 200
    located = {"location": "westeurope"}
    for method, path, body, action in (
        ("PATCH", "", {}, "virtualMachines/write"),
        ("POST", "/start", None, "virtualMachines/start/action"),
        ("POST", "/runCommand", {"commandId": "IPConfig"}, "virtualMachines/runCommand/action"),
        ("PUT", "/runCommands/x", located, "virtualMachines/runCommands/write"),
        ("DELETE", "/runCommands/x", None, "virtualMachines/runCommands/delete"),
        ("PUT", "/extensions/x", located, "virtualMachines/extensions/write"),
        ("DELETE", "", None, "virtualMachines/delete"),
    ):
        answer = scene.call(method, path, body, principal="reader")
        assert answer.status_code == 403
        assert f"'Microsoft.Compute/{action}'" in answer.json()["error"]["message"]


def test_the_allowance_header_counts_down_per_machine(scene: Scene) -> None:
    seen = [scene.call("GET").headers["x-ms-ratelimit-remaining-resource"] for _request in range(2)]
    assert seen[0] == "Microsoft.Compute/LowCostGetSubscriptionMaximum;23999,Microsoft.Compute/LowCostGetResource;35"
    assert seen[1].endswith("Microsoft.Compute/LowCostGetResource;34")
