# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that meet: two on one VM, and a fleet that shares a security group and a vault."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

from ansible_collections.azvm.access.tests.integration.enable_winrm.conftest import ROLE, Job
from ansible_collections.azvm.access.tests.integration.support.controller import Controller
from ansible_collections.azvm.access.tests.integration.support.stock_clients import whoami

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure

RULE = "Port_5986"


def test_two_runs_on_one_vm_at_the_same_moment(
    job: Job, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with Controller(folder=tmp_path / "other", environment=job.environment) as other:
        meanwhile = Job(azure=job.azure, controller=other)
        runs = [job.begin(enable_winrm_probe_timeout=15), meanwhile.begin(enable_winrm_probe_timeout=15)]
        ends = [run.wait() for run in runs]

    assert any(end.code == 0 for end in ends), "\n".join(map(str, ends))
    for end in ends:
        for failed in end.failures():
            assert failed.result["failure"]["hint"], failed
    record_property("summary", f"two runs at once: exit status {[end.code for end in ends]}")
    # Whoever comes next puts right what a run that failed left; otherwise there is nothing to do.
    if any(end.code for end in ends):
        job.run().succeeded()
    job.azure.mark()
    job.run().succeeded()

    assert job.azure.writes() == []
    for group in ("subnet-nsg", "win1-nsg"):
        assert job.rules(group) == ["AllowHttps", RULE]
    assert len(job.https_listeners()) == 1
    # Which of two versions of the same second is the current one is for their names to say.
    (reference,) = job.references()
    (used,) = [one for one in job.versions() if one["version"] == reference]
    assert job.presents() == used["tags"]["thumbprint_sha256"]
    assert job.connects() == r"win1\azureuser"


def test_a_fleet_shares_a_group_and_a_vault(
    azure: Azure, controller: Controller, full: bool, record_property: Callable[[str, object], None]
) -> None:
    count = 50 if full else 5
    azure.start_over("fleet", count=count)
    job = Job(azure=azure, controller=controller)
    names = [f"win{number}" for number in range(1, count + 1)]
    hosts = {name: {"resource_group": "access-fleet", "allowed_sources": ["127.0.0.1"]} for name in names}

    started = time.monotonic()
    first = controller.play(ROLE, "--forks", "5", hosts=hosts).succeeded()
    seconds = time.monotonic() - started
    requests = len(azure.journal())

    assert job.rules("fleet-nsg") == sorted(["AllowHttps", *(f"{RULE}_{name}" for name in names)])
    secrets = {secret["name"]: secret["versions"] for vault in azure.state()["vaults"] for secret in vault["secrets"]}
    assert {name: len(versions) for name, versions in secrets.items()} == {f"winrm-{name}": 1 for name in names}
    for name in names:
        result = first.fact("enable_winrm_result", name)
        assert result["thumbprint"] == secrets[f"winrm-{name}"][0]["tags"]["thumbprint"]
        assert whoami(result["address"], Path(result["trust_file"]), azure.server.env) == rf"{name}\azureuser"
    record_property("summary", f"{count} VMs, 5 forks: {seconds:.0f} s, {requests / count:.0f} requests each")
