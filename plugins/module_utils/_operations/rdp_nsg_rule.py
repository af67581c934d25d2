# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rdp_nsg_rule: one inbound allow rule on every security group that guards a VM."""

from __future__ import annotations

import random
import typing as t
from dataclasses import dataclass, replace

from .._azure import compute, load_balancers, network
from .._azure.polling import awaiting
from .._domain.errors import Conflict, InvalidInput, NotFound, NotReady
from .._domain.expiry import checked_duration
from .._domain.network import chosen_interface
from .._domain.opening import Opening, RuleChange, checked_description, limited, planned_removal, planned_rule
from .._domain.outcome import Document, Outcome
from .._domain.port import checked_port
from .._domain.resource_id import ResourceId, VmTarget
from .._domain.rule_document import group_document, rule_document
from .._domain.rule_owner import EVERY_VM, RuleOwner, application_groups_owner, interface_owner, vm_owner
from .._domain.security_rules import (
    HIGHEST_PRIORITY,
    LOWEST_PRIORITY,
    checked_rule_name,
    checked_sources,
    network_of,
)
from .expired_rules import remove_expired
from .jit_guard import checked_against_jit, kept_beside_jit
from .vm_network import guards

if t.TYPE_CHECKING:
    from datetime import timedelta

    from .._domain.network import Guard, NetworkInterface
    from .context import Context


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the module was asked for, checked.

    ``state`` is ``present``, ``absent`` or ``expired_absent``; ``destination`` is ``vm``, ``any`` or
    ``application_security_groups``. ``expires_after`` is ``None`` for a rule without an end.
    """

    target: VmTarget
    state: str
    port: int
    protocol: str
    sources: tuple[str, ...]
    destination: str
    application_security_groups: tuple[str, ...]
    name: str | None
    priority: int | None
    description: str | None
    network_interface: str | None
    expires_after: timedelta | None
    extend: bool
    allow_jit_override: bool
    public_address_follows: bool

    @classmethod
    def from_parameters(cls, parameters: t.Mapping[str, t.Any]) -> Options:
        """Raise :class:`InvalidInput` for what Azure could not take."""
        present = parameters["state"] == "present"
        expires_after = parameters["expires_after"] or None
        port, priority, name = checked_port(parameters["port"]), parameters["priority"], parameters["name"] or None
        if priority is not None and not LOWEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
            raise InvalidInput(
                code="InvalidPriority",
                message=f"{priority} is not a priority: Azure takes {LOWEST_PRIORITY} to {HIGHEST_PRIORITY}.",
            )
        groups = parameters["application_security_groups"] or []
        for text in groups:
            ResourceId.parse(text, expected_type="Microsoft.Network/applicationSecurityGroups")
        if bool(groups) != (parameters["destination"] == "application_security_groups"):
            raise InvalidInput(
                code="InvalidDestination",
                message="application_security_groups and destination: application_security_groups go together.",
                hint="Set both or neither.",
            )
        if present and parameters["extend"] and not expires_after:
            raise InvalidInput(
                code="NothingToExtend",
                message="extend: true needs expires_after: a rule without it has no end.",
                hint="Set expires_after, such as 8h.",
            )
        options = cls(
            target=VmTarget.from_options(parameters),
            state=parameters["state"],
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
            expires_after=checked_duration(expires_after) if expires_after else None,
            extend=parameters["extend"],
            allow_jit_override=parameters["allow_jit_override"],
            public_address_follows=parameters["public_address_follows"],
        )
        checked_description(options.description, options.owner, limited=options.expires_after is not None)
        return options

    @property
    def present(self) -> bool:
        return self.state == "present"

    @property
    def owner(self) -> RuleOwner:
        """Whom the rule is for, as far as the options can tell: the casing of names is Azure's to say."""
        return self.owner_of(vm_owner(self.target.resource_group, self.target.name), self.application_security_groups)

    def owner_of(self, vm: RuleOwner, groups: t.Sequence[str]) -> RuleOwner:
        """Whom the rule is for: the VM, or what the option ``destination`` puts in its place."""
        if self.destination == "vm":
            return vm
        return EVERY_VM if self.destination == "any" else application_groups_owner(groups)


def run(options: Options, context: Context) -> Outcome:
    """Read the guards of the VM, plan one change per group, apply what is needed."""
    vm = compute.read_vm(context.azure, options.target)
    main = chosen_interface(vm.network_interfaces, None, vm=str(options.target))
    wanted = chosen_interface(vm.network_interfaces, options.network_interface, vm=str(options.target))
    nic = network.network_interface(context.azure, wanted)
    found = guards(context.azure, nic)
    if options.state == "expired_absent":
        return remove_expired(found, context)
    warnings = () if found else _unguarded(options, nic, context)
    owner = vm_owner(vm.id.resource_group, vm.name)
    if main != wanted:
        owner = interface_owner(vm.id.resource_group, vm.name, nic.id.name)
    opening = _opening(options, nic, owner)
    if options.expires_after:
        opening = limited(
            opening, found, duration=options.expires_after, now=context.azure.azure_time, extend=options.extend
        )
    # All groups are planned before the first is written: what one of them refuses leaves nothing half-made.
    changes = [_planned(opening, guard, options) for guard in found]
    if options.present and any(change.needed for change in changes):
        warnings += checked_against_jit(
            context.azure, vm.id, port=options.port, protocol=options.protocol, override=options.allow_jit_override
        )
    elif options.present and found and not (options.expires_after or options.allow_jit_override):
        warnings += kept_beside_jit(context.azure, vm.id, port=options.port, protocol=options.protocol)
    if not context.check_mode:
        changes = [_applied(opening, change, options, context) for change in changes]
    return Outcome(
        name="rule",
        thing=_thing(options, changes),
        before=_state(changes, "before"),
        after=_state(changes, "after"),
        warnings=warnings,
    )


