# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: how they are got, what is in them, where and how long they are good."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import httpx
import pytest

from local_azure.testing import InProcess, in_process

VERSION = {"api-version": "2022-12-01"}
ARM_SCOPE = "https://management.azure.com/.default"


@pytest.fixture
def local() -> InProcess:
    return in_process()


def ask(local: InProcess, *, tenant: str | None = None, **changes: str) -> httpx.Response:
    principal = local.azure.authorization.principal_named("default")
    assert principal is not None
    form = {
        "grant_type": "client_credentials",
        "client_id": principal.client_id,
        "client_secret": local.azure.identity.secret_of(principal.client_id),
        "scope": ARM_SCOPE,
    } | changes
    login = local.as_principal(None, host="login.microsoftonline.com")
    return login.post(f"/{tenant or local.azure.settings.tenant_id}/oauth2/v2.0/token", data=form)


def test_token_has_the_claims_that_clients_read(local: InProcess) -> None:
    answer = ask(local).json()
    payload = answer["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    principal = local.azure.authorization.principal_named("default")
    assert principal is not None
    assert (claims["appid"], claims["oid"]) == (principal.client_id, principal.object_id)
    assert (claims["tid"], claims["aud"]) == (local.azure.settings.tenant_id, "https://management.azure.com")
    assert claims["exp"] - claims["iat"] == answer["expires_in"]
    with local.as_principal(None) as client:
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        assert client.get("/subscriptions", params=VERSION, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, 400, "unauthorized_client", 700016),
        ({"tenant": "00000000-0000-0000-0000-000000000000"}, 400, "invalid_request", 90002),
        ({"scope": "https://example.com/.default"}, 400, "invalid_resource", 500011),
        ({"scope": "user.read"}, 400, "invalid_scope", 1002012),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
def test_refusals(local: InProcess, changes: dict[str, str], status: int, error: str, number: int) -> None:
    answer = ask(local, **changes)
    document = answer.json()
    assert (answer.status_code, document["error"], document["error_codes"]) == (status, error, [number])
    assert document["error_description"].startswith(f"AADSTS{number}: ")


def test_discovery_names_the_token_endpoint(local: InProcess) -> None:
    login = local.as_principal(None, host="login.microsoftonline.com")
    tenant = local.azure.settings.tenant_id
    found = login.get(f"/{tenant}/v2.0/.well-known/openid-configuration").json()
    assert found["token_endpoint"] == f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
    asked = {
        "api-version": "1.1",
        "authorization_endpoint": f"https://login.microsoftonline.com/{tenant}/oauth2/authorize",
    }
    instances = login.get("/common/discovery/instance", params=asked).json()
    assert tenant in instances["tenant_discovery_endpoint"]
    assert any("login.windows.net" in one["aliases"] for one in instances["metadata"])
    unknown = login.get("/nobody.example/v2.0/.well-known/openid-configuration")
    assert (unknown.status_code, unknown.json()["error"]) == (400, "invalid_tenant")


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("none", "AuthenticationFailed"),
        ("garbage", "InvalidAuthenticationToken"),
        ("vault", "InvalidAuthenticationTokenAudience"),
        ("old", "ExpiredAuthenticationToken"),
    ],
)
def test_resource_manager_refuses_other_tokens(local: InProcess, case: str, code: str) -> None:
    principal = local.azure.authorization.principal_named("default")
    assert principal is not None
    audience = "https://vault.azure.net" if case == "vault" else "https://management.azure.com"
    token = "garbage" if case == "garbage" else local.azure.identity.issue(principal, audience)
    headers = {} if case == "none" else {"Authorization": f"Bearer {token}"}
    if case == "old":
        local.azure.clock.advance(timedelta(hours=2))
    answer = local.as_principal(None).get("/subscriptions", params=VERSION, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
    assert answer.headers["www-authenticate"].startswith('Bearer authorization_uri="https://login.windows.net/')
    assert answer.headers["x-ms-failure-cause"] == "gateway"


def test_a_changed_token_is_refused(local: InProcess) -> None:
    token = ask(local).json()["access_token"]
    head, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["exp"] += 1
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    headers = {"Authorization": f"Bearer {head}.{forged}.{signature}"}
    assert local.as_principal(None).get("/subscriptions", params=VERSION, headers=headers).status_code == 401


def test_graph_finds_service_principals_by_application_id(local: InProcess) -> None:
    principal = local.azure.authorization.principal_named("reader")
    assert principal is not None
    graph = local.as_principal("default", host="graph.microsoft.com")
    found = graph.get("/v1.0/servicePrincipals", params={"$filter": f"appId eq '{principal.client_id}'"}).json()[
        "value"
    ]
    assert [one["id"] for one in found] == [principal.object_id]
    assert graph.get("/v1.0/users").status_code == 400
    assert local.as_principal(None, host="graph.microsoft.com").get("/v1.0/servicePrincipals").status_code == 401
