# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaults in Resource Manager: life, names, soft delete."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local_azure.core.authorization import role_named
from local_azure.core.wire import Json

from .conftest import VAULT, Plane, code

POLICY = {
    "tenantId": "a1c35f0e-6d2b-4f8e-9b57-3d0c2f6a7e11",
    "objectId": "6b30bdc6-696a-46fb-82d7-739c2fb147b7",
    "permissions": {"secrets": ["get"]},
}


def test_a_new_vault_registers_its_name_first(start: Callable[..., Plane]) -> None:
    plane = start(pace=1.0)
    body = {"location": "WestEurope", "properties": plane.properties()}
    answer = plane.arm("PUT", plane.id("second-vault"), body)
    assert answer.status_code == 200
    assert answer.json()["properties"]["provisioningState"] == "RegisteringDns"
    assert "azure-asyncoperation" not in answer.headers
    assert plane.azure.vaults.exists("second-vault.vault.azure.net") is False
    plane.world.settle()
    shown = plane.arm("GET", plane.id("second-vault")).json()
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert shown["properties"]["vaultUri"] == "https://second-vault.vault.azure.net/"
    assert shown["location"] == "WestEurope"  # as it was written (recorded)
    resources = plane.arm("GET", f"{plane.world.group('rg')}/resources").json()["value"]
    assert [one["location"] for one in resources if one["id"] == shown["id"]] == ["westeurope"]
    assert plane.azure.vaults.exists("second-vault.vault.azure.net") is True


@pytest.mark.parametrize(("version", "rbac"), [("2026-02-01", True), ("2026-05-15", True), ("2023-07-01", None)])
def test_rbac_default_depends_on_the_api_version(start: Callable[..., Plane], version: str, rbac: bool | None) -> None:
    plane = start()
    made = plane.create(version=version, accessPolicies=[])
    assert made.json()["properties"].get("enableRbacAuthorization") is rbac


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"tenantId": None}, "tenantId"),
        ({"tenantId": "nonsense"}, "tenantId"),
        ({"sku": None}, "sku"),
        ({"sku": {"family": "A", "name": "gold"}}, "sku.name"),
        ({"enableSoftDelete": False}, "enableSoftDelete"),
        ({"enablePurgeProtection": False}, "enablePurgeProtection"),
        ({"softDeleteRetentionInDays": 6}, "softDeleteRetentionInDays"),
        ({"enableRbacAuthorization": False}, "accessPolicies"),
        ({"networkAcls": {"ipRules": [{"value": "house"}]}}, "ipRules"),
        ({"enabledForDeployment": "yes"}, "enabledForDeployment"),
    ],
)
def test_refused_properties(start: Callable[..., Plane], change: Json, text: str) -> None:
    plane = start()
    answer = plane.create(**change)
    assert code(answer)[:2] == (400, "BadRequest")
    assert text in answer.json()["error"]["message"]
    assert plane.arm("GET", plane.id()).status_code == 404


def test_location_is_required_and_can_not_change(plane: Plane) -> None:
    assert code(plane.arm("PUT", plane.id("other-vault"), {"properties": plane.properties()}))[1] == "LocationRequired"
    moved = plane.arm("PUT", plane.id(), {"location": "northeurope", "properties": plane.properties()})
    assert code(moved)[:2] == (409, "InvalidResourceLocation")


@pytest.mark.parametrize("name", ["a--b", "1abc", "abc-", "ab"])
def test_invalid_names(start: Callable[..., Plane], name: str) -> None:
    assert code(start().create(name))[:2] == (400, "VaultNameNotValid")


def test_a_flag_by_patch_leaves_access_policies_alone(start: Callable[..., Plane]) -> None:
    plane = start()
    plane.create(enableRbacAuthorization=False, accessPolicies=[POLICY])
    answer = plane.arm("PATCH", plane.id(), {"properties": {"enabledForDeployment": True}})
    assert answer.status_code == 200
    shown = plane.arm("GET", plane.id()).json()["properties"]
    assert shown["enabledForDeployment"] is True
    assert shown["accessPolicies"] == [POLICY]
    assert shown["enableRbacAuthorization"] is False


def test_access_policies_are_replaced_when_given(start: Callable[..., Plane]) -> None:
    plane = start()
    plane.create(enableRbacAuthorization=False, accessPolicies=[POLICY])
    plane.arm("PATCH", plane.id(), {"properties": {"accessPolicies": []}})
    assert plane.arm("GET", plane.id()).json()["properties"]["accessPolicies"] == []


def test_a_put_on_a_known_vault_changes_it(start: Callable[..., Plane]) -> None:
    plane = start()
    plane.create(enableRbacAuthorization=False, accessPolicies=[POLICY])
    again = plane.create(accessPolicies=[])
    assert again.status_code == 200
    assert again.json()["properties"]["accessPolicies"] == []
    assert code(plane.create()) == (400, "BadRequest", None)


