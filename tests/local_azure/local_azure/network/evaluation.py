# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluation engine: would this flow pass both security groups?

Order and meaning follow Microsoft's "How network security groups filter network traffic": inbound the subnet's group
first, then the network interface's; outbound the other way round; both must allow; in a group the first rule by
priority that fits decides. Pure: everything it needs comes in as values.
"""

from __future__ import annotations

from .addresses import (
    ALL_PORTS,
    AZURE_LOAD_BALANCER,
    INTERNET,
    VIRTUAL_NETWORK,
    Network,
    is_internet,
    is_load_balancer,
    is_virtual_network,
)
from .models import AddressSet, Endpoint, Evaluation, Flow, Guards, Level, Match, SecurityGroup, SecurityRule, Verdict


def evaluate(guards: Guards, flow: Flow) -> Verdict:
    """The verdict for a new connection; the deciding rule is the denying one, or the last that allowed."""
    verdict = Verdict(allowed=True)
    groups = evaluations(guards, flow)
    for evaluation in groups:
        decision = evaluation.decision
        verdict = Verdict(
            allowed=evaluation.allowed,
            rule_id=decision.id if decision else None,
            rule_path=decision.path if decision else None,
            level=evaluation.level,
        )
        if not verdict.allowed:
            return verdict
    if not groups and guards.closed_without_group and flow.direction == "Inbound":
        return Verdict(allowed=False, level="publicAddress")
    return verdict


def evaluations(guards: Guards, flow: Flow) -> tuple[Evaluation, ...]:
    """How every group on the way saw the flow, in order; also groups behind one that denies."""
    levels: list[tuple[Level, SecurityGroup | None]] = [
        ("subnet", guards.subnet),
        ("networkInterface", guards.network_interface),
    ]
    if flow.direction == "Outbound":
        levels.reverse()
    return tuple(
        _evaluate_group(group, level, flow, guards.virtual_network) for level, group in levels if group is not None
    )


def match(rule: SecurityRule, flow: Flow, virtual_network: tuple[Network, ...]) -> Match:
    """Which parts of `rule` fit `flow`; the direction isn't looked at."""
    return Match(
        protocol=rule.protocol in ("*", flow.protocol.lower()),
        source=_covers(rule.source, flow.source, virtual_network),
        source_port=_covers_port(rule.source_ports, flow.source.port),
        destination=_covers(rule.destination, flow.destination, virtual_network),
        destination_port=_covers_port(rule.destination_ports, flow.destination.port),
    )


def _evaluate_group(group: SecurityGroup, level: Level, flow: Flow, virtual_network: tuple[Network, ...]) -> Evaluation:
    steps: list[tuple[SecurityRule, Match]] = []
    for rule in sorted(group.rules, key=lambda rule: rule.priority):
        if rule.direction != flow.direction:
            continue
        fit = match(rule, flow, virtual_network)
        steps.append((rule, fit))
        if fit.complete:
            break
    return Evaluation(group=group, level=level, steps=tuple(steps))


def _covers(side: AddressSet, end: Endpoint, virtual_network: tuple[Network, ...]) -> bool:
    if side.everything:
        return True
    if side.application_security_groups & end.application_security_groups:
        return True
    address = end.address
    if any(address.version == network.version and address in network for network in side.networks):
        return True
    return (
        (VIRTUAL_NETWORK in side.tags and is_virtual_network(address, virtual_network))
        or (INTERNET in side.tags and is_internet(address, virtual_network))
        or (AZURE_LOAD_BALANCER in side.tags and is_load_balancer(address))
    )


def _covers_port(ranges: tuple[tuple[int, int], ...], port: int | None) -> bool:
    if port is None:
        return any(one == ALL_PORTS for one in ranges)
    return any(first <= port <= last for first, last in ranges)
