# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaults as they are met: others', soft-deleted, taken, closed, elsewhere, of another region or tenant."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure.secrets import DataPlane
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import SignInFailed
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId
from ansible_collections.azvm.access.plugins.module_utils._domain.vaults import Vault

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.winrm_cert_keyvault.conftest import Bench, Json

GROUP, SECRET = "access-demo", "winrm-win1"
SOMEBODY = "11111111-2222-3333-4444-555555555555"
GROUPS = [{"name": "access-demo", "location": "westeurope"}, {"name": "security", "location": "westeurope"}]


def ops_vault(**changed: object) -> Json:
    """The scenario section with one vault, ops-vault, open for deployment unless said otherwise."""
    properties = {"enableRbacAuthorization": True, "enabledForDeployment": True}
    given = {"name": "ops-vault", "resource_group": GROUP, "properties": properties, **changed}
    return {"vaults": [given]}


def vault_writes(bench: Bench) -> list[str]:
    """Method and name of each request that changed a vault itself."""
    return [
        f"{line.split()[0]} {line.rpartition('/')[2]}"
        for line in bench.control.writes()
        if "/Microsoft.KeyVault/vaults/" in line and "/secrets/" not in line
    ]


def test_access_policies_of_others_survive_untouched(bench: Bench) -> None:
    policies = [
        {"objectId": SOMEBODY, "permissions": {"keys": ["get", "wrapKey"], "secrets": ["all"]}},
        {"principal": "default", "permissions": {"secrets": ["get", "list", "set"], "certificates": ["get"]}},
    ]
    properties = {
        "enableRbacAuthorization": False,
        "accessPolicies": policies,
        "enabledForTemplateDeployment": True,
        "softDeleteRetentionInDays": 30,
        "networkAcls": {"defaultAction": "Allow", "bypass": "AzureServices"},
    }
    bench.scenario(keyvault=ops_vault(properties=properties, tags={"owner": "ops"}))
    before = bench.vault("ops-vault")
    assert len(before["properties"]["accessPolicies"]) == 2
    assert not before["properties"]["enabledForDeployment"]

    predicted = bench.run(vault_name="ops-vault", check_mode=True)
    assert bench.control.writes() == []
    assert predicted.before is not None
    assert predicted.before["vault"]["enabled_for_deployment"] is False
    assert predicted.after is not None
    assert predicted.after["vault"]["enabled_for_deployment"] is True
    made = bench.run(vault_name="ops-vault")
    assert vault_writes(bench) == ["PATCH ops-vault"]
    assert made.thing["channel"] == "data_plane"
    assert bench.references() == [made.thing["secret_url"]]

    after = bench.vault("ops-vault")
    assert after["properties"].pop("enabledForDeployment") is True
    assert before["properties"].pop("enabledForDeployment") is False
    assert after["properties"] == before["properties"]
    assert after["tags"] == before["tags"]
    assert not bench.run(vault_name="OPS-vault").changed
    assert bench.control.writes() == []


def test_a_vault_that_is_open_for_deployment_is_not_written_at_all(bench: Bench) -> None:
    bench.scenario(keyvault=ops_vault())
    before = bench.vault("ops-vault")
    assert bench.run(vault_name="ops-vault").changed
    assert vault_writes(bench) == []
    assert bench.vault("ops-vault") == before


def test_without_a_reference_deployment_is_not_switched_on(bench: Bench) -> None:
    bench.scenario(keyvault=ops_vault(properties={"enableRbacAuthorization": True}))
    bench.run(vault_name="ops-vault", reference=False)
    assert bench.vault("ops-vault")["properties"]["enabledForDeployment"] is False


