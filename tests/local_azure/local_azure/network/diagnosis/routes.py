# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations that diagnose: effective rules and routes of an interface, and those of Network Watcher."""

from __future__ import annotations

from ...core.azure import Azure
from ...core.call import Answer, Call
from ...core.resource_id import ResourceId
from ...core.store import Resource
from ...core.wire import Json
from .. import errors, reading
from ..common import get_handler, listed, tags_handler
from ..evaluation import evaluate, evaluations
from ..interfaces import records as interfaces
from ..models import Direction, Endpoint, Evaluation, Flow, Guards, Match, SecurityRule
from ..types import INTERFACES, WATCHERS
from . import effective_routes, effective_rules, watcher_reports, watchers
from .group_view import diagnostic_name
from .targets import answer_later, group_members, local_end, primary_configuration, read_address, read_port, space_of

#: Fields of a diagnostic profile in the service's order.
_PROFILE = ("direction", "protocol", "source", "destination", "destinationPort")


def register(azure: Azure) -> None:
    route = azure.arm.route
    interface, watcher = f"{INTERFACES}/{{interface}}", f"{WATCHERS}/{{watcher}}"
    for name, handler in (
        ("effectiveNetworkSecurityGroups", _effective_rules),
        ("effectiveRouteTable", _effective_routes),
    ):
        route("POST", f"{interface}/{name}", handler, action=f"{INTERFACES}/{name}/action")
    route("GET", WATCHERS, _list, action=f"{WATCHERS}/read", scope="subscription")
    route("GET", WATCHERS, _list, action=f"{WATCHERS}/read")
    route("GET", watcher, get_handler(watchers.show), action=f"{WATCHERS}/read")
    route("PUT", watcher, watchers.put, action=f"{WATCHERS}/write")
    route("PATCH", watcher, tags_handler(watchers.show), action=f"{WATCHERS}/write")
    route("DELETE", watcher, watchers.delete, action=f"{WATCHERS}/delete")
    for name, handler in (
        ("ipFlowVerify", _ip_flow_verify),
        ("nextHop", _next_hop),
        ("networkConfigurationDiagnostic", _configuration_diagnostic),
        ("connectivityCheck", watcher_reports.connectivity_check),
        ("securityGroupView", watcher_reports.security_group_view),
        ("topology", watcher_reports.topology),
    ):
        route("POST", f"{watcher}/{name}", handler, action=f"{WATCHERS}/{name}/action")


def _list(call: Call) -> Answer:
    return Answer(status=200, body={"value": [watchers.show(call, one) for one in listed(call, WATCHERS)]})


def _effective_rules(call: Call) -> Answer:
    interface = _running_interface(call)
    configuration = primary_configuration(interface)
    guards = call.azure.network.guards(interface, configuration, public=False)
    subnet = ResourceId.parse(configuration["properties"]["subnet"]["id"])
    return answer_later(call, effective_rules.report(interface, subnet, guards, group_members(call)))


def _effective_routes(call: Call) -> Answer:
    interface = _running_interface(call)
    return answer_later(call, effective_routes.report(space_of(call, interface)))


def _running_interface(call: Call) -> Resource:
    """Both reports need an interface on a VM that isn't deallocated; the refusal is documented, its code isn't."""
    interface = call.azure.store.require(call.id)
    if "virtualMachine" not in interface.properties:
        raise errors.refused(
            "NicMustBeAttachedToRunningVm", f"Network interface {interface.id} must be attached to a running VM."
        )
    if not interface.private.get(interfaces.ALLOCATED):
        machine = interface.properties["virtualMachine"]["id"]
        raise errors.refused(
            "VmMustBeRunning", f"Network interface {interface.id} is attached to VM {machine}, which is not running."
        )
    return interface


