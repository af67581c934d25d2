# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_public_ip: a public address at one ip configuration of a VM, made, attached, and taken back."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._azure import compute, load_balancers, public_addresses
from .._azure.polling import awaiting
from .._domain.errors import AccessError, Refused
from .._domain.network import chosen_interface
from .._domain.outcome import Document, Outcome
from .._domain.public_address import (
    AddressPlan,
    Mate,
    Wish,
    checked_label,
    checked_name,
    default_name,
    planned_absent,
    planned_present,
)
from .._domain.resource_id import ResourceId, VmTarget

if t.TYPE_CHECKING:
    from .._azure.public_addresses import Snapshot
    from .._domain.network import IpConfiguration, NetworkInterface, PublicAddress
    from .context import Context


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the module was asked for, checked."""

    target: VmTarget
    present: bool
    name: str | None
    label: str | None
    network_interface: str | None
    ip_configuration: str | None

    @classmethod
    def from_parameters(cls, parameters: t.Mapping[str, t.Any]) -> Options:
        """Raise :class:`InvalidInput` for what Azure could not take."""
        name, label = parameters["name"] or None, parameters["domain_name_label"] or None
        return cls(
            target=VmTarget.from_options(parameters),
            present=parameters["state"] == "present",
            name=checked_name(name) if name else None,
            label=checked_label(label) if label else None,
            network_interface=parameters["network_interface"] or None,
            ip_configuration=parameters["ip_configuration"] or None,
        )


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """One look at the interface and the addresses that matter, and what follows from it."""

    nic: Snapshot[NetworkInterface]
    configuration: IpConfiguration
    address: Snapshot[PublicAddress] | None
    plan: AddressPlan


def run(options: Options, context: Context) -> Outcome:
    """Read, plan, write; read and plan again when somebody else wrote to the same interface or address meanwhile."""
    vm = compute.read_vm(context.azure, options.target)
    nic_id = chosen_interface(vm.network_interfaces, options.network_interface, vm=str(options.target))
    wish = Wish(
        id=_address_id(vm.id, options.name or default_name(vm.id.name)),
        named=options.name is not None,
        owner=f"{vm.id.resource_group}/{vm.id.name}".lower(),
        label=options.label,
    )
    first: _Seen | None = None
    waiting_for, last_seen = f"the network interface {nic_id.name} to be left alone", ""
    while True:
        with awaiting(waiting_for, deadline=context.deadline, last_seen=last_seen):
            seen = _look(options, wish, nic_id, context)
        run_through = _Run(seen, context)
        try:
            after = seen.plan.after if context.check_mode else run_through.carry_out()
        except AccessError as error:
            if not public_addresses.overtaken(error):
                raise _explained(error, options) from error
            # What this run has written so far is its change, even when somebody else did the rest.
            first = first or (seen if run_through.wrote else None)
            last_seen = error.message
            context.deadline.pause(0.2, waiting_for=waiting_for, last_seen=last_seen)
        else:
            return _outcome(first or seen, seen, after, wish)


class _Run:
    """Carries out one plan. ``wrote`` tells whether a step has succeeded."""

    def __init__(self, seen: _Seen, context: Context) -> None:
        self._seen = seen
        self._context = context
        self.wrote = False

    def carry_out(self) -> PublicAddress | None:
        """The address afterwards, with its number; the steps come in an order that can be cut off anywhere."""
        plan, azure, deadline = self._seen.plan, self._context.azure, self._context.deadline
        after = plan.after
        if plan.write and plan.new:
            after = self._done(public_addresses.create(azure, plan.write, deadline=deadline))
        elif plan.write and self._seen.address:
            label = plan.write.label
            after = self._done(public_addresses.rewrite(azure, self._seen.address, label, deadline=deadline))
        if plan.attach and after:
            self._attach(after.id)
        if plan.detach:
            self._attach(None)
        if plan.delete and plan.before:
            public_addresses.delete(azure, plan.before.id, deadline=deadline)
            self.wrote = True
        return after

    def _attach(self, address: ResourceId | None) -> None:
        seen = self._seen
        public_addresses.attach(
            self._context.azure, seen.nic, seen.configuration.name, address, deadline=self._context.deadline
        )
        self.wrote = True

    def _done(self, address: PublicAddress) -> PublicAddress:
        self.wrote = True
        return address


def _look(options: Options, wish: Wish, nic_id: ResourceId, context: Context) -> _Seen:
    """Two to three reads, and one for each thing that shares the interface when an address is to be attached."""
    azure = context.azure
    nic = public_addresses.interface(azure, nic_id)
    configuration = nic.value.configuration(options.ip_configuration) if options.ip_configuration else nic.value.main
    attached_id = ResourceId.parse(configuration.public_address_id) if configuration.public_address_id else None
    attached = public_addresses.find(azure, attached_id) if attached_id else None
    named = None
    if attached is None or (not options.present and attached_id != wish.id):
        named = public_addresses.find(azure, wish.id)
    attached_value, named_value = (each.value if each else None for each in (attached, named))
    if options.present:
        mates = () if attached else _mates(nic.value, context)
        plan = planned_present(wish, nic.value, configuration, attached=attached_value, named=named_value, mates=mates)
    else:
        plan = planned_absent(wish, attached=attached_value, named=named_value)
    return _Seen(nic=nic, configuration=configuration, address=attached or named, plan=plan)


def _mates(nic: NetworkInterface, context: Context) -> tuple[Mate, ...]:
    """What shares the interface with a new address."""
    azure = context.azure
    balancers = {id.key: id for each in nic.ip_configurations if each.balanced for id in each.balanced.balancer_ids}
    addresses = [each.public_address_id for each in nic.ip_configurations if each.public_address_id]
    found = [load_balancers.load_balancer(azure, id) for id in balancers.values()]
    others = [public_addresses.find(azure, ResourceId.parse(text)) for text in addresses]
    return (
        *(Mate(id=each.id, sku=each.sku) for each in found),
        *(Mate(id=each.value.id, sku=each.value.sku) for each in others if each),
    )


def _address_id(vm: ResourceId, name: str) -> ResourceId:
    return ResourceId(
        subscription=vm.subscription,
        resource_group=vm.resource_group,
        namespace="Microsoft.Network",
        types=("publicIPAddresses",),
        names=(name,),
    )


def _explained(error: AccessError, options: Options) -> AccessError:
    """Azure's refusal of a DNS label, with what to do; any other error as it is."""
    if error.code != "DnsRecordInUse":
        return error
    return Refused(
        code=error.code,
        message=error.message,
        hint=f"Choose another domain_name_label: {options.label} is taken in this region, maybe by somebody else's"
        " subscription.",
        details=error.details,
    )


