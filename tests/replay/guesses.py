# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be told of resources that a recording never shows by those that refer to them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from local_azure.core.resource_id import ResourceId

from .recordings import Json


class Guesses:
    """Documents put together from references."""

    def __init__(self) -> None:
        self._documents: dict[str, Json] = {}

    def of(self, id: ResourceId) -> Json:
        """What is known of a resource; empty for nothing."""
        return self._documents.get(id.key, {})

    def under(self, id: ResourceId) -> list[Json]:
        """What is known of the parts of a resource."""
        return [document for key, document in self._documents.items() if key.startswith(f"{id.key}/")]

    def note_user(self, used: ResourceId, name: str, user: ResourceId) -> None:
        """`used` lists `user` under `name` among those who refer to it."""
        reference = {"id": str(used)}
        if name in ("ipConfigurations", "ipConfiguration"):
            own = {"subnet" if name == "ipConfigurations" else "publicIPAddress": reference}
            configurations = self._properties(user.parent.key).setdefault("ipConfigurations", [])
            known = next((one for one in configurations if one["name"].lower() == user.name.lower()), None)
            if known is None:
                known = {"name": user.name, "properties": {}}
                configurations.append(known)
            known["properties"] |= own
        elif name == "virtualMachine":
            profile = self._properties(user.key).setdefault("networkProfile", {"networkInterfaces": []})
            if reference not in profile["networkInterfaces"]:
                profile["networkInterfaces"].append(reference)
        elif name in ("networkInterfaces", "subnets"):
            self._properties(user.key)["networkSecurityGroup"] = reference

    def note_frontends(self, document: Json) -> None:
        """Public addresses have the SKU and the region of the load balancer that they are on."""
        for one in (document.get("properties") or {}).get("frontendIPConfigurations") or []:
            address = (one.get("properties") or {}).get("publicIPAddress")
            if address is not None and "sku" in document:
                self._properties(address["id"].lower())["publicIPAllocationMethod"] = "Static"
                told = {"sku": {"name": document["sku"]["name"]}, "location": document["location"]}
                self._documents[address["id"].lower()] |= told

    def note_region(self, document: Json, used: Iterable[ResourceId]) -> None:
        """What a resource uses is where it is itself."""
        for id in used:
            if len(id.types) == 1 and document.get("location"):
                self._documents.setdefault(id.key, {"properties": {}}).setdefault("location", document["location"])

    def note_addresses(self, document: Json) -> None:
        """The subnets that an interface is in must hold its addresses."""
        configurations = (document.get("properties") or {}).get("ipConfigurations") or []
        for own in (one.get("properties") or {} for one in configurations):
            subnet, address = own.get("subnet"), own.get("privateIPAddress")
            if subnet is not None and address is not None:
                prefix = ipaddress.IPv4Network(f"{address}/24", strict=False)
                self._properties(subnet["id"].lower())["addressPrefix"] = str(prefix)

    def _properties(self, key: str) -> Json:
        properties: Json = self._documents.setdefault(key, {"properties": {}})["properties"]
        return properties
