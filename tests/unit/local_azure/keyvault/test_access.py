# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets into a vault: challenge, tokens, firewall, RBAC, access policies, throttling."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from local_azure.core.authorization import role_named
from local_azure.core.wire import Json

from .conftest import VAULT, Plane, code


def test_without_a_token_the_vault_says_where_to_get_one(plane: Plane) -> None:
    answer = plane.data("PUT", "/secrets/a", principal=None)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == (
        f'Bearer authorization="https://login.microsoftonline.com/{plane.azure.settings.tenant_id}", '
        'resource="https://vault.azure.net"'
    )
    assert answer.headers["x-ms-keyvault-region"] == "westeurope"
    assert answer.json() == {
        "error": {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer or PoP token."}
    }


def with_token(plane: Plane, token: str, host: str = f"{VAULT}.vault.azure.net") -> httpx.Response:
    client = httpx.Client(transport=plane.world.transport, headers={"Authorization": f"Bearer {token}"})
    return client.get(f"https://{host}/secrets", params={"api-version": "7.4"})


def test_a_token_for_something_else_is_refused(plane: Plane) -> None:
    principal = plane.azure.authorization.principal_named("default")
    assert principal is not None
    arm = plane.azure.identity.issue(principal, "https://management.azure.com")
    refused = with_token(plane, arm)
    assert code(refused)[:2] == (401, "Unauthorized")
    assert refused.json()["error"]["message"].startswith("AKV10022")
    other_cloud = plane.azure.identity.issue(principal, "https://vault.azure.cn")
    assert with_token(plane, other_cloud).status_code == 401
    assert with_token(plane, other_cloud, f"{VAULT}.vault.azure.cn").status_code == 200
    assert with_token(plane, "nonsense").status_code == 401


def test_an_expired_token_is_refused(plane: Plane) -> None:
    principal = plane.azure.authorization.principal_named("default")
    assert principal is not None
    token = plane.azure.identity.issue(principal, "https://vault.azure.net")
    plane.azure.clock.advance(timedelta(hours=2))
    assert "expired" in with_token(plane, token).json()["error"]["message"]


@pytest.mark.parametrize("version", ["7.0", "7.4", "7.5-preview.1", "7.6", "2016-10-01", "2025-07-01", "2026-04-01"])
def test_known_versions(plane: Plane, version: str) -> None:
    assert plane.data("GET", "/secrets", version=version).status_code == 200


@pytest.mark.parametrize("version", ["", "1.0", "2019-01-01", "latest"])
def test_unknown_versions(plane: Plane, version: str) -> None:
    assert code(plane.data("GET", "/secrets", version=version))[:2] == (400, "BadParameter")


def test_what_is_not_modelled_is_refused(plane: Plane) -> None:
    assert code(plane.data("POST", "/keys/k/0123456789abcdef/encrypt", {}))[:2] == (501, "NotModelled")
    assert plane.data("DELETE", "/secrets").status_code == 405


def test_unknown_vaults_do_not_resolve(plane: Plane) -> None:
    assert plane.azure.vaults.exists("nobodys-vault.vault.azure.net") is False
    assert plane.azure.vaults.exists("management.azure.com") is False
    assert plane.azure.vaults.exists(f"{VAULT}.vault.azure.net:443") is True


def test_rbac_refusals_name_caller_action_and_resource(plane: Plane) -> None:
    answer = plane.data("PUT", "/secrets/pass", {"value": "x"}, principal="contributor")
    assert code(answer) == (403, "Forbidden", "ForbiddenByRbac")
    contributor = plane.azure.authorization.principal_named("contributor")
    assert contributor is not None
    lines = answer.json()["error"]["message"].splitlines()
    assert f"appid={contributor.client_id};oid={contributor.object_id}" in lines[2]
    assert lines[3] == "Action: 'Microsoft.KeyVault/vaults/secrets/setSecret/action'"
    assert lines[4] == f"Resource: '{plane.id().lower()}/secrets/pass'"
    assert lines[-1] == f"Vault: {VAULT};location=westeurope"


def test_a_role_counts_after_it_has_spread(plane: Plane) -> None:
    contributor = plane.azure.authorization.principal_named("contributor")
    role = role_named("Key Vault Secrets Officer")
    assert contributor is not None
    assert role is not None
    plane.azure.authorization.grant(contributor.object_id, role, plane.id(), delay=timedelta(minutes=5))
    assert code(plane.data("GET", "/secrets", principal="contributor"))[2] == "ForbiddenByRbac"
    plane.azure.clock.advance(timedelta(minutes=6))
    assert plane.data("GET", "/secrets", principal="contributor").status_code == 200
    assert code(plane.data("GET", "/certificates", principal="contributor"))[2] == "ForbiddenByRbac"


def with_policy(start: Callable[..., Plane], **permissions: list[str]) -> Plane:
    properties = {
        "enableRbacAuthorization": False,
        "accessPolicies": [{"principal": "contributor", "permissions": permissions}],
    }
    return start({"vaults": [{"name": VAULT, "resource_group": "rg", "properties": properties}]})


def test_access_policies_decide_without_rbac(start: Callable[..., Plane]) -> None:
    plane = with_policy(start, secrets=["set", "Get"])
    assert plane.data("PUT", "/secrets/a", {"value": "1"}, principal="contributor").status_code == 200
    assert plane.data("GET", "/secrets/a", principal="contributor").status_code == 200
    refused = plane.data("GET", "/secrets", principal="contributor")
    assert code(refused) == (403, "Forbidden", "ForbiddenByPolicy")
    assert f"does not have secrets list permission on key vault '{VAULT};" in refused.json()["error"]["message"]
    assert code(plane.data("GET", "/secrets"))[2] == "ForbiddenByPolicy", "roles don't count in such a vault"


def test_all_does_not_include_purge(start: Callable[..., Plane]) -> None:
    plane = with_policy(start, secrets=["all"])
    plane.data("PUT", "/secrets/a", {"value": "1"}, principal="contributor")
    assert plane.data("DELETE", "/secrets/a", principal="contributor").status_code == 200
    assert code(plane.data("DELETE", "/deletedsecrets/a", principal="contributor"))[2] == "ForbiddenByPolicy"


@pytest.mark.parametrize(
    ("properties", "inner"),
    [
        ({"networkAcls": {"defaultAction": "Deny"}}, "ForbiddenByFirewall"),
        ({"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.0/24"}]}}, "ForbiddenByFirewall"),
        ({"publicNetworkAccess": "Disabled"}, "ForbiddenByConnection"),
        ({"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "127.0.0.1"}]}}, None),
        ({"networkAcls": {"defaultAction": "Allow"}}, None),
    ],
)
def test_firewall(start: Callable[..., Plane], properties: Json, inner: str | None) -> None:
    plane = start()
    assert plane.create(**properties).status_code == 200
    answer = plane.data("GET", "/secrets")
    if inner is None:
        assert answer.status_code == 200
    else:
        assert code(answer) == (403, "Forbidden", inner)


def test_throttling_is_off_unless_the_scenario_says_so(start: Callable[..., Plane]) -> None:
    plane = start({"throttle": {"requests": 2, "seconds": 10}})
    plane.create()
    answers = [plane.data("GET", "/secrets").status_code for _request in range(3)]
    assert answers == [200, 200, 429]
    refused = plane.data("GET", "/secrets")
    assert code(refused)[1] == "Throttled"
    assert refused.headers["retry-after"] == "1"
    plane.azure.clock.advance(timedelta(seconds=11))
    assert plane.data("GET", "/secrets").status_code == 200
