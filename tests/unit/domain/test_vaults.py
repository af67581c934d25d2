# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of vaults and of what is in them, regions, and secret URLs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import Conflict, InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId
from ansible_collections.azvm.access.plugins.module_utils._domain.vaults import (
    Vault,
    checked_object_name,
    checked_store,
    checked_vault_name,
    default_certificate_name,
    default_vault_name,
    require_region,
    secret_of,
    versions_of,
)

SUBSCRIPTION = "0d5f3a52-8c1e-4b7a-9e46-2f1b7c9d8a30"
# What Azure says of vault names (Key Vault: about keys, secrets and certificates; error VaultNameNotValid).
AZURE_VAULT_NAME = re.compile(r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{1,22}[a-zA-Z0-9]")


@given(subscription=st.uuids().map(str), group=st.text(min_size=1, max_size=90))
def test_the_default_name_is_valid_and_always_the_same(subscription: str, group: str) -> None:
    name = default_vault_name(subscription, group, "westeurope")
    assert AZURE_VAULT_NAME.fullmatch(name)
    assert checked_vault_name(name) == name
    assert default_vault_name(subscription, group, "westeurope") == name


@given(group=st.from_regex(r"[A-Za-z0-9_.()-]{1,90}", fullmatch=True))
def test_the_default_name_does_not_care_for_case(group: str) -> None:
    shouted = default_vault_name(SUBSCRIPTION.upper(), group.upper(), "West Europe")
    assert shouted == default_vault_name(SUBSCRIPTION, group.lower(), "westeurope")


@given(one=st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True), other=st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True))
def test_other_groups_have_other_vaults(one: str, other: str) -> None:
    names = {default_vault_name(SUBSCRIPTION, group, "westeurope") for group in (one, other)}
    assert len(names) == len({one, other})


def test_other_regions_have_other_vaults() -> None:
    names = {default_vault_name(SUBSCRIPTION, "access-demo", region) for region in ("westeurope", "northeurope")}
    assert len(names) == 2


def test_the_default_name_never_changes() -> None:
    assert default_vault_name(SUBSCRIPTION, "access-demo", "westeurope") == "azvm-access-6mjcfqvpu357"


@pytest.mark.parametrize("name", ["abc", "a-b", "A1b2", "contoso-certificates-001", "a" * 24])
def test_names_that_azure_takes(name: str) -> None:
    assert checked_vault_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "ab", "a" * 25, "1abc", "-abc", "abc-", "a--b", "a_b", "a.b", "a b", "abc\n", "\u00e4bc"]
)
def test_names_that_azure_does_not_take(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_vault_name(name)
    assert caught.value.code == "InvalidVaultName"
    assert caught.value.hint


@pytest.mark.parametrize("name", ["", "a" * 128, "a_b", "a.b", "a/b", "abc\n", "a b"])
def test_certificate_names_that_no_vault_takes(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_object_name(name)
    assert caught.value.code == "InvalidCertificateName"


@given(vm_name=st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True))
def test_every_vm_has_a_certificate_name(vm_name: str) -> None:
    name = default_certificate_name(vm_name)
    assert checked_object_name(name) == name
    assert name.startswith("winrm-")


@pytest.mark.parametrize("name", ["My", "WebHosting", "Remote Desktop", "AuthRoot"])
def test_stores(name: str) -> None:
    assert checked_store(name) == name


@pytest.mark.parametrize("name", ["", "LocalMachine\\My", "Cert:/My", " My", "My\n"])
def test_what_is_no_store(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_store(name)
    assert caught.value.code == "InvalidCertificateStore"


def vault(location: str) -> Vault:
    id = ResourceId.parse(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v1")
    return Vault(id=id, location=location, uri="https://v1.vault.azure.net/", enabled_for_deployment=True, rbac=True)


def test_one_region_may_be_written_in_two_ways() -> None:
    require_region(vault("West Europe"), "westeurope", vm="VM")


def test_another_region_is_refused() -> None:
    with pytest.raises(Conflict) as caught:
        require_region(vault("northeurope"), "westeurope", vm="virtual machine win1")
    assert caught.value.code == "VaultInOtherRegion"
    assert "northeurope" in caught.value.message
    assert "Name a vault of westeurope with vault_name" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://V1.vault.azure.net/secrets/Winrm/0AB", ("v1.vault.azure.net", "winrm", "0ab")),
        ("https://v1.vault.azure.net/secrets/winrm", ("v1.vault.azure.net", "winrm", "")),
        ("https://v1.vault.azure.net/", ("v1.vault.azure.net", "", "")),
        ("", ("", "", "")),
    ],
)
def test_parts_of_a_secret_url(url: str, expected: tuple[str, str, str]) -> None:
    assert secret_of(url) == expected


def test_versions_of_one_secret_are_found_whatever_their_case() -> None:
    urls = [
        "https://v1.vault.azure.net/secrets/winrm-win1/1",
        "https://V1.vault.azure.net/secrets/WINRM-win1/2",
        "https://v1.vault.azure.net/secrets/winrm-win10/3",
        "https://v2.vault.azure.net/secrets/winrm-win1/4",
    ]
    assert versions_of("https://v1.vault.azure.net/secrets/winrm-win1/9", urls) == urls[:2]
