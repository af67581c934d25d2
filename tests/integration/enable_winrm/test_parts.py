# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode where nothing exists yet, and then each part alone: what was predicted is what is done."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.enable_winrm.conftest import ROLE
from ansible_collections.azvm.access.tests.integration.support.controller import Json
from ansible_collections.azvm.access.tests.integration.support.stock_clients import whoami

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
    from ansible_collections.azvm.access.tests.integration.support.controller import Controller, Finished

SCENARIO = Path(__file__).parents[1] / "scenarios" / "role-bad-days.yml"
OFF, ON = "parked", "filtered"
CERTIFICATE = "Have a certificate in the vault and in the VM"
LISTENER = "Bind the listener to the certificate"
RULE = "Open the security groups"
TRUST = ["Make the folders for the files", "Trust the certificate that the VM was seen to present"]


def changes(run: Finished, host: str) -> list[str]:
    return [task.rpartition("| ")[2] for task in run.changed(host)]


VM: Json = {
    "resource_group": "access-bad",
    "allowed_sources": ["127.0.0.1"],
    "enable_winrm_start_vm": True,
    "enable_winrm_probe_timeout": 60,
}
# What only a real run can know: whatever is in a certificate.
UNKNOWN = {"thumbprint", "not_after", "secret_url", "channel"}


def predicted(controller: Controller, *names: str) -> Finished:
    return controller.play(ROLE, "--check", "--diff", hosts=dict.fromkeys(names, VM)).succeeded()


def test_check_mode_predicts_and_writes_nothing(azure: Azure, controller: Controller) -> None:
    """Of a deallocated VM and a running one, on which nothing is prepared."""
    azure.start_over(SCENARIO)

    run = predicted(controller, OFF, ON)

    assert azure.writes() == []
    assert not controller.trust.exists()
    assert changes(run, OFF) == ["Start the VM", CERTIFICATE, LISTENER, RULE, TRUST[0]]
    assert changes(run, ON) == [CERTIFICATE, LISTENER, RULE, TRUST[0]]
    foreseen = run.of(CERTIFICATE, OFF)
    assert foreseen["diff"]["after"]["vault"]["name"] == foreseen["certificate"]["vault"]["name"]
    # The way to a VM that does not run is not known either.
    for name, unknown in ((ON, UNKNOWN), (OFF, {*UNKNOWN, "address"})):
        result = run.fact("enable_winrm_result", name)
        assert {key for key, value in result.items() if value is None} == unknown


@pytest.mark.full
def test_each_part_alone_does_what_was_predicted(azure: Azure, controller: Controller) -> None:
    azure.start_over(SCENARIO)
    checked = predicted(controller, OFF)

    parts = ("power", "rule", "certificate", "listener", "probe", "hand_over")
    runs = {
        part: controller.play(ROLE, "--tags", f"enable_winrm_{part}", hosts={OFF: VM}).succeeded() for part in parts
    }

    assert {part: changes(run, OFF) for part, run in runs.items()} == {
        "power": ["Start the VM"],
        "rule": [RULE],
        "certificate": [CERTIFICATE],
        "listener": [LISTENER],
        "probe": [],
        "hand_over": TRUST,
    }
    result, foreseen = (run.fact("enable_winrm_result") for run in (runs["hand_over"], checked))
    for key in ("port", "vault", "trust_file"):
        assert result[key] == foreseen[key]
    assert runs["rule"].of(RULE)["rule"] == checked.of(RULE)["rule"]
    assert whoami(result["address"], Path(result["trust_file"]), azure.server.env) == rf"{OFF}\azureuser"
