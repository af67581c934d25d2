# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each kind of resource is made out of a document: by requests where clients have one, else by scenarios' seeds."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from local_azure import compute, security
from local_azure.compute.state import state_of
from local_azure.core.errors import AzureError
from local_azure.core.resource_id import ResourceId

from . import machines
from .guesses import Guesses
from .recordings import Json
from .sightings import Sightings, as_id
from .stage import Stage, Unprepared, resource_url

#: What a document has beside its properties that a PUT may say.
_TOP = ("location", "tags", "sku", "zones", "identity", "kind", "extendedLocation")


class Makers:
    """Makes resources in a local Azure; what they refer to is there already, but for `ensure` to make."""

    def __init__(
        self, stage: Stage, sightings: Sightings, guesses: Guesses, ensure: Callable[[ResourceId], None]
    ) -> None:
        self._stage = stage
        self._sightings = sightings
        self._guesses = guesses
        self._ensure = ensure
        self._subnets = 0
        self._by_type: dict[str, Callable[[ResourceId, Json], None]] = {
            "microsoft.network/networksecuritygroups": self._put,
            "microsoft.network/networksecuritygroups/securityrules": self._put,
            "microsoft.network/applicationsecuritygroups": self._put,
            "microsoft.network/virtualnetworks": self._network,
            "microsoft.network/virtualnetworks/subnets": self._subnet,
            "microsoft.network/networkinterfaces": self._interface,
            "microsoft.network/publicipaddresses": self._put,
            "microsoft.network/loadbalancers": self._put,
            "microsoft.network/networkwatchers": self._watcher,
            "microsoft.compute/virtualmachines": self._machine,
            "microsoft.compute/virtualmachines/extensions": self._extension,
            "microsoft.compute/virtualmachines/runcommands": self._run,
            "microsoft.keyvault/vaults": self._vault,
            "microsoft.keyvault/locations/deletedvaults": self._deleted_vault,
            "microsoft.security/locations/jitnetworkaccesspolicies": self._access_policy,
        }

    def know(self, id: ResourceId) -> bool:
        """Whether this kind can be made."""
        return id.type.lower() in self._by_type

    def make(self, id: ResourceId, document: Json) -> None:
        """Make the resource, or change it into what the document shows. Raises Unprepared."""
        self._by_type[id.type.lower()](id, document)

    def _put(self, id: ResourceId, document: Json) -> None:
        body: Json = {"location": self._sightings.location(id)}
        body |= {name: document[name] for name in _TOP if document.get(name) is not None}
        self._stage.must("PUT", resource_url(id), {**body, "properties": document.get("properties") or {}})

    def _run(self, id: ResourceId, document: Json) -> None:
        """What the agent of a machine has to do needs an agent that has reported; it isn't done a second time."""
        if self._stage.has(id):
            return
        self._stage.settle()
        self._put(id, document)

    def _extension(self, id: ResourceId, document: Json) -> None:
        """As it is shown: which handlers the local Azure can install doesn't matter for what is there already."""
        if document.get("properties", {}).get("publisher"):
            self._stage.azure.store.put(machines.extension(id, document, self._sightings.location(id)))

    def _network(self, id: ResourceId, document: Json) -> None:
        """A network that the recording never shows is as large as its subnets need, in steps of /16."""
        shown = [one["properties"] for one in [*self._sightings.under(id), *self._guesses.under(id)]]
        texts = [text for one in shown for text in (one.get("addressPrefix"), *one.get("addressPrefixes", ())) if text]
        space = {str(ipaddress.IPv4Network(text).supernet(new_prefix=16)) for text in texts}
        guess = {"addressSpace": {"addressPrefixes": sorted(space) or ["10.0.0.0/8"]}}
        self._put(id, document | {"properties": document.get("properties") or guess})

    def _subnet(self, id: ResourceId, document: Json) -> None:
        self._subnets += 1
        properties = document.get("properties") or {}
        if "addressPrefixes" not in properties:
            properties = {"addressPrefix": f"10.{self._subnets}.0.0/24", **properties}
        self._put(id, document | {"properties": properties})

    def _interface(self, id: ResourceId, document: Json) -> None:
        """First with the addresses it had, then as it was: an address once given stays with a dynamic one."""
        properties = document.get("properties") or {}
        configurations = properties.get("ipConfigurations") or [{"name": "ipconfig1", "properties": {}}]
        for one in configurations:
            if "subnet" not in one["properties"]:
                one["properties"]["subnet"] = {"id": str(self._any_subnet(id))}
        fixed = [
            {**one, "properties": {**one["properties"], "privateIPAllocationMethod": "Static"}}
            for one in configurations
            if one["properties"].get("privateIPAddress")
        ]
        for wanted in filter(None, (fixed, configurations)):
            self._put(id, document | {"properties": {**properties, "ipConfigurations": wanted}})

    def _any_subnet(self, near: ResourceId) -> ResourceId:
        group = ResourceId(near.subscription, near.group)
        subnet = group.child("Microsoft.Network/virtualNetworks", "replay").child("subnets", "replay")
        self._ensure(subnet)
        return subnet

    def make_way(self, id: ResourceId, region: object) -> None:
        """Remove what there can be only one of: the Network Watcher that Azure has made in a region by itself."""
        if id.type.lower() != "microsoft.network/networkwatchers":
            return
        for watcher in self._stage.azure.store.list(id.type):
            if watcher.location == region and watcher.id != id:
                self._stage.azure.store.delete(watcher.id)

    def _watcher(self, id: ResourceId, document: Json) -> None:
        location = document.get("location") or id.name.partition("_")[2]
        self.make_way(id, location)
        self._put(id, {**document, "location": location})

    def _machine(self, id: ResourceId, document: Json) -> None:
        azure = self._stage.azure
        wanted = machines.description(id, document, self._sightings.location(id), self._sightings.system)
        if not wanted["network_interfaces"]:
            interface = ResourceId(id.subscription, id.group).child("Microsoft.Network/networkInterfaces", id.name)
            self._ensure(interface)
            wanted["network_interfaces"] = [str(interface)]
        azure.store.delete(id)
        try:
            compute.seed(azure, {"virtual_machines": [wanted]})
        except (AzureError, ValueError) as error:
            azure.store.delete(id)
            raise Unprepared(str(error)) from error
        for one in filter(machines.is_extension, document.get("resources") or []):
            self._extension(id.child("extensions", one["name"]), one)
        vm = azure.store.require(id)
        state_of(vm).user_data = self._sightings.user_data(id)

    def _vault(self, id: ResourceId, document: Json) -> None:
        """Recovered where it has been deleted here."""
        location = document.get("location") or self._sightings.location(id)
        properties = {**(document.get("properties") or self._new_vault()), "tenantId": self._stage.tenant}
        if self._stage.azure.vaults.deleted(id.name) is not None:
            recovery = {**self._new_vault(), "createMode": "recover"}
            self._stage.must("PUT", resource_url(id), {"location": location, "properties": recovery})
        self._put(id, document | {"location": location, "properties": properties})

    def delete_vault(self, id: ResourceId) -> None:
        """See to it that there is a deleted vault of that id, with what the recording tells of it."""
        if self._stage.azure.vaults.deleted(id.name) is None:
            self._ensure(id)
            self._stage.must("DELETE", resource_url(id))

    def _new_vault(self) -> Json:
        """The properties of a vault in which the caller may do everything."""
        words = {kind: ["all", "purge"] for kind in ("keys", "secrets", "certificates")}
        tenant = {"tenantId": self._stage.tenant}
        return {
            **tenant,
            "sku": {"family": "A", "name": "standard"},
            "accessPolicies": [{**tenant, "objectId": self._stage.caller, "permissions": words}],
            "enabledForDeployment": True,
            "softDeleteRetentionInDays": 7,
        }

    def _deleted_vault(self, id: ResourceId, document: Json) -> None:
        if self._stage.azure.vaults.deleted(id.name) is not None:
            return
        shown = document.get("properties") or {}
        live = self._stage.azure.vaults.named(id.name)
        other = ResourceId(id.subscription, "replay").child("Microsoft.KeyVault/vaults", id.name)
        vault = as_id(shown.get("vaultId")) or (live.id if live is not None else other)
        if live is None:
            self._ensure(ResourceId(vault.subscription, vault.group))
            properties = self._sightings.document(vault, 0).get("properties") or self._new_vault()
            if shown.get("purgeProtectionEnabled"):
                properties = {**properties, "enablePurgeProtection": True}
            body = {"location": id.names[0], "tags": shown.get("tags"), "properties": properties}
            self._stage.must("PUT", resource_url(vault), body)
        self._stage.must("DELETE", resource_url(vault))

    def _access_policy(self, id: ResourceId, document: Json) -> None:
        shown = document.get("properties") or {}
        entry = {name: shown[name] for name in ("virtualMachines", "requests") if name in shown}
        place = {"resourceGroup": id.group, "location": id.names[0], "name": id.name}
        security.seed(self._stage.azure, {"jitNetworkAccessPolicies": [{"virtualMachines": [], **entry, **place}]})
