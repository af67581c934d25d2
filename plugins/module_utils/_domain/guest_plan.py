# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What plans for the inside of a VM have in common."""

from __future__ import annotations


class GuestPlan:
    """What to change inside a VM; ``warnings`` are for the user."""

    warnings: tuple[str, ...]

    @property
    def steps(self) -> tuple[str, ...]:
        """What there is to do, in words; nothing when all is as wanted."""
        raise NotImplementedError

    @property
    def needed(self) -> bool:
        return bool(self.steps)


def steps_of(**fields: object) -> tuple[str, ...]:
    """The names of the fields that ask for something."""
    return tuple(name for name, value in fields.items() if value)
