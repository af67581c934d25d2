# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of Azure's enumerations as plain text."""

from __future__ import annotations

from enum import Enum


def word(value: str | Enum | None) -> str:
    """``value`` as it stands on the wire, "" for None: the SDK gives enum members for words it knows, else text."""
    return str(value.value) if isinstance(value, Enum) else value or ""
