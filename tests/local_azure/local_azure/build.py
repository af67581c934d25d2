# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts an Azure together: the shared core with all its providers, and a scenario in it."""

from __future__ import annotations

from . import compute, keyvault, network, resources, security
from .core.azure import Azure
from .core.journal import Journal
from .core.settings import Settings
from .guest.guests import Guests
from .scenarios import Scenario, load, populate


def build(settings: Settings | None = None, *, journal: Journal | None = None, sockets: bool = False) -> Azure:
    """An empty Azure that knows every provider. Its virtual machines only have ports to connect to with `sockets`."""
    azure = Azure(settings, journal)
    for provider in (resources, network, compute, keyvault, security):
        provider.register(azure)
    azure.guests = Guests(azure.compute.faces if sockets else None)
    azure.store.on_change(azure.guests.reconcile)
    return azure


def build_scenario(
    scenario: Scenario | str, settings: Settings | None = None, *, count: int = 1, journal: Journal | None = None
) -> Azure:
    """An Azure that looks as `scenario` says. Raises ScenarioError."""
    azure = build(settings, journal=journal)
    populate(azure, load(scenario, azure.settings, count=count) if isinstance(scenario, str) else scenario)
    return azure
