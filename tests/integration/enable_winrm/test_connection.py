# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a VM without WinRM to verified connections of the stock plugins, and a second run that changes nothing."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

import pytest

from ansible_collections.azvm.access.tests.integration.enable_winrm.conftest import NAME, PLAYBOOK, PLAYS, Job
from ansible_collections.azvm.access.tests.integration.support.controller import Controller, Finished, Json
from ansible_collections.azvm.access.tests.integration.support.stock_clients import plugin_variables

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
    from ansible_collections.azvm.access.tests.integration.support.preloaded import Preloaded


HOST = "win1_4f2a"
"""What the VM is called in the inventory."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """The playbook run twice, with what Azure saw of it.

    First for a VM whose id is on the command line, with psrp; then for a group of an inventory whose hosts know their
    ``id``, as those of azure.azcollection.azure_rm do, with winrm.
    """

    job: Job
    inventory: Path
    first: Finished
    second: Finished
    first_requests: int
    second_requests: int
    second_writes: list[str]
    state_between: Json
    state_after: Json


@pytest.fixture(scope="module")
def story(azure: Azure, preloaded: Preloaded, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    azure.start_over("windows-vm")
    controller = Controller(folder=folder, environment=azure.server.env, preloaded=preloaded)
    job = Job(azure=azure, controller=controller)
    inventory = folder / "inventory.yml"
    (vm,) = job.resources("Microsoft.Compute/virtualMachines")
    variables = {"allowed_sources": "127.0.0.1", **job.account}

    first = job.controller.play(
        PLAYBOOK, variables={**variables, "vm_id": vm["id"], "enable_winrm_inventory_file": str(inventory)}
    )
    first_requests, state_between = len(azure.journal()), azure.state()
    azure.mark()
    found = folder / "found.yml"
    found.write_text(
        json.dumps({"all": {"hosts": {"not-asked-for": {}}}, "windows": {"hosts": {HOST: {"id": vm["id"]}}}})
    )
    second = job.controller.play(
        PLAYBOOK,
        inventory=found,
        variables={**variables, "target": "windows", "enable_winrm_connection": "winrm"},
    )
    return Story(
        job=job,
        inventory=inventory,
        first=first.succeeded(),
        second=second.succeeded(),
        first_requests=first_requests,
        second_requests=len(azure.journal()),
        second_writes=azure.writes(),
        state_between=state_between,
        state_after=azure.state(),
    )


def test_the_playbook_ends_with_a_command_in_the_vm(story: Story) -> None:
    for run, name, plugin in ((story.first, NAME, "psrp"), (story.second, HOST, "winrm")):
        assert {one.host for one in run.results} == {name, "localhost"}
        assert run.of("Run a command in the VM", name)["stdout"].strip() == r"win1\azureuser"
        assert run.of("Say how to go on", name)["msg"][-1]["ansible_connection"] == f"ansible.builtin.{plugin}"
    assert story.job.presents() == story.job.versions()[-1]["tags"]["thumbprint_sha256"]


def test_a_second_run_changes_nothing_and_writes_nothing(
    story: Story, record_property: Callable[[str, object], None]
) -> None:
    assert story.second.changed() == []
    assert story.second_writes == []
    assert {**story.state_after, "time": story.state_between["time"]} == story.state_between
    record_property(
        "summary", f"first run: {story.first_requests} requests, second run: {story.second_requests} requests"
    )


def test_the_inventory_that_the_role_writes_lacks_the_account_only(story: Story) -> None:
    run = story.job.controller.play(
        PLAYS / "connect.yml", inventory=story.inventory, variables=story.job.account
    ).succeeded()

    assert run.of("Run a command", NAME)["stdout"].strip() == r"win1\azureuser"


def test_stock_plugins_refuse_a_wrong_password_and_a_foreign_trust_file(story: Story, tmp_path: Path) -> None:
    job = story.job
    # Well-formed, but not what signed this VM's certificate: the authority of the local Azure's proxy.
    foreign = job.azure.home.ca
    address = job.address()

    def host(plugin: str, *, trust: Path = job.trust, **other: str) -> Json:
        return {**plugin_variables(plugin, address, trust, job.environment), **other}

    hosts = {}
    for plugin in ("psrp", "winrm"):
        hosts[plugin] = host(plugin)
        hosts[f"{plugin}-password"] = host(plugin, ansible_password="not this one")
        hosts[f"{plugin}-trust"] = host(plugin, trust=foreign)
    run = job.controller.play(PLAYS / "connect.yml", hosts=hosts)
    results = {one.host: one for one in run.results}

    assert {name: one.status for name, one in results.items()} == {
        name: "ok" if name in ("psrp", "winrm") else "unreachable" for name in hosts
    }
    refusals = {"psrp": "failed to authenticate the user", "winrm": "credentials were rejected"}
    for plugin in ("psrp", "winrm"):
        assert results[plugin].result["stdout"].strip() == r"win1\azureuser"
        assert refusals[plugin] in results[f"{plugin}-password"].result["msg"].lower()
        assert "certificate verify failed" in results[f"{plugin}-trust"].result["msg"].lower()
