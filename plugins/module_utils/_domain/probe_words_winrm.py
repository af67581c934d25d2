# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe says of WinRM: what was seen, and what to do about it."""

from __future__ import annotations

import types
import typing as t

from .probe_causes import Cause

if t.TYPE_CHECKING:
    from collections.abc import Mapping

MESSAGES: Mapping[Cause, str] = types.MappingProxyType(
    {
        Cause.IDENTIFY_SILENT: "the TLS connection stands, but WSMan Identify gets no answer ({})",
        Cause.IDENTIFY_CLOSED: "the connection is closed instead of an answer to WSMan Identify ({})",
        Cause.IDENTIFY_REFUSED: "WSMan Identify is refused ({})",
        Cause.IDENTIFY_NOT_FOUND: "there is no /wsman ({})",
        Cause.SERVICE_UNAVAILABLE: "Windows answers for a WinRM service that is not running ({})",
        Cause.NOT_WSMAN: "the answer is not one to WSMan Identify ({})",
    }
)

HINTS: Mapping[Cause, str] = types.MappingProxyType(
    {
        Cause.TCP_CLOSED: (
            "The machine was reached and nothing listens on port {port}: make the WinRM HTTPS listener"
            " (azvm.access.vm_winrm_listener), start the WinRM service, or correct the port."
        ),
        Cause.NOT_TLS: (
            "Another service has this port, or WinRM without TLS (usually port 5985): use the port of the WinRM HTTPS"
            " listener (usually 5986)."
        ),
        Cause.IDENTIFY_SILENT: "The WinRM service hangs: restart it (Run Command), or the VM, and probe again.",
        Cause.IDENTIFY_CLOSED: (
            "The WinRM service gives up the connection: restart it (Run Command), or the VM, and probe again."
        ),
        Cause.IDENTIFY_REFUSED: (
            "The service demands a sign-in even for the identification, which Windows does not: check what else"
            " answers at this port, such as a gateway or a proxy."
        ),
        Cause.IDENTIFY_NOT_FOUND: (
            "A web server that does not know /wsman has this port: choose another port for the WinRM HTTPS listener, or"
            " take the web server's binding away."
        ),
        Cause.SERVICE_UNAVAILABLE: "Start the WinRM service inside the VM (Run Command: Start-Service WinRM).",
        Cause.NOT_WSMAN: "Check which service has this port, and which port the WinRM HTTPS listener uses.",
    }
)
