# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A public address for one ip configuration of a VM: what is there, and what has to change."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from .errors import Conflict, InvalidInput, NotReady
from .network import PublicAddress
from .resource_id import same_id

if t.TYPE_CHECKING:
    from .network import IpConfiguration, NetworkInterface
    from .resource_id import ResourceId

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?")
_LABEL = re.compile(r"[a-z][a-z0-9-]{1,61}[a-z0-9]")
_STANDARD, _STATIC = "Standard", "Static"


@dataclass(frozen=True, kw_only=True)
class Mate:
    """What shares an interface with the address, and must be of its SKU: a load balancer, another public address."""

    id: ResourceId
    sku: str


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked for. ``owner`` is the VM as ``group/name`` in lower case.

    ``id`` is the address to make or take where the VM has none; ``named`` tells that the user chose it.
    """

    id: ResourceId
    named: bool
    owner: str
    label: str | None


@dataclass(frozen=True, kw_only=True)
class AddressPlan:
    """The steps in their order: write the address, attach it; or detach it, delete it.

    ``before`` and ``after`` are the address and whether it is attached; ``None`` is no address. ``write`` is the
    address to make (``new``), to give another DNS label, or to write again because its last write failed.
    """

    before: PublicAddress | None
    after: PublicAddress | None
    attached_before: bool
    attached_after: bool
    write: PublicAddress | None = None
    new: bool = False
    delete: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def attach(self) -> bool:
        return self.attached_after and not self.attached_before

    @property
    def detach(self) -> bool:
        return self.attached_before and not self.attached_after

    @property
    def needed(self) -> bool:
        return bool(self.write or self.attach or self.detach or self.delete)


def checked_name(name: str) -> str:
    """The name of a public address, or :class:`InvalidInput`."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            code="InvalidName",
            message=f"{name!r} is not a possible name of a public address in Azure.",
            hint="Up to 80 letters, digits, '.', '_' and '-'; it begins with a letter or digit"
            " and ends with one or with '_'.",
        )
    return name


def default_name(vm_name: str) -> str:
    """``<vm>-ip``; :class:`InvalidInput` for a VM whose name has letters that such names may not have."""
    return checked_name(f"{vm_name}-ip")


def checked_label(label: str) -> str:
    """The DNS label, or :class:`InvalidInput`."""
    if not _LABEL.fullmatch(label):
        raise InvalidInput(
            code="InvalidDomainNameLabel",
            message=f"{label!r} is not a possible DNS label of a public address.",
            hint="3 to 63 lower-case letters, digits and hyphens; it begins with a letter and does not end with a"
            " hyphen.",
        )
    return label


def planned_present(
    wish: Wish,
    nic: NetworkInterface,
    configuration: IpConfiguration,
    *,
    attached: PublicAddress | None,
    named: PublicAddress | None,
    mates: t.Sequence[Mate],
) -> AddressPlan:
    """``attached`` is what the ip configuration has, ``named`` what exists under ``wish.id`` where it has nothing.

    Raises :class:`Conflict` or :class:`NotReady` for what Azure would refuse or what belongs to somebody else.
    """
    if attached:
        return _kept(wish, nic, attached)
    _check_attachable(nic, configuration, mates)
    if named is None:
        made = PublicAddress(
            id=wish.id,
            location=nic.location,
            address=None,
            fqdn=None,
            label=wish.label,
            sku=_STANDARD,
            method=_STATIC,
            version="IPv4",
            holder_id=None,
            owner=wish.owner,
        )
        return AddressPlan(before=None, after=made, attached_before=False, attached_after=True, write=made, new=True)
    _check_takable(named, nic, configuration)
    after = _labelled(named, wish)
    return AddressPlan(
        before=named,
        after=after,
        attached_before=False,
        attached_after=True,
        write=after if after != named else None,
    )


def planned_absent(wish: Wish, *, attached: PublicAddress | None, named: PublicAddress | None) -> AddressPlan:
    """Take back what this collection made for the VM; an address of others is detached only when the user names it."""
    if attached and attached.owner == wish.owner:
        return AddressPlan(before=attached, after=None, attached_before=True, attached_after=False, delete=True)
    if attached and wish.named and attached.id == wish.id:
        return AddressPlan(before=attached, after=attached, attached_before=True, attached_after=False)
    if named and named.owner == wish.owner and not named.holder_id:
        return AddressPlan(before=named, after=None, attached_before=False, attached_after=False, delete=True)
    words = (
        f"The public address {attached.id.name} was not made by this module and stays attached;"
        f" set name: {attached.id.name} to have it detached."
        if attached
        else None
    )
    return AddressPlan(
        before=attached,
        after=attached,
        attached_before=attached is not None,
        attached_after=attached is not None,
        warnings=(words,) if words else (),
    )


