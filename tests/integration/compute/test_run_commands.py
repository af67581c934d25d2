# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managed Run Command through the real SDK: results, clean-up, and runs that meet."""

from __future__ import annotations

import threading
import typing as t

import pytest
from azure.mgmt.compute.models import VirtualMachineRunCommand

from ansible_collections.azvm.access.plugins.module_utils._azure import compute, run_commands
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import (
    AccessError,
    Conflict,
    Denied,
    NotReady,
    TimedOut,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.script_run import ExecutionState, ScriptRun
from ansible_collections.azvm.access.plugins.module_utils._guest.winrm_listener import READ
from ansible_collections.azvm.access.plugins.module_utils._guest.winrm_messages import read_payload

if t.TYPE_CHECKING:
    from pathlib import Path

    from azure.core.polling import LROPoller

    from ansible_collections.azvm.access.tests.integration.compute.conftest import Bench

GROUP, NAME = "access-demo", "win1"
NEVER = 1_000_000
"""Seconds of the real Azure, some thousand times as long as a test waits."""


def run(
    bench: Bench, *, text: str = READ.text, interruptible: bool = True, seconds: float = 30, name: str = "a_script"
) -> ScriptRun:
    return run_commands.run_script(
        bench.azure,
        bench.vm(),
        name=name,
        text=text,
        parameters=READ.parameters(read_payload(None)),
        interruptible=interruptible,
        deadline=Deadline(seconds),
    )


def commands(bench: Bench) -> list[str]:
    """The Run Commands that are not on their way out."""
    found = bench.azure.compute.virtual_machine_run_commands.list_by_virtual_machine(GROUP, NAME)
    return [
        command.name or ""
        for command in found
        if command.properties and command.properties.provisioning_state != "Deleting"
    ]


def leave(bench: Bench, name: str) -> LROPoller[VirtualMachineRunCommand]:
    """A Run Command of an interrupted run."""
    return bench.azure.compute.virtual_machine_run_commands.begin_create_or_update(
        GROUP,
        NAME,
        name,
        VirtualMachineRunCommand({"location": "westeurope", "properties": {"source": {"script": READ.text}}}),
    )


def test_the_result_is_what_the_script_left(bench: Bench) -> None:
    result = run(bench)
    assert (result.state, result.exit_code, result.error) == (ExecutionState.SUCCEEDED, 0, "")
    assert READ.answer(result, where="VM")["computer_name"] == "WIN1"


def test_a_failed_script_is_seen_although_provisioning_succeeded(bench: Bench) -> None:
    result = run(bench, text="Get-Something")
    assert result.state is ExecutionState.FAILED
    assert result.exit_code == 1
    assert result.last_lines()


def test_the_resource_has_a_name_of_its_own_and_is_gone_afterwards(bench: Bench) -> None:
    bench.mark()
    run(bench)
    run(bench, text="Get-Something")
    puts = [line.split("/")[-1] for line in bench.requests("PUT")]
    deletes = [line.split("/")[-1] for line in bench.requests("DELETE")]
    assert puts == deletes
    assert len(set(puts)) == 2
    assert all(name.startswith("azvm-access-a-script-") for name in puts)
    assert commands(bench) == []


def test_what_others_run_is_left_alone(bench: Bench) -> None:
    leave(bench, "backup-job").result()
    run(bench)
    assert commands(bench) == ["backup-job"]


def test_a_finished_leftover_is_deleted(bench: Bench) -> None:
    leave(bench, "azvm-access-left-1").result()
    run(bench)
    assert commands(bench) == []


def test_a_running_leftover_is_waited_for(bench: Bench) -> None:
    leave(bench, "azvm-access-left-2")
    bench.mark()
    run(bench)
    order = bench.requests("PUT", "DELETE")
    assert order[0] == "DELETE Microsoft.Compute/virtualMachines/win1/runCommands/azvm-access-left-2"
    assert commands(bench) == []


def test_the_wait_for_another_run_has_an_end(bench: Bench, tmp_path: Path) -> None:
    bench.use(tmp_path, run_command_seconds=NEVER)
    leave(bench, "azvm-access-left-4")
    bench.mark()
    with pytest.raises(TimedOut) as caught:
        run(bench, seconds=0.5)
    assert "azvm-access-left-4 of another run" in caught.value.message
    assert bench.requests("PUT", "DELETE") == []


def test_two_runs_at_once_both_end_well(bench: Bench) -> None:
    results: list[ScriptRun | AccessError] = []

    def one() -> None:
        try:
            results.append(run(bench))
        except AccessError as error:
            results.append(error)

    threads = [threading.Thread(target=one) for _thread in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    for result in results:
        # A run whose command the other took for a leftover is told so, and asks again.
        assert isinstance(result, ScriptRun) or result.code == "RunCommandRemoved"
    assert any(isinstance(result, ScriptRun) for result in results)
    assert commands(bench) == []


def test_a_stopped_vm_refuses_with_the_way_out(bench: Bench) -> None:
    vm = bench.vm()
    compute.switch_vm(bench.azure, vm, "power_off", deadline=Deadline(30))
    with pytest.raises(NotReady) as caught:
        run(bench)
    assert "vm_power" in caught.value.hint


def test_no_right_is_said_in_azures_words(bench: Bench) -> None:
    bench.fault(action="status", status=403, code="AuthorizationFailed", method="PUT", path="runCommands")
    with pytest.raises(Denied) as caught:
        run(bench)
    assert caught.value.code == "AuthorizationFailed"


def test_a_busy_vm_is_asked_again(bench: Bench) -> None:
    bench.fault(
        action="status", status=409, code="AnotherOperationInProgress", method="PUT", path="runCommands", times=1
    )
    assert run(bench).state is ExecutionState.SUCCEEDED


def test_a_failed_read_still_deletes_what_may_be_cut(bench: Bench) -> None:
    bench.mark()
    bench.fault(action="status", status=400, code="Broken", method="GET", path=r"runCommands/azvm-access.*")
    with pytest.raises(AccessError) as caught:
        run(bench)
    assert caught.value.code == "Broken"
    assert len(bench.requests("DELETE")) == 1


@pytest.mark.parametrize(
    ("path", "status"), [("operations/", 503), ("operations/", 401), ("operations/", 403), (r"runCommands/azvm-", 503)]
)
def test_a_changing_script_of_which_nothing_is_heard_is_left_to_end(bench: Bench, path: str, status: int) -> None:
    bench.mark()
    bench.fault(action="status", status=status, code="Broken", method="GET", path=path, retry_after="0.01")
    with pytest.raises(AccessError):
        run(bench, interruptible=False)
    assert bench.requests("DELETE") == []
    bench.ask("fault/clear")
    assert run(bench).state is ExecutionState.SUCCEEDED
    assert commands(bench) == []


def test_output_taken_away_by_somebody_else_is_told_apart(bench: Bench) -> None:
    bench.fault(action="status", status=404, code="ResourceNotFound", method="GET", path=r"runCommands/azvm-access.*")
    with pytest.raises(Conflict) as caught:
        run(bench)
    assert caught.value.code == "RunCommandRemoved"


def test_a_script_that_azure_ended_is_told_apart(bench: Bench, tmp_path: Path) -> None:
    bench.use(tmp_path, run_command_seconds=NEVER)
    result = run(bench)
    assert result.state is ExecutionState.TIMED_OUT
    assert commands(bench) == []


@pytest.mark.parametrize(("interruptible", "deletes"), [(True, 1), (False, 0)])
def test_a_time_out_cuts_only_what_may_be_cut(
    bench: Bench, tmp_path: Path, *, interruptible: bool, deletes: int
) -> None:
    bench.use(tmp_path, run_command_seconds=NEVER)
    bench.mark()
    with pytest.raises(TimedOut) as caught:
        run(bench, interruptible=interruptible, seconds=0.4)
    assert "a-script" in caught.value.message
    assert len(bench.requests("DELETE")) == deletes
