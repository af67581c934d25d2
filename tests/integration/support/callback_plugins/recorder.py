# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback that writes every task result of a run to a file, one JSON object a line."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

from ansible.plugins.callback import CallbackBase

if t.TYPE_CHECKING:
    from ansible.executor.task_result import CallbackTaskResult

DOCUMENTATION = r"""
name: recorder
type: aggregate
short_description: Write every task result to the file named by AZVM_TEST_RESULTS
description:
  - Each line holds C(host), C(task), C(status) and the whole C(result).
"""


class CallbackModule(CallbackBase):
    """Nothing is left out: what tests look for secrets in is what a log collector would get."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "recorder"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._path = Path(os.environ["AZVM_TEST_RESULTS"])

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        self._note(result, "ok")

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        self._note(result, "failed")

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        self._note(result, "unreachable")

    def v2_runner_on_skipped(self, result: CallbackTaskResult) -> None:
        self._note(result, "skipped")

    def _note(self, result: CallbackTaskResult, status: str) -> None:
        line = {"host": result.host.get_name(), "task": result.task_name, "status": status, "result": result.result}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")
