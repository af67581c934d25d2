# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a VM without WinRM to verified connections of the stock plugins, and a second run that changes nothing."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.tests.integration.enable_winrm.conftest import (
    GROUP,
    NAME,
    PLAYBOOK,
    PLAYS,
    Job,
)
from ansible_collections.azvm.access.tests.integration.support.stock_clients import plugin_variables

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_first_run_connects_and_the_second_changes_nothing(
    job: Job, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    inventory = tmp_path / "inventory.yml"
    account = {
        "ansible_user": job.environment["LOCAL_AZURE_VM_USER"],
        "ansible_password": job.environment["LOCAL_AZURE_VM_PASSWORD"],
    }
    variables = {
        "resource_group": GROUP,
        "vm_name": NAME,
        "allowed_sources": "127.0.0.1",
        "enable_winrm_inventory_file": str(inventory),
        **account,
    }

    first = job.controller.play(PLAYBOOK, variables=variables).succeeded()
    first_requests = len(job.azure.journal())

    assert first.of("Run a command in the VM", NAME)["stdout"].strip() == r"win1\azureuser"
    assert "unreachable=0" in first.output
    assert job.presents() == job.versions()[-1]["tags"]["thumbprint_sha256"]

    job.azure.mark()
    before = job.azure.state()
    second = job.controller.play(PLAYBOOK, variables=variables).succeeded()
    second_requests = len(job.azure.journal())

    assert second.changed() == []
    assert job.azure.writes() == []
    assert {**job.azure.state(), "time": before["time"]} == before
    record_property("summary", f"first run: {first_requests} requests, second run: {second_requests} requests")

    # The inventory that the role wrote lacks the account only.
    by_inventory = job.controller.play(PLAYS / "connect.yml", inventory=inventory, variables=account).succeeded()

    assert by_inventory.of("Run a command", NAME)["stdout"].strip() == r"win1\azureuser"


@pytest.fixture
def enabled(job: Job) -> Job:
    job.run().succeeded()
    return job


def test_stock_plugins_connect_and_refuse_what_is_not_right(enabled: Job, tmp_path: Path) -> None:
    job = enabled
    foreign = tmp_path / "foreign.pem"
    # A certificate that is valid and trusted, but not this VM's: the one the proxy of the local Azure has.
    foreign.write_bytes((job.azure.server.dir / "ca.pem").read_bytes())

    def variables(plugin: str, **other: t.Any) -> dict[str, t.Any]:
        trust = other.pop("trust", job.trust)
        return {**plugin_variables(plugin, job.address(), trust, job.environment), **other}

    hosts = {
        "psrp": variables("psrp"),
        "winrm": variables("winrm"),
        "psrp-wrong-password": variables("psrp", ansible_password="not this one"),
        "winrm-wrong-password": variables("winrm", ansible_password="not this one"),
        "psrp-foreign": variables("psrp", trust=foreign),
        "winrm-foreign": variables("winrm", trust=foreign),
    }

    run = job.controller.play(PLAYS / "connect.yml", hosts=hosts)
    by_host = {one.host: one for one in run.results}

    assert {host: one.status for host, one in by_host.items()} == {
        host: "ok" if host in ("psrp", "winrm") else "unreachable" for host in hosts
    }
    for plugin in ("psrp", "winrm"):
        assert by_host[plugin].result["stdout"].strip() == r"win1\azureuser"
        refused = str(by_host[f"{plugin}-wrong-password"].result["msg"])
        assert "credentials" in refused.lower() or "authenticate" in refused.lower(), refused
        assert "certificate verify failed" in str(by_host[f"{plugin}-foreign"].result["msg"]).lower()


def test_the_variables_for_the_winrm_plugin_work_as_the_role_gives_them(job: Job) -> None:
    account = {
        "ansible_user": job.environment["LOCAL_AZURE_VM_USER"],
        "ansible_password": job.environment["LOCAL_AZURE_VM_PASSWORD"],
    }
    variables = {"enable_winrm_connection": "winrm", "target": "all", **account}

    run = job.controller.play(PLAYBOOK, hosts=job.host(), variables=variables).succeeded()

    assert run.of("Run a command in the VM", NAME)["stdout"].strip() == r"win1\azureuser"
    assert run.of("Say how to go on", NAME)["msg"][-1]["ansible_connection"] == "ansible.builtin.winrm"