def test_a_policy_that_lets_the_caller_write_only_goes_through_resource_manager(bench: Bench) -> None:
    policy = {"principal": "default", "permissions": {"secrets": ["set"]}}
    properties = {"enableRbacAuthorization": False, "accessPolicies": [policy], "enabledForDeployment": True}
    bench.scenario(keyvault=ops_vault(properties=properties))
    made = bench.run(vault_name="ops-vault")
    assert made.thing["channel"] == "resource_manager"
    assert not bench.run(vault_name="ops-vault").changed
    error = bench.refused(vault_name="ops-vault", vault_channel="data_plane")
    assert error.code == "ForbiddenByPolicy"
    assert "Add an access policy" in error.hint
    assert "vault_channel" in error.hint


def test_a_vault_that_is_missing_and_may_not_be_made(bench: Bench) -> None:
    for check_mode in (True, False):
        error = bench.refused(vault_name="ops-vault", create_vault=False, check_mode=check_mode)
        assert error.code == "VaultNotFound"
        assert "ops-vault" in error.message
        assert "create_vault: true" in error.hint
        assert bench.control.writes() == []


# Soft-deleted


def test_a_deleted_vault_is_recovered_with_what_it_holds(bench: Bench) -> None:
    made = bench.run().thing
    bench.run(state="absent")
    bench.arm("DELETE", f"{GROUP}/providers/Microsoft.KeyVault/vaults/{bench.vault_name}", version="2026-02-01")
    predicted = bench.run(check_mode=True)
    assert bench.control.writes() == []
    assert predicted.changed
    back = bench.run()
    assert back.changed
    assert back.thing["secret_url"] == made["secret_url"]
    assert bench.references() == [made["secret_url"]]
    assert not bench.run().changed


def test_a_deleted_vault_of_others_keeps_its_policies_and_is_opened_for_deployment(bench: Bench) -> None:
    policy = {"principal": "default", "permissions": {"secrets": ["all"]}}
    properties = {"enableRbacAuthorization": False, "accessPolicies": [policy]}
    bench.scenario(keyvault=ops_vault(deleted=True, properties=properties))
    made = bench.run(vault_name="ops-vault")
    assert vault_writes(bench) == ["PUT ops-vault", "PATCH ops-vault"]
    assert bench.references() == [made.thing["secret_url"]]
    recovered = bench.vault("ops-vault")["properties"]
    assert [each["permissions"] for each in recovered["accessPolicies"]] == [{"secrets": ["all"]}]
    assert recovered["enableRbacAuthorization"] is False


def test_a_deleted_vault_that_may_not_be_recovered(bench: Bench) -> None:
    bench.scenario(keyvault=ops_vault(deleted=True))
    for check_mode in (True, False):
        error = bench.refused(vault_name="ops-vault", recover_deleted=False, check_mode=check_mode)
        assert error.code == "VaultIsDeleted"
        assert "recover_deleted: true" in error.hint
        assert bench.control.writes() == []


def test_a_vault_that_was_deleted_in_another_group(bench: Bench) -> None:
    bench.scenario(groups=GROUPS, keyvault=ops_vault(resource_group="security", deleted=True))
    error = bench.refused(vault_name="ops-vault")
    assert error.code == "VaultIsDeleted"
    assert "vault_resource_group: security" in error.hint
    assert bench.control.writes() == []
    bench.run(vault_name="ops-vault", vault_resource_group="security")
    assert len(bench.references()) == 1


def test_a_vault_that_was_deleted_in_another_region(bench: Bench) -> None:
    bench.scenario(keyvault=ops_vault(location="northeurope", deleted=True))
    error = bench.refused(vault_name="ops-vault")
    assert error.code == "VaultIsDeleted"
    assert "another vault_name" in error.hint
    assert "region" in error.hint
    assert bench.references() == []


@pytest.fixture
def only_in_the_group(bench: Bench) -> Bench:
    """A caller whose rights end at the resource group, so that deleted vaults can't be seen."""
    roles = ("Contributor", "Key Vault Secrets Officer")
    local = {"name": "local", "roles": [{"role": role, "scope": f"group {GROUP}"} for role in roles]}
    default = {"name": "default", "roles": [{"role": "Owner", "scope": "subscription"}]}
    bench.scenario(principals=[default, local])
    return bench


