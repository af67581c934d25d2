# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role evaluation: wildcards, not-actions, data actions, inheritance, delay."""

from __future__ import annotations

from datetime import timedelta

import pytest

from local_azure.core.authorization import Authorization, Principal, role_named
from local_azure.core.clock import Clock

SUBSCRIPTION = "/subscriptions/s"
GROUP = SUBSCRIPTION + "/resourceGroups/rg"
VAULT = GROUP + "/providers/Microsoft.KeyVault/vaults/v"
SOMEBODY = Principal(name="somebody", client_id="c", object_id="o")
READ_SECRET = "Microsoft.KeyVault/vaults/secrets/getSecret/action"


def granted(role: str, scope: str, *, delay: timedelta = timedelta()) -> Authorization:
    found = role_named(role)
    assert found is not None
    authorization = Authorization(clock=Clock())
    authorization.grant("o", found, scope, delay=delay)
    return authorization


@pytest.mark.parametrize(
    ("role", "action", "allowed"),
    [
        ("Owner", "Microsoft.Authorization/roleAssignments/write", True),
        ("Contributor", "Microsoft.Authorization/roleAssignments/write", False),
        ("Contributor", "Microsoft.KeyVault/vaults/secrets/write", True),
        ("Reader", "Microsoft.Compute/virtualMachines/read", True),
        ("Reader", "Microsoft.Compute/virtualMachines/write", False),
        ("reader", "MICROSOFT.COMPUTE/virtualMachines/READ", True),
        ("Virtual Machine Contributor", "Microsoft.Compute/virtualMachines/runCommands/write", True),
        ("Virtual Machine Contributor", "Microsoft.Network/networkSecurityGroups/securityRules/write", False),
        ("Network Contributor", "Microsoft.Network/networkSecurityGroups/securityRules/write", True),
        ("Key Vault Contributor", "Microsoft.KeyVault/vaults/write", True),
        ("Key Vault Contributor", "Microsoft.KeyVault/locations/deletedVaults/purge/action", False),
        ("Key Vault Secrets Officer", "Microsoft.KeyVault/vaults/write", False),
    ],
)
def test_management_actions(role: str, action: str, allowed: bool) -> None:
    assert granted(role, SUBSCRIPTION).allows(SOMEBODY, action, VAULT) is allowed


@pytest.mark.parametrize(
    ("role", "action", "allowed"),
    [
        ("Key Vault Administrator", READ_SECRET, True),
        ("Key Vault Secrets Officer", "Microsoft.KeyVault/vaults/secrets/setSecret/action", True),
        ("Key Vault Secrets User", READ_SECRET, True),
        ("Key Vault Secrets User", "Microsoft.KeyVault/vaults/secrets/setSecret/action", False),
        ("Key Vault Certificates Officer", READ_SECRET, False),
        ("Owner", READ_SECRET, False),
    ],
)
def test_data_actions(role: str, action: str, allowed: bool) -> None:
    assert granted(role, SUBSCRIPTION).allows_data(SOMEBODY, action, VAULT) is allowed


def test_scopes_reach_down_not_up_nor_sideways() -> None:
    authorization = granted("Reader", GROUP)
    assert authorization.allows(SOMEBODY, "a/read", VAULT.upper())
    assert not authorization.allows(SOMEBODY, "a/read", SUBSCRIPTION)
    assert not authorization.allows(SOMEBODY, "a/read", GROUP + "2")
    assert granted("Reader", "/").allows(SOMEBODY, "a/read", GROUP)


def test_rights_may_take_a_while() -> None:
    authorization = granted("Reader", GROUP, delay=timedelta(minutes=5))
    assert not authorization.allows(SOMEBODY, "a/read", GROUP)
    authorization.clock.advance(timedelta(minutes=5))
    assert authorization.allows(SOMEBODY, "a/read", GROUP)
