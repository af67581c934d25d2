# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key Vault: vaults in Resource Manager, and the secrets and certificates in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import data, management
from .seeding import seed
from .vaults import StoredSecret, Vaults

if TYPE_CHECKING:
    from ..core.azure import Azure

__all__ = ["StoredSecret", "Vaults", "data", "register", "seed"]


def register(azure: Azure) -> None:
    """Attach the vaults to `azure` and add the provider's routes."""
    azure.vaults = Vaults(azure)
    management.register(azure)