def test_rights_in_the_group_are_enough(only_in_the_group: Bench) -> None:
    bench = only_in_the_group
    assert bench.run(principal="local").changed
    assert not bench.run(principal="local").changed


def test_rights_in_the_group_are_enough_to_recover(only_in_the_group: Bench) -> None:
    bench = only_in_the_group
    made = bench.run(principal="local").thing
    bench.run(principal="local", state="absent")
    bench.arm("DELETE", f"{GROUP}/providers/Microsoft.KeyVault/vaults/{bench.vault_name}", version="2026-02-01")
    error = bench.refused(principal="local", recover_deleted=False)
    assert error.code == "VaultIsDeleted"
    assert bench.run(principal="local").thing["secret_url"] == made["secret_url"]


# Names and places


def test_a_name_that_somebody_else_has(bench: Bench) -> None:
    bench.scenario(keyvault={"taken_names": ["contoso-secrets"]})
    error = bench.refused(vault_name="contoso-secrets")
    assert error.code == "VaultAlreadyExists"
    assert "choose another vault_name" in error.hint
    assert bench.references() == []


def test_a_vault_in_another_group_of_the_subscription(bench: Bench) -> None:
    bench.scenario(groups=GROUPS, keyvault=ops_vault(resource_group="security"))
    error = bench.refused(vault_name="Ops-Vault")
    assert error.code == "VaultAlreadyExists"
    assert "resource group security: set vault_resource_group" in error.hint
    made = bench.run(vault_name="ops-vault", vault_resource_group="Security")
    assert bench.references() == [made.thing["secret_url"]]
    assert not bench.run(vault_name="ops-vault", vault_resource_group="security").changed


def test_a_resource_group_that_does_not_exist(bench: Bench) -> None:
    error = bench.refused(vault_resource_group="nowhere")
    assert error.code == "ResourceGroupNotFound"
    assert "nowhere" in error.message


def test_a_vault_of_another_region(bench: Bench) -> None:
    bench.scenario(keyvault=ops_vault(location="northeurope"))
    for check_mode in (True, False):
        error = bench.refused(vault_name="ops-vault", check_mode=check_mode)
        assert error.code == "VaultInOtherRegion"
        assert "northeurope" in error.message
        assert bench.control.writes() == []
    assert bench.run(vault_name="ops-vault", reference=False).changed


# Closed


@pytest.mark.parametrize(
    ("closed", "code"),
    [
        ({"networkAcls": {"defaultAction": "Deny", "bypass": "AzureServices"}}, "ForbiddenByFirewall"),
        ({"publicNetworkAccess": "Disabled"}, "ForbiddenByConnection"),
    ],
)
def test_a_vault_that_lets_nobody_in(bench: Bench, closed: Json, code: str) -> None:
    properties = {"enableRbacAuthorization": True, "enabledForDeployment": True, **closed}
    bench.scenario(keyvault=ops_vault(properties=properties))
    # A firewall does not open by waiting: 60 seconds of patience would make this test fail.
    error = bench.refused(vault_name="ops-vault", vault_channel="data_plane", rights_timeout=600, seconds=20)
    assert error.code == code
    assert "ops-vault" in error.message
    assert "vault_channel" in error.hint
    assert bench.control.writes() == []
    made = bench.run(vault_name="ops-vault")
    assert made.thing["channel"] == "resource_manager"
    assert bench.references() == [made.thing["secret_url"]]
    again = bench.run(vault_name="ops-vault")
    assert not again.changed
    assert again.thing["channel"] == "resource_manager"
    # What stands in the way of a deletion is not the role.
    error = bench.refused(vault_name="ops-vault", state="absent", remove_certificate=True)
    assert (error.code, error.details["cause"]) == ("DeleteNeedsDataPlane", code)
    assert "Secrets Officer" not in error.hint
    assert "network rules" in error.hint or "private endpoint" in error.hint


