# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a port of a VM: at an address of its own, or through a load balancer's inbound NAT rule."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._azure import network
from .._domain.network import chosen_interface
from .._domain.resource_id import ResourceId
from .nat import nat_endpoint

if t.TYPE_CHECKING:
    from .._domain.network import NetworkInterface
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context


@dataclass(frozen=True, kw_only=True)
class Way:
    """``address`` is a host name or an IP address, ``nat_rule`` the id of the rule that leads from there, if one does.

    ``port`` is the one to connect to, which a NAT rule makes another than that of the VM.
    """

    address: str
    port: int
    nat_rule: str | None = None


def interface_of(vm: VirtualMachine, wanted: str | None, context: Context) -> NetworkInterface:
    """The interface of the VM that is ``wanted`` by name or id, else the primary one: one read."""
    return network.network_interface(context.azure, chosen_interface(vm.network_interfaces, wanted, vm=str(vm)))


def way_to(nic: NetworkInterface, *, kind: str, port: int, context: Context, named: bool = False) -> Way | None:
    """The way of that ``kind`` to ``port`` of the VM behind ``nic``; ``None`` when there is none now.

    ``kind`` is ``public``, ``fqdn`` (the DNS name of a public address), ``private``, or ``auto``: public, or private
    where there is nothing public; ``named`` prefers the DNS name then. Public is the address of the interface itself,
    or, where it has none, that of a load balancer whose NAT rule leads to the port. An internal load balancer is no
    better than the private address. At most one read without a load balancer.
    """
    main = nic.main
    private = Way(address=main.private_address, port=port) if main.private_address else None
    if kind == "private":
        return private
    if main.public_address_id:
        own = network.public_address(context.azure, ResourceId.parse(main.public_address_id))
        address = _chosen(kind, own.address, own.fqdn, named=named)
        return Way(address=address, port=port) if address else None
    nat = nat_endpoint(context.azure, nic, port=port, deadline=context.deadline)
    address = _chosen(kind, nat.address, nat.fqdn, named=named) if nat and nat.public else None
    if nat and address:
        return Way(address=address, port=nat.port, nat_rule=nat.rule_id)
    return private if kind == "auto" else None


def _chosen(kind: str, number: str | None, name: str | None, *, named: bool) -> str | None:
    if kind == "fqdn":
        return name
    return (name or number) if kind == "auto" and named else number
