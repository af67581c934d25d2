# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network Watcher's reports on a whole machine or group: connection check, security group view, topology."""

from __future__ import annotations

import ipaddress
import uuid

from ...core import errors as common_errors
from ...core.call import Answer, Call
from ...core.operations import Style
from ...core.resource_id import ResourceId
from ...core.store import Resource
from ...core.wire import Json
from .. import errors, reading
from ..evaluation import evaluate
from ..interfaces import records as interfaces
from ..models import Endpoint, Flow, Verdict
from ..types import SUBNETS, VIRTUAL_NETWORKS
from . import connectivity, effective_routes, group_view
from . import topology as drawing
from .targets import answer_later, group_members, primary_configuration, space_of

_AGENTS = ("networkwatcheragentwindows", "networkwatcheragentlinux")
_EXTENSIONS = "Microsoft.Compute/virtualMachines/extensions"
_VIRTUAL_MACHINES = "Microsoft.Compute/virtualMachines"


def connectivity_check(call: Call) -> Answer:
    """From a machine with the agent extension to an address, a name or another machine."""
    call.azure.store.require(call.id)
    source = _machine(call, reading.section(call.body, "source"))
    _check_agent(call, source)
    interface, configuration = _interface(call, source)
    target = reading.section(call.body, "destination")
    resource = reading.text(target, "resourceId")
    inbound: Verdict | None = None
    network = call.azure.network
    local = str(interfaces.private_address(configuration))
    if resource is None:
        text = reading.required(
            reading.text(target, "address"), lambda: errors.unparsable("destination.address is required.")
        )
        far = connectivity.End(address=_resolved(text))
    else:
        machine = _machine(call, target)
        theirs, own = _interface(call, machine)
        far = connectivity.End(address=str(interfaces.private_address(own)), resource=machine.id)
        guards = network.guards(theirs, own, public=False)
        inbound = evaluate(
            guards,
            Flow(
                direction="Inbound",
                protocol="Tcp",
                source=network.endpoint(local, guards),
                destination=network.endpoint(far.address, guards, _port(target)),
            ),
        )
    guards = network.guards(interface, configuration, public=False)
    outbound = evaluate(
        guards,
        Flow(
            direction="Outbound",
            protocol="Tcp",
            source=Endpoint(
                address=ipaddress.ip_address(local),
                application_security_groups=interfaces.application_groups(configuration),
            ),
            destination=network.endpoint(far.address, guards, _port(target)),
        ),
    )
    near = connectivity.End(address=local, resource=source.id)
    hop = effective_routes.next_hop(ipaddress.ip_address(far.address), space_of(call, interface))
    return answer_later(call, connectivity.report(near, far, outbound, inbound, routed=hop["nextHopType"] != "None"))


def security_group_view(call: Call) -> Answer:
    """The rules on every interface of a machine."""
    call.azure.store.require(call.id)
    machine = _machine(call, call.body, "targetResourceId")
    members = group_members(call)
    shown: list[Json] = []
    for interface in call.azure.network.interfaces_of_vm(machine.id):
        configuration = primary_configuration(interface)
        guards = call.azure.network.guards(interface, configuration, public=False)
        if guards.subnet is None and guards.network_interface is None:
            continue
        subnet = ResourceId.parse(configuration["properties"]["subnet"]["id"])
        shown.append(group_view.interface_view(call.azure.store, interface, subnet, guards, members))
    return answer_later(call, {"networkInterfaces": shown})


def topology(call: Call) -> Answer:
    """What belongs together in a resource group, a virtual network or a subnet; known at once."""
    call.azure.store.require(call.id)
    now = call.azure.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    result: Json = {
        "id": str(uuid.uuid4()),
        "createdDateTime": now,
        "lastModified": now,
        "resources": _drawn(call),
    }
    operation = call.azure.operations.start(call, style=Style.NETWORK_REPORT, seconds=0, finish=lambda: result)
    return operation.answer(200, result)


def _drawn(call: Call) -> list[Json]:
    store = call.azure.store
    for name, type in (("targetVirtualNetwork", VIRTUAL_NETWORKS), ("targetSubnet", SUBNETS)):
        wanted = reading.reference(call.body, name)
        if wanted is not None:
            if wanted.type.lower() != type.lower():
                raise errors.invalid_reference(str(wanted), str(call.id))
            subnet = wanted.name if type == SUBNETS else None
            return drawing.of_subnets(store, store.require(wanted.parent if subnet else wanted), subnet)
    name = reading.required(
        reading.text(call.body, "targetResourceGroupName"),
        lambda: errors.unparsable("targetResourceGroupName is required."),
    )
    group = ResourceId(call.id.subscription, name)
    if store.get(group) is None:
        raise common_errors.resource_group_not_found(name)
    return drawing.of_group(store, group)


def _machine(call: Call, body: Json, name: str = "resourceId") -> Resource:
    text = reading.required(reading.text(body, name), lambda: errors.unparsable(f"{name} is required."))
    id = reading.resource_id(text)
    if id.type.lower() != _VIRTUAL_MACHINES.lower():
        raise errors.invalid_reference(str(id), str(call.id))
    return call.azure.store.require(id)


def _check_agent(call: Call, machine: Resource) -> None:
    """The code is unverified; that the check needs the extension is documented."""
    for extension in call.azure.store.list(_EXTENSIONS, under=machine.id):
        if str(extension.properties.get("type")).lower() in _AGENTS:
            return
    raise errors.refused(
        "NetworkWatcherAgentNotInstalled", f"Network Watcher Agent is not installed on virtual machine {machine.id}."
    )


def _interface(call: Call, machine: Resource) -> tuple[Resource, Json]:
    attached = call.azure.network.interfaces_of_vm(machine.id)
    if not attached:
        raise errors.refused(
            "TargetResourceHasNoNetworkInterface", f"No network interface is attached to {machine.id}."
        )
    return attached[0], primary_configuration(attached[0])


def _resolved(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return connectivity.stand_in(text)


def _port(target: Json) -> int | None:
    port = target.get("port")
    return port if isinstance(port, int) else None
