# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits that Azure never ends: what a run says of them."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure, Fault

SECONDS = 1.0


@dataclass(kw_only=True)
class _Stopwatch:
    """Stands still until a fault has met a request: how long a run takes to get there is no matter."""

    azure: Azure
    fault: Fault
    _started: float | None = field(default=None, init=False)

    def __call__(self) -> float:
        if self._started is None and self.azure.met(self.fault):
            self._started = time.monotonic()
        return time.monotonic() - self._started if self._started is not None else 0.0


def gives_up(azure: Azure, fault: Fault, run: Callable[[Deadline], object]) -> str:
    """What a run says that has :data:`SECONDS` from the request on that meets ``fault``.

    It must be one sentence on what it waited for, with what it saw last and what to do about it.
    """
    with pytest.raises(AccessError) as caught:
        run(Deadline(SECONDS, now=_Stopwatch(azure=azure, fault=fault)))
    error = caught.value
    assert error.code == "Timeout"
    assert error.message.startswith("Gave up waiting for "), error.message
    assert error.message.count("\n") == 0
    assert "Run the task again" in error.hint
    return error.message.removeprefix("Gave up waiting for ").replace(f" after {SECONDS:.0f} seconds", "")
