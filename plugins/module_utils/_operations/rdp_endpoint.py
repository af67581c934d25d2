# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the Remote Desktop of a VM is reached."""

from __future__ import annotations

import typing as t

from .._domain.errors import NotReady
from .vm_way import interface_of, way_to

if t.TYPE_CHECKING:
    from .._domain.network import NetworkInterface
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context
    from .vm_way import Way

DEFAULT_PORT = 3389

_KINDS = {
    "auto": "address",
    "fqdn": "public address with a DNS name",
    "public": "public address",
    "private": "private address",
}


def rdp_endpoint(
    vm: VirtualMachine, *, address_type: str, network_interface: str | None, port: int, context: Context
) -> Way:
    """The way of that kind to ``port`` of the VM, on its primary or the named interface; see :func:`way_to`.

    ``auto`` prefers the DNS name. Raises :class:`NotReady` when there is no such way.
    """
    nic = interface_of(vm, network_interface, context)
    way = way_to(nic, kind=address_type, port=port, context=context, named=True)
    if way is None:
        raise _no_address(vm, nic, address_type)
    return way


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