def test_retention_is_fixed_at_creation(start: Callable[..., Plane]) -> None:
    plane = start()
    assert plane.create(softDeleteRetentionInDays=7).status_code == 200
    answer = plane.arm("PATCH", plane.id(), {"properties": {"softDeleteRetentionInDays": 8}})
    assert code(answer)[:2] == (400, "BadRequest")


def test_tags_by_patch_are_replaced_and_otherwise_kept(plane: Plane) -> None:
    plane.arm("PATCH", plane.id(), {"tags": {"owner": "ops"}})
    plane.arm("PATCH", plane.id(), {"properties": {"enabledForDeployment": True}})
    assert plane.arm("GET", plane.id()).json()["tags"] == {"owner": "ops"}


def test_lists(plane: Plane) -> None:
    plane.create("a-vault")
    by_group = plane.arm("GET", f"{plane.world.group('rg')}/providers/Microsoft.KeyVault/vaults")
    assert [vault["name"] for vault in by_group.json()["value"]] == ["a-vault", VAULT]
    everywhere = plane.arm("GET", f"{plane.world.subscription}/providers/Microsoft.KeyVault/vaults")
    assert everywhere.json() == by_group.json()


def check_name(plane: Plane, name: str) -> Any:
    body = {"name": name, "type": "Microsoft.KeyVault/vaults"}
    path = f"{plane.world.subscription}/providers/Microsoft.KeyVault/checkNameAvailability"
    return plane.arm("POST", path, body).json()


def test_name_availability(start: Callable[..., Plane]) -> None:
    plane = start({"taken_names": ["contoso-vault"]})
    plane.create()
    assert check_name(plane, "free-vault") == {"nameAvailable": True}
    assert check_name(plane, "no--good")["reason"] == "AccountNameInvalid"
    for name in (VAULT, VAULT.upper(), "contoso-vault"):
        answer = check_name(plane, name)
        assert (answer["nameAvailable"], answer["reason"]) == (False, "AlreadyExists")


def test_a_name_of_somebody_else_is_refused_but_resolves(start: Callable[..., Plane]) -> None:
    plane = start({"taken_names": ["contoso-vault"]})
    assert code(plane.create("contoso-vault"))[:2] == (409, "VaultAlreadyExists")
    assert plane.azure.vaults.exists("contoso-vault.vault.azure.net") is True
    refused = plane.data("GET", "/secrets/a", vault="contoso-vault")
    assert refused.status_code == 401
    assert "AKV10032" in refused.json()["error"]["message"]


def test_a_name_in_another_group_is_taken(start: Callable[..., Plane]) -> None:
    plane = start(groups=[{"name": "rg", "location": "westeurope"}, {"name": "other", "location": "westeurope"}])
    plane.create()
    elsewhere = plane.id().replace("/rg/", "/other/")
    body = {"location": "westeurope", "properties": plane.properties()}
    assert code(plane.arm("PUT", elsewhere, body))[:2] == (409, "VaultAlreadyExists")


def test_soft_delete_and_recovery_bring_everything_back_but_roles(plane: Plane) -> None:
    plane.data("PUT", "/secrets/kept", {"value": "42"})
    reader = plane.azure.authorization.principal_named("reader")
    assert reader is not None
    role = role_named("Key Vault Secrets User")
    assert role is not None
    plane.azure.authorization.grant(reader.object_id, role, plane.id())
    assert plane.data("GET", "/secrets/kept", principal="reader").status_code == 200

    assert plane.arm("DELETE", plane.id()).status_code == 200
    assert plane.arm("GET", plane.id()).status_code == 404
    assert plane.azure.vaults.exists(f"{VAULT}.vault.azure.net") is False
    assert code(plane.create())[:2] == (409, "ConflictError")

    recovered = plane.create(createMode="recover")
    assert recovered.status_code == 200
    assert plane.data("GET", "/secrets/kept").json()["value"] == "42"
    assert code(plane.data("GET", "/secrets/kept", principal="reader"))[2] == "ForbiddenByRbac"


def test_deleting_what_is_not_there(plane: Plane) -> None:
    assert plane.arm("DELETE", plane.id("never-was")).status_code == 204


def test_nothing_to_recover(start: Callable[..., Plane]) -> None:
    plane = start()
    assert code(plane.create(createMode="recover"))[1] == "SoftDeletedVaultDoesNotExist"
    plane.create()
    assert code(plane.create(createMode="recover"))[1] == "SoftDeletedVaultDoesNotExist"


def test_recovery_needs_the_same_location_and_group(start: Callable[..., Plane]) -> None:
    plane = start(groups=[{"name": "rg", "location": "westeurope"}, {"name": "other", "location": "westeurope"}])
    plane.create()
    plane.arm("DELETE", plane.id())
    body = {"location": "northeurope", "properties": plane.properties(createMode="recover")}
    assert code(plane.arm("PUT", plane.id(), body))[1] == "SoftDeletedVaultDoesNotExist"
    body["location"] = "westeurope"
    elsewhere = plane.id().replace("/rg/", "/other/")
    assert code(plane.arm("PUT", elsewhere, body))[1] == "SoftDeletedVaultDoesNotExist"
    assert plane.arm("PUT", plane.id(), body).status_code == 200


