# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extension handlers that can be installed and report success, and change nothing that is modelled here."""

from __future__ import annotations

from typing import Final

from ..core.call import Call
from ..core.store import Resource
from . import scripts
from .images import OsType

#: Seconds from the write to the agent's report (recorded for extensions: 31 as the median).
SECONDS: Final = 31.0

_HANDLERS: Final[dict[OsType, frozenset[str]]] = {
    "Windows": frozenset(
        {
            "microsoft.azure.activedirectory.aadloginforwindows",
            "microsoft.azure.monitor.azuremonitorwindowsagent",
            "microsoft.azure.networkwatcher.networkwatcheragentwindows",
            "microsoft.azure.security.iaasantimalware",
            "microsoft.azure.security.windowsattestation.guestattestation",
            "microsoft.compute.bginfo",
            "microsoft.enterprisecloud.monitoring.microsoftmonitoringagent",
            "microsoft.guestconfiguration.configurationforwindows",
        }
    ),
    "Linux": frozenset(
        {
            "microsoft.azure.activedirectory.aadsshloginforlinux",
            "microsoft.azure.monitor.azuremonitorlinuxagent",
            "microsoft.azure.networkwatcher.networkwatcheragentlinux",
            "microsoft.azure.security.linuxattestation.guestattestation",
            "microsoft.enterprisecloud.monitoring.omsagentforlinux",
            "microsoft.guestconfiguration.configurationforlinux",
            "microsoft.ostcextensions.vmaccessforlinux",
        }
    ),
}


def knows(handler: str, os_type: OsType) -> bool:
    """Whether ``handler`` (publisher and type with a dot between) is one of them on this system."""
    return handler.lower() in _HANDLERS[os_type]


def run(call: Call, vm: Resource, extension: Resource) -> None:
    """Hand ``extension`` to the agent.

    :raises AzureError: when the agent is silent.
    """
    scripts.check_reached(call, vm)
    extension.private["handler_version"] = str(extension.properties["typeHandlerVersion"])
