# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the screenshot and the serial log of a virtual machine would be fetched."""

from __future__ import annotations

from ..core.call import Answer, Call
from . import console, errors

_DEFAULT_MINUTES = 120


def retrieve(call: Call) -> Answer:
    """``POST retrieveBootDiagnosticsData``: two addresses that expire, shaped as recorded (test_vm_boot_diagnostics).

    What Azure says when boot diagnostics are off is unverified.
    """
    vm = call.azure.store.require(call.id)
    if not vm.properties.get("diagnosticsProfile", {}).get("bootDiagnostics", {}).get("enabled"):
        raise errors.operation_not_allowed(f"Boot diagnostics is not enabled for the VM '{vm.id.name}'.")
    minutes = call.query.get("sasuriexpirationtimeinminutes", str(_DEFAULT_MINUTES))
    if not minutes.isdigit() or not 1 <= int(minutes) <= 1440:
        raise errors.invalid_parameter(
            "The value of parameter sasUriExpirationTimeInMinutes is invalid.", "sasUriExpirationTimeInMinutes"
        )
    body = {
        name: console.address(call.azure, vm, blob, int(minutes))
        for name, blob in (
            ("consoleScreenshotBlobUri", console.SCREENSHOT),
            ("serialConsoleLogBlobUri", console.SERIAL_LOG),
        )
    }
    return Answer(status=200, body=body, headers=call.azure.compute.allowances.headers("LowCostGet", vm.id))
