# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that belong to no certificate: made, changed, deleted and brought back."""

from __future__ import annotations

import httpx
import pytest

from ansible_collections.azvm.access.tests.unit.local_azure.keyvault.conftest import Plane, code
from local_azure.core.authorization import role_named
from local_azure.core.wire import Json

WORDS = ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]


@pytest.fixture
def keys(plane: Plane) -> Plane:
    """The default principal may do everything with keys."""
    principal, role = plane.azure.authorization.principal_named("default"), role_named("Key Vault Administrator")
    assert principal is not None
    assert role is not None
    plane.azure.authorization.grant(principal.object_id, role, plane.id())
    return plane


def make(keys: Plane, name: str = "k", **body: object) -> Json:
    made = keys.data("POST", f"/keys/{name}/create", {"kty": "EC", **body})
    assert made.status_code == 200, made.text
    shown: Json = made.json()
    return shown


def test_a_new_key_shows_its_public_half_and_what_it_may_do(keys: Plane) -> None:
    made = make(keys, kty="RSA", tags={"for": "test"})

    assert made["key"]["kid"].startswith("https://demo-vault.vault.azure.net/keys/k/")
    assert made["key"]["key_ops"] == WORDS
    assert {"n", "e", "kty"} <= made["key"].keys()
    assert made["attributes"]["exportable"] is False
    assert made["attributes"]["hsmPlatform"] == "0"
    assert made["tags"] == {"for": "test"}
    assert "managed" not in made
    assert keys.data("GET", "/keys/k").json() == made


def test_the_platform_is_told_since_version_7_5(keys: Plane) -> None:
    make(keys)

    told = ["hsmPlatform" in keys.data("GET", "/keys/k", version=one).json()["attributes"] for one in ("7.4", "7.5")]
    assert told == [False, True]


def test_an_old_version_tells_in_lists_and_deletions_only_that_it_is_not_exported(keys: Plane) -> None:
    make(keys)

    def told(answer: httpx.Response) -> bool:
        body = answer.json()
        return "exportable" in (body["value"][0] if "value" in body else body)["attributes"]

    assert [told(keys.data("GET", "/keys/k", version=one)) for one in ("7.0", "7.4")] == [False, True]
    assert told(keys.data("GET", "/keys", version="7.0"))
    assert told(keys.data("DELETE", "/keys/k", version="7.0"))


def test_creating_it_again_makes_a_version(keys: Plane) -> None:
    first, second = make(keys), make(keys)

    listed = keys.data("GET", "/keys/k/versions").json()["value"]
    assert {one["kid"] for one in listed} == {first["key"]["kid"], second["key"]["kid"]}
    assert keys.data("GET", "/keys/k").json()["key"]["kid"] == second["key"]["kid"]
    assert [one["kid"] for one in keys.data("GET", "/keys").json()["value"]] == [
        "https://demo-vault.vault.azure.net/keys/k"
    ]


def test_a_patch_changes_what_it_names(keys: Plane) -> None:
    make(keys, tags={"a": "b"})

    changed = keys.data("PATCH", "/keys/k", {"attributes": {"enabled": False}, "key_ops": ["sign"]}).json()
    assert changed["attributes"]["enabled"] is False
    assert changed["key"]["key_ops"] == ["sign"]
    assert changed["tags"] == {"a": "b"}


def test_a_deleted_key_comes_back_or_is_gone_for_good(keys: Plane) -> None:
    made = make(keys)

    deleted = keys.data("DELETE", "/keys/k").json()
    assert deleted["recoveryId"] == "https://demo-vault.vault.azure.net/deletedkeys/k"
    assert deleted["key"] == made["key"]
    assert code(keys.data("POST", "/keys/k/create", {"kty": "EC"})) == (
        409,
        "Conflict",
        "ObjectIsDeletedButRecoverable",
    )
    assert [one["recoveryId"] for one in keys.data("GET", "/deletedkeys").json()["value"]] == [deleted["recoveryId"]]
    assert keys.data("POST", "/deletedkeys/k/recover").json()["key"] == made["key"]
    keys.data("DELETE", "/keys/k")
    assert keys.data("DELETE", "/deletedkeys/k").status_code == 204
    assert code(keys.data("GET", "/deletedkeys/k"))[:2] == (404, "KeyNotFound")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "BadParameter")),
        ({"kty": "RSA", "key_size": 1024}, (400, "BadParameter")),
        ({"kty": "EC", "crv": "P-1"}, (400, "BadParameter")),
        ({"kty": "EC", "key_ops": ["encrypt"]}, (400, "BadParameter")),
        ({"kty": "RSA-HSM"}, (501, "NotModelled")),
    ],
)
def test_what_can_not_be_made_is_refused(keys: Plane, body: Json, expected: tuple[int, str]) -> None:
    assert code(keys.data("POST", "/keys/k/create", body))[:2] == expected


def test_keys_of_certificates_are_listed_and_can_not_be_changed(keys: Plane) -> None:
    policy = {"issuer": {"name": "Self"}, "x509_props": {"subject": "CN=a"}}
    assert keys.data("POST", "/certificates/c/create", {"policy": policy}).status_code == 202
    keys.data("GET", "/certificates/c")

    assert [one["managed"] for one in keys.data("GET", "/keys").json()["value"]] == [True]
    for method, path, body in (
        ("DELETE", "/keys/c", None),
        ("POST", "/keys/c/backup", None),
        ("POST", "/keys/c/create", {"kty": "EC"}),
    ):
        assert code(keys.data(method, path, body))[:2] == (403, "Forbidden")


def test_a_certificate_can_not_take_the_name_of_a_key(keys: Plane) -> None:
    make(keys, "taken")

    policy = {"issuer": {"name": "Self"}, "x509_props": {"subject": "CN=a"}}
    assert code(keys.data("POST", "/certificates/taken/create", {"policy": policy}))[:2] == (409, "Conflict")
