# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How accounts have to stand in a .rdp file, and what is said about those that end in an error."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_accounts import (
    Account,
    AccountType,
    warn_of_entra_address,
    written_account,
)

LSA = "Local Security Authority cannot be contacted"


def written(username: str | None, kind: str = "auto", computer: str | None = "WIN1") -> Account:
    return written_account(username, AccountType(kind), computer_name=computer)


@pytest.mark.parametrize(
    ("username", "kind", "expected"),
    [
        ("jane", "auto", "WIN1\\jane"),
        ("jane", "local", "WIN1\\jane"),
        (".\\jane", "auto", "WIN1\\jane"),
        ("win1\\jane", "auto", "win1\\jane"),
        ("win1\\jane", "local", "win1\\jane"),
        ("CONTOSO\\jane", "domain", "CONTOSO\\jane"),
        ("jane@contoso.com", "auto", "jane@contoso.com"),
        ("jane@contoso.com", "domain", "jane@contoso.com"),
        ("jane@contoso.com", "entra", "jane@contoso.com"),
        ("AzureAD\\jane@contoso.com", "entra", "jane@contoso.com"),
        ("AzureAD\\jane@contoso.com", "auto", "AzureAD\\jane@contoso.com"),
        (None, "auto", None),
        ("", "local", None),
        (None, "entra", None),
    ],
)
def test_an_account_is_written_as_windows_wants_it(username: str | None, kind: str, expected: str | None) -> None:
    account = written(username, kind)
    assert account.username == expected
    assert account.entra == (kind == "entra")
    assert account.warnings == ()


@pytest.mark.parametrize("username", ["jane", ".\\jane", "any\\jane"])
def test_without_a_computer_name_it_stays_as_it_is(username: str) -> None:
    assert written(username, computer=None) == Account(username=username)


def test_another_name_before_the_account_gives_a_warning() -> None:
    """The usual slip: the VM's name in Azure is not what its Windows is called."""
    account = written("my-vm\\jane", computer="WIN-4J2K")
    assert account.username == "my-vm\\jane"
    (warning,) = account.warnings
    assert LSA in warning
    assert "WIN-4J2K\\jane" in warning
    assert "account_type: domain" in warning


def test_another_name_is_refused_for_a_local_account() -> None:
    with pytest.raises(InvalidInput) as caught:
        written("CONTOSO\\jane", "local")
    assert LSA in caught.value.message
    assert "WIN1\\jane" in caught.value.hint


@pytest.mark.parametrize(
    ("username", "kind"),
    [
        ("\\jane", "auto"),
        ("WIN1\\", "auto"),
        ("a\\b\\jane", "auto"),
        ("jane", "domain"),
        (".\\jane", "domain"),
        ("jane", "entra"),
        ("CONTOSO\\jane@contoso.com", "entra"),
        ("jane@", "entra"),
        ("jane@a@b", "entra"),
        ("jane@contoso.com", "local"),
    ],
)
def test_what_can_not_be_such_an_account_is_refused(username: str, kind: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        written(username, kind)
    assert caught.value.code == "InvalidAccount"
    assert caught.value.hint


@given(st.text(min_size=1, max_size=30), st.sampled_from(AccountType), st.none() | st.just("WIN1"))
def test_any_text_is_an_account_or_refused(username: str, kind: AccountType, computer: str | None) -> None:
    account = None
    with contextlib.suppress(InvalidInput):
        account = written_account(username, kind, computer_name=computer)
    if account:
        assert account.username is not None
        assert account.username.rpartition("\\")[2] == username.rpartition("\\")[2]


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "access-demo-win1.westeurope.cloudapp.azure.com"])
def test_entra_id_needs_the_name_of_the_vm(address: str) -> None:
    (warning,) = warn_of_entra_address(address, computer_name="win1")
    assert "win1" in warning
    assert address in warning


@pytest.mark.parametrize("address", ["win1", "WIN1.corp.example.com"])
def test_the_name_of_the_vm_is_right_for_entra_id(address: str) -> None:
    assert warn_of_entra_address(address, computer_name="win1") == ()
    assert warn_of_entra_address(address, computer_name=None) == ()