def test_an_endpoint_that_does_not_answer_is_gone_round(bench: Bench) -> None:
    bench.scenario(keyvault=ops_vault())
    bench.control.fault("reset-before", path="^/secrets/")
    made = bench.run(vault_name="ops-vault")
    assert made.thing["channel"] == "resource_manager"
    assert bench.references() == [made.thing["secret_url"]]


def test_an_endpoint_that_is_not_there_yet_is_waited_for(bench: Bench) -> None:
    bench.scenario(keyvault=ops_vault())
    bench.control.fault("reset-before", path="^/secrets/", times=8)
    made = bench.run(vault_name="ops-vault", vault_channel="data_plane", rights_timeout=30)
    assert made.thing["channel"] == "data_plane"


def test_a_vault_of_another_tenant(bench: Bench) -> None:
    bench.scenario(keyvault={"taken_names": ["contoso-secrets"]})
    id = ResourceId.parse(str(bench.vm().id).replace("Compute/virtualMachines/win1", "KeyVault/vaults/contoso-secrets"))
    uri = "https://contoso-secrets.vault.azure.net/"
    vault = Vault(id=id, location="westeurope", uri=uri, enabled_for_deployment=True, rbac=True)
    with pytest.raises(SignInFailed) as caught:
        DataPlane(bench.azure, vault).versions(SECRET)
    assert caught.value.code == "OtherTenant"
    assert "belongs to the tenant 7c2f1d6e-0f3b-4a55-8d3c-5b1e9a4f6c02" in caught.value.message
    assert "additionally_allowed_tenants" not in caught.value.message


# What others keep in them


def test_a_secret_of_others_under_our_name_is_left_alone(bench: Bench) -> None:
    secret = {"name": SECRET, "value": "theirs", "contentType": "text/plain"}
    bench.scenario(keyvault=ops_vault(secrets=[secret]))
    for changed in ({}, {"check_mode": True}, {"force_renew": True}, {"vault_channel": "resource_manager"}):
        error = bench.refused(vault_name="ops-vault", **changed)
        assert error.code == "SecretOfOthers"
        assert "another certificate_name" in error.hint
        assert bench.control.writes() == []
    assert bench.run(vault_name="ops-vault", certificate_name="winrm-ours").changed


def test_a_secret_of_others_is_not_removed_either(bench: Bench) -> None:
    made = bench.run().thing
    bench.forward(seconds=2)  # versions of one second have no order
    theirs = bench.secrets().set_secret(SECRET, "theirs")
    error = bench.refused(state="absent", remove_certificate=True)
    assert error.code == "SecretOfOthers"
    assert bench.control.writes() == []
    assert bench.references() == [made["secret_url"]]
    assert bench.secrets().get_secret(SECRET).id == theirs.id


def test_a_deleted_secret_of_others_is_not_brought_back(bench: Bench) -> None:
    secret = {"name": SECRET, "value": "theirs", "deleted": True}
    bench.scenario(keyvault=ops_vault(secrets=[secret]))
    error = bench.refused(vault_name="ops-vault")
    assert error.code == "SecretOfOthers"
    assert "deleted" in error.message
    assert bench.control.writes() == []


def test_a_deleted_secret_that_resource_manager_can_not_see(bench: Bench) -> None:
    bench.run()
    bench.run(state="absent", remove_certificate=True)
    error = bench.refused(vault_channel="resource_manager")
    assert error.code == "ObjectIsDeletedButRecoverable"
    assert "Key Vault Secrets Officer" in error.hint
    assert bench.references() == []


def test_a_disabled_version_is_replaced(bench: Bench) -> None:
    old = bench.run().thing
    bench.secrets().update_secret_properties(SECRET, enabled=False)
    new = bench.run()
    assert new.thing["reason"] == "the current version is disabled"
    assert new.thing["previous"] == [old["secret_url"]]
    assert not bench.run().changed
