# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in run commands of a region: their list, as far as the local Azure shows it."""

from __future__ import annotations

from ..core.call import Answer, Call
from ..core.wire import Json
from . import errors

_SCHEMA = "http://schema.management.azure.com/schemas/2016-11-17/runcommands.json"


def _command(id: str, os_type: str, label: str, description: str | None = None) -> Json:
    return {"$schema": _SCHEMA, "id": id, "osType": os_type, "label": label, "description": description or f"{label}."}


def _custom(shell: str) -> str:
    return (
        f"Custom multiline {shell} script should be defined in script property. "
        "Optional parameters can be set in parameters property."
    )


#: Ids and systems are Azure's (Microsoft: run-command), and so is what is said of the two that take a script; the other
#: labels are ours.
COMMANDS = [
    _command("DisableNLA", "Windows", "Switch network level authentication off"),
    _command("DisableWindowsUpdate", "Windows", "Switch automatic updates off"),
    _command("EnableAdminAccount", "Windows", "Enable the local administrator account"),
    _command("EnableEMS", "Windows", "Enable Emergency Management Services"),
    _command("EnableRemotePS", "Windows", "Enable remote PowerShell"),
    _command("EnableWindowsUpdate", "Windows", "Switch automatic updates on"),
    _command("IPConfig", "Windows", "Show the IP configuration"),
    _command("RDPSettings", "Windows", "Verify the Remote Desktop settings"),
    _command("ResetRDPCert", "Windows", "Make a new Remote Desktop certificate"),
    _command("RunPowerShellScript", "Windows", "Executes a PowerShell script", _custom("PowerShell")),
    _command("RunShellScript", "Linux", "Executes a Linux shell script", _custom("shell")),
    _command("SetRDPPort", "Windows", "Set the Remote Desktop port"),
]

#: Those that run the script of the request.
SCRIPT_COMMANDS = frozenset({"RunPowerShellScript", "RunShellScript"})

_SCRIPT = {
    "RunPowerShellScript": [
        "param(",
        "    [string]$arg1,",
        "    [string]$arg2",
        ")",
        "Write-Host This is a sample script with parameters $arg1 $arg2",
    ],
    "RunShellScript": ["echo This is a sample script with parameters $1 $2"],
}


def list_all(_call: Call) -> Answer:
    """``GET locations/{location}/runCommands``."""
    return Answer(status=200, body={"value": COMMANDS})


def get(call: Call) -> Answer:
    """``GET locations/{location}/runCommands/{id}``, of those whose script is the caller's to give."""
    wanted = call.params["command"].lower()
    command = next((one for one in COMMANDS if one["id"].lower() == wanted), None)
    if command is None:
        raise errors.entity_not_found()
    script = _SCRIPT.get(command["id"])
    if script is None:
        raise errors.not_rehearsed(f"it doesn't know the script of {command['id']}.")
    parameters = [{"name": f"arg{n}", "type": "string", "defaultValue": f"value{n}"} for n in (1, 2)]
    return Answer(status=200, body={"script": script, "parameters": parameters, **command})
