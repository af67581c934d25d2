# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compute provider's own view of all virtual machines: power, certificates, addresses that answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from secrets import token_bytes
from typing import TYPE_CHECKING

from ..core.errors import AzureError
from ..core.resource_id import ResourceId
from ..core.store import Resource
from ..core.wire import Json
from . import errors, etag
from .certificates import FetchedCertificate, fetch
from .limits import Allowances
from .secrets import parse
from .state import Power, state_of

if TYPE_CHECKING:
    from ..core.azure import Azure
    from ..guest.guests import Face
    from ..network.load_balancers.forwards import Forward

VIRTUAL_MACHINES = "Microsoft.Compute/virtualMachines"

#: How long after a start the guest agent reports, on the real Azure (about; times the pace here).
AGENT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class InterfaceFace:
    """One address of a VM as the controller sees it, a ``Face``: of one IP configuration of one network interface."""

    azure: Azure
    vm: ResourceId
    interface: ResourceId
    ip_configuration: str
    address: str
    way: Forward | None = None

    @property
    def forward(self) -> tuple[int, int] | None:
        """The port at a load balancer and the VM's port behind it; None for an address of the VM's own."""
        return (self.way.port, self.way.backend_port) if self.way is not None else None

    def allows(self, port: int) -> bool:
        """Whether the VM is running and both levels of security groups let the controller in on this TCP port."""
        vm = self.azure.store.get(self.vm)
        if vm is None or not state_of(vm).is_running:
            return False
        verdict = self.azure.network.admits(
            self.interface,
            port=port,
            ip_configuration=self.ip_configuration,
            address=self.address,
            forward=self.way,
        )
        return verdict.allowed


