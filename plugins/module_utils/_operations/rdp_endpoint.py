# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the Remote Desktop of a VM is reached."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._azure import compute, network
from .._domain.errors import NotReady
from .._domain.network import chosen_interface
from .nat import nat_endpoint
from .vm_network import addresses

if t.TYPE_CHECKING:
    from .._domain.network import NetworkInterface
    from .._domain.resource_id import VmTarget
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context

DEFAULT_PORT = 3389

_KINDS = {
    "auto": "address",
    "fqdn": "public address with a DNS name",
    "public": "public address",
    "private": "private address",
}


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """``address`` is a host name or an IP address; ``computer_name`` is None when it is not known.

    ``nat_rule`` is the id of the load balancer's rule that leads there, if one does.
    """

    address: str
    port: int
    computer_name: str | None
    nat_rule: str | None = None


def rdp_endpoint(
    target: VmTarget, *, address_type: str, network_interface: str | None, port: int | None, context: Context
) -> Endpoint:
    """The way of that kind to ``port`` of the VM, on its primary or the named interface; two to six reads.

    ``auto`` is the DNS name of its public address, else that address, else the same of a load balancer whose NAT rule
    leads to the port, else the private address. Raises :class:`NotReady` when there is none.
    """
    vm = compute.read_vm(context.azure, target)
    nic = network.network_interface(
        context.azure, chosen_interface(vm.network_interfaces, network_interface, vm=str(vm))
    )
    found = _own(nic, address_type, port or DEFAULT_PORT, vm, context)
    if found is None and address_type != "private" and nic.main.public_address_id is None:
        found = _balanced(nic, address_type, port or DEFAULT_PORT, vm, context)
    if found is None and address_type == "auto" and nic.main.public_address_id is None and nic.main.private_address:
        return Endpoint(address=nic.main.private_address, port=port or DEFAULT_PORT, computer_name=vm.computer_name)
    if found is None:
        raise _no_address(vm, nic, address_type)
    return found


def _own(nic: NetworkInterface, kind: str, port: int, vm: VirtualMachine, context: Context) -> Endpoint | None:
    """The interface's own address of that kind; for ``auto`` a public one."""
    known = addresses(context.azure, nic)
    address = {
        "auto": known.fqdn or known.public,
        "fqdn": known.fqdn,
        "public": known.public,
        "private": known.private,
    }[kind]
    return Endpoint(address=address, port=port, computer_name=vm.computer_name) if address else None


def _balanced(nic: NetworkInterface, kind: str, port: int, vm: VirtualMachine, context: Context) -> Endpoint | None:
    """A load balancer's public address of that kind; an internal one is no better than the private address."""
    way = nat_endpoint(context.azure, nic.id, port=port, deadline=context.deadline)
    if way is None or not way.public:
        return None
    address = {"auto": way.fqdn or way.address, "fqdn": way.fqdn, "public": way.address}[kind]
    if not address:
        return None
    return Endpoint(address=address, port=way.port, computer_name=vm.computer_name, nat_rule=way.rule_id)


def _no_address(vm: VirtualMachine, nic: NetworkInterface, kind: str) -> NotReady:
    details = {"address_type": kind, "power_state": vm.power_state.value}
    if nic.main.public_address_id and kind in ("auto", "public"):
        return NotReady(
            code="PublicAddressNotAllocated",
            message=f"The public address of the {vm} has no number while the VM is {vm.power_state.value}.",
            hint="Start the VM (azvm.access.vm_power), make the address static, or choose another address_type.",
            details=details,
        )
    return NotReady(
        code="NoAddress",
        message=f"The {vm} has no {_KINDS[kind]} on its network interface {nic.id.name}, nor does a load balancer's"
        " NAT rule lead to it.",
        hint="Give it one (azvm.access.vm_public_ip), choose another address_type, or name the address in address.",
        details=details,
    )
