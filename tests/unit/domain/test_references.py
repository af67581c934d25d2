# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References of a VM to certificates: ours are added and taken back, others' stay as they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.references import (
    Groups,
    all_urls,
    with_reference,
    without_references,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.virtual_machine import (
    VaultCertificate,
    VaultSecretGroup,
)

VAULT = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/ours"
OTHER = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/theirs"
URL = "https://ours.vault.azure.net/secrets/winrm-win1/1"


def group(vault: str, *entries: tuple[str, str]) -> VaultSecretGroup:
    return VaultSecretGroup(
        vault_id=vault, certificates=tuple(VaultCertificate(url=url, store=store) for url, store in entries)
    )


def added(groups: Groups, url: str = URL, store: str = "My") -> Groups:
    return with_reference(groups, vault_id=VAULT, url=url, store=store)


def test_the_first_reference_makes_a_group() -> None:
    assert added(()) == (group(VAULT, (URL, "My")),)


def test_a_group_of_the_vault_is_extended_whatever_its_casing() -> None:
    theirs = group(OTHER, ("https://theirs.vault.azure.net/secrets/a/1", "My"))
    old = ("https://ours.vault.azure.net/secrets/iis/7", "WebHosting")
    before = (group(VAULT.upper(), old), theirs)
    assert added(before) == (group(VAULT.upper(), old, (URL, "My")), theirs)


def test_what_is_there_is_left_as_it_is() -> None:
    before = (group(VAULT.upper(), (URL.upper().replace("HTTPS", "https"), "MY")),)
    assert added(before) is before


def test_the_same_certificate_may_be_in_two_stores() -> None:
    assert added((group(VAULT, (URL, "WebHosting")),)) == (group(VAULT, (URL, "WebHosting"), (URL, "My")),)


def test_an_empty_group_goes_with_its_last_entry() -> None:
    theirs = group(OTHER, ("https://theirs.vault.azure.net/secrets/a/1", "My"))
    assert without_references((group(VAULT, (URL, "My")), theirs), [URL.upper()]) == (theirs,)


urls = st.from_regex(r"https://(ours|theirs)\.vault\.azure\.net/secrets/[a-c]/[12]", fullmatch=True)
entries = st.tuples(urls, st.sampled_from(["My", "WebHosting"]))


@st.composite
def some_groups(draw: st.DrawFn) -> Groups:
    """What Azure would hold: a vault once, an entry once in its vault, no empty group."""
    vaults = draw(st.lists(st.sampled_from([VAULT, OTHER, VAULT.upper()]), unique_by=str.lower, max_size=2))
    unique = st.lists(entries, min_size=1, max_size=4, unique_by=lambda entry: (entry[0].lower(), entry[1].lower()))
    return tuple(group(vault, *draw(unique)) for vault in vaults)


@given(before=some_groups(), entry=entries)
def test_adding_is_idempotent_and_never_repeats_a_vault_or_an_entry(before: Groups, entry: tuple[str, str]) -> None:
    after = added(before, *entry)
    assert added(after, *entry) == after
    vaults = [each.vault_id.lower() for each in after]
    assert len(set(vaults)) == len(vaults)
    for each in after:
        keys = [(one.url.lower(), one.store.lower()) for one in each.certificates]
        assert len(set(keys)) == len(keys)


@given(before=some_groups(), entry=entries)
def test_adding_leaves_the_others_and_their_order(before: Groups, entry: tuple[str, str]) -> None:
    after = added(before, *entry)
    for old, new in zip(before, after, strict=False):
        assert new.vault_id == old.vault_id
        assert new.certificates[: len(old.certificates)] == old.certificates
    assert len(all_urls(after)) - len(all_urls(before)) in (0, 1)


@given(before=some_groups(), unwanted=st.lists(urls, max_size=3))
def test_removing_takes_out_these_and_nothing_else(before: Groups, unwanted: list[str]) -> None:
    after = without_references(before, unwanted)
    assert all_urls(after) == [url for url in all_urls(before) if url not in unwanted]
    assert without_references(after, unwanted) == after
    assert all(each.certificates for each in after)


@given(before=some_groups())
def test_taking_back_what_was_added_leaves_what_was_there(before: Groups) -> None:
    new = "https://ours.vault.azure.net/secrets/new/1"
    assert without_references(added(before, new), [new]) == before
