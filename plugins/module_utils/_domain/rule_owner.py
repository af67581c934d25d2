# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a security rule is for: the mark at the end of its description, by which later runs know their own rule."""

from __future__ import annotations

import hashlib
import re
import typing as t
from dataclasses import dataclass

from .resource_id import ResourceId

_MARK = re.compile(r"\[azvm\.access (?P<key>[^\]]+)\]$")
_KEY_LIMIT = 80
_WORD_LIMIT = 64


@dataclass(frozen=True, kw_only=True)
class RuleOwner:
    """``key`` stands in the mark, ``text`` in sentences.

    ``word`` tells its rule from those of others in one group and is part of the rule's name; "" where a group has but
    one such rule.
    """

    key: str
    word: str
    text: str

    @property
    def mark(self) -> str:
        return f"[azvm.access {self.key}]"


EVERY_VM = RuleOwner(key="every VM of this group", word="", text="every VM of this group")


def vm_owner(resource_group: str, vm: str) -> RuleOwner:
    """A VM, by its primary network interface."""
    return RuleOwner(key=_key(f"{resource_group}/{vm}"), word=_word(vm), text=vm)


def interface_owner(resource_group: str, vm: str, interface: str) -> RuleOwner:
    """A VM by one of its further network interfaces, whose rule stands beside the primary one's."""
    return RuleOwner(
        key=_key(f"{resource_group}/{vm}/{interface}"), word=_word(f"{vm}_{interface}"), text=f"{vm} by {interface}"
    )


def application_groups_owner(ids: t.Iterable[str]) -> RuleOwner:
    """All members of these application security groups, whichever VM the task was run for."""
    names = sorted({ResourceId.parse(text).name.lower(): ResourceId.parse(text).name for text in ids}.values())
    return RuleOwner(
        key=_key(f"application security groups {' '.join(names)}"), word=_word("_".join(names)), text=", ".join(names)
    )


def owner_key(description: str) -> str | None:
    """The key of the mark in a rule's description; ``None`` for a rule that this collection did not make."""
    found = _MARK.search(description)
    return found["key"] if found else None


def _key(text: str) -> str:
    return _shortened(text.lower(), _KEY_LIMIT)


def _word(text: str) -> str:
    """``text`` as part of a rule's name."""
    return _shortened(re.sub(r"[^A-Za-z0-9_-]", "_", text), _WORD_LIMIT).rstrip("-")


def _shortened(text: str, limit: int) -> str:
    """Names that only differ behind the limit (a resource group's may have 90 characters) still differ."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - 9]}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