def _outcome(first: _Seen, last: _Seen, after: PublicAddress | None, wish: Wish) -> Outcome:
    plan = last.plan
    thing = {
        **_document(after, wish),
        "attached": plan.attached_after,
        "network_interface": str(last.nic.value.id),
        "ip_configuration": last.configuration.name,
    }
    return Outcome(
        name="public_address",
        thing=thing,
        before=_state(first.plan.before, attached=first.plan.attached_before, wish=wish),
        after=_state(after, attached=plan.attached_after, wish=wish),
        warnings=plan.warnings,
    )


def _state(address: PublicAddress | None, *, attached: bool, wish: Wish) -> Document | None:
    """What the diff shows: everything but the number and the name that Azure gives, so that it can be predicted."""
    if address is None:
        return None
    shown = _document(address, wish)
    kept = {key: value for key, value in shown.items() if key not in ("address", "fqdn")}
    # Only where it says something: what Azure failed to put into force has to be written again.
    return {**kept, "attached": attached, **({"failed": True} if address.failed else {})}


def _document(address: PublicAddress | None, wish: Wish) -> Document:
    return {
        "id": str(address.id) if address else None,
        "name": address.id.name if address else None,
        "address": address.address if address else None,
        "fqdn": address.fqdn if address else None,
        "domain_name_label": address.label if address else None,
        "sku": address.sku if address else None,
        "allocation_method": address.method if address else None,
        "made_for_this_vm": bool(address and address.owner == wish.owner),
    }
