# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad days of the role: two people reset at once, and the VM's agent falls silent in the middle."""

from __future__ import annotations

import typing as t

from ansible_collections.azvm.access.tests.integration.reset_access.conftest import GENERATE, Job
from ansible_collections.azvm.access.tests.integration.support.controller import HOST_FAILED, Controller
from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import SECRET, USER, VAULT, fresh
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def test_two_resets_at_once(job: Job, record_property: Callable[[str, object], None]) -> None:
    before = job.vm.server.env["LOCAL_AZURE_VM_PASSWORD"]
    runs = [job.begin("--tags", "reset_access_reset", **GENERATE) for _index in range(2)]
    ends = [run.wait() for run in runs]

    record_property("summary", f"two resets at once: exit status {[end.code for end in ends]}")
    assert 0 in [end.code for end in ends], "\n".join(map(str, ends))
    for failed in (failed for end in ends for failed in end.failures()):
        assert failed.result["failure"]["hint"], failed
    assert job.vm.signs_in(job.vm.control.secret(VAULT, SECRET))
    assert not job.vm.signs_in(before)
    assert job.vm.accounts[USER] == (True, True)
    assert not job.vm.run(mode="password", generate=True, vault_name=VAULT).changed


def test_an_agent_that_dies_in_the_middle_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "controller"
    with (
        running("windows-vm", pace=1) as server,  # Azure's own 25 minutes
        fresh(server, tmp_path, monkeypatch) as vm,
        Controller(folder=folder, environment=server.env) as controller,
    ):
        vm.vm(guest={"vm_access": "agent_dies"})
        run = Job(vm=vm, controller=controller).begin(
            reset_access_mode="password", reset_access_password="Battery-Staple-2"
        )
        vm.control.eventually(lambda: "PUT enablevmaccess" in vm.writes)
        vm.control.forward(minutes=24)
        assert vm.state_of_extension() == "Creating"
        vm.control.forward(minutes=2)
        ended = run.wait()

    (failed,) = ended.failures()
    told, failure = failed.result["msg"], failed.result["failure"]
    assert ended.code == HOST_FAILED
    assert (failure["code"], failure["details"]["cause"]) == ("VMAgentStatusCommunicationError", "AgentSilent")
    # One sentence, then what to do.
    sentence, _stop, hint = told.partition(f"({failure['code']}). ")
    assert hint == failure["hint"]
    assert ". " not in sentence
    assert "the VM agent does not report" in sentence
