# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which resources of a group, a network or a subnet belong together, as Network Watcher draws it."""

from __future__ import annotations

from ...core.resource_id import ResourceId
from ...core.store import Resource, Store
from ...core.wire import Json
from ..types import INTERFACES, PUBLIC_ADDRESSES, SECURITY_GROUPS, VIRTUAL_NETWORKS

_VIRTUAL_MACHINES = "Microsoft.Compute/virtualMachines"


def of_group(store: Store, group: ResourceId) -> list[Json]:
    """Everything in a resource group: machines first, then what they hang on."""
    shown: list[Json] = []
    for type in (_VIRTUAL_MACHINES, INTERFACES, SECURITY_GROUPS, PUBLIC_ADDRESSES, VIRTUAL_NETWORKS):
        for resource in store.list(type, subscription=group.subscription, group=group.group):
            shown += _entries(store, resource)
    return shown


def of_subnets(store: Store, network: Resource, name: str | None) -> list[Json]:
    """A virtual network, or only its subnet `name`, and what is in there."""
    subnets = [one for one in network.properties["subnets"] if name is None or one["name"].lower() == name.lower()]
    inside = {network.id.child("subnets", one["name"]).key for one in subnets}
    shown: list[Json] = []
    for interface in store.list(INTERFACES):
        if any(_subnet(one).key in inside for one in interface.properties["ipConfigurations"]):
            for reference in _references(interface):
                found = store.get(reference)
                if found is not None and found.id.type != VIRTUAL_NETWORKS:
                    shown += _entries(store, found)
            shown += _entries(store, interface)
    shown += _entries(store, network) if name is None else [_subnet_entry(network, one) for one in subnets]
    return list({str(one["id"]).lower(): one for one in shown}.values())


def _entries(store: Store, resource: Resource) -> list[Json]:
    """The resource with what it is associated to, and a network's subnets after it."""
    if resource.id.type == VIRTUAL_NETWORKS:
        subnets = resource.properties["subnets"]
        contained = [_association(resource.id.child("subnets", one["name"]), "Contains") for one in subnets]
        return [_entry(resource, contained), *(_subnet_entry(resource, one) for one in subnets)]
    associations: list[Json] = []
    if resource.id.type == _VIRTUAL_MACHINES:
        interfaces = resource.properties["networkProfile"]["networkInterfaces"]
        associations = [_association(ResourceId.parse(one["id"]), "Contains") for one in interfaces]
    elif resource.id.type == INTERFACES:
        associations = [_association(one, "Associated") for one in _references(resource)]
    elif resource.id.type == PUBLIC_ADDRESSES:
        associations = [_association(one.id, "Associated") for one in _users(store, resource)]
    return [_entry(resource, associations)]


def _references(interface: Resource) -> list[ResourceId]:
    """What an interface refers to: its machine, its group, its subnets and its public addresses."""
    own = interface.properties
    found = [own[name]["id"] for name in ("virtualMachine", "networkSecurityGroup") if name in own]
    found += [one["properties"]["subnet"]["id"] for one in own["ipConfigurations"]]
    found += [
        one["properties"]["publicIPAddress"]["id"]
        for one in own["ipConfigurations"]
        if "publicIPAddress" in one["properties"]
    ]
    return [ResourceId.parse(one) for one in found]


def _users(store: Store, address: Resource) -> list[Resource]:
    return [one for one in store.list(INTERFACES) if address.id in _references(one)]


def _subnet(configuration: Json) -> ResourceId:
    return ResourceId.parse(configuration["properties"]["subnet"]["id"])


def _subnet_entry(network: Resource, stored: Json) -> Json:
    group = stored["properties"].get("networkSecurityGroup")
    associations = [_association(ResourceId.parse(group["id"]), "Associated")] if group is not None else []
    return {
        "name": stored["name"],
        "id": str(network.id.child("subnets", stored["name"])),
        "location": network.location,
        "associations": associations,
    }


def _entry(resource: Resource, associations: list[Json]) -> Json:
    return {
        "name": resource.id.name,
        "id": str(resource.id),
        "location": resource.location,
        "associations": associations,
    }


def _association(id: ResourceId, kind: str) -> Json:
    return {"name": id.name, "resourceId": str(id), "associationType": kind}
