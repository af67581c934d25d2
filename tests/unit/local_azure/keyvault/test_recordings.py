# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shapes of answers compared with recorded traffic of the real Key Vault, where there is a copy of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_azure.core.wire import Json

from .conftest import VAULT, Plane

TRAFFIC = Path(__file__).parents[5] / "shared" / "azure-traffic"
COMPARED_HEADERS = ("content-type", "www-authenticate", "location", "x-ms-keyvault-region")

pytestmark = pytest.mark.skipif(not TRAFFIC.is_dir(), reason=f"no recorded traffic at {TRAFFIC}")


def recorded(file: str, method: str, ending: str, status: int = 200) -> Json:
    """The first recorded exchange of that kind; `ending` ends the path."""
    for line in (TRAFFIC / f"{file}.jsonl").read_text(encoding="utf-8").splitlines():
        exchange: Json = json.loads(line)
        if (exchange["method"], exchange["status"]) == (method, status) and exchange["path"].endswith(ending):
            return exchange
    raise LookupError(f"{file} has no {method} ...{ending} -> {status}")


def shape(value: Any) -> Any:
    """Names and types; of a list its first entry."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


@pytest.fixture
def vault(start: Callable[..., Plane]) -> Plane:
    """A vault like those of the recordings: access policies, seven days of retention."""
    plane = start()
    principal = plane.azure.authorization.principal_named("default")
    assert principal is not None
    everything = {kind: ["all", "purge"] for kind in ("keys", "secrets", "certificates", "storage")}
    policy = {
        "tenantId": plane.azure.settings.tenant_id,
        "objectId": principal.object_id,
        "permissions": everything,
    }
    made = plane.create(accessPolicies=[policy], softDeleteRetentionInDays=7, version="2023-02-01")
    assert made.status_code == 200
    return plane


def test_vault(vault: Plane) -> None:
    expected = recorded("test_keyvault_softdelete", "GET", "/cli-test-kv-sd-000002")["response"]
    assert shape(vault.arm("GET", vault.id()).json()) == shape(expected)


def test_challenge(vault: Plane) -> None:
    expected = recorded("test_keyvault_secret", "PUT", "/secrets/secret1", 401)
    answer = vault.data("PUT", "/secrets/secret1", principal=None)
    assert answer.json() == expected["response"]
    for name in COMPARED_HEADERS:
        assert (name in answer.headers) == (name in expected["headers"])


@pytest.mark.parametrize(
    ("method", "ending", "body"),
    [
        ("PUT", "/secrets/secret1", {"value": "ABC123", "tags": {"file-encoding": "utf-8"}}),
        ("GET", "/secrets/secret1/", None),
        ("GET", "/secrets", None),
        ("GET", "/secrets/secret1/versions", None),
        ("PATCH", "/secrets/secret1/", {"attributes": {"enabled": False}}),
        ("DELETE", "/secrets/secret1", None),
    ],
)
def test_secrets(vault: Plane, method: str, ending: str, body: Json | None) -> None:
    expected = recorded("test_keyvault_secret", method, ending)
    if method != "PUT":
        typed = {"contentType": "test type"} if "contentType" in json.dumps(shape(expected["response"])) else {}
        vault.data("PUT", "/secrets/secret1", {"value": "x", "tags": {"a": "b"}} | typed)
    answer = vault.data(method, ending, body)
    assert answer.status_code == expected["status"]
    assert without_tags(shape(answer.json())) == without_tags(shape(expected["response"]))


def without_tags(value: Any) -> Any:
    """Tags are the caller's own."""
    if isinstance(value, dict):
        return {name: without_tags(inner) for name, inner in value.items() if name != "tags"}
    return [without_tags(inner) for inner in value] if isinstance(value, list) else value


def test_deleted_vaults(vault: Plane) -> None:
    vault.arm("DELETE", vault.id())
    root = f"{vault.world.subscription}/providers/Microsoft.KeyVault"
    path = f"{root}/locations/westeurope/deletedVaults/{VAULT}"
    expected = recorded("test_keyvault_softdelete", "GET", "/deletedVaults/cli-test-kv-sd-000003")
    assert shape(vault.arm("GET", path).json()) == shape(expected["response"])


CERTIFICATE_REQUEST = ("test_keyvault_certificate_crud", "POST", "/certificates/cert1/create", 202)


@pytest.mark.parametrize(
    ("method", "ending"),
    [
        ("GET", "/certificates/cert1/pending"),
        ("GET", "/certificates/cert1/"),
        ("GET", "/certificates"),
        ("GET", "/certificates/cert1/versions"),
        ("GET", "/secrets/cert2/"),
        ("DELETE", "/certificates/cert1"),
    ],
)
def test_certificates(vault: Plane, method: str, ending: str) -> None:
    made = recorded(*CERTIFICATE_REQUEST)
    for name in ("cert1", "cert2") if "cert2" in ending else ("cert1",):
        answer = vault.data("POST", f"/certificates/{name}/create", made["request"])
        assert answer.status_code == 202
    expected = recorded(CERTIFICATE_REQUEST[0], method, ending)
    wanted = expected["response"]
    answer = vault.data(method, ending)
    assert answer.status_code == expected["status"]
    found = answer.json()
    if ending.endswith("/pending"):
        wanted = wanted | {"status": "completed", "target": "..."}
        wanted.pop("status_details")
    if method == "DELETE":
        found["policy"]["x509_props"]["sans"] = wanted["policy"]["x509_props"]["sans"]
    assert without_tags(shape(found)) == without_tags(shape(wanted))


def test_pending_certificate(vault: Plane) -> None:
    made = recorded(*CERTIFICATE_REQUEST)
    answer = vault.data("POST", "/certificates/cert1/create", made["request"])
    assert shape(answer.json()) == shape(made["response"])
    assert answer.headers["location"].split("?")[0].endswith("/certificates/cert1/pending")


def test_import(vault: Plane) -> None:
    made = recorded(CERTIFICATE_REQUEST[0], "POST", "/certificates/cert2/import")
    answer = vault.data("POST", "/certificates/cert2/import", made["request"])
    assert answer.status_code == 200
    found, wanted = answer.json(), made["response"]
    assert shape(found) == shape(wanted)
    assert (found["x5t"], found["cer"]) == (wanted["x5t"], wanted["cer"])
    assert found["policy"]["x509_props"] == wanted["policy"]["x509_props"]
