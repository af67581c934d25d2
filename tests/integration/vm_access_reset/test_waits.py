# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resets that never end: a sentence about it, and a next run that goes on."""

from __future__ import annotations

import typing as t

from ansible_collections.azvm.access.plugins.module_utils._operations import vm_access_reset
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from ansible_collections.azvm.access.tests.integration.compute.conftest import GROUP, NAME
from ansible_collections.azvm.access.tests.integration.support.waits import gives_up
from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import LOCKED, parameters

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
    from ansible_collections.azvm.access.tests.integration.support.azure_control import Fault
    from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import Reset

VM = f"virtual machine {NAME} in resource group {GROUP}"
EXTENSION = "/extensions/enablevmaccess$"


def given_up(reset: Reset, fault: Fault, **changed: t.Any) -> str:
    options = vm_access_reset.Options.from_parameters(parameters(**changed))

    def run(deadline: Deadline) -> None:
        vm_access_reset.run(options, Context(azure=reset.azure, deadline=deadline, check_mode=False))

    return gives_up(reset.control, fault, run)


def test_a_reset_that_never_ends(reset: Reset) -> None:
    reset.vm(guest=LOCKED)
    fault = reset.control.fault("hang-operation", method="PUT", path=EXTENSION)

    said = given_up(reset, fault)

    assert said == f"the reset of the access to the {VM}; last seen: operation InProgress."
    # The next run waits for what this one began.
    second_look = reset.control.fault("delay", method="GET", path="/extensions$", nth=2)
    said = given_up(reset, second_look)
    assert said == f"the reset of the {VM} that is under way; last seen: extension enablevmaccess Creating."
    reset.control.clear_faults()
    reset.run()
    assert reset.guest["rdp"]["enabled"]
    assert reset.state_of_extension() == "Succeeded"


def test_a_removal_that_never_ends(reset: Reset) -> None:
    reset.run()
    fault = reset.control.fault("hang-operation", method="DELETE", path=EXTENSION)

    said = given_up(reset, fault, state="absent")

    assert said == f"the extension enablevmaccess of the {VM} to be removed; last seen: operation InProgress."
    reset.control.clear_faults()
    assert not reset.run(state="absent").changed
