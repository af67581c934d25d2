# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorded virtual machine as an entry of a scenario."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_azure.core.resource_id import ResourceId
from local_azure.core.store import Resource

from .recordings import Json

#: Properties that the platform makes anew, or that a scenario says in its own words.
_MADE = ("provisioningState", "instanceView", "timeCreated", "userData", "vmId")
#: Properties that a scenario's machine has unless told otherwise.
_DEFAULT = ("securityProfile", "diagnosticsProfile", "osProfile")
_DISK_GIB = 127
_NOT_READY = "ProvisioningState/Unavailable"


def description(id: ResourceId, document: Json, location: str, system: str) -> Json:
    """The entry for compute.seed that makes the machine look like `document`, which may be empty.

    `location` and `system` (Windows or Linux) are for a document that doesn't tell.
    """
    properties: Json = document.get("properties") or {}
    view: Json = properties.get("instanceView") or {}
    entry: Json = {
        "name": id.name,
        "resource_group": id.group,
        "location": document.get("location") or location,
        "network_interfaces": [one["id"] for one in _inside(properties, "networkProfile", "networkInterfaces") or []],
        "power": _power(properties, view),
        "agent": _agent(view),
        "boot_diagnostics": bool(_inside(properties, "diagnosticsProfile", "bootDiagnostics", "enabled")),
    }
    entry |= {name: document[name] for name in ("identity", "zones") if document.get(name) is not None}
    if "storageProfile" not in properties:
        entry["image"] = "windows-server-2022" if system == "Windows" else "ubuntu-22.04"
    else:
        given = {name: value for name, value in properties.items() if name not in _MADE}
        entry["tags"] = document.get("tags")
        given["storageProfile"] = _with_hardware(given["storageProfile"])
        entry["properties"] = {name: None for name in _DEFAULT if name not in given} | given
        entry["image"] = _image(properties, view)
        entry["os_profile"] = "osProfile" in properties
        for name, own in (("computer_name", "computerName"), ("admin_username", "adminUsername")):
            if _inside(properties, "osProfile", own):
                entry[name] = properties["osProfile"][own]
    return entry


def _image(properties: Json, view: Json) -> Json:
    reference = _inside(properties, "storageProfile", "imageReference") or {}
    disk = _inside(properties, "storageProfile", "osDisk") or {}
    windows = disk.get("osType") == "Windows"
    version = _inside(view, "vmAgent", "vmAgentVersion")
    return {
        "os_type": "Windows" if windows else "Linux",
        "publisher": reference.get("publisher", ""),
        "offer": reference.get("offer", ""),
        "sku": reference.get("sku", ""),
        "exact_version": reference.get("exactVersion", ""),
        "system_name": view.get("osName", "Windows" if windows else "ubuntu"),
        "system_version": view.get("osVersion", ""),
        "agent_version": version if version and version != "Unknown" else "2.7.41491.1135" if windows else "2.11.1.12",
        "disk_gib": disk.get("diskSizeGB", 127 if windows else 30),
        "generation": view.get("hyperVGeneration", "V1"),
    }


def is_extension(resource: Json) -> bool:
    """Whether one of a machine's ``resources`` is an extension that is shown in full."""
    return "publisher" in resource.get("properties", {})


def extension(id: ResourceId, document: Json, location: str) -> Resource:
    """An extension as it is shown."""
    properties = {name: value for name, value in document["properties"].items() if name != "instanceView"}
    version = _inside(document, "properties", "instanceView", "typeHandlerVersion")
    private = {"handler_version": version} if version else {}
    place = document.get("location") or location
    return Resource(id=id, location=place, tags=document.get("tags"), properties=properties, private=private)


def agent_of(document: Json) -> str | None:
    """What a machine's document with an instance view says of its agent; None for anything else."""
    view = _inside(document, "properties", "instanceView")
    return _agent(view) if view and "vmAgent" in view else None


def _power(properties: Json, view: Json) -> str:
    """As the view says, or else as the disk does: of a deallocated machine's nobody tells the kind."""
    for status in view.get("statuses") or []:
        kind, _slash, state = str(status["code"]).partition("/")
        if kind == "PowerState":
            return state
    disk = _inside(properties, "storageProfile", "osDisk", "managedDisk")
    return "deallocated" if disk and "storageAccountType" not in disk else "running"


def _with_hardware(storage: Json) -> Json:
    """With what isn't told while a machine is deallocated: any will do."""

    def whole(disk: Json) -> Json:
        if not disk.get("managedDisk"):
            return disk
        managed = {"storageAccountType": "Premium_LRS"} | disk["managedDisk"]
        return {"diskSizeGB": _DISK_GIB} | disk | {"managedDisk": managed}

    data_disks = [whole(one) for one in storage.get("dataDisks") or ()]
    return {**storage, "osDisk": whole(storage["osDisk"]), "dataDisks": data_disks}


def _agent(view: Json) -> str:
    for status in _inside(view, "vmAgent", "statuses") or []:
        if status["code"] == _NOT_READY:
            return "unresponsive" if "unresponsive" in status.get("message", "") else "starting"
    return "ready"


def _inside(value: Mapping[str, Any], *path: str) -> Any:
    for name in path:
        value = value.get(name) or {}
    return value
