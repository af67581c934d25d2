# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup and restore: an opaque text brings back the whole object, once its name is free."""

from __future__ import annotations

import base64

import pytest

from ansible_collections.azvm.access.tests.unit.local_azure.keyvault.conftest import Plane, code
from local_azure.core.authorization import role_named
from local_azure.core.wire import Json


@pytest.fixture
def held(plane: Plane) -> Plane:
    """A vault with a secret of two versions, a key and a certificate, all for the default principal."""
    principal, role = plane.azure.authorization.principal_named("default"), role_named("Key Vault Administrator")
    assert principal is not None
    assert role is not None
    plane.azure.authorization.grant(principal.object_id, role, plane.id())
    plane.data("PUT", "/secrets/s", {"value": "first"})
    plane.data("PUT", "/secrets/s", {"value": "a very secret value", "tags": {"a": "b"}})
    plane.data("POST", "/keys/k/create", {"kty": "EC"})
    policy = {"issuer": {"name": "Self"}, "x509_props": {"subject": "CN=a"}}
    plane.data("POST", "/certificates/c/create", {"policy": policy})
    return plane


def backup(held: Plane, path: str) -> str:
    answer = held.data("POST", f"{path}/backup")
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["value"]
    return text


def remove(held: Plane, path: str) -> None:
    kind, name = path.strip("/").split("/")
    assert held.data("DELETE", path).status_code == 200
    assert held.data("DELETE", f"/deleted{kind}/{name}").status_code == 204


@pytest.mark.parametrize("path", ["/secrets/s", "/keys/k", "/certificates/c"])
def test_a_purged_object_comes_back_as_it_was(held: Plane, path: str) -> None:
    def look() -> Json:
        shown: Json = held.data("GET", path).json()
        shown.pop("pending", None)
        return shown

    before, versions = look(), held.data("GET", f"{path}/versions").json()
    text = backup(held, path)
    remove(held, path)

    restored = held.data("POST", f"/{path.split('/')[1]}/restore", {"value": text})

    assert restored.status_code == 200, restored.text
    assert "value" not in restored.json()
    assert look() == before
    assert held.data("GET", f"{path}/versions").json() == versions


def test_a_certificate_brings_its_secret_and_key(held: Plane) -> None:
    held.data("GET", "/certificates/c")
    secret = held.data("GET", "/secrets/c").json()
    text = backup(held, "/certificates/c")
    remove(held, "/certificates/c")
    held.data("POST", "/certificates/restore", {"value": text})

    assert held.data("GET", "/secrets/c").json() == secret
    assert held.data("GET", "/keys/c").json()["managed"] is True


def test_nothing_can_be_read_from_a_backup(held: Plane) -> None:
    text = backup(held, "/secrets/s")

    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert content.startswith(b")AzureKeyVaultSecretBackupV1.microsoft.com")
    assert b"a very secret value" not in content
    assert base64.b64encode(b"a very secret value") not in content


def test_a_name_in_use_is_not_overwritten(held: Plane) -> None:
    text = backup(held, "/secrets/s")

    assert code(held.data("POST", "/secrets/restore", {"value": text}))[:2] == (409, "Conflict")
    held.data("DELETE", "/secrets/s")
    assert code(held.data("POST", "/secrets/restore", {"value": text})) == (
        409,
        "Conflict",
        "ObjectIsDeletedButRecoverable",
    )


def test_what_is_no_backup_of_that_kind_is_refused(held: Plane) -> None:
    text = backup(held, "/secrets/s")

    assert code(held.data("POST", "/keys/restore", {"value": text}))[:2] == (400, "BadParameter")
    assert code(held.data("POST", "/secrets/restore", {"value": "AAAA"}))[:2] == (400, "BadParameter")


def test_the_secret_of_a_certificate_is_not_backed_up_alone(held: Plane) -> None:
    held.data("GET", "/certificates/c")

    assert code(held.data("POST", "/secrets/c/backup"))[:2] == (403, "Forbidden")
