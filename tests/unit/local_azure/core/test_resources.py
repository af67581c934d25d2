# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscriptions, resource groups, provider lists, role assignments."""

from __future__ import annotations

import uuid

import pytest

from local_azure.core.wire import Json
from local_azure.testing import InProcess, in_process

VERSION = {"api-version": "2022-12-01"}
ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"


@pytest.fixture
def local() -> InProcess:
    return in_process()


def test_subscriptions_and_tenants(local: InProcess) -> None:
    listed = local.client.get("/subscriptions", params=VERSION).json()["value"]
    assert [one["id"] for one in listed] == [local.subscription]
    assert local.client.get(local.subscription.upper().replace("/SUB", "/sub"), params=VERSION).json() == listed[0]
    tenants = local.client.get("/tenants", params=VERSION).json()["value"]
    assert tenants[0]["tenantId"] == listed[0]["tenantId"] == local.azure.settings.tenant_id
    locations = local.client.get(f"{local.subscription}/locations", params=VERSION).json()["value"]
    assert "westeurope" in {one["name"] for one in locations}


def test_a_principal_without_roles_sees_no_subscription() -> None:
    local = in_process({"principals": [{"name": "default"}]})
    assert local.client.get("/subscriptions", params=VERSION).json()["value"] == []


def test_cloud_metadata_needs_no_token(local: InProcess) -> None:
    anonymous = local.as_principal(None)
    one = anonymous.get("/metadata/endpoints", params={"api-version": "2022-09-01"}).json()
    assert one["suffixes"]["keyVaultDns"] == "vault.azure.net"
    several = anonymous.get("/metadata/endpoints", params={"api-version": "2019-05-01"}).json()
    assert [cloud["name"] for cloud in several] == [one["name"]]


def test_life_of_a_resource_group(local: InProcess) -> None:
    path = local.group("Fresh")
    assert local.client.head(path, params=VERSION).status_code == 404
    made = local.client.put(path, params=VERSION, json={"location": "West Europe", "tags": {"a": "b"}})
    assert (made.status_code, made.json()["location"], made.json()["tags"]) == (201, "westeurope", {"a": "b"})
    assert local.client.head(path.lower(), params=VERSION).status_code == 204
    assert local.client.patch(path, params=VERSION, json={"tags": {}}).json()["tags"] == {}
    assert local.client.put(path.upper(), params=VERSION, json={"location": "westeurope"}).json()["name"] == "Fresh"
    names = [
        one["name"] for one in local.client.get(f"{local.subscription}/resourcegroups", params=VERSION).json()["value"]
    ]
    assert names == ["Fresh", "rg"]
    deleting = local.client.delete(path, params=VERSION)
    assert (deleting.status_code, deleting.content) == (202, b"")
    assert local.client.get(deleting.headers["location"]).status_code == 200
    assert local.client.get(path, params=VERSION).status_code == 404


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("rg", {"location": "eastus"}, 409, "InvalidResourceGroupLocation"),
        ("fresh", {"location": "atlantis"}, 400, "LocationNotAvailableForResourceGroup"),
        ("fresh", {}, 400, "LocationRequired"),
        ("fresh.", {"location": "eastus"}, 400, "InvalidResourceGroup"),
        ("fresh", {"location": "eastus", "tags": {"a": 1}}, 400, "InvalidTags"),
    ],
)
def test_refused_resource_groups(local: InProcess, name: str, body: Json, status: int, code: str) -> None:
    answer = local.client.put(local.group(name), params=VERSION, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_resources_of_a_group_and_filters() -> None:
    local = in_process("windows-vm")
    path = f"{local.group('access-demo')}/resources"

    def names(**more: str) -> set[str]:
        return {one["name"] for one in local.client.get(path, params={**VERSION, **more}).json()["value"]}

    assert names() == {"subnet-nsg", "win1-nsg", "access-vnet", "win1-ip", "win1-nic", "win1"}
    assert names(**{"$filter": "resourceType eq 'Microsoft.Network/networkSecurityGroups'"}) == {
        "subnet-nsg",
        "win1-nsg",
    }
    everywhere = f"{local.subscription}/resources"
    mine = local.client.get(everywhere, params={**VERSION, "$filter": "resourceGroup eq 'ACCESS-demo'"}).json()["value"]
    assert {one["name"] for one in mine} == names()
    assert names(**{"$filter": "tagName eq 'none'"}) == set()
    unknown = local.client.get(path, params={**VERSION, "$filter": "colour eq 'blue'"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, "InvalidFilterInQueryString")
    refused = local.client.get(path, params={**VERSION, "$filter": "anything goes"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "InvalidFilterInQueryString")


def test_role_assignments_need_owner_and_count_after_a_while(local: InProcess) -> None:
    azure = local.azure
    reader, group = azure.authorization.principal_named("reader"), local.group("rg")
    assert reader is not None
    path = f"{group}/{ASSIGNMENTS}/{uuid.uuid4()}"
    body = {"properties": {"roleDefinitionId": f"/x/{SECRETS_USER}", "principalId": reader.object_id}}
    assert local.client.put(path, params=VERSION, json=body).status_code == 403
    owner = in_process(
        {
            "groups": [{"name": "rg", "location": "westeurope"}],
            "propagation_seconds": 300,
            "principals": [{"name": "default", "roles": [{"role": "Owner"}]}, {"name": "reader", "roles": []}],
        }
    )
    action = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
    made = owner.client.put(path, params=VERSION, json=body)
    assert made.status_code == 201, made.text
    assert made.json()["properties"]["scope"] == group
    assert not owner.azure.authorization.allows_data(reader, action, f"{group}/providers/x/y/z")
    owner.azure.clock.advance(owner.azure.authorization.propagation)
    assert owner.azure.authorization.allows_data(reader, action, f"{group}/providers/x/y/z")
    again = owner.client.put(path, params=VERSION, json=body)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "RoleAssignmentExists")
    mine = {**VERSION, "$filter": f"principalId eq '{reader.object_id}'"}
    assert len(owner.client.get(f"{group}/{ASSIGNMENTS}", params=mine).json()["value"]) == 1
    assert owner.client.delete(path, params=VERSION).status_code == 200
    assert owner.client.delete(path, params=VERSION).status_code == 204


def test_role_definitions_by_name(local: InProcess) -> None:
    path = f"{local.subscription}/providers/Microsoft.Authorization/roleDefinitions"
    found = local.client.get(path, params={**VERSION, "$filter": "roleName eq 'key vault secrets user'"}).json()[
        "value"
    ]
    assert [one["name"] for one in found] == [SECRETS_USER]
    assert local.client.get(f"{path}/{SECRETS_USER}", params=VERSION).json() == found[0]
