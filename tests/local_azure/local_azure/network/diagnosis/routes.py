# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations that diagnose: effective rules and routes of an interface, and those of Network Watcher."""

from __future__ import annotations

import ipaddress

from ...core.azure import Azure
from ...core.call import Answer, Call
from ...core.operations import Style
from ...core.resource_id import ResourceId
from ...core.store import Resource
from ...core.wire import Json
from .. import errors, reading
from ..common import envelope, get_handler, listed
from ..evaluation import evaluate, evaluations
from ..interfaces import records as interfaces
from ..models import Direction, Endpoint, Evaluation, Flow, Guards, Match, SecurityRule
from ..types import INTERFACES, WATCHERS
from ..virtual_networks import records as networks
from . import effective_routes, effective_rules

_SECONDS = 10.0

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
    route("GET", watcher, get_handler(_show), action=f"{WATCHERS}/read")
    for name, handler in (
        ("ipFlowVerify", _ip_flow_verify),
        ("nextHop", _next_hop),
        ("networkConfigurationDiagnostic", _configuration_diagnostic),
    ):
        route("POST", f"{watcher}/{name}", handler, action=f"{WATCHERS}/{name}/action")


def _show(call: Call, watcher: Resource) -> Json:
    return envelope(watcher, watcher.properties)


def _list(call: Call) -> Answer:
    return Answer(status=200, body={"value": [_show(call, one) for one in listed(call, WATCHERS)]})


def _report(call: Call, result: Json) -> Answer:
    """202 and Location; the result is fixed when asked, as the real service reads its state then."""
    operation = call.azure.operations.start(call, style=Style.NETWORK_POST, seconds=_SECONDS, finish=lambda: result)
    return operation.answer(202)


def _effective_rules(call: Call) -> Answer:
    interface = _running_interface(call)
    configuration = _primary(interface)
    guards = call.azure.network.guards(interface, configuration, public=False)
    members: dict[str, list[str]] = {}
    for other in call.azure.store.list(INTERFACES):
        for one in other.properties["ipConfigurations"]:
            for group in sorted(interfaces.application_groups(one)):
                members.setdefault(group, []).append(one["properties"]["privateIPAddress"])
    subnet = ResourceId.parse(configuration["properties"]["subnet"]["id"])
    return _report(call, effective_rules.report(interface, subnet, guards, members))


def _effective_routes(call: Call) -> Answer:
    interface = _running_interface(call)
    return _report(call, effective_routes.report(_space(call, interface)))


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
    local, remote = _address(body, "localIPAddress"), _address(body, "remoteIPAddress")
    interface, configuration = _local_end(call, str(local))
    guards = call.azure.network.guards(interface, configuration, public=True)
    if guards.subnet is None and guards.network_interface is None:
        raise errors.refused(
            "NsgsNotAppliedOnNic", f"No network security groups are applied on network interface {interface.id}."
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
                port=_port(body, "localPort"),
                application_security_groups=interfaces.application_groups(configuration),
            ),
            remote=str(remote),
            remote_port=_port(body, "remotePort"),
        ),
    )
    return _report(
        call,
        {"access": "Allow" if verdict.allowed else "Deny", "ruleName": verdict.rule_path or "", "ruleId": ""},
    )


def _next_hop(call: Call) -> Answer:
    call.azure.store.require(call.id)
    source = _address(call.body, "sourceIPAddress")
    destination = _address(call.body, "destinationIPAddress")
    interface, _configuration = _local_end(call, str(source))
    return _report(call, effective_routes.next_hop(destination, _space(call, interface)))


def _configuration_diagnostic(call: Call) -> Answer:
    call.azure.store.require(call.id)
    interface, configuration = _local_end(call, None)
    guards = call.azure.network.guards(interface, configuration, public=True)
    groups = interfaces.application_groups(configuration)
    results: list[Json] = []
    for profile in reading.objects(call.body, "profiles"):
        direction = _direction(profile)
        inbound = direction == "Inbound"
        port = _port(profile, "destinationPort")
        flow = _flow(
            call,
            guards,
            direction=direction,
            protocol=reading.text(profile, "protocol") or "*",
            local=Endpoint(
                address=_address(profile, "destination" if inbound else "source"),
                port=port if inbound else None,
                application_security_groups=groups,
            ),
            remote=str(_address(profile, "source" if inbound else "destination")),
            remote_port=None if inbound else port,
        )
        result = _group_result(interface, configuration, guards, flow)
        shown = {name: profile[name] for name in _PROFILE if name in profile}
        results.append({"profile": shown, "networkSecurityGroupResult": result})
    return _report(call, {"results": results})


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
        shown["matchedRule"] = {"ruleName": _diagnostic_name(evaluation.decision), "action": evaluation.decision.access}
    shown["rulesEvaluationResult"] = [_step(rule, match) for rule, match in evaluation.steps]
    return shown


def _step(rule: SecurityRule, match: Match) -> Json:
    return {
        "name": _diagnostic_name(rule),
        "protocolMatched": match.protocol,
        "sourceMatched": match.source,
        "sourcePortMatched": match.source_port,
        "destinationMatched": match.destination,
        "destinationPortMatched": match.destination_port,
    }


def _diagnostic_name(rule: SecurityRule) -> str:
    return f"{'DefaultRule' if rule.is_default else 'UserRule'}_{rule.name}"


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


def _local_end(call: Call, address: str | None) -> tuple[Resource, Json]:
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
    return attached[0], _primary(attached[0])


def _primary(interface: Resource) -> Json:
    configuration = interfaces.find_configuration(interface, None)
    assert configuration is not None, "every interface has a primary IP configuration"
    return configuration


def _space(call: Call, interface: Resource) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    subnet = ResourceId.parse(_primary(interface)["properties"]["subnet"]["id"])
    found = networks.subnet_by_id(call.azure.store, subnet)
    return () if found is None else networks.address_space(found[0])


def _direction(body: Json) -> Direction:
    given = reading.choice(body, "direction", ("Inbound", "Outbound"), "Inbound")
    return "Inbound" if given == "Inbound" else "Outbound"


def _address(body: Json, name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    text = reading.text(body, name) or ""
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise errors.refused("InvalidIPAddressFormat", f"IP address {text} is not formatted correctly.") from error


def _port(body: Json, name: str) -> int | None:
    """A port, None for "*" or nothing."""
    text = reading.text(body, name) or "*"
    if text == "*":
        return None
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise errors.refused("InvalidPort", f"Port {text} is not valid. Valid range 0-65535, or *.")
    return int(text)
