# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Resources and Microsoft.Authorization: subscriptions, groups, providers, role assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import authorization, clouds, groups, providers, subscriptions

if TYPE_CHECKING:
    from ..core.azure import Azure


def register(azure: Azure) -> None:
    """Add the routes of this package."""
    for part in (clouds, subscriptions, groups, providers, authorization):
        part.register(azure.arm)
