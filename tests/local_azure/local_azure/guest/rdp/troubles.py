# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with Remote Desktop on real machines, for scenarios to begin with."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from ..certificates import self_signed
from ..machine import MY, Machine

RdpTrouble = Literal["none", "hangs", "drops", "no_certificate", "unreadable_key"]


def bring_about(machine: Machine, trouble: RdpTrouble) -> None:
    """Break Remote Desktop: `no_certificate` binds one that is gone, `unreadable_key` one that only SYSTEM may use."""
    match trouble:
        case "no_certificate":
            machine.rdp.certificate_thumbprint = "0" * 40
        case "unreadable_key":
            made = self_signed(machine.computer_name, now=machine.now(), validity=timedelta(days=365))
            machine.certificates[MY.lower(), made.thumbprint] = made
            machine.rdp.certificate_thumbprint = made.thumbprint
        case _:
            machine.rdp.trouble = trouble
    machine.changed()
