# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the recordings is outside of what the local Azure serves, and which differences have a known reason.

Both are in out_of_scope.yml, as patterns over operations (`GET Microsoft.Compute/virtualMachines/{}`) and differences.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from .recordings import Exchange

FILE = Path(__file__).with_name("out_of_scope.yml")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Regular expressions over the whole operation and, where `what` is given, over a whole difference; and why."""

    operation: re.Pattern[str]
    what: re.Pattern[str] | None
    reason: str

    @classmethod
    def read(cls, entry: Mapping[str, str]) -> Rule:
        what = entry.get("what")
        return cls(
            operation=re.compile(entry["operation"]),
            what=re.compile(what) if what is not None else None,
            reason=entry["reason"],
        )

    def fits(self, exchange: Exchange, difference: str | None) -> bool:
        """Whether it is about this operation, and this difference where it is about one."""
        if self.operation.fullmatch(exchange.operation) is None:
            return False
        if self.what is None or difference is None:
            return self.what is None and difference is None
        return self.what.fullmatch(difference) is not None


class Scope:
    """The rules of one file."""

    def __init__(self, path: Path = FILE) -> None:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        self._operations = [Rule.read(entry) for entry in content["operations"]]
        self._differences = [Rule.read(entry) for entry in content["differences"]]

    @property
    def rules(self) -> list[Rule]:
        return [*self._operations, *self._differences]

    def leaves_out(self, exchange: Exchange, difference: str | None = None) -> str | None:
        """Why an exchange is not compared, as told by itself or by how its answer differs; None for one that is."""
        return _reason(self._operations, exchange, difference)

    def explains(self, exchange: Exchange, difference: str) -> str | None:
        """Why an answer differs in this way; None where that is a defect."""
        return _reason(self._differences, exchange, difference)


def _reason(rules: list[Rule], exchange: Exchange, difference: str | None) -> str | None:
    return next((rule.reason for rule in rules if rule.fits(exchange, difference)), None)
