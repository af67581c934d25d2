# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole local Azure as one object: what providers share, without sockets."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ..identity.tokens import Identity
from .appearances import Appearances
from .arm import Arm
from .authorization import Authorization
from .clock import Clock
from .faults import Faults
from .journal import Journal
from .locks import Locks
from .operations import Operations
from .settings import Settings
from .store import Store
from .throttling import Throttling

if TYPE_CHECKING:
    from ..compute.provider import Compute
    from ..guest.guests import Guests
    from ..keyvault.vaults import Vaults
    from ..network.provider import Network


class Azure:
    """State in memory, changed by handlers that never wait in between: each request is atomic."""

    guests: Guests
    vaults: Vaults
    network: Network
    compute: Compute

    def __init__(self, settings: Settings | None = None, journal: Journal | None = None) -> None:
        self.settings = settings or Settings()
        self.clock = Clock()
        self.store = Store()
        self.appearances = Appearances(self.store, self.clock)
        self.operations = Operations(self.clock, self.settings, self.store)
        self.journal = journal or Journal()
        self.journal.clock = self.clock
        self.faults = Faults()
        self.authorization = Authorization(clock=self.clock)
        self.locks = Locks()
        self.subscription_tags: dict[str, str] | None = None
        self.identity = Identity(self.clock, self.settings, self.authorization)
        self.throttling = Throttling(self.clock, self.settings, self.faults)
        #: Namespaces (lower case) that need registration first; the moment it ends once it was asked for.
        self.unregistered: dict[str, datetime | None] = {}
        self.arm = Arm(self)
        self.operations.register(self.arm)

    def registration(self, namespace: str) -> str:
        """The subscription's registration state for a resource provider: Registered, Registering or NotRegistered."""
        if namespace.lower() not in self.unregistered:
            return "Registered"
        ready = self.unregistered[namespace.lower()]
        if ready is None:
            return "NotRegistered"
        return "Registered" if ready <= self.clock.now() else "Registering"

    def knows_subscription(self, subscription: str) -> bool:
        return subscription.lower() == self.settings.subscription_id.lower()

    def canonical_subscription(self, subscription: str) -> str:
        """The subscription id as this Azure writes it; an unknown one unchanged."""
        return self.settings.subscription_id if self.knows_subscription(subscription) else subscription
