# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaults that a scenario starts with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local_azure.core.wire import Json
from local_azure.scenarios import ScenarioError

from .conftest import VAULT, Plane, code


def test_a_vault_with_secrets(start: Callable[..., Plane]) -> None:
    secrets = [
        {"name": "live", "value": "1", "contentType": "x", "tags": {"a": "b"}},
        {"name": "gone", "value": "2", "deleted": True},
        {"name": "off", "value": "3", "enabled": False},
    ]
    plane = start({"vaults": [{"name": VAULT, "resource_group": "rg", "secrets": secrets, "tags": {"o": "p"}}]})
    shown = plane.arm("GET", plane.id()).json()
    assert shown["properties"]["enableRbacAuthorization"] is True
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert (shown["location"], shown["tags"]) == ("westeurope", {"o": "p"})
    assert plane.data("GET", "/secrets/live").json()["value"] == "1"
    assert code(plane.data("PUT", "/secrets/gone", {"value": "x"}))[2] == "ObjectIsDeletedButRecoverable"
    assert code(plane.data("GET", "/secrets/off"))[2] == "SecretDisabled"


def test_the_only_resource_group_needs_no_mention(start: Callable[..., Plane]) -> None:
    plane = start({"vaults": [{"name": VAULT}]})
    assert plane.arm("GET", plane.id()).status_code == 200
    two = [{"name": "rg", "location": "westeurope"}, {"name": "other", "location": "westeurope"}]
    with pytest.raises(ScenarioError, match="resource_group"):
        start({"vaults": [{"name": VAULT}]}, groups=two)


def test_a_soft_deleted_vault(start: Callable[..., Plane]) -> None:
    vault = {"name": VAULT, "resource_group": "rg", "location": "northeurope", "deleted": True}
    plane = start({"vaults": [vault]})
    assert plane.arm("GET", plane.id()).status_code == 404
    assert code(plane.create())[1] == "ConflictError"
    assert plane.azure.vaults.deleted(VAULT) is not None


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ({"vaultz": []}, "vaultz"),
        ({"vaults": [{"name": "a--b", "resource_group": "rg"}]}, "a--b"),
        ({"vaults": [{"name": VAULT, "resource_group": "nowhere"}]}, "nowhere"),
        ({"vaults": [{"name": VAULT, "resource_group": "rg", "secrets": [{"name": "a_b"}]}]}, "a_b"),
        ({"vaults": [{"name": VAULT, "resource_group": "rg", "properties": {"softDeleteRetentionInDays": 1}}]}, "soft"),
    ],
)
def test_mistakes_are_named(start: Callable[..., Plane], section: Json, text: str) -> None:
    with pytest.raises(ScenarioError, match=text):
        start(section)


def test_unknown_principals_are_named(start: Callable[..., Plane]) -> None:
    properties = {"enableRbacAuthorization": False, "accessPolicies": [{"principal": "bob", "permissions": {}}]}
    with pytest.raises(ScenarioError, match="bob"):
        start({"vaults": [{"name": VAULT, "resource_group": "rg", "properties": properties}]})
