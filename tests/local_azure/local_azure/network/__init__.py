# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Network: security groups, networks, interfaces, addresses, and the one evaluation engine behind them."""

from __future__ import annotations

from ..core.azure import Azure
from . import application_groups
from .diagnosis import routes as diagnosis
from .interfaces import routes as interfaces
from .load_balancers import routes as load_balancers
from .provider import Network
from .public_addresses import routes as public_addresses
from .security_groups import routes as security_groups
from .seed import seed
from .virtual_networks import routes as virtual_networks

__all__ = ["Network", "register", "seed"]


def register(azure: Azure) -> None:
    """Serve Microsoft.Network and bind `azure.network`."""
    azure.network = Network(azure)
    for part in (
        security_groups,
        application_groups,
        virtual_networks,
        interfaces,
        public_addresses,
        load_balancers,
        diagnosis,
    ):
        part.register(azure)
