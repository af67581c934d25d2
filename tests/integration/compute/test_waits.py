# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM that never gets where it is to be: a sentence about it, and a next run that goes on."""

from __future__ import annotations

import threading
import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._operations import vm_power
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from ansible_collections.azvm.access.tests.integration.compute.conftest import GROUP, NAME
from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.integration.support.waits import gives_up

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome
    from ansible_collections.azvm.access.tests.integration.compute.conftest import Bench
    from ansible_collections.azvm.access.tests.integration.support.azure_control import Fault

PATH = f"/virtualMachines/{NAME}$"
VM = f"the virtual machine {NAME} in resource group {GROUP}"


@pytest.fixture
def control(bench: Bench) -> Azure:
    return Azure(server=bench.server)


def run(bench: Bench, state: str, deadline: Deadline | None = None) -> Outcome:
    options = vm_power.Options.from_parameters(
        {"resource_group": GROUP, "vm_name": NAME, "state": state, "confirm": True}
    )
    context = bench.context()
    if deadline:
        context = Context(azure=context.azure, deadline=deadline, check_mode=False)
    return vm_power.run(options, context)


def given_up(bench: Bench, control: Azure, state: str, fault: Fault) -> str:
    return gives_up(control, fault, lambda deadline: run(bench, state, deadline))


@pytest.mark.parametrize(
    ("before", "state", "action"),
    [
        ("stopped", "started", "start"),
        ("started", "deallocated", "deallocate"),
        ("started", "redeployed", "redeploy"),
    ],
)
def test_an_action_that_never_ends(bench: Bench, control: Azure, before: str, state: str, action: str) -> None:
    run(bench, before)
    fault = control.fault("hang-operation", method="POST", path=f"/{action}$")

    assert given_up(bench, control, state, fault) == f"{VM} to {action}; last seen: operation InProgress."

    control.clear_faults()
    after = run(bench, state)
    assert after.thing["power_state"] == ("deallocated" if state == "deallocated" else "running")


def test_a_vm_that_somebody_else_has_sent_on_its_way(bench: Bench, control: Azure) -> None:
    control.fault("hang-operation", method="POST", path="/deallocate$")
    bench.azure.compute.virtual_machines.begin_deallocate(GROUP, NAME, polling=False)
    second_look = control.fault("delay", method="GET", path=PATH, nth=2)

    said = given_up(bench, control, "started", second_look)

    assert said == f"{VM} to settle; last seen: power state deallocating."
    control.clear_faults()
    after = run(bench, "started")
    assert (after.changed, after.thing["power_state"]) == (True, "running")


def test_a_vm_that_somebody_else_takes_down_again(bench: Bench, control: Azure) -> None:
    run(bench, "stopped")
    taken_down = control.fault("hang-operation", method="POST", path="/deallocate$")
    look_afterwards = control.fault("hold-before", method="GET", path=PATH, nth=2)

    def take_down() -> None:
        control.eventually(lambda: control.met(look_afterwards) == 1)
        bench.azure.compute.virtual_machines.begin_deallocate(GROUP, NAME, polling=False)
        control.clear_fault(look_afterwards)

    somebody_else = threading.Thread(target=take_down)
    somebody_else.start()
    said = given_up(bench, control, "started", taken_down)
    somebody_else.join(30)

    assert said == f"{VM} to be running; last seen: power state deallocating."
    control.clear_faults()
    after = run(bench, "started")
    assert (after.changed, after.thing["power_state"]) == (True, "running")