def _kept(wish: Wish, nic: NetworkInterface, attached: PublicAddress) -> AddressPlan:
    if wish.named and attached.id != wish.id:
        raise Conflict(
            code="OtherAddressAttached",
            message=f"The VM already has the public address {attached.id.name}, not {wish.id.name}.",
            hint=f"Leave name out to keep it, or remove it first (state: absent with name: {attached.id.name}).",
            details={"attached": str(attached.id)},
        )
    after = _labelled(attached, wish)
    return AddressPlan(
        before=attached,
        after=after,
        # What Azure failed to put into force on the interface is not there yet.
        attached_before=not (nic.failed and attached.owner == wish.owner),
        attached_after=True,
        write=after if after != attached else None,
        warnings=_about_dynamic(attached),
    )


def _labelled(address: PublicAddress, wish: Wish) -> PublicAddress:
    """The address as it shall be, with the label that is asked for; an address of others keeps its label and state."""
    if address.owner == wish.owner:
        address = replace(address, failed=False)
    if wish.label is None or address.label == wish.label:
        return address
    if address.label and address.owner != wish.owner:
        raise Conflict(
            code="OtherDomainNameLabel",
            message=f"The public address {address.id.name} was not made by this module and has the DNS label"
            f" {address.label}.",
            hint="Leave domain_name_label out, or change it by hand: others may use that name.",
            details={"fqdn": address.fqdn},
        )
    return replace(address, label=wish.label, fqdn=None)


def _about_dynamic(address: PublicAddress) -> tuple[str, ...]:
    if address.method.lower() != "dynamic":
        return ()
    words = (
        "has no number now: Azure gives it one when the VM starts, and maybe another one each time."
        if address.address is None
        else "changes when the VM is deallocated and started again."
    )
    return (f"The public address {address.id.name} is dynamic: it {words}",)


def _check_attachable(nic: NetworkInterface, configuration: IpConfiguration, mates: t.Sequence[Mate]) -> None:
    where = f"The ip configuration {configuration.name} of the network interface {nic.id.name}"
    if not configuration.subnet_id:
        raise NotReady(code="NoSubnet", message=f"{where} is in no subnet; a public address needs one.")
    if configuration.version.lower() != "ipv4":
        raise NotReady(
            code="NotIPv4",
            message=f"{where} is for {configuration.version}; this module makes IPv4 addresses.",
            hint="Name an IPv4 one with ip_configuration.",
        )
    for mate in mates:
        if mate.sku.lower() != _STANDARD.lower():
            kind = "load balancer" if mate.id.types[0].lower() == "loadbalancers" else "public address"
            raise NotReady(
                code="DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed",
                message=f"{where} can't have a Standard public address: the {kind} {mate.id.name} of the same"
                f" interface is {mate.sku or 'Basic'}, and Azure does not let the two meet.",
                hint=f"Upgrade {mate.id.name} to Standard"
                + (", or reach the VM by an inbound NAT rule of it." if kind == "load balancer" else "."),
                details={"id": str(mate.id), "sku": mate.sku},
            )


def _check_takable(named: PublicAddress, nic: NetworkInterface, configuration: IpConfiguration) -> None:
    """Whether an address that exists under the wished name can be given to the interface."""
    # Where the configuration has it by now, another run attached it after the interface was read: the write that is
    # planned here is refused for that, and everything is read again.
    own = str(nic.id.child("ipConfigurations", configuration.name))
    if named.holder_id and not same_id(named.holder_id, own):
        raise Conflict(
            code="PublicIPAddressInUse",
            message=f"The public address {named.id.name} is used by {named.holder_id}.",
            hint="Choose another name.",
            details={"holder": named.holder_id},
        )
    if named.location.lower() != nic.location.lower():
        raise Conflict(
            code="AddressInOtherRegion",
            message=f"The public address {named.id.name} lies in {named.location}, the VM's network interface in"
            f" {nic.location}.",
            hint="Choose another name.",
        )
    if (named.sku.lower(), named.version.lower()) != (_STANDARD.lower(), "ipv4"):
        raise Conflict(
            code="NotAStandardAddress",
            message=f"The public address {named.id.name} exists and is a {named.sku or 'Basic'} {named.version} one,"
            " not a Standard IPv4 one.",
            hint="Upgrade it, or choose another name.",
        )
