# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every operation is given besides its own options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._azure.clients import AzureClients
    from .._domain.deadline import Deadline


@dataclass(frozen=True, kw_only=True)
class Context:
    """The clients, the time budget of the whole operation, and whether it may write."""

    azure: AzureClients
    deadline: Deadline
    check_mode: bool