def _opening(options: Options, nic: NetworkInterface, vm: RuleOwner) -> Opening:
    wanted = [ResourceId.parse(text) for text in options.application_security_groups]
    own = [ResourceId.parse(text) for text in nic.main.application_security_group_ids]
    missing = [group for group in wanted if group not in own]
    if options.present and missing:
        raise NotFound(
            code="NotInApplicationSecurityGroup",
            message=f"The network interface {nic.id.name} does not belong to the application security group"
            f" {missing[0].name}.",
            hint="Add the interface to the group first: a rule for a group it is not in would not let anybody in.",
        )
    groups = [str(next((each for each in own if each == group), group)) for group in wanted]
    return Opening(
        vm=vm,
        owner=options.owner_of(vm, groups),
        port=options.port,
        protocol=options.protocol,
        sources=options.sources,
        destinations=_destinations(options, nic) if options.destination == "vm" else None,
        destination_groups=tuple(groups),
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


def _planned(opening: Opening, guard: Guard, options: Options, *, skip: int = 0) -> RuleChange:
    return planned_rule(opening, guard, skip=skip) if options.present else planned_removal(opening, guard)


def _applied(opening: Opening, change: RuleChange, options: Options, context: Context) -> RuleChange:
    """Apply the change of one group; plan it anew when its priority was taken by somebody faster."""
    spread = 8
    while change.needed:
        try:
            _apply(change, context)
        except Conflict as error:
            if not network.is_priority_clash(error) or options.priority is not None:
                raise
            group = change.guard.group.id
            waiting_for, last_seen = f"a free priority in the security group {group.name}", error.message
            context.deadline.pause(0.2, waiting_for=waiting_for, last_seen=last_seen)
            with awaiting(waiting_for, deadline=context.deadline, last_seen=last_seen):
                guard = replace(change.guard, group=network.security_group(context.azure, group))
            # Ten runs that met on one number would meet on the next one, too. Any number will do: no cryptography.
            skip = random.randrange(spread)  # noqa: S311 - no secret hangs on it
            change = _planned(opening, guard, options, skip=skip)
            spread *= 4
        else:
            return change
    return change


def _apply(change: RuleChange, context: Context) -> None:
    group = change.guard.group.id
    if change.after:
        network.put_rule(context.azure, group, change.after, deadline=context.deadline)
    elif change.before:
        network.delete_rule(context.azure, group, change.before.name, deadline=context.deadline)


def _unguarded(options: Options, nic: NetworkInterface, context: Context) -> tuple[str, ...]:
    """What it means that no group guards the interface: closed behind what is of the Standard SKU, else open."""
    if not options.present:
        return ()
    closed_by = _closed_without_group(options, nic, context)
    if closed_by:
        raise NotReady(
            code="NoSecurityGroup",
            message=f"No security group guards the {options.target}, and {closed_by} lets nothing in without one.",
            hint=f"Associate a security group with the network interface {nic.id.name} or its subnet first.",
        )
    return (f"No security group guards the {options.target}: nothing had to be opened, and no port of it is closed.",)


def _closed_without_group(options: Options, nic: NetworkInterface, context: Context) -> str | None:
    """What of the Standard SKU the interface is reached through from outside; ``None`` for nothing.

    At most one read for the public address and one for each load balancer.
    """
    main = nic.main
    if main.public_address_id:
        address = network.public_address(context.azure, ResourceId.parse(main.public_address_id))
        if _is_standard(address.sku):
            return "its Standard public address"
    elif options.public_address_follows:
        return "a new Standard public address"
    for each in main.balanced.balancer_ids if main.balanced else ():
        balancer = load_balancers.load_balancer(context.azure, each)
        if _is_standard(balancer.sku) and any(front.public_address_id for front in balancer.frontends):
            return f"the Standard load balancer {balancer.id.name}"
    return None


def _is_standard(sku: str | None) -> bool:
    return (sku or "").lower().startswith("standard")


def _thing(options: Options, changes: list[RuleChange]) -> Document:
    return {
        "port": options.port,
        "protocol": options.protocol,
        "sources": sorted(options.sources),
        "groups": [
            {
                **group_document(change.guard, changed=change.needed),
                "rule": rule_document(change.guard, change.after),
            }
            for change in changes
        ],
    }


def _state(changes: list[RuleChange], side: t.Literal["before", "after"]) -> Document | None:
    """The rules of one side by security group; by its id where two of them have one name."""
    ids = [change.guard.group.id for change in changes]
    unique = len({found.name.lower() for found in ids}) == len(ids)
    rules: Document = {}
    for change, group in zip(changes, ids, strict=True):
        rule = change.before if side == "before" or not change.needed else change.after
        rules[group.name if unique else str(group)] = rule_document(change.guard, rule)
    return rules if any(rules.values()) else None
