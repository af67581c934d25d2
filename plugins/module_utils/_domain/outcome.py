# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operation hands back: the thing it is about, and what it changed or would change."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

Document = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of one operation, the same for a real run and for check mode.

    ``name`` is the result key (``rule``, ``certificate``, ...), ``thing`` its JSON value: predicted in check mode.
    ``before`` and ``after`` are what the diff shows; an absent thing is ``None``. ``changed`` follows from them.
    """

    name: str
    thing: Document
    before: Document | None
    after: Document | None
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.before != self.after
