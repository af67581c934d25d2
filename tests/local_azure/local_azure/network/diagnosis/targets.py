# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a diagnosis is about, read from its request: machines, interfaces, addresses and ports; and its answer."""

from __future__ import annotations

import ipaddress

from ...core.call import Answer, Call
from ...core.operations import Style
from ...core.resource_id import ResourceId
from ...core.store import Resource
from ...core.wire import Json
from .. import errors, reading
from ..interfaces import records as interfaces
from ..types import INTERFACES
from ..virtual_networks import records as networks

_SECONDS = 10.0


def answer_later(call: Call, result: Json) -> Answer:
    """202 and Location; the result is fixed when asked, as the real service reads its state then."""
    operation = call.azure.operations.start(call, style=Style.NETWORK_POST, seconds=_SECONDS, finish=lambda: result)
    return operation.answer(202)


def local_end(call: Call, address: str | None) -> tuple[Resource, Json]:
    """The interface and IP configuration of the target VM that hold the address; its primary ones without a match."""
    target = reading.required(
        reading.text(call.body, "targetResourceId"), lambda: errors.unparsable("targetResourceId is required.")
    )
    wanted = reading.text(call.body, "targetNicResourceId")
    target_id = reading.resource_id(target)
    if target_id.type.lower() == INTERFACES.lower():
        attached = [call.azure.store.require(target_id)]
    else:
        call.azure.store.require(target_id)
        attached = call.azure.network.interfaces_of_vm(target_id)
    if wanted is not None:
        attached = [one for one in attached if one.id == reading.resource_id(wanted)]
    if not attached:
        raise errors.refused(
            "TargetResourceHasNoNetworkInterface", f"No matching network interface is attached to {target_id}."
        )
    for interface in attached:
        for configuration in interface.properties["ipConfigurations"]:
            if configuration["properties"]["privateIPAddress"] == address:
                return interface, configuration
    return attached[0], primary_configuration(attached[0])


def primary_configuration(interface: Resource) -> Json:
    configuration = interfaces.find_configuration(interface, None)
    assert configuration is not None, "every interface has a primary IP configuration"
    return configuration


def space_of(call: Call, interface: Resource) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    subnet = ResourceId.parse(primary_configuration(interface)["properties"]["subnet"]["id"])
    found = networks.subnet_by_id(call.azure.store, subnet)
    return () if found is None else networks.address_space(found[0])


def read_address(body: Json, name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    text = reading.text(body, name) or ""
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise errors.refused("InvalidIPAddressFormat", f"IP address {text} is not formatted correctly.") from error


def read_port(body: Json, name: str) -> int | None:
    """A port, None for "*" or nothing."""
    text = reading.text(body, name) or "*"
    if text == "*":
        return None
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise errors.refused("InvalidPort", f"Port {text} is not valid. Valid range 0-65535, or *.")
    return int(text)


def group_members(call: Call) -> dict[str, list[str]]:
    """The private addresses in each application security group, by its key."""
    found: dict[str, list[str]] = {}
    for interface in call.azure.store.list(INTERFACES):
        for one in interface.properties["ipConfigurations"]:
            for group in sorted(interfaces.application_groups(one)):
                found.setdefault(group, []).append(one["properties"]["privateIPAddress"])
    return found
