# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Azure says about a script that ran inside a VM."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ExecutionState(str, Enum):
    """``executionState`` of a Run Command's instance view (Microsoft.Compute)."""

    UNKNOWN = "Unknown"
    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    CANCELED = "Canceled"

    @classmethod
    def parse(cls, text: str) -> ExecutionState:
        """A word we do not know counts as unknown."""
        return next((state for state in cls if state.value.lower() == text.lower()), cls.UNKNOWN)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self not in (ExecutionState.UNKNOWN, ExecutionState.PENDING, ExecutionState.RUNNING)


@dataclass(frozen=True, kw_only=True)
class ScriptRun:
    """``output`` and ``error`` are the last 4096 bytes of each; ``message`` is the Run Command agent's own text."""

    state: ExecutionState
    exit_code: int | None = None
    output: str = ""
    error: str = ""
    message: str = ""

    def last_lines(self, count: int = 5) -> str:
        """The last lines that say anything: the error stream's, else the output's, else the agent's message."""
        for text in (self.error, self.output, self.message):
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            if lines:
                return " ".join(lines[-count:])
        return "no output"
