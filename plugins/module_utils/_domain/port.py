# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Port numbers of TCP and UDP."""

from __future__ import annotations

from .errors import InvalidInput


def checked_port(port: int, *, option: str = "port") -> int:
    """Raise :class:`InvalidInput`, naming the ``option``, for what is not a port."""
    if not 1 <= port <= 65535:
        raise InvalidInput(code="InvalidPort", message=f"{option} must be from 1 to 65535, not {port}.")
    return port
