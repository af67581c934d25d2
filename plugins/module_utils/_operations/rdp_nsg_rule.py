# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rdp_nsg_rule: one inbound allow rule on every security group that guards a VM."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._azure import compute, network
from .._domain.errors import Conflict, InvalidInput, NotFound, NotReady
from .._domain.network import chosen_interface
from .._domain.opening import EVERY_VM, Opening, RuleChange, planned_removal, planned_rule
from .._domain.outcome import Document, Outcome
from .._domain.resource_id import ResourceId, VmTarget
from .._domain.security_rules import (
    HIGHEST_PRIORITY,
    LOWEST_PRIORITY,
    SecurityRule,
    checked_rule_name,
    checked_sources,
    network_of,
)
from .vm_network import guards

if t.TYPE_CHECKING:
    from .._domain.network import Guard, NetworkInterface
    from .context import Context


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the module was asked for, checked. ``destination`` is ``vm``, ``any`` or ``application_security_groups``."""

    target: VmTarget
    present: bool
    port: int
    protocol: str
    sources: tuple[str, ...]
    destination: str
    application_security_groups: tuple[str, ...]
    name: str | None
    priority: int | None
    description: str | None
    network_interface: str | None

    @classmethod
    def from_parameters(cls, parameters: t.Mapping[str, t.Any]) -> Options:
        """Raise :class:`InvalidInput` for what Azure could not take."""
        present = parameters["state"] == "present"
        port, priority, name = parameters["port"], parameters["priority"], parameters["name"] or None
        if not 1 <= port <= 65535:
            raise InvalidInput(code="InvalidPort", message=f"{port} is not a port: ports go from 1 to 65535.")
        if priority is not None and not LOWEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
            raise InvalidInput(
                code="InvalidPriority",
                message=f"{priority} is not a priority: Azure takes {LOWEST_PRIORITY} to {HIGHEST_PRIORITY}.",
            )
        groups = parameters["application_security_groups"] or []
        for text in groups:
            ResourceId.parse(text, expected_type="Microsoft.Network/applicationSecurityGroups")
        return cls(
            target=VmTarget.from_options(parameters),
            present=present,
            port=port,
            protocol=parameters["protocol"],
            sources=checked_sources(parameters["sources"] or [], allow_any=parameters["allow_any_source"])
            if present
            else (),
            destination=parameters["destination"],
            application_security_groups=tuple(groups),
            name=checked_rule_name(name) if name else None,
            priority=priority,
            description=parameters["description"] or None,
            network_interface=parameters["network_interface"] or None,
        )


def run(options: Options, context: Context) -> Outcome:
    """Read the guards of the VM, plan one change per group, apply what is needed."""
    vm = compute.read_vm(context.azure, options.target)
    nic = network.network_interface(
        context.azure, chosen_interface(vm.network_interfaces, options.network_interface, vm=str(options.target))
    )
    found = guards(context.azure, nic)
    warnings = () if found else _unguarded(options, nic, context)
    opening = _opening(options, nic)
    changes = [_settled(opening, guard, options, context) for guard in found]
    return Outcome(
        name="rule",
        thing=_thing(options, changes),
        before=_state(changes, "before"),
        after=_state(changes, "after"),
        warnings=warnings,
    )


def _opening(options: Options, nic: NetworkInterface) -> Opening:
    target = options.target
    wanted = set(map(str.lower, options.application_security_groups))
    if options.present and wanted - set(map(str.lower, nic.main.application_security_group_ids)):
        raise NotFound(
            code="NotInApplicationSecurityGroup",
            message=f"The network interface {nic.id.name} does not belong to every application security group named.",
            hint="Add the interface to the group first; a rule for a group it is not in would not let anybody in.",
        )
    return Opening(
        vm_name=target.name,
        owner=f"{target.resource_group}/{target.name}".lower() if options.destination == "vm" else EVERY_VM,
        port=options.port,
        protocol=options.protocol,
        sources=options.sources,
        destinations=_destinations(options, nic) if options.destination == "vm" else None,
        destination_groups=options.application_security_groups,
        name=options.name,
        priority=options.priority,
        description=options.description,
    )


def _destinations(options: Options, nic: NetworkInterface) -> tuple[str, ...]:
    """The private addresses of the interface, of the sources' IP version: Azure never mixes the two in one rule."""
    version = next((net.version for net in map(network_of, options.sources) if net), 4)
    own = [each.private_address for each in nic.ip_configurations if each.private_address]
    fitting = tuple(text for text in own if (net := network_of(text)) and net.version == version)
    if options.present and not fitting:
        raise NotReady(
            code="NoMatchingAddress",
            message=f"The network interface {nic.id.name} has no IPv{version} address that a rule could name.",
            hint="Use sources of the other IP version, or add such an ip configuration to the interface.",
        )
    return fitting


