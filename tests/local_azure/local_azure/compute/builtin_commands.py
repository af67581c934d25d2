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


#: In the order in which the service lists them; ids, systems and labels are the service's (recorded: api-version
#: 2019-03-01), and so is what is said of the two that take a script.
COMMANDS = [
    _command("EnableRemotePS", "Windows", "Enable remote PowerShell"),
    _command("IPConfig", "Windows", "List IP configuration"),
    _command("RunPowerShellScript", "Windows", "Executes a PowerShell script", _custom("PowerShell")),
    _command("RunShellScript", "Linux", "Executes a Linux shell script", _custom("shell")),
    _command("ifconfig", "Linux", "List network configuration"),
    _command("EnableAdminAccount", "Windows", "Enable administrator account"),
    _command("RDPSettings", "Windows", "Verify RDP Listener Settings"),
    _command("SetRDPPort", "Windows", "Set Remote Desktop port"),
    _command("ResetRDPCert", "Windows", "Restore RDP Authentication mode to defaults"),
    _command("DisableNLA", "Windows", "Disable Network Level Authentication"),
    _command("RemoveRunCommandWindowsExtension", "Windows", "Removes the internal RunCommandWindows extension"),
    _command("RemoveRunCommandLinuxExtension", "Linux", "Removes the internal RunCommandLinux extension"),
    _command("EnableEMS", "Windows", "Enable EMS"),
    _command("DisableWindowsUpdate", "Windows", "Disable Windows Update Automatic Updates"),
    _command("EnableWindowsUpdate", "Windows", "Enable Windows Update Automatic Updates"),
]

#: What is run where the request has no script of its own (recorded for both); `{0}` and `{1}` are its parameters.
SAMPLES = {
    "RunPowerShellScript": "This is a sample script with parameters {0} {1}",
    "RunShellScript": "This is a sample script\nOptional parameters: {0} {1}",
}
_SCRIPT = {
    "RunPowerShellScript": [
        "param(",
        "    [string]$arg1,",
        "    [string]$arg2",
        ")",
        "Write-Host This is a sample script with parameters $arg1 $arg2",
    ],
    "RunShellScript": ["echo This is a sample script", "echo Optional parameters: $0 $1"],
}
_UNKNOWN = ["# The local Azure doesn't have this script."]


def list_all(call: Call) -> Answer:
    """``GET locations/{location}/runCommands``."""
    return Answer(status=200, body={"value": COMMANDS}, headers=_headers(call))


def get(call: Call) -> Answer:
    """``GET locations/{location}/runCommands/{id}``; parameters are told of those whose script is the caller's."""
    command = named(call.params["command"])
    if command is None:
        raise errors.entity_not_found()
    body: Json = {"script": _SCRIPT.get(command["id"], _UNKNOWN)}
    if command["id"] in SAMPLES:
        body["parameters"] = [{"name": f"arg{n}", "type": "string", "required": False} for n in (1, 2)]
    return Answer(status=200, body=body | command, headers=_headers(call))


def named(id: str) -> Json | None:
    """The command of an id, in any casing."""
    return next((one for one in COMMANDS if one["id"].lower() == id.lower()), None)


def _headers(call: Call) -> dict[str, str]:
    return call.azure.compute.allowances.headers("GetSubscriptionInfo", call.id)
