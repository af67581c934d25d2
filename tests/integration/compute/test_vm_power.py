# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VM gateway and vm_power through the real SDK."""

from __future__ import annotations

import threading
import typing as t
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure import compute
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import (
    AccessError,
    Conflict,
    InvalidInput,
    NotFound,
    NotReady,
    TimedOut,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import VmTarget
from ansible_collections.azvm.access.plugins.module_utils._domain.virtual_machine import AgentState, PowerState
from ansible_collections.azvm.access.plugins.module_utils._operations import vm_power
from ansible_collections.azvm.access.plugins.module_utils._operations.vm_power import Options

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome
    from ansible_collections.azvm.access.tests.integration.compute.conftest import Bench


def run(bench: Bench, state: str, *, confirm: bool = True, check_mode: bool = False, seconds: float = 60) -> Outcome:
    bench.mark()
    wanted = Options.from_parameters(
        {"resource_group": "access-demo", "vm_name": "win1", "state": state, "confirm": confirm}
    )
    return vm_power.run(wanted, bench.context(check_mode=check_mode, seconds=seconds))


def test_reads_what_matters(bench: Bench) -> None:
    vm = bench.vm()
    assert (vm.name, vm.location, vm.os_type, vm.computer_name) == ("win1", "westeurope", "Windows", "win1")
    assert (vm.power_state, vm.agent, vm.provisioning_state) == (PowerState.RUNNING, AgentState.READY, "Succeeded")
    assert vm.has_os_profile
    assert vm.etag
    assert [(nic.id.name, nic.primary) for nic in vm.network_interfaces] == [("win1-nic", True)]


@pytest.mark.parametrize(
    ("group", "name", "code"),
    [("access-demo", "win9", "ResourceNotFound"), ("nowhere", "win1", "ResourceGroupNotFound")],
)
def test_a_wrong_name_is_said(bench: Bench, group: str, name: str, code: str) -> None:
    with pytest.raises(NotFound) as caught:
        compute.read_vm(bench.azure, VmTarget(subscription=None, resource_group=group, name=name))
    assert caught.value.code == code
    assert name in caught.value.message


def test_secrets_are_set_and_read_back(bench: Bench) -> None:
    bench.install("win1")
    vm = bench.vm()
    assert [[entry.store for entry in group.certificates] for group in vm.secrets] == [["My"]]
    emptied = compute.update_secrets(bench.azure, vm, (), etag=vm.etag, deadline=Deadline(30))
    assert emptied.secrets == ()


def test_a_vm_changed_meanwhile_is_a_conflict(bench: Bench) -> None:
    stale = bench.vm()
    bench.install("win1")
    with pytest.raises(Conflict) as caught:
        compute.update_secrets(bench.azure, stale, (), etag=stale.etag, deadline=Deadline(30))
    assert caught.value.details["status"] == 412
    assert bench.vm().secrets


def test_without_an_etag_nothing_is_compared(bench: Bench) -> None:
    stale = bench.vm()
    bench.install("win1")
    assert compute.update_secrets(bench.azure, stale, (), etag=None, deadline=Deadline(30)).secrets == ()


def test_a_running_vm_is_started_already(bench: Bench) -> None:
    outcome = run(bench, "started")
    assert not outcome.changed
    assert bench.requests("POST") == []


def test_off_and_on_again(bench: Bench) -> None:
    off = run(bench, "deallocated")
    assert (off.changed, off.thing["previous"], off.thing["power_state"]) == (True, "running", "deallocated")
    assert not run(bench, "deallocated").changed
    assert not run(bench, "stopped").changed
    on = run(bench, "started")
    assert (on.changed, on.thing["power_state"], on.thing["agent"]) == (True, "running", "ready")
    assert on.warnings == ()


def test_check_mode_predicts_and_sends_nothing(bench: Bench) -> None:
    predicted = run(bench, "stopped", check_mode=True)
    assert predicted.changed
    assert predicted.thing["power_state"] == "stopped"
    assert bench.requests("POST") == []
    assert run(bench, "stopped").after == predicted.after


@pytest.mark.parametrize("state", ["restarted", "redeployed", "reapplied"])
def test_repairs_are_done_each_time(bench: Bench, state: str) -> None:
    for _time in range(2):
        outcome = run(bench, state)
        assert outcome.changed
        assert outcome.thing["power_state"] == "running"
        assert len(bench.requests("POST")) == 1


@contextmanager
def on_its_way(bench: Bench, action: str) -> Iterator[None]:
    """A VM that somebody else starts or deallocates, which takes half a second."""
    bench.fault(action="hang-operation", method="POST", path=f"{action}$")
    begin = getattr(bench.azure.compute.virtual_machines, f"begin_{action}")
    begin("access-demo", "win1", polling=False)
    arrival = threading.Timer(0.5, lambda: bench.ask("fault/clear"))
    arrival.start()
    yield
    arrival.join()


def test_an_action_waits_for_the_one_that_is_under_way(bench: Bench) -> None:
    vm = bench.vm()  # as it was before that one began
    with on_its_way(bench, "deallocate"):
        compute.switch_vm(bench.azure, vm, "start", deadline=Deadline(30))
    assert bench.vm().power_state is PowerState.RUNNING


@pytest.mark.parametrize("state", ["started", "deallocated", "stopped"])
def test_a_vm_on_its_way_there_is_waited_for_and_reported_as_found(bench: Bench, state: str) -> None:
    way = "start" if state == "started" else "deallocate"
    if state == "started":
        run(bench, "deallocated")
    with on_its_way(bench, way):
        predicted = run(bench, state, check_mode=True)
        outcome = run(bench, state)
    for each in (predicted, outcome):
        assert not each.changed
        assert each.thing["previous"] == ("starting" if state == "started" else "deallocating")
    assert predicted.thing["power_state"] == outcome.thing["power_state"]
    assert bench.requests("POST") == []


def test_a_vm_on_its_way_down_is_started_once_it_is_there(bench: Bench) -> None:
    with on_its_way(bench, "deallocate"):
        predicted = run(bench, "started", check_mode=True)
        outcome = run(bench, "started")
    assert (predicted.before, predicted.after) == (outcome.before, outcome.after)
    assert (outcome.changed, outcome.thing["power_state"]) == (True, "running")
    assert [line.rpartition("/")[2] for line in bench.requests("POST")] == ["start"]


def test_a_failed_vm_is_mended_by_reapplying(bench: Bench) -> None:
    bench.fault(action="fail-operation", code="AllocationFailed", method="POST", path="restart$")
    with pytest.raises(AccessError) as caught:
        run(bench, "restarted")
    assert caught.value.code == "AllocationFailed"
    assert bench.vm().provisioning_state == "Failed"
    assert run(bench, "reapplied").thing["provisioning_state"] == "Succeeded"


def test_a_stopped_vm_is_not_restarted(bench: Bench) -> None:
    run(bench, "stopped")
    with pytest.raises(NotReady):
        run(bench, "restarted")
    assert bench.requests("POST") == []


@pytest.mark.parametrize("state", ["redeployed", "deallocated"])
def test_what_loses_something_must_be_confirmed(bench: Bench, state: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        run(bench, state, confirm=False)
    assert caught.value.code == "NotConfirmed"
    assert bench.requests() == []


def test_a_refused_action_is_named_in_words(bench: Bench) -> None:
    bench.fault(action="status", status=403, code="AuthorizationFailed", method="POST", path="powerOff$")
    with pytest.raises(AccessError) as caught:
        run(bench, "stopped")
    assert caught.value.message.startswith("Could not power off the virtual machine win1")


def test_a_wait_without_end_ends(bench: Bench) -> None:
    run(bench, "stopped")
    bench.fault(action="delay", seconds=2, method="GET", path="operations/")
    with pytest.raises(TimedOut) as caught:
        run(bench, "started", seconds=1)
    assert "start" in caught.value.message


def test_running_waits_for_a_start_and_starts_nothing(bench: Bench) -> None:
    run(bench, "stopped")
    with pytest.raises(NotReady) as caught:
        run(bench, "running")
    assert caught.value.code == "VmNotRunning"
    assert bench.requests("POST") == []

    bench.azure.compute.virtual_machines.begin_start("access-demo", "win1")
    foreseen = run(bench, "running", check_mode=True)
    outcome = run(bench, "running")

    assert not foreseen.changed
    assert (outcome.changed, outcome.thing["power_state"]) == (False, "running")
    assert bench.requests("POST") == []


def test_an_agent_that_starts_is_waited_for(bench: Bench) -> None:
    run(bench, "stopped")
    bench.azure.compute.virtual_machines.begin_start("access-demo", "win1").result()
    vm = compute.wait_for_agent(bench.azure, bench.vm(), TARGET, deadline=Deadline(30))
    assert vm.agent is AgentState.READY
    assert replace(vm, agent=AgentState.READY) == vm


TARGET = VmTarget(subscription=None, resource_group="access-demo", name="win1")
