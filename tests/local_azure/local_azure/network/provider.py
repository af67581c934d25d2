# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network as the other providers see it: who may reach which VM, under which addresses."""

from __future__ import annotations

import ipaddress
from typing import Final, Literal, TypeAlias

from ..core.azure import Azure
from ..core.operations import Operation
from ..core.resource_id import ResourceId
from ..core.store import Resource
from ..core.wire import Json
from . import errors
from .diagnosis import watchers
from .evaluation import evaluate
from .interfaces import records as interfaces
from .load_balancers.forwards import Forward, forwards_to
from .models import Endpoint, Flow, Guards, SecurityGroup, Verdict
from .public_addresses import records as addresses
from .security_groups import records as groups
from .types import INTERFACES
from .virtual_networks import records as networks

CONTROLLER: Final = "127.0.0.1"
LOOPBACK: Final = ipaddress.IPv4Network("127.0.0.0/8")

#: A write on a group while another one runs: accepted, 429 RetryableError, or 409 AnotherOperationInProgress.
ConcurrentWrites: TypeAlias = Literal["accept", "retryable", "conflict"]


class Network:
    """Bound as `azure.network`. Interfaces are named by their ResourceId.

    Nobody gets through to an interface that isn't there, and it has no faces; changes to it raise the recorded 404.

    `basic_addresses_allowed`: Azure makes no Basic public addresses any more (since September 2025).
    `conflict_retry_after`: the Retry-After of the 409; clients of azure-core then retry it themselves.
    """

    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        self.concurrent_writes: ConcurrentWrites = "accept"
        self.conflict_retry_after: str | None = None
        self.basic_addresses_allowed = False

    def admits(
        self,
        nic: ResourceId,
        *,
        port: int,
        protocol: str = "Tcp",
        source: str = CONTROLLER,
        ip_configuration: str | None = None,
        address: str | None = None,
        forward: Forward | None = None,
    ) -> Verdict:
        """Whether a new connection from `source` gets through to the interface (power state and guest aside).

        `address` is the one that was dialled, as `faces` gives it; without it the public address is meant where the IP
        configuration has one. `forward` is the way it took through a load balancer. Rules see the private address and
        `port` as destination in any case, and the source as it was.
        """
        interface = self._azure.store.get(nic)
        configuration = interfaces.find_configuration(interface, ip_configuration) if interface is not None else None
        if interface is None or configuration is None:
            return Verdict(allowed=False)
        private = interfaces.private_address(configuration)
        came_public = self._public_address(configuration) is not None and address != str(private)
        guards = self.guards(interface, configuration, public=came_public, forward=forward)
        flow = Flow(
            direction="Inbound",
            protocol=protocol,
            source=self.endpoint(source, guards),
            destination=Endpoint(
                address=private,
                port=port,
                application_security_groups=interfaces.application_groups(configuration),
            ),
        )
        return evaluate(guards, flow)

    def faces(self, nic: ResourceId) -> list[tuple[str, str]]:
        """The (address, IP configuration) pairs under which the controller reaches the interface: loopback ones."""
        interface = self._azure.store.get(nic)
        found: list[tuple[str, str]] = []
        for configuration in interface.properties["ipConfigurations"] if interface is not None else ():
            public = self._public_address(configuration)
            candidates = (
                public.properties.get("ipAddress") if public is not None else None,
                configuration["properties"]["privateIPAddress"],
            )
            found += [
                (text, configuration["name"])
                for text in candidates
                if text is not None and ipaddress.ip_address(text) in LOOPBACK
            ]
        return found

    def forwards(self, nic: ResourceId) -> list[tuple[Forward, str]]:
        """The ways through load balancers to the interface that the controller can take, with the IP configuration."""
        interface = self._azure.store.get(nic)
        return [
            (forward, configuration["name"])
            for configuration in (interface.properties["ipConfigurations"] if interface is not None else ())
            for forward in forwards_to(
                self._azure.store,
                nic.child("ipConfigurations", configuration["name"]),
                configuration["properties"],
            )
            if forward.address is not None and ipaddress.ip_address(forward.address) in LOOPBACK
        ]

    def associate(self, nic: ResourceId, vm_id: ResourceId | str | None, *, primary: bool = True) -> None:
        """Attach the interface to a VM, or detach it with None. An attached one counts as allocated until told else."""
        interface = self._azure.store.require(nic)
        if vm_id is None:
            for name in ("primary", "virtualMachine"):
                interface.properties.pop(name, None)
        else:
            interface.properties["macAddress"] = interfaces.mac_address(interface)
            interface.properties["primary"] = primary
            interface.properties["virtualMachine"] = {"id": str(vm_id)}
        interface.private[interfaces.ALLOCATED] = vm_id is not None
        self._azure.store.touch(interface)
        self.refresh_addresses()

    def set_allocated(self, nic: ResourceId, allocated: bool) -> None:
        """Say that the interface's VM got or lost its resources: deallocation gives a dynamic public address back."""
        interface = self._azure.store.require(nic)
        if bool(interface.private.get(interfaces.ALLOCATED)) != allocated:
            interface.private[interfaces.ALLOCATED] = allocated
            self._azure.store.touch(interface)
            self.refresh_addresses()

    def resolve(self, name: str) -> str | None:
        """The public address behind a name under cloudapp.azure.com, None when there is none."""
        return addresses.address_of_name(self._azure.store, name)

    def refresh_addresses(self) -> None:
        """Give public addresses their numbers, or take them back, after a change of who uses them."""
        addresses.assign_addresses(self._azure.store, self._azure.settings.address_block)

    def ensure_watcher(self, location: str) -> None:
        """Azure makes one Network Watcher per region on its own, with the first virtual network there."""
        watchers.ensure(self._azure.store, self._azure.settings.subscription_id, location)

    def check_concurrent(self, group: Resource, running: Operation, *, always: bool = False) -> None:
        """Refuse a write on a group on which `running` hasn't ended, if `concurrent_writes` says so (or `always`)."""
        retry_after = self._azure.settings.retry_after
        if self.concurrent_writes == "conflict":
            raise errors.another_operation(
                group.location or "", group.id.subscription, running.id, self.conflict_retry_after
            )
        if always or self.concurrent_writes == "retryable":
            raise errors.retryable(f"{_operation_name(running)} ({running.id})", str(group.id), retry_after)

    def guards(
        self, interface: Resource, configuration: Json, *, public: bool, forward: Forward | None = None
    ) -> Guards:
        """What stands before an IP configuration.

        `public`: the flow comes in through its public address, unless it took the way `forward`.
        """
        store = self._azure.store
        found = networks.subnet_by_id(store, ResourceId.parse(configuration["properties"]["subnet"]["id"]))
        if forward is not None:
            entrance = forward.balancer if forward.public else None
        else:
            entrance = self._public_address(configuration) if public else None
        return Guards(
            subnet=self._group(found[1]["properties"]) if found is not None else None,
            network_interface=self._group(interface.properties),
            virtual_network=networks.address_space(found[0]) if found is not None else (),
            closed_without_group=entrance is not None and entrance.envelope["sku"]["name"] == "Standard",
        )

    def endpoint(self, address: str, guards: Guards, port: int | None = None) -> Endpoint:
        """Some other end of a flow; when it is a VM of the same virtual network, with its application groups."""
        parsed = ipaddress.ip_address(address)
        member: frozenset[str] = frozenset()
        if any(parsed in prefix for prefix in guards.virtual_network):
            for interface in self._azure.store.list(INTERFACES):
                for configuration in interface.properties["ipConfigurations"]:
                    if configuration["properties"]["privateIPAddress"] == address:
                        member |= interfaces.application_groups(configuration)
        return Endpoint(address=parsed, port=port, application_security_groups=member)

    def interfaces_of_vm(self, vm: ResourceId) -> list[Resource]:
        """The interfaces attached to a VM, the primary one first."""
        found = [
            interface
            for interface in self._azure.store.list(INTERFACES)
            if interface.properties.get("virtualMachine", {}).get("id", "").lower() == vm.key
        ]
        return sorted(found, key=lambda interface: not interface.properties["primary"])

    def _group(self, properties: Json) -> SecurityGroup | None:
        reference = properties.get("networkSecurityGroup")
        group = self._azure.store.get(ResourceId.parse(reference["id"])) if reference is not None else None
        return None if group is None else groups.in_effect(group)

    def _public_address(self, configuration: Json) -> Resource | None:
        reference = configuration["properties"].get("publicIPAddress")
        return self._azure.store.get(ResourceId.parse(reference["id"])) if reference is not None else None


def _operation_name(operation: Operation) -> str:
    verb = {"PUT": "Put", "DELETE": "Delete", "PATCH": "Patch"}[operation.method]
    kind = "SecurityRule" if len(operation.target.types) == 2 else "NetworkSecurityGroup"
    return f"{verb}{kind}Operation"
