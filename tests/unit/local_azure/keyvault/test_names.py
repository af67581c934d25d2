# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of vaults, objects and hosts."""

from __future__ import annotations

import pytest

from local_azure.keyvault import names


@pytest.mark.parametrize("name", ["abc", "a1-2b", "Contoso-Vault-7", "a" * 24])
def test_good_vault_names(name: str) -> None:
    assert names.is_vault_name(name)


@pytest.mark.parametrize("name", ["", "ab", "1abc", "-abc", "abc-", "a--b", "a_b", "a" * 25, "vault.name"])
def test_bad_vault_names(name: str) -> None:
    assert not names.is_vault_name(name)


@pytest.mark.parametrize(
    ("name", "good"), [("a", True), ("A-1", True), ("a" * 128, False), ("a_b", False), ("", False)]
)
def test_object_names(name: str, good: bool) -> None:
    assert names.is_object_name(name) is good


@pytest.mark.parametrize(
    ("host", "vault"),
    [
        ("Demo.vault.azure.net", "demo"),
        ("demo.vault.azure.net:443", "demo"),
        ("demo.vault.azure.cn", "demo"),
        ("demo.vault.usgovcloudapi.net", "demo"),
        ("vault.azure.net", None),
        ("a.b.vault.azure.net", None),
        ("management.azure.com", None),
    ],
)
def test_vault_of_host(host: str, vault: str | None) -> None:
    assert names.vault_of_host(host) == vault


def test_tokens_are_issued_for_the_suffix_of_the_host() -> None:
    assert names.resource_of_host("demo.vault.azure.cn:443") == "https://vault.azure.cn"