class Compute:
    """What the handlers share, and what ``server`` and the guests ask of this provider."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        self._guests_of: dict[str, ResourceId] = {}
        #: Signs the addresses of what is read from the VMs' consoles.
        self.console_key = token_bytes(32)
        self.allowances = Allowances(azure.clock, azure.throttling)
        azure.store.on_change(self._forget_deleted)

    def faces(self, vm_key: str) -> list[Face]:
        """The addresses under which the controller can reach a VM's network interfaces, primary interface first.

        Those of load balancers that lead to one of its ports are among them.
        """
        id = ResourceId.parse(vm_key)
        vm = self._azure.store.get(id)
        if vm is None:
            return []
        network = self._azure.network
        found: list[Face] = []
        for interface in network_interfaces(vm):
            ways: list[tuple[str, str, Forward | None]] = [(*face, None) for face in network.faces(interface)]
            ways += [(way.address or "", configuration, way) for way, configuration in network.forwards(interface)]
            found += [
                InterfaceFace(
                    azure=self._azure,
                    vm=vm.id,
                    interface=interface,
                    ip_configuration=configuration,
                    address=address,
                    way=way,
                )
                for address, configuration, way in ways
            ]
        return found

    def own(self, vm: Resource) -> None:
        """Take a new virtual machine in: into the store, among the guests, and with its network interfaces."""
        self._azure.store.put(vm)
        for position, interface in enumerate(network_interfaces(vm)):
            self._azure.network.associate(interface, vm.id, primary=position == 0)
        machine = state_of(vm).machine
        if machine is not None:
            self._guests_of[vm.id.key] = vm.id
            self._azure.guests.add(vm.id.key, machine)

    def require(self, id: ResourceId) -> Resource:
        """The VM at ``id``, or the VM that encloses it.

        :raises AzureError: 404 ResourceNotFound for a VM, ParentResourceNotFound for something in it.
        """
        if len(id.types) == 1:
            return self._azure.store.require(id)
        vm = self._azure.store.require_parent(id)
        assert vm is not None
        return vm

    def still_there(self, vm: Resource) -> None:
        """:raises AzureError: 409 when ``vm`` was deleted, or its deletion has begun."""
        if self._azure.store.get(vm.id) is not vm or state_of(vm).being_deleted:
            raise errors.preempted()

    def set_provisioning(self, vm: Resource, state: str, failure: AzureError | None = None) -> None:
        """Enter a provisioning state (Updating, Succeeded, Failed, Deleting), now."""
        vm.properties["provisioningState"] = state
        about = state_of(vm)
        about.provisioned = self._azure.clock.now()
        about.failure = failure
        self._touch(vm)

    def settle(self, vm: Resource) -> None:
        """An operation on ``vm`` ended well: Succeeded, unless another one is still under way."""
        if not self._azure.operations.running(vm.id):
            self.set_provisioning(vm, "Succeeded")

    def count_change(self, vm: Resource) -> None:
        """Give ``vm`` its next entity tag."""
        vm.etag = etag.following(vm.etag)

    def set_power(self, vm: Resource, power: Power) -> None:
        """Enter a power state; the machine inside runs exactly while the power state is running."""
        state = state_of(vm)
        if power == "running":
            self.boot(vm)
        else:
            state.agent_ready_at = None
            if state.machine is not None:
                state.machine.running = False
        state.power = power
        self._touch(vm)

    def boot(self, vm: Resource) -> None:
        """Start the machine inside; its agent reports a while later."""
        state = state_of(vm)
        state.agent_starts(self._azure.clock.now() + timedelta(seconds=AGENT_SECONDS * self._azure.settings.pace))
        if state.machine is not None:
            state.machine.running = True

    def set_allocated(self, vm: Resource, allocated: bool) -> None:
        """Say whether ``vm`` has hardware: without it, its dynamic public addresses are given back."""
        for interface in network_interfaces(vm):
            self._azure.network.set_allocated(interface, allocated)

    def halt(self, vm: Resource, seconds: float) -> None:
        """Take the machine inside down for ``seconds`` (before the pace) while the platform counts it as running.

        Restart and redeploy do so. Commands that come meanwhile wait for the agent to report again.
        """
        state = state_of(vm)
        wait = timedelta(seconds=(seconds + AGENT_SECONDS) * self._azure.settings.pace)
        state.agent_starts(self._azure.clock.now() + wait)
        if state.machine is not None:
            state.machine.running = False

    def fetch_certificates(self, vm: Resource, secrets: list[Json], *, again: bool = False) -> list[FetchedCertificate]:
        """The certificates that ``secrets`` refers to: those not fetched before, or all of them ``again``.

        :raises AzureError: for the first one that can't be had.
        """
        state = state_of(vm)
        references = parse(vm, secrets)
        fetched = [
            fetch(self._azure, vm, reference) for reference in references if again or reference.key not in state.fetched
        ]
        state.fetched = {reference.key for reference in references}
        return fetched

    def install(self, vm: Resource, certificates: list[FetchedCertificate]) -> None:
        """Put certificates into the machine's LocalMachine stores, or remember that they wait for its next start.

        Nothing is ever taken out again: dropping a reference leaves the certificate in the guest.
        """
        state = state_of(vm)
        if state.machine is None or not certificates:
            return
        if not state.is_running:
            state.install_at_start = True
            return
        for certificate in certificates:
            state.machine.install_certificate(certificate.reference.store, certificate.pfx, certificate.password)

    def _touch(self, vm: Resource) -> None:
        if self._azure.store.get(vm.id) is vm:
            self._azure.store.touch(vm)

    def _forget_deleted(self) -> None:
        gone = [key for key, id in self._guests_of.items() if self._azure.store.get(id) is None]
        for key in gone:
            del self._guests_of[key]
            self._azure.guests.remove(key)


def network_interfaces(vm: Resource) -> list[ResourceId]:
    """The ids of a VM's network interfaces: the primary one first, as the rest of Azure counts them."""
    references = vm.properties["networkProfile"]["networkInterfaces"]
    ordered = sorted(references, key=lambda one: not one.get("properties", {}).get("primary", False))
    return [ResourceId.parse(one["id"]) for one in ordered]


def secrets_of(vm: Resource) -> list[Json]:
    """The osProfile.secrets of ``vm``; empty for a VM without osProfile."""
    secrets = vm.properties.get("osProfile", {}).get("secrets", [])
    return secrets if isinstance(secrets, list) else []


def check_writable(vm: Resource, operation: str) -> None:
    """:raises AzureError: 409 when ``vm`` is being deleted."""
    if state_of(vm).being_deleted:
        raise errors.vm_is_being_deleted(operation, vm.id.name)
