# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renewal by a daily run: a new certificate moves in while the connection goes on working at every moment."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

import pytest

from ansible_collections.azvm.access.tests.integration.support.controller import HOST_FAILED

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.enable_winrm.conftest import Job

USER = r"win1\azureuser"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A request whose effect has taken place and whose answer is held back, so that the run stands still."""

    name: str
    method: str
    path: str
    nth: int = 1
    moved: bool = False  # whether the listener uses the new certificate by then


MOMENTS = (
    Moment(name="new version in the vault", method="PUT", path=r"^/secrets/winrm-win1$"),
    Moment(name="reference in the VM asked for", method="PATCH", path=r"/virtualMachines/win1$"),
    Moment(name="reference in the VM, listener looked at", method="DELETE", path=r"/runCommands/.*-read-"),
    Moment(name="listener moved", method="DELETE", path=r"/runCommands/.*-apply-", moved=True),
    Moment(name="old reference dropped", method="PATCH", path=r"/virtualMachines/win1$", nth=2, moved=True),
)


def test_the_connection_never_stops_working(job: Job) -> None:
    job.run().succeeded()
    old = job.versions()[-1]
    assert job.connects() == USER

    # One day before the window, nothing happens.
    job.azure.forward(days=334)
    job.azure.mark()
    assert job.run().succeeded().changed() == []
    assert job.azure.writes() == []
    assert job.connects() == USER

    job.azure.forward(days=6)
    faults = [job.azure.fault("hold", method=one.method, path=one.path, nth=one.nth) for one in MOMENTS]
    run = job.begin()
    seen: dict[str, tuple[str, bool]] = {}
    for moment, fault in zip(MOMENTS, faults, strict=True):
        if not job.azure.reached(fault, unless=lambda: run.ended):
            break
        seen[moment.name] = job.connects(), job.presents() != old["tags"]["thumbprint_sha256"]
        job.azure.clear_fault(fault)
    finished = run.wait().succeeded()

    assert seen == {one.name: (USER, one.moved) for one in MOMENTS}
    assert job.connects() == USER
    new = job.versions()[-1]
    assert [one["version"] for one in job.versions()] == [old["version"], new["version"]] != []
    assert job.presents() == new["tags"]["thumbprint_sha256"] != old["tags"]["thumbprint_sha256"]
    assert job.references() == [new["version"]]
    assert [one["certificate_thumbprint"] for one in job.https_listeners()] == [new["tags"]["thumbprint"]]
    assert finished.fact("enable_winrm_result")["thumbprint"] == new["tags"]["thumbprint"]
    assert job.trust.read_text(encoding="ascii").count("BEGIN CERTIFICATE") == 1

    # The next day it is over.
    job.azure.forward(days=1)
    job.azure.mark()
    assert job.run().succeeded().changed() == []
    assert job.azure.writes() == []
    assert job.connects() == USER


def test_a_renewal_that_was_cut_off_goes_on_without_a_gap(job: Job) -> None:
    job.run().succeeded()
    old = job.versions()[-1]["tags"]["thumbprint_sha256"]
    job.azure.forward(days=340)
    made, moved = (job.azure.fault("hold", method=one.method, path=one.path) for one in (MOMENTS[0], MOMENTS[3]))
    cut_off = job.begin()
    assert job.azure.reached(made, unless=lambda: cut_off.ended)
    cut_off.kill()
    job.azure.clear_fault(made)
    assert job.connects() == USER

    run = job.begin()
    assert job.azure.reached(moved, unless=lambda: run.ended)
    assert job.presents() != old
    assert job.connects() == USER
    job.azure.clear_fault(moved)
    run.wait().succeeded()
    assert job.connects() == USER


@pytest.mark.full
def test_each_part_of_a_renewal_alone(job: Job) -> None:
    """What is still in use stays: the old reference until the proof, the old certificate in the trust file."""
    job.run().succeeded()
    old = job.versions()[-1]
    first = job.run("--tags", "enable_winrm_certificate", enable_winrm_force_renew=True).succeeded()
    new = job.versions()[-1]

    assert [task.rpartition("| ")[2] for task in first.changed()] == [
        "Have a certificate in the vault and in the VM",
        "Trust the new certificate beside the old one while the listener moves",
    ]
    assert job.references() == [old["version"], new["version"]]
    assert job.connects() == USER

    probed = job.run("--tags", "enable_winrm_probe", enable_winrm_probe_timeout=5)

    (failed,) = probed.failures()
    assert probed.code == HOST_FAILED
    assert failed.result["failure"]["code"] == "CertificateMismatch"
    assert job.address() in failed.result["msg"]
    assert old["tags"]["thumbprint_sha256"] in failed.result["msg"]
    assert new["tags"]["thumbprint_sha256"] in failed.result["msg"]
    assert "the listener still uses another certificate" in failed.result["msg"]
    assert job.references() == [old["version"], new["version"]]
    assert job.connects() == USER

    # The listener's part renews and moves on its own, and clients that are to trust it already do.
    job.run("--tags", "enable_winrm_listener", enable_winrm_force_renew=True).succeeded()
    newest = job.versions()[-1]

    assert job.presents() == newest["tags"]["thumbprint_sha256"]
    assert job.references() == [old["version"], new["version"], newest["version"]]
    assert job.connects() == USER

    last = job.run().succeeded()

    assert [task.rpartition("| ")[2] for task in last.changed()] == [
        "Forget older versions now that the listener has moved",
        "Trust the certificate that the VM was seen to present",
    ]
    assert job.references() == [newest["version"]]
    assert job.connects() == USER
