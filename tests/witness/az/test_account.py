# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""az login, az group: who one is, and where things are put."""

from __future__ import annotations

import typing as t

from ansible_collections.azvm.access.tests.witness.az.conftest import SIGN_IN

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.witness.az.cli import Az
    from ansible_collections.azvm.access.tests.witness.az.conftest import Cloud


def test_a_service_principal_is_signed_in_to_the_subscription(az: Az) -> None:
    account = az("account show")
    assert account["id"] == az.variables["AZURE_SUBSCRIPTION_ID"]
    assert account["tenantId"] == az.variables["AZURE_TENANT"]
    assert account["user"] == {"name": az.variables["AZURE_CLIENT_ID"], "type": "servicePrincipal"}


def test_without_an_account_and_with_a_wrong_secret_nothing_is_to_be_had(stranger: Az) -> None:
    wrong = {**stranger.variables, "AZURE_SECRET": "not-the-secret"}
    assert "AADSTS7000215" in stranger.refused(SIGN_IN.format_map(wrong))
    assert "az login" in stranger.refused("vm list")


def test_a_resource_group_is_made_tagged_and_deleted(az: Az, cloud: Cloud) -> None:
    made = az("group create --name witness --location northeurope --tags job=test")
    assert (made["location"], made["properties"]["provisioningState"]) == ("northeurope", "Succeeded")
    assert cloud.groups()["witness"]["tags"] == {"job": "test"}
    assert az("group update --name witness --set tags.more=yes")["tags"] == {"job": "test", "more": "yes"}
    assert az("group show --name witness")["tags"] == cloud.groups()["witness"]["tags"]
    assert {group["name"] for group in az("group list")} == {*cloud.groups()} >= {"access-demo", "witness"}
    az("group delete --name witness --yes")
    assert az("group exists --name witness") is False
    assert "witness" not in cloud.groups()
