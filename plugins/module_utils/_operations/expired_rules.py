# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules whose time is over, taken out of the security groups that guard a VM."""

from __future__ import annotations

import typing as t

from .._azure import network
from .._domain.opening import overdue_rules
from .._domain.outcome import Document, Outcome
from .._domain.rule_document import group_document, rule_document

if t.TYPE_CHECKING:
    from .._domain.network import Guard
    from .context import Context


def remove_expired(guards: t.Sequence[Guard], context: Context) -> Outcome:
    """Remove what this collection made for a limited time, for whichever VM and port, once that is over.

    Azure's clock counts, not the controller's. No request but one for each rule to remove.
    """
    now = context.azure.azure_time
    groups: list[Document] = []
    for guard in guards:
        overdue = overdue_rules(guard, now)
        if not context.check_mode:
            for rule in overdue:
                network.delete_rule(context.azure, guard.group.id, rule.name, deadline=context.deadline)
        expired = [rule_document(guard, rule) for rule in overdue]
        groups.append({**group_document(guard, changed=bool(overdue)), "rule": None, "expired": expired})
    before: Document = {rule["id"]: rule for group in groups for rule in group["expired"]}
    return Outcome(name="rule", thing={"groups": groups}, before=before or None, after=None)
