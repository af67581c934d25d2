# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What guards and names a VM on the network: interfaces, addresses, security groups."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .errors import NotFound, NotReady
from .resource_id import same_id

if t.TYPE_CHECKING:
    from .nat import BalancedConfiguration
    from .resource_id import ResourceId
    from .security_rules import SecurityRule
    from .virtual_machine import NetworkInterfaceReference

# The tag that tells an address this collection made from others'; its value is the VM, ``group/name`` in lower case.
MARK = "azvm.access.vm"


@dataclass(frozen=True, kw_only=True)
class IpConfiguration:
    """One ip configuration of an interface; ids are as Azure wrote them.

    ``balanced`` is what it refers to in load balancers, ``None`` for nothing.
    """

    name: str
    primary: bool
    private_address: str | None
    public_address_id: str | None
    subnet_id: str | None
    version: str = "IPv4"
    application_security_group_ids: tuple[str, ...] = ()
    balanced: BalancedConfiguration | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkInterface:
    """A network interface of a VM. ``group_id`` is its own security group, without the subnet's.

    ``failed``: its last write did not come to its end.
    """

    id: ResourceId
    location: str
    group_id: str | None
    ip_configurations: tuple[IpConfiguration, ...]
    failed: bool = False

    @property
    def main(self) -> IpConfiguration:
        """The primary ip configuration; the first one where none is marked (Azure omits the flag on single ones)."""
        if not self.ip_configurations:
            raise NotReady(code="NoIpConfiguration", message=f"The network interface {self.id.name} has no address.")
        return next((each for each in self.ip_configurations if each.primary), self.ip_configurations[0])

    def configuration(self, name: str) -> IpConfiguration:
        """The ip configuration of that name."""
        for each in self.ip_configurations:
            if each.name.lower() == name.lower():
                return each
        raise NotFound(
            code="IpConfigurationNotFound",
            message=f"The network interface {self.id.name} has no ip configuration {name}.",
            hint=f"Its ip configurations are: {', '.join(each.name for each in self.ip_configurations)}.",
        )


@dataclass(frozen=True, kw_only=True)
class PublicAddress:
    """A public address. ``address`` is ``None`` while it has no number: a dynamic one whose VM is deallocated.

    ``holder_id`` is what uses it: an ip configuration of an interface, a frontend of a load balancer. ``owner`` is the
    VM it was made for by this collection, ``None`` for an address of somebody else.
    """

    id: ResourceId
    location: str
    address: str | None
    fqdn: str | None
    label: str | None
    sku: str
    method: str
    version: str
    holder_id: str | None
    owner: str | None
    failed: bool = False


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """A subnet. ``ip_configuration_ids`` are the ip configurations that live in it."""

    id: ResourceId
    group_id: str | None
    ip_configuration_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SecurityGroup:
    """A network security group with its own rules (not the default ones)."""

    id: ResourceId
    rules: tuple[SecurityRule, ...]
    interface_ids: tuple[str, ...]
    subnet_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Guard:
    """A security group on the way to a VM: at its interface (``nic``), its ``subnet``, or both.

    ``alone`` tells that the group guards nothing but this VM.
    """

    group: SecurityGroup
    levels: tuple[str, ...]
    alone: bool


@dataclass(frozen=True, kw_only=True)
class VmAddresses:
    """How a VM can be reached, as Azure's network knows it; ``None`` where there is nothing."""

    fqdn: str | None
    public: str | None
    private: str | None


def chosen_interface(interfaces: t.Sequence[NetworkInterfaceReference], wanted: str | None, *, vm: str) -> ResourceId:
    """The interface of ``vm`` a task is about: the ``wanted`` one by name or id, else the primary one."""
    if not interfaces:
        raise NotReady(
            code="NoNetworkInterface",
            message=f"The {vm} has no network interface.",
            hint="Attach one to it first; the VM must be deallocated for that.",
        )
    if wanted:
        for each in interfaces:
            if same_id(str(each.id), wanted) or each.id.name.lower() == wanted.lower():
                return each.id
        raise NotFound(
            code="NetworkInterfaceNotFound",
            message=f"The {vm} has no network interface {wanted}.",
            hint=f"Its network interfaces are: {', '.join(each.id.name for each in interfaces)}.",
        )
    return next((each.id for each in interfaces if each.primary), interfaces[0].id)


def guards_of(nic: NetworkInterface, subnet: Subnet | None, groups: t.Mapping[str, SecurityGroup]) -> tuple[Guard, ...]:
    """The guards of an interface from the ``groups`` read, keyed by lower-case id; subnet first, as Azure evaluates."""
    levels: dict[str, list[str]] = {}
    if subnet and subnet.group_id:
        levels.setdefault(subnet.group_id.lower(), []).append("subnet")
    if nic.group_id:
        levels.setdefault(nic.group_id.lower(), []).append("nic")
    return tuple(
        Guard(group=groups[key], levels=tuple(found), alone=_guards_only(groups[key], nic, subnet))
        for key, found in levels.items()
    )


def _guards_only(group: SecurityGroup, nic: NetworkInterface, subnet: Subnet | None) -> bool:
    if any(not same_id(text, str(nic.id)) for text in group.interface_ids):
        return False
    if not group.subnet_ids:
        return True
    if subnet is None or any(not same_id(text, str(subnet.id)) for text in group.subnet_ids):
        return False
    own = nic.id.key + "/"
    return all(text.lower().startswith(own) for text in subnet.ip_configuration_ids)
