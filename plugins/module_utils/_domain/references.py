# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates a VM refers to (osProfile.secrets): merged by vault, without repeats, others' entries untouched."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .resource_id import same_id
from .virtual_machine import VaultCertificate, VaultSecretGroup

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Groups = tuple[VaultSecretGroup, ...]


def all_urls(groups: Iterable[VaultSecretGroup]) -> list[str]:
    """Every certificate URL, in Azure's order."""
    return [entry.url for group in groups for entry in group.certificates]


def with_reference(groups: Groups, *, vault_id: str, url: str, store: str) -> Groups:
    """``groups`` with ``url`` in ``store``.

    Azure refuses the same vault twice, and the same URL and store twice (InvalidParameter): an existing group of the
    vault is extended, whatever its casing, and an entry that is there is left as it is.
    """
    entry = VaultCertificate(url=url, store=store)
    for place, group in enumerate(groups):
        if not same_id(group.vault_id, vault_id):
            continue
        if any(_same(entry, known) for known in group.certificates):
            return groups
        extended = replace(group, certificates=(*group.certificates, entry))
        return (*groups[:place], extended, *groups[place + 1 :])
    return (*groups, VaultSecretGroup(vault_id=vault_id, certificates=(entry,)))


def without_references(groups: Groups, urls: Collection[str]) -> Groups:
    """``groups`` without the entries of ``urls``; a group that holds nothing any more goes, too."""
    unwanted = {url.lower() for url in urls}
    kept = (
        replace(group, certificates=tuple(each for each in group.certificates if each.url.lower() not in unwanted))
        for group in groups
    )
    return tuple(group for group in kept if group.certificates)


def _same(one: VaultCertificate, other: VaultCertificate) -> bool:
    return (one.url.lower(), one.store.lower()) == (other.url.lower(), other.store.lower())
