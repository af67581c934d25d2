# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""az vm extension, user and run-command: what it does inside virtual machines."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.azvm.access.plugins.module_utils._guest.rdp_listener import SCRIPTS
from ansible_collections.azvm.access.plugins.module_utils._guest.rdp_messages import read_payload

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.azvm.access.tests.witness.az.cli import Az
    from ansible_collections.azvm.access.tests.witness.az.conftest import Cloud

GROUP = "--resource-group access-demo"
LOCKED = f"{GROUP} --vm-name win2"
VM_ACCESS = "--publisher Microsoft.Compute --name VMAccessAgent --version 2.4 --protected-settings {}"


def test_the_extension_that_resets_remote_desktop_is_set_listed_and_deleted(az: Az, cloud: Cloud) -> None:
    assert cloud.guest("win2")["rdp"]["enabled"] is False
    made = az(f"vm extension set {LOCKED} {VM_ACCESS}")
    assert (made["provisioningState"], made["typePropertiesType"]) == ("Succeeded", "VMAccessAgent")
    assert cloud.guest("win2")["rdp"]["enabled"] is True
    assert az(f"vm extension list {LOCKED}") == [az(f"vm extension show {LOCKED} --name VMAccessAgent")]
    assert (cloud.find("VMAccessAgent") or {})["id"] == made["id"]
    az(f"vm extension delete {LOCKED} --name VMAccessAgent")
    assert cloud.find("VMAccessAgent") is None
    assert az(f"vm extension list {LOCKED}") == []


def test_an_account_is_made_by_user_update_with_the_one_extension_there_may_be(az: Az, cloud: Cloud) -> None:
    made = az(f"vm user update {GROUP} --name win2 --username rescue --password 'Witness-1-password'")
    assert (made["provisioningState"], made["settings"]) == ("Succeeded", {"UserName": "rescue"})
    assert "Witness-1-password" not in json.dumps(made)
    account = {"name": "rescue", "enabled": True, "admin": True}
    assert any(account.items() <= user.items() for user in cloud.guest("win2")["users"])
    again = az(f"vm extension set {LOCKED} {VM_ACCESS}")
    assert again["id"] == made["id"]
    assert "VMExtensionProvisioningError" in az.refused(
        f"vm user update {GROUP} --name win2 --username rescue --password short"
    )


def test_a_script_of_ours_runs_by_run_command_invoke(az: Az, cloud: Cloud, tmp_path: Path) -> None:
    script = next(one for one in SCRIPTS if not one.changes)
    (tmp_path / "script.ps1").write_text(script.text, encoding="utf-8")
    (parameters,) = script.parameters(read_payload(thumbprint=None, port=None)).items()
    line = f"vm run-command invoke {GROUP} --name win1 --command-id RunPowerShellScript"
    given = ("--scripts", f"@{tmp_path / 'script.ps1'}", "--parameters", "=".join(parameters))
    output, errors = az(line, *given)["value"]
    assert errors["message"] == ""
    said = json.loads(output["message"])
    assert said["ok"] is True
    assert cloud.guest("win1")["rdp"]["port"] == 3389


def test_a_run_command_stays_until_it_is_deleted_and_tells_how_it_went(az: Az, cloud: Cloud) -> None:
    of_win1, name = f"{GROUP} --vm-name win1", "--run-command-name hello"
    made = az(f"vm run-command create {of_win1} {name} --script Get-Date")
    assert made["provisioningState"] == "Succeeded"
    assert (cloud.find("hello") or {})["id"] == made["id"]
    view = az(f"vm run-command show {of_win1} {name} --instance-view")["instanceView"]
    # No PowerShell here: the script fails inside, although the resource was provisioned.
    assert (view["executionState"], view["exitCode"]) == ("Failed", 1)
    assert "cannot run PowerShell" in view["error"]
    assert [one["name"] for one in az(f"vm run-command list {of_win1}")] == ["hello"]
    az(f"vm run-command delete {of_win1} {name} --yes")
    assert cloud.find("hello") is None
