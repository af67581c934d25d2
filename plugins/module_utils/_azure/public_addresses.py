# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public addresses and their place on interfaces: read, written back with all else untouched (Microsoft.Network)."""

from __future__ import annotations

import copy
import typing as t
from dataclasses import dataclass

from .._domain.errors import NotFound
from .._domain.network import MARK
from .errors import translated
from .libraries import needs
from .network import address_of, interface_of
from .polling import finished, unless_busy

if t.TYPE_CHECKING:
    from .._domain.deadline import Deadline
    from .._domain.errors import AccessError
    from .._domain.network import NetworkInterface, PublicAddress
    from .._domain.resource_id import ResourceId
    from .clients import AzureClients

Value = t.TypeVar("Value")

# A PUT that a later one took the place of ends as cancelled; the request itself was right.
_SUPERSEDED = frozenset({"Canceled", "CanceledAndSupersededDueToAnotherOperation"})


@dataclass(frozen=True, kw_only=True)
class Snapshot(t.Generic[Value]):
    """A resource as it was read: ``body`` is all of it that can be written, ``etag`` its version."""

    value: Value
    body: dict[str, t.Any]
    etag: str


@translated("read the network interface {nic.name}")
def interface(azure: AzureClients, nic: ResourceId) -> Snapshot[NetworkInterface]:
    """GET one interface."""
    found = azure.network.network_interfaces.get(nic.resource_group, nic.name)
    return Snapshot(value=interface_of(found, nic), body=found.as_dict(exclude_readonly=True), etag=found.etag or "")


def find(azure: AzureClients, address: ResourceId) -> Snapshot[PublicAddress] | None:
    """The public address of that id, ``None`` when there is none."""
    try:
        return _read(azure, address)
    except NotFound as error:
        if error.code == "ResourceNotFound":
            return None
        raise


def attach(
    azure: AzureClients,
    nic: Snapshot[NetworkInterface],
    configuration: str,
    address: ResourceId | None,
    *,
    deadline: Deadline,
) -> None:
    """PUT the interface as it was read, with ``address`` (or none) at that ip configuration and nothing else changed.

    Raises an error for which :func:`overtaken` holds when the interface was changed since it was read.
    """
    id = nic.value.id
    body = copy.deepcopy(nic.body)
    for each in body["properties"]["ipConfigurations"]:
        if each["name"] == configuration:
            each["properties"].pop("publicIPAddress", None)
            if address:
                each["properties"]["publicIPAddress"] = {"id": str(address)}
    waiting_for = f"the network interface {id.name}"

    @translated("write the network interface {id.name}")
    def put(id: ResourceId) -> None:
        with needs("azure-mgmt-network"):
            from azure.mgmt.network.models import NetworkInterface as Wire
        poller = azure.network.network_interfaces.begin_create_or_update(
            id.resource_group, id.name, Wire(body), headers=_if_match(nic.etag)
        )
        finished(poller, deadline=deadline, waiting_for=waiting_for)

    unless_busy(lambda: put(id), deadline=deadline, waiting_for=waiting_for)


def create(azure: AzureClients, address: PublicAddress, *, deadline: Deadline) -> PublicAddress:
    """Make a public address that carries its owner's mark, unless one of that name has come up meanwhile."""
    properties: dict[str, t.Any] = {
        "publicIPAllocationMethod": address.method,
        "publicIPAddressVersion": address.version,
    }
    if address.label:
        properties["dnsSettings"] = {"domainNameLabel": address.label}
    body = {
        "location": address.location,
        "sku": {"name": address.sku},
        "tags": {MARK: address.owner},
        "properties": properties,
    }
    return _write(azure, address.id, body, headers={"If-None-Match": "*"}, deadline=deadline)


def rewrite(
    azure: AzureClients, read: Snapshot[PublicAddress], label: str | None, *, deadline: Deadline
) -> PublicAddress:
    """PUT the address as it was read, with that DNS label."""
    body = copy.deepcopy(read.body)
    if label and label != read.value.label:
        properties = body.setdefault("properties", {})
        properties["dnsSettings"] = {**(properties.get("dnsSettings") or {}), "domainNameLabel": label}
        # Derived from the label; the old name would contradict the new one.
        properties["dnsSettings"].pop("fqdn", None)
    return _write(azure, read.value.id, body, headers=_if_match(read.etag), deadline=deadline)


def delete(azure: AzureClients, address: ResourceId, *, deadline: Deadline) -> None:
    """DELETE an address; fine when it is gone already. Azure refuses while something uses it."""
    waiting_for = f"the removal of the public address {address.name}"

    @translated("remove the public address {address.name}")
    def remove(address: ResourceId) -> None:
        poller = azure.network.public_ip_addresses.begin_delete(address.resource_group, address.name)
        finished(poller, deadline=deadline, waiting_for=waiting_for)

    try:
        unless_busy(lambda: remove(address), deadline=deadline, waiting_for=waiting_for)
    except NotFound:
        return


def overtaken(error: AccessError) -> bool:
    """Whether a write failed because somebody else wrote first: read again, and plan anew."""
    return error.details.get("status") == 412 or error.code in _SUPERSEDED


def _write(
    azure: AzureClients, address: ResourceId, body: dict[str, t.Any], *, headers: dict[str, str], deadline: Deadline
) -> PublicAddress:
    waiting_for = f"the public address {address.name}"

    @translated("write the public address {address.name}")
    def put(address: ResourceId) -> PublicAddress:
        with needs("azure-mgmt-network"):
            from azure.mgmt.network.models import PublicIPAddress as Wire
        poller = azure.network.public_ip_addresses.begin_create_or_update(
            address.resource_group, address.name, Wire(body), headers=headers
        )
        return address_of(finished(poller, deadline=deadline, waiting_for=waiting_for), address)

    return unless_busy(lambda: put(address), deadline=deadline, waiting_for=waiting_for)


def _if_match(etag: str) -> dict[str, str]:
    # The SDK has no parameter for it and ignores if_match=; the header does it.
    return {"If-Match": etag} if etag else {}


@translated("read the public address {address.name}")
def _read(azure: AzureClients, address: ResourceId) -> Snapshot[PublicAddress]:
    found = azure.network.public_ip_addresses.get(address.resource_group, address.name)
    return Snapshot(value=address_of(found, address), body=found.as_dict(exclude_readonly=True), etag=found.etag or "")
