# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode where nothing exists yet, and then each part alone: what was predicted is what is done."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.azvm.access.tests.integration.enable_winrm.conftest import ROLE
from ansible_collections.azvm.access.tests.integration.support.stock_clients import whoami

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
    from ansible_collections.azvm.access.tests.integration.support.controller import Controller, Finished, Json

SCENARIO = Path(__file__).parents[1] / "scenarios" / "role-bad-days.yml"
OFF, ON = "parked", "filtered"
CERTIFICATE = "Have a certificate in the vault and in the VM"
LISTENER = "Bind the listener to the certificate"
RULE = "Open the security groups"
TRUST = ["Make the folders for the files", "Trust the certificate that the VM was seen to present"]


def changes(run: Finished, host: str) -> list[str]:
    return [task.rpartition("| ")[2] for task in run.changed(host)]


def test_check_mode_predicts_what_each_part_alone_then_does(azure: Azure, controller: Controller) -> None:
    """Of a deallocated VM and a running one, on which nothing is prepared."""
    azure.start_over(SCENARIO)
    vm: Json = {
        "resource_group": "access-bad",
        "allowed_sources": ["127.0.0.1"],
        "enable_winrm_start_vm": True,
        "enable_winrm_probe_timeout": 60,
    }

    checked = controller.play(ROLE, "--check", "--diff", hosts={OFF: vm, ON: vm}).succeeded()

    assert azure.writes() == []
    assert not controller.trust.exists()
    assert changes(checked, OFF) == ["Start the VM", CERTIFICATE, LISTENER, RULE, TRUST[0]]
    assert changes(checked, ON) == [CERTIFICATE, LISTENER, RULE, TRUST[0]]
    foreseen = checked.of(CERTIFICATE, OFF)
    assert foreseen["diff"]["after"]["vault"]["name"] == foreseen["certificate"]["vault"]["name"]

    parts = ("power", "rule", "certificate", "listener", "probe", "hand_over")
    runs = {
        part: controller.play(ROLE, "--tags", f"enable_winrm_{part}", hosts={OFF: vm}).succeeded() for part in parts
    }

    assert {part: changes(run, OFF) for part, run in runs.items()} == {
        "power": ["Start the VM"],
        "rule": [RULE],
        "certificate": [CERTIFICATE],
        "listener": [LISTENER],
        "probe": [],
        "hand_over": TRUST,
    }
    result = runs["hand_over"].fact("enable_winrm_result")
    predicted = {name: checked.fact("enable_winrm_result", name) for name in (OFF, ON)}
    # What only a real run can know: whatever is in a certificate, and the way to a VM that does not run.
    unknown = {"thumbprint", "not_after", "secret_url", "channel"}
    assert {key for key, value in predicted[ON].items() if value is None} == unknown
    assert {key for key, value in predicted[OFF].items() if value is None} == {*unknown, "address"}
    for key in ("port", "vault", "trust_file"):
        assert result[key] == predicted[OFF][key]
    assert runs["rule"].of(RULE)["rule"] == checked.of(RULE, OFF)["rule"]
    assert whoami(result["address"], Path(result["trust_file"]), azure.server.env) == rf"{OFF}\azureuser"
