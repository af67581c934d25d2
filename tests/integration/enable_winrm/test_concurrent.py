# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs that meet on one VM."""

from __future__ import annotations

import typing as t

from ansible_collections.azvm.access.tests.integration.enable_winrm.conftest import Job
from ansible_collections.azvm.access.tests.integration.support.controller import Controller

if t.TYPE_CHECKING:
    from pathlib import Path

RULE = "Port_5986"


def test_two_runs_on_one_vm_at_the_same_moment(job: Job, tmp_path: Path) -> None:
    # An update of a VM takes its time, in which the other run, too, has written what it found missing.
    job.azure.fault("delay", method="PATCH", path="/virtualMachines/win1$", seconds=3, times=2)
    with Controller(
        folder=tmp_path / "other", environment=job.environment, preloaded=job.controller.preloaded
    ) as other:
        runs = [each.begin(enable_winrm_probe_timeout=15) for each in (job, Job(azure=job.azure, controller=other))]
        ends = [run.wait() for run in runs]

    for end in ends:
        end.succeeded()
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
