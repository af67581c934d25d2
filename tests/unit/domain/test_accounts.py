# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for user names and passwords, and generated passwords that keep them."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.accounts import (
    LONGEST,
    SHORTEST,
    checked_password,
    checked_user_name,
    generated_password,
    is_reserved,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput

PRINTABLE = string.digits + string.ascii_letters + string.punctuation + " "


def refused(password: str, user: str | None = "azureuser") -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        checked_password(password, user=user, source="the option password")
    assert caught.value.code == "InvalidPassword"
    return caught.value


@pytest.mark.parametrize("name", ["azureuser", "O'Brien & Co", "Jörg (Büro)", "a b", "x" * 20, "50%", "~!#$^{}`_-"])
def test_odd_user_names_that_windows_takes(name: str) -> None:
    assert checked_user_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", " ", "...", "x" * 21, "ends.", "CONTOSO\\me", "me@contoso.com", 'a"b', "a/b", "a:b", "a\nb", "a|b", "*"],
)
def test_user_names_that_windows_refuses(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_user_name(name)
    assert caught.value.code == "InvalidUserName"


def test_names_that_azure_keeps_from_administrators() -> None:
    assert is_reserved("Administrator")
    assert is_reserved("root")
    assert is_reserved("1")
    assert not is_reserved("azureuser")


@pytest.mark.parametrize(
    "password",
    [
        "Abcdef12",
        "abcdef1!",
        "Abcdef1" + "x" * (LONGEST - 7),
        "'\"&<>|^%$`\\ Aa1",
        "Grüße-aus-Köln",
        "\u5bc6\u7801\u5bc6\u7801Aa1 \u5bc6",
        PRINTABLE,
    ],
)
def test_passwords_that_windows_takes(password: str) -> None:
    assert checked_password(password, user="azureuser", source="the option password") == password


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("Abcde12", "7 characters"),
        ("Abcdef1" + "x" * (LONGEST - 6), "124 characters"),
        ("\U0001f600" * 62 + "Aa1", "127 characters"),
        ("abcdefgh", "too few kinds"),
        ("abcdefg1", "too few kinds"),
        ("P@ssw0rd", "often tried"),
        ("Password22", "often tried"),
        ("xAzureUser-1", "user name"),
        ("Abcdef12\n", "line break"),
        ("Abcdef12\r\n", "line break"),
        ("Abc\tdef12", "control character"),
        ("Abcdef12\ud800", "Unicode"),
        ("", "0 characters"),
    ],
)
def test_passwords_that_are_refused_before_anything_is_sent(password: str, why: str) -> None:
    error = refused(password)
    assert why in error.message
    assert not password or password not in error.message + error.hint


def test_a_short_user_name_may_be_in_the_password() -> None:
    assert checked_password("Al-Abcdef1", user="al", source="x")
    assert checked_password("Abcdef-azureuser1", user=None, source="x")


def said(password: str) -> str:
    """What a refusal says; "" for a password that is taken."""
    try:
        checked_password(password, user="azureuser", source="the option password")
    except InvalidInput as error:
        return error.message + error.hint
    return ""


@given(st.text(min_size=8, max_size=140))
def test_a_refusal_never_tells_the_password(password: str) -> None:
    text = said(password)
    assert password not in text
    assert text or SHORTEST <= len(password.encode("utf-16-le")) // 2 <= LONGEST


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=5, max_size=60))
def test_any_printable_character_is_taken(text: str) -> None:
    assert said(f"Aa1 {text}") == ""


@given(st.integers(min_value=SHORTEST, max_value=LONGEST), st.sampled_from(["azureuser", "al", "#+-", "Ann"]))
def test_generated_passwords_keep_the_rules(length: int, user: str) -> None:
    password = generated_password(length, user=user)
    assert len(password) == length
    assert checked_password(password, user=user, source="x") == password
    for kind in (string.ascii_uppercase, string.ascii_lowercase, string.digits, string.punctuation):
        assert set(password) & set(kind)
    assert not set(password) & set("IlO01'\"`&$\\ %{}")


def test_generated_passwords_differ() -> None:
    assert len({generated_password(24, user="azureuser") for _index in range(50)}) == 50
