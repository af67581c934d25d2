# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses what: the back references that Azure shows in groups, subnets and addresses."""

from __future__ import annotations

from collections import defaultdict

from ..core.resource_id import ResourceId
from ..core.store import Store
from ..core.wire import Json
from .types import INTERFACES, LOAD_BALANCERS, SECURITY_GROUPS, VIRTUAL_NETWORKS


class References:
    """An index over the store as it is now; ids by the key of what they refer to. Build one per request."""

    def __init__(self, store: Store) -> None:
        self.interfaces_of_group: defaultdict[str, list[str]] = defaultdict(list)
        self.subnets_of_group: defaultdict[str, list[str]] = defaultdict(list)
        self.configurations_of_subnet: defaultdict[str, list[str]] = defaultdict(list)
        self.configuration_of_address: dict[str, str] = {}
        self.users_of_application_group: defaultdict[str, list[str]] = defaultdict(list)
        self._add_networks(store)
        for interface in store.list(INTERFACES):
            self._add_interface(interface.id, interface.properties)
        for balancer in store.list(LOAD_BALANCERS):
            for frontend in balancer.properties["frontendIPConfigurations"]:
                id = str(balancer.id.child("frontendIPConfigurations", frontend["name"]))
                self._add_addresses(id, frontend["properties"])
        self._add_rules(store)

    def _add_networks(self, store: Store) -> None:
        for network in store.list(VIRTUAL_NETWORKS):
            for subnet in network.properties["subnets"]:
                group = _target(subnet["properties"], "networkSecurityGroup")
                if group is not None:
                    self.subnets_of_group[group].append(str(network.id.child("subnets", subnet["name"])))

    def _add_rules(self, store: Store) -> None:
        for security_group in store.list(SECURITY_GROUPS):
            for rule in security_group.properties["securityRules"]:
                for side in ("sourceApplicationSecurityGroups", "destinationApplicationSecurityGroups"):
                    for item in rule["properties"].get(side, []):
                        self.users_of_application_group[item["id"].lower()].append(
                            str(security_group.id.child("securityRules", rule["name"]))
                        )

    def _add_interface(self, id: ResourceId, properties: Json) -> None:
        group = _target(properties, "networkSecurityGroup")
        if group is not None:
            self.interfaces_of_group[group].append(str(id))
        for configuration in properties["ipConfigurations"]:
            configuration_id = str(id.child("ipConfigurations", configuration["name"]))
            own = configuration["properties"]
            self._add_addresses(configuration_id, own)
            for item in own.get("applicationSecurityGroups", []):
                self.users_of_application_group[item["id"].lower()].append(configuration_id)

    def _add_addresses(self, id: str, own: Json) -> None:
        subnet, address = _target(own, "subnet"), _target(own, "publicIPAddress")
        if subnet is not None:
            self.configurations_of_subnet[subnet].append(id)
        if address is not None:
            self.configuration_of_address[address] = id


def _target(properties: Json, name: str) -> str | None:
    reference = properties.get(name)
    return None if reference is None else str(reference["id"]).lower()