def test_deleted_vaults_are_listed_and_purged(plane: Plane) -> None:
    plane.arm("DELETE", plane.id())
    root = f"{plane.world.subscription}/providers/Microsoft.KeyVault"
    listed = plane.arm("GET", f"{root}/deletedVaults").json()["value"]
    one = plane.arm("GET", f"{root}/locations/westeurope/deletedVaults/{VAULT}").json()
    assert listed == [one]
    assert one["properties"]["vaultId"] == plane.id()
    assert "purgeProtectionEnabled" not in one["properties"]
    assert code(plane.arm("GET", f"{root}/locations/northeurope/deletedVaults/{VAULT}"))[0] == 404

    purge = plane.arm("POST", f"{root}/locations/westeurope/deletedVaults/{VAULT}/purge")
    assert purge.status_code == 202
    assert purge.headers["location"]
    plane.world.settle()
    assert plane.arm("GET", f"{root}/deletedVaults").json()["value"] == []
    assert plane.create().status_code == 200


def test_purge_protection(start: Callable[..., Plane]) -> None:
    plane = start()
    plane.create(enablePurgeProtection=True)
    plane.arm("DELETE", plane.id())
    path = f"{plane.world.subscription}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/{VAULT}"
    assert plane.arm("GET", path).json()["properties"]["purgeProtectionEnabled"] is True
    assert code(plane.arm("POST", f"{path}/purge"))[0] == 405


def test_the_end_of_retention_frees_the_name(start: Callable[..., Plane]) -> None:
    plane = start()
    plane.create(softDeleteRetentionInDays=7)
    plane.arm("DELETE", plane.id())
    plane.azure.clock.advance(timedelta(days=8))
    assert plane.create().status_code == 200


def test_deleting_the_resource_group_soft_deletes_its_vaults(plane: Plane) -> None:
    plane.arm("DELETE", plane.world.group("rg"), version="2022-12-01")
    plane.world.settle()
    assert plane.azure.vaults.deleted(VAULT) is not None
    assert plane.azure.vaults.exists(f"{VAULT}.vault.azure.net") is False


@pytest.mark.parametrize("principal", ["reader"])
def test_rights_are_checked(plane: Plane, principal: str) -> None:
    assert plane.arm("GET", plane.id(), principal=principal).status_code == 200
    assert code(plane.arm("DELETE", plane.id(), principal=principal))[:2] == (403, "AuthorizationFailed")
    assert code(plane.arm("PATCH", plane.id(), {}, principal=principal))[:2] == (403, "AuthorizationFailed")


def test_access_policies_alone(start: Callable[..., Plane]) -> None:
    plane = start()
    plane.create(enableRbacAuthorization=False, accessPolicies=[POLICY])

    def change(kind: str, **permissions: list[str]) -> list[Json]:
        body = {"properties": {"accessPolicies": [POLICY | {"permissions": permissions}]}}
        answer = plane.arm("PUT", f"{plane.id()}/accessPolicies/{kind}", body)
        assert answer.status_code == 200
        policies: list[Json] = plane.arm("GET", plane.id()).json()["properties"]["accessPolicies"]
        assert answer.json()["properties"]["accessPolicies"] == policies
        return [policy["permissions"] for policy in policies]

    added = change("add", secrets=["set"], certificates=["get"])
    assert added == [{"secrets": ["get", "set"], "certificates": ["get"]}]
    assert change("replace", secrets=["list"]) == [{"secrets": ["list"]}]
    assert change("remove", secrets=["list"]) == []


def test_there_are_no_managed_hsms(plane: Plane) -> None:
    subscription, hsms = plane.world.subscription, "/providers/Microsoft.KeyVault/managedHSMs"
    for path in (
        subscription + hsms,
        plane.world.group("rg") + hsms,
        subscription + hsms.replace("managed", "deletedManaged"),
    ):
        assert plane.arm("GET", path).json() == {"value": []}


def test_what_older_versions_do_not_tell(plane: Plane) -> None:
    old, new = (plane.arm("GET", plane.id(), version=version).json() for version in ("2019-09-01", "2022-07-01"))
    assert set(new) - set(old) == {"systemData"}
    assert set(new["properties"]) - set(old["properties"]) == {"publicNetworkAccess"}


def test_rules_that_let_everybody_in_are_not_told(plane: Plane) -> None:
    for action, told in (("Allow", False), ("Deny", True)):
        plane.arm("PATCH", plane.id(), {"properties": {"networkAcls": {"defaultAction": action}}})
        assert ("networkAcls" in plane.arm("GET", plane.id()).json()["properties"]) is told
