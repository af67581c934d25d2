# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON of a virtual machine, its extensions and its run commands, as the service returns them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..core.store import Resource, Store
from ..core.wire import Json
from . import errors
from .instance_view import instance_view
from .state import state_of

EXTENSIONS = "Microsoft.Compute/virtualMachines/extensions"

#: Properties in the order of recordings; what is not named here comes after them.
_ORDER = (
    "hardwareProfile",
    "provisioningState",
    "vmId",
    "storageProfile",
    "osProfile",
    "securityProfile",
    "networkProfile",
    "diagnosticsProfile",
    "licenseType",
)


def expansions(query: str | None, *allowed: str) -> frozenset[str]:
    """What ``$expand`` asks for, in lower case.

    :raises AzureError: 400 for anything but ``allowed`` (texts separated by commas).
    """
    asked = frozenset(part.strip().lower() for part in (query or "").split(",") if part.strip())
    if not asked <= {name.lower() for name in allowed}:
        raise errors.invalid_parameter("The value of parameter $expand is invalid.", "$expand")
    return asked


def virtual_machine(vm: Resource, store: Store, *, now: datetime, expand: Iterable[str] = ()) -> Json:
    """The body of ``vm``; ``expand`` holds ``instanceview`` and ``userdata`` where the caller asked for them."""
    extensions = store.list(EXTENSIONS, under=vm.id)
    document = _envelope(vm)
    properties: Json = {name: vm.properties[name] for name in _ORDER if name in vm.properties}
    properties.update((name, value) for name, value in vm.properties.items() if name not in properties)
    if state_of(vm).power == "deallocated":
        properties["storageProfile"] = _without_hardware(properties["storageProfile"])
    if properties["provisioningState"] == "Succeeded" and any(map(_is_under_way, extensions)):
        properties["provisioningState"] = "Updating"  # recorded
    created = properties.pop("timeCreated")
    if "userdata" in expand and state_of(vm).user_data is not None:
        properties["userData"] = state_of(vm).user_data
    if "instanceview" in expand:
        properties["instanceView"] = instance_view(vm, extensions, now=now)
    properties["timeCreated"] = created
    document["properties"] = properties
    if extensions:
        document["resources"] = [nested(extension) for extension in extensions]
    document["etag"] = vm.etag
    return document


def _without_hardware(storage: Json) -> Json:
    """What Compute tells of managed disks while it has none at hand: neither their size nor their kind (recorded)."""

    def bare(disk: Json) -> Json:
        if "managedDisk" not in disk:
            return disk
        shown = {name: value for name, value in disk.items() if name != "diskSizeGB"}
        managed = {name: value for name, value in disk["managedDisk"].items() if name != "storageAccountType"}
        return shown | {"managedDisk": managed}

    data_disks = [bare(one) for one in storage.get("dataDisks", ())]
    return {**storage, "osDisk": bare(storage["osDisk"]), "dataDisks": data_disks}


def spelt_anew(storage: Json) -> Json:
    """The ids of managed disks once Compute has put them on new hardware: their group in upper case (recorded)."""

    def spelt(disk: Json) -> Json:
        if "id" not in disk.get("managedDisk", {}):
            return disk
        parts = str(disk["managedDisk"]["id"]).split("/")
        parts[4] = parts[4].upper()
        return disk | {"managedDisk": disk["managedDisk"] | {"id": "/".join(parts)}}

    data_disks = [spelt(one) for one in storage.get("dataDisks", ())]
    return {**storage, "osDisk": spelt(storage["osDisk"]), "dataDisks": data_disks}


def _is_under_way(extension: Resource) -> bool:
    return extension.properties["provisioningState"] in ("Creating", "Updating")


def nested(resource: Resource) -> Json:
    """The body of an extension or a run command."""
    return {**_envelope(resource), "properties": dict(resource.properties)}


def _envelope(resource: Resource) -> Json:
    document: Json = {"name": resource.id.name, "id": str(resource.id), "type": resource.id.type}
    if resource.location is not None:
        document["location"] = resource.location
    if resource.tags is not None:
        document["tags"] = resource.tags
    document.update(resource.envelope)
    return document