def _settled(opening: Opening, guard: Guard, options: Options, context: Context) -> RuleChange:
    """Plan the change for one group and apply it; plan again when a priority was taken by somebody faster."""
    while True:
        change = planned_rule(opening, guard) if options.present else planned_removal(opening, guard)
        if not change.needed or context.check_mode:
            return change
        try:
            _apply(change, context)
        except Conflict as error:
            if not network.is_priority_clash(error) or options.priority is not None:
                raise
            context.deadline.pause(
                0.2, waiting_for=f"a free priority in the security group {guard.group.id.name}", last_seen=error.message
            )
            group = network.security_group(context.azure, guard.group.id)
            guard = replace(guard, group=group)
        else:
            return change


def _apply(change: RuleChange, context: Context) -> None:
    group = change.guard.group.id
    if change.after:
        network.put_rule(context.azure, group, change.after, deadline=context.deadline)
    elif change.before:
        network.delete_rule(context.azure, group, change.before.name, deadline=context.deadline)


def _unguarded(options: Options, nic: NetworkInterface, context: Context) -> tuple[str, ...]:
    """What it means that no group guards the interface: closed behind a Standard public address, else open."""
    if not options.present:
        return ()
    address_id = nic.main.public_address_id
    if address_id:
        address = network.public_address(context.azure, ResourceId.parse(address_id))
        if (address.sku or "").lower().startswith("standard"):
            raise NotReady(
                code="NoSecurityGroup",
                message=f"No security group guards the {options.target}, and its Standard public address"
                " lets nothing in without one.",
                hint=f"Associate a security group with the network interface {nic.id.name} or its subnet first.",
            )
    return (f"No security group guards the {options.target}: nothing had to be opened, and nothing is closed.",)


def _thing(options: Options, changes: list[RuleChange]) -> Document:
    return {
        "port": options.port,
        "protocol": options.protocol,
        "sources": sorted(options.sources),
        "groups": [
            {
                "id": str(change.guard.group.id),
                "name": change.guard.group.id.name,
                "levels": list(change.guard.levels),
                "changed": change.needed,
                "rule": _document(change.guard, change.after or (None if options.present else change.before)),
            }
            for change in changes
        ],
    }


def _state(changes: list[RuleChange], side: str) -> Document | None:
    rules = {
        change.guard.group.id.name: _document(change.guard, rule) if (rule := getattr(change, side)) else None
        for change in changes
    }
    return rules if any(rules.values()) else None


def _document(guard: Guard, rule: SecurityRule | None) -> Document | None:
    if rule is None:
        return None
    return {
        "id": str(guard.group.id.child("securityRules", rule.name)),
        "name": rule.name,
        "priority": rule.priority,
        "access": rule.access,
        "direction": rule.direction,
        "protocol": rule.protocol,
        "sources": sorted(rule.sources),
        "destinations": sorted(rule.destinations or rule.destination_groups),
        "ports": sorted(map(str, rule.ports)),
        "description": rule.description,
    }
