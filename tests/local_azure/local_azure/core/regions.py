# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of regions."""

from __future__ import annotations


def region(location: object) -> str:
    """The name of a region however it is written: West Europe and WestEurope are westeurope. Empty for none."""
    return str(location or "").replace(" ", "").lower()
