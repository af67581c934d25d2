# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags and management locks at any scope, and the lists that show them."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest

from local_azure.core.wire import Json
from local_azure.testing import InProcess, in_process

TAGS = "providers/Microsoft.Resources/tags/default"
LOCKS = "providers/Microsoft.Authorization/locks"
VERSION = {"api-version": "2022-12-01"}
GROUP: Json = {"location": "westeurope", "tags": {"team": "web"}}


@pytest.fixture
def local() -> InProcess:
    owner = {"name": "default", "roles": [{"role": "Owner", "scope": "subscription"}]}
    return in_process({"principals": [owner], "groups": [{"name": "rg", "location": "westeurope"}]})


def test_locks_are_for_those_who_may_give_rights() -> None:
    local = in_process()
    refused = lock(local, local.group("rg"), "ReadOnly")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "AuthorizationFailed")


def nsg(local: InProcess, group: str = "rg") -> str:
    path = f"{local.group(group)}/providers/Microsoft.Network/networkSecurityGroups/guard"
    assert send(local, "PUT", path, GROUP).status_code in (200, 201)
    return path


def send(local: InProcess, method: str, path: str, body: Json | None = None) -> httpx.Response:
    return local.client.request(method, path, params=VERSION, json=body)


def lock(local: InProcess, scope: str, level: str, name: str = "l") -> httpx.Response:
    return send(local, "PUT", f"{scope}/{LOCKS}/{name}", {"properties": {"level": level}})


@pytest.mark.parametrize("where", ["subscription", "group", "resource"])
def test_tags_without_the_rest(local: InProcess, where: str) -> None:
    scope = {"subscription": local.subscription, "group": local.group("rg"), "resource": nsg(local)}[where]
    path = f"{scope}/{TAGS}"
    given = {"a": "1", "b": "2"}
    put = send(local, "PUT", path, {"properties": {"tags": given}})
    assert put.status_code == 200
    assert put.json() == {
        "id": path,
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": given},
    }

    def patch(operation: str, tags: dict[str, str]) -> dict[str, str]:
        found: dict[str, str] = send(
            local, "PATCH", path, {"operation": operation, "properties": {"tags": tags}}
        ).json()["properties"]["tags"]
        return found

    assert patch("Merge", {"b": "3", "c": "4"}) == {"a": "1", "b": "3", "c": "4"}
    assert patch("Delete", {"a": "1", "b": "another"}) == {"b": "3", "c": "4"}
    assert patch("Replace", {"d": "5"}) == {"d": "5"}
    assert send(local, "GET", scope).json()["tags"] == {"d": "5"}
    deleted = send(local, "DELETE", path)
    assert (deleted.status_code, deleted.content) == (200, b"")
    assert send(local, "GET", path).json()["properties"] == {"tags": {}}


def test_tags_of_what_is_not_there(local: InProcess) -> None:
    path = f"{local.group('rg')}/providers/Microsoft.Network/networkSecurityGroups/none/{TAGS}"
    assert send(local, "GET", path).json()["error"]["code"] == "ResourceNotFound"
    assert send(local, "PATCH", f"{local.group('rg')}/{TAGS}", {"operation": "Turn"}).status_code == 400


def test_a_lock_is_made_changed_listed_and_removed(local: InProcess) -> None:
    path = nsg(local)
    made = lock(local, path, "CanNotDelete")
    assert (made.status_code, made.json()["properties"]) == (201, {"level": "CanNotDelete"})
    body = {"properties": {"level": "readonly", "notes": "ask first"}}
    changed = send(local, "PUT", f"{path}/{LOCKS}/l", body)
    assert (changed.status_code, changed.json()["properties"]) == (200, {"level": "ReadOnly", "notes": "ask first"})
    for scope in (local.subscription, local.group("rg"), path):
        assert send(local, "GET", f"{scope}/{LOCKS}").json()["value"] == [changed.json()]
    assert send(local, "DELETE", f"{path}/{LOCKS}/l").status_code == 200
    assert send(local, "DELETE", f"{path}/{LOCKS}/l").status_code == 204
    assert send(local, "GET", f"{path}/{LOCKS}/l").status_code == 404


def test_a_scope_may_come_encoded_as_a_whole(local: InProcess) -> None:
    lock(local, nsg(local), "CanNotDelete")
    answer = send(local, "GET", f"/{quote(nsg(local), safe='')}/{LOCKS}/l")
    assert answer.json()["properties"] == {"level": "CanNotDelete"}


@pytest.mark.parametrize("where", ["subscription", "group", "resource"])
def test_what_is_locked_is_not_deleted(local: InProcess, where: str) -> None:
    path = nsg(local)
    scope = {"subscription": local.subscription, "group": local.group("rg"), "resource": path}[where]
    lock(local, scope, "CanNotDelete")
    for one in (path, local.group("rg")):
        refused = send(local, "DELETE", one)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "ScopeLocked")
        assert refused.headers["x-ms-failure-cause"] == "gateway"
        assert f"are locked: '{scope}'" in refused.json()["error"]["message"]
    assert send(local, "PUT", path, GROUP).status_code == 200, "changes are fine"
    send(local, "DELETE", f"{scope}/{LOCKS}/l")
    assert send(local, "DELETE", path).status_code == 202


def test_what_is_read_only_is_not_written(local: InProcess) -> None:
    path = nsg(local)
    lock(local, local.group("rg"), "ReadOnly")
    assert send(local, "GET", path).status_code == 200
    for method in ("PUT", "PATCH", "DELETE"):
        assert send(local, method, path, GROUP).json()["error"]["code"] == "ScopeLocked"
    assert send(local, "PUT", f"{path}/{TAGS}", {"properties": {"tags": {}}}).status_code == 409
    send(local, "PUT", local.group("other"), {"location": "westeurope"})
    nsg(local, "other")


def test_lists_of_resources_have_times_for_those_who_ask(local: InProcess) -> None:
    nsg(local)
    listed = f"{local.subscription}/resources"
    more = {**VERSION, "$expand": "createdTime,changedTime,provisioningState"}
    entry = local.client.get(listed, params=more).json()["value"][0]
    assert entry["createdTime"] <= entry["changedTime"]
    assert (entry["provisioningState"], entry["tags"]) == ("Succeeded", {"team": "web"})
    by_tag = local.client.get(listed, params={**more, "$filter": "tagName eq 'team'"}).json()["value"][0]
    assert not {"createdTime", "provisioningState", "tags"} & by_tag.keys()


def test_a_group_says_who_manages_it_and_nothing_when_it_is_not_there(local: InProcess) -> None:
    path = local.group("managed")
    assert send(local, "PUT", path, {"location": "westeurope", "managedBy": "someone"}).json()["managedBy"] == "someone"
    assert send(local, "GET", path).json()["managedBy"] == "someone"
    missing = send(local, "HEAD", local.group("none"))
    assert (missing.status_code, missing.headers["x-ms-failure-cause"]) == (404, "gateway")


def test_a_provider_is_unregistered(local: InProcess) -> None:
    provider = f"{local.subscription}/providers/Microsoft.Network"
    types = {one["resourceType"]: one for one in send(local, "GET", provider).json()["resourceTypes"]}
    assert "West Europe" in types["networkInterfaces"]["locations"]
    assert "SupportsTags" in types["networkInterfaces"]["capabilities"]
    assert send(local, "POST", f"{provider}/unregister").json()["registrationState"] == "Unregistering"
    path = f"{local.group('rg')}/providers/Microsoft.Network/networkSecurityGroups/guard"
    assert send(local, "PUT", path, GROUP).json()["error"]["code"] == "MissingSubscriptionRegistration"
