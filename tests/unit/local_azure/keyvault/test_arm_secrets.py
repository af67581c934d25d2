# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets through Resource Manager, with control-plane rights alone."""

from __future__ import annotations

from collections.abc import Callable

from .conftest import VAULT, Plane, code


def test_a_contributor_writes_but_never_reads_a_value(plane: Plane) -> None:
    path = f"{plane.id()}/secrets/pfx"
    properties = {"value": "hidden", "contentType": "x/y", "attributes": {"exp": 1900000000}}
    body = {"properties": properties, "tags": {"a": "b"}}
    made = plane.arm("PUT", path, body, principal="contributor")
    assert made.status_code == 201
    shown = made.json()
    assert shown["properties"]["secretUri"] == f"https://{VAULT}.vault.azure.net/secrets/pfx"
    assert shown["properties"]["attributes"]["exp"] == 1900000000
    assert (shown["properties"]["contentType"], shown["tags"]) == ("x/y", {"a": "b"})
    assert plane.arm("GET", path, principal="reader").json() == shown
    assert plane.arm("GET", f"{plane.id()}/secrets", principal="reader").json()["value"] == [shown]
    found = plane.azure.vaults.find_secret(shown["properties"]["secretUriWithVersion"])
    assert found is not None
    assert found.value == "hidden"
    assert "hidden" not in made.text
    assert plane.data("GET", "/secrets/pfx", principal="contributor").status_code == 403


def test_a_second_write_is_a_new_version(plane: Plane) -> None:
    path = f"{plane.id()}/secrets/pfx"
    first = plane.arm("PUT", path, {"properties": {"value": "1"}}).json()
    second = plane.arm("PUT", path, {"properties": {"value": "2"}})
    assert second.status_code == 200
    uri = "secretUriWithVersion"
    assert second.json()["properties"][uri] != first["properties"][uri]
    assert plane.data("GET", "/secrets/pfx").json()["value"] == "2"


def test_patch(plane: Plane) -> None:
    path = f"{plane.id()}/secrets/pfx"
    first = plane.arm("PUT", path, {"properties": {"value": "1"}, "tags": {"a": "b"}}).json()
    changed = plane.arm("PATCH", path, {"properties": {"attributes": {"enabled": False}}}).json()
    assert changed["properties"]["attributes"]["enabled"] is False
    assert changed["properties"]["secretUriWithVersion"] == first["properties"]["secretUriWithVersion"]
    assert changed["tags"] == {"a": "b"}


def test_the_firewall_of_the_vault_does_not_matter(start: Callable[..., Plane]) -> None:
    plane = start()
    plane.create(networkAcls={"defaultAction": "Deny"})
    assert plane.data("GET", "/secrets").status_code == 403
    assert plane.arm("PUT", f"{plane.id()}/secrets/pfx", {"properties": {"value": "1"}}).status_code == 201


def test_refusals(plane: Plane) -> None:
    path = f"{plane.id()}/secrets/pfx"
    assert code(plane.arm("GET", path))[:2] == (404, "ResourceNotFound")
    assert plane.arm("PUT", path, {"properties": {}}).status_code == 400
    assert plane.arm("PUT", f"{plane.id()}/secrets/a_b", {"properties": {"value": "1"}}).status_code == 400
    refused = plane.arm("PUT", path, {"properties": {"value": "1"}}, principal="reader")
    assert code(refused)[:2] == (403, "AuthorizationFailed")
    nowhere = plane.arm("PUT", f"{plane.id('no-vault')}/secrets/a", {"properties": {"value": "1"}})
    assert code(nowhere)[:2] == (404, "ParentResourceNotFound")


def test_a_soft_deleted_secret_blocks_its_name(plane: Plane) -> None:
    path = f"{plane.id()}/secrets/pfx"
    plane.arm("PUT", path, {"properties": {"value": "1"}})
    plane.data("DELETE", "/secrets/pfx")
    assert plane.arm("GET", path).status_code == 404
    assert code(plane.arm("PUT", path, {"properties": {"value": "2"}}))[:2] == (409, "Conflict")
