# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Resources and Microsoft.Authorization: subscriptions, groups, providers, tags, locks, roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import authorization, clouds, groups, locks, providers, subscriptions, tags

if TYPE_CHECKING:
    from ..core.azure import Azure


def register(azure: Azure) -> None:
    """Add the routes of this package."""
    for part in (clouds, subscriptions, groups, providers, authorization, locks, tags):
        part.register(azure.arm)
