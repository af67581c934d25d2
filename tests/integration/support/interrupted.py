# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is cut off right after a request, as by a power cut, and the state to compare in the end."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure, Json
    from ansible_collections.azvm.access.tests.integration.support.controller import Run

_RUN_COMMANDS = "microsoft.compute/virtualmachines/runcommands"


def cut_off(azure: Azure, begin: Callable[[], Run], **request: t.Any) -> bool:
    """Kill a run when the request has had its effect and its answer is not there yet; False if it never came."""
    fault = azure.fault("hold", **request)
    run = begin()
    reached = azure.reached(fault, unless=lambda: run.ended)
    run.kill()
    azure.clear_faults()
    return reached


def settled(azure: Azure) -> Json:
    """The state, once Azure has carried out the deletions that nobody waits for."""
    azure.eventually(lambda: not [one for one in azure.state()["resources"] if one["type"].lower() == _RUN_COMMANDS])
    return azure.state()
