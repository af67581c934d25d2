# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The marker of the password that was set, and the tag it travels in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.password_marker import Marker, fresh_tag

ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/win1/azureuser"
URL = "https://v.vault.azure.net/secrets/password-win1/0123456789abcdef0123456789abcdef"


def test_a_tag_brings_the_marker_back() -> None:
    for marker in (Marker.of_password("Correct-Horse-1", account=ACCOUNT), Marker.of_secret(URL, account=ACCOUNT)):
        assert Marker.parse(fresh_tag(marker)) == marker


def test_every_tag_is_fresh() -> None:
    marker = Marker.of_secret(URL, account=ACCOUNT)
    assert len({fresh_tag(marker) for _index in range(20)} | {fresh_tag(None) for _index in range(20)}) == 40


@pytest.mark.parametrize(
    "tag",
    [None, "", "1", "2026-01-01T00:00:00Z", "azvm.access:0:password:00:00", "azvm.access:" + "0" * 16],
)
def test_tags_of_others_have_no_marker(tag: str | None) -> None:
    assert Marker.parse(tag) is None


def test_a_fresh_tag_without_password_has_no_marker() -> None:
    assert Marker.parse(fresh_tag(None)) is None


@settings(max_examples=10)
@given(st.text(st.characters(codec="utf-8"), min_size=8, max_size=123))
def test_a_password_is_known_again_and_no_other(password: str) -> None:
    marker = Marker.of_password(password, account=ACCOUNT)
    assert marker.is_of_password(password, account=ACCOUNT.upper())
    assert not marker.is_of_password(password + "x", account=ACCOUNT)
    assert password not in fresh_tag(marker)


def test_the_same_password_elsewhere_has_another_digest() -> None:
    marker = Marker.of_password("Correct-Horse-1", account=ACCOUNT)
    elsewhere = Marker.of_password("Correct-Horse-1", account=ACCOUNT.replace("win1", "win2"), salt=marker.salt)
    assert elsewhere.digest != marker.digest
    assert not marker.is_of_password("Correct-Horse-1", account=ACCOUNT.replace("azureuser", "rescue"))
    assert Marker.of_password("Correct-Horse-1", account=ACCOUNT).digest != marker.digest


def test_a_reader_learns_32_bits_at_most() -> None:
    assert len(Marker.of_password("Correct-Horse-1", account=ACCOUNT).digest) == 8


def test_a_secret_is_known_by_its_version() -> None:
    marker = Marker.of_secret(URL, account=ACCOUNT)
    assert marker.is_of_secret(URL.upper(), account=ACCOUNT)
    assert not marker.is_of_secret(URL[:-1] + "0", account=ACCOUNT)
    assert not marker.is_of_secret(URL, account=ACCOUNT + "2")
    assert not marker.is_of_password(URL, account=ACCOUNT)
    assert "vault" not in fresh_tag(marker)