def _ip_flow_verify(call: Call) -> Answer:
    call.azure.store.require(call.id)
    body = call.body
    local, remote = read_address(body, "localIPAddress"), read_address(body, "remoteIPAddress")
    interface, configuration = local_end(call, str(local))
    guards = call.azure.network.guards(interface, configuration, public=True)
    if guards.subnet is None and guards.network_interface is None:
        raise errors.refused(
            "NsgsNotAppliedOnNic", f"No NSG applied on nic to allow or block traffic, nic id {interface.id}."
        )
    verdict = evaluate(
        guards,
        _flow(
            call,
            guards,
            direction=_direction(body),
            protocol=reading.choice(body, "protocol", ("TCP", "UDP")) or "TCP",
            local=Endpoint(
                address=local,
                port=read_port(body, "localPort"),
                application_security_groups=interfaces.application_groups(configuration),
            ),
            remote=str(remote),
            remote_port=read_port(body, "remotePort"),
        ),
    )
    return answer_later(
        call,
        {"access": "Allow" if verdict.allowed else "Deny", "ruleName": verdict.rule_path or "", "ruleId": ""},
    )


def _next_hop(call: Call) -> Answer:
    call.azure.store.require(call.id)
    source = read_address(call.body, "sourceIPAddress")
    destination = read_address(call.body, "destinationIPAddress")
    interface, _configuration = local_end(call, str(source))
    return answer_later(call, effective_routes.next_hop(destination, space_of(call, interface)))


def _configuration_diagnostic(call: Call) -> Answer:
    call.azure.store.require(call.id)
    interface, configuration = local_end(call, None)
    guards = call.azure.network.guards(interface, configuration, public=True)
    groups = interfaces.application_groups(configuration)
    results: list[Json] = []
    guarded = guards.subnet is not None or guards.network_interface is not None
    for profile in reading.objects(call.body, "profiles") if guarded else ():
        direction = _direction(profile)
        inbound = direction == "Inbound"
        port = read_port(profile, "destinationPort")
        flow = _flow(
            call,
            guards,
            direction=direction,
            protocol=reading.text(profile, "protocol") or "*",
            local=Endpoint(
                address=read_address(profile, "destination" if inbound else "source"),
                port=port if inbound else None,
                application_security_groups=groups,
            ),
            remote=str(read_address(profile, "source" if inbound else "destination")),
            remote_port=None if inbound else port,
        )
        result = _group_result(interface, configuration, guards, flow)
        shown = {name: profile[name] for name in _PROFILE if name in profile}
        results.append({"profile": shown, "networkSecurityGroupResult": result})
    return answer_later(call, {"results": results})


def _group_result(interface: Resource, configuration: Json, guards: Guards, flow: Flow) -> Json:
    verdict = evaluate(guards, flow)
    applied = {"subnet": configuration["properties"]["subnet"]["id"], "networkInterface": str(interface.id)}
    return {
        "securityRuleAccessResult": "Allow" if verdict.allowed else "Deny",
        "evaluatedNetworkSecurityGroups": [
            _evaluated_group(one, applied[one.level]) for one in evaluations(guards, flow)
        ],
    }


def _evaluated_group(evaluation: Evaluation, applied_to: str) -> Json:
    shown: Json = {"networkSecurityGroupId": evaluation.group.id, "appliedTo": applied_to}
    if evaluation.decision is not None:
        shown["matchedRule"] = {"ruleName": diagnostic_name(evaluation.decision), "action": evaluation.decision.access}
    shown["rulesEvaluationResult"] = [_step(rule, match) for rule, match in evaluation.steps]
    return shown


def _step(rule: SecurityRule, match: Match) -> Json:
    return {
        "name": diagnostic_name(rule),
        "protocolMatched": match.protocol,
        "sourceMatched": match.source,
        "sourcePortMatched": match.source_port,
        "destinationMatched": match.destination,
        "destinationPortMatched": match.destination_port,
    }


def _flow(
    call: Call,
    guards: Guards,
    *,
    direction: Direction,
    protocol: str,
    local: Endpoint,
    remote: str,
    remote_port: int | None,
) -> Flow:
    far = call.azure.network.endpoint(remote, guards, remote_port)
    inbound = direction == "Inbound"
    return Flow(
        direction=direction,
        protocol=protocol,
        source=far if inbound else local,
        destination=local if inbound else far,
    )


def _direction(body: Json) -> Direction:
    given = reading.choice(body, "direction", ("Inbound", "Outbound"), "Inbound")
    return "Inbound" if given == "Inbound" else "Outbound"
