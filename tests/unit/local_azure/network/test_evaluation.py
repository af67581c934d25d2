# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluation engine: properties that hold for all rules and flows, and the cases people meet."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_azure.network.addresses import is_internet, is_load_balancer, is_virtual_network
from local_azure.network.evaluation import evaluate
from local_azure.network.models import AddressSet, Endpoint, Flow, Guards, SecurityGroup, SecurityRule, Verdict

SPACE = (ipaddress.IPv4Network("10.0.0.0/16"),)
PRIVATE = ipaddress.IPv4Address("10.0.0.4")

ADDRESSES = st.sampled_from(["10.0.0.4", "10.0.1.9", "127.0.0.1", "203.0.113.7", "168.63.129.16", "192.168.1.1"])
PORTS = st.sampled_from([22, 443, 3389, 5986])
GROUPS = st.frozensets(st.sampled_from(["/asg/a", "/asg/b"]), max_size=2)
SIDES = st.one_of(
    st.just(AddressSet(everything=True)),
    st.sampled_from(["internet", "virtualnetwork", "azureloadbalancer", "sql"]).map(
        lambda tag: AddressSet(tags=frozenset({tag}))
    ),
    st.lists(
        st.sampled_from(["10.0.0.0/24", "127.0.0.1/32", "203.0.113.0/24", "0.0.0.0/0"]).map(ipaddress.IPv4Network),
        min_size=1,
        max_size=2,
    ).map(lambda networks: AddressSet(networks=tuple(networks))),
    GROUPS.map(lambda groups: AddressSet(application_security_groups=groups)),
)
PORT_SETS = st.lists(
    st.sampled_from([(0, 65535), (3389, 3389), (1000, 4000), (5985, 5986)]), min_size=1, max_size=2
).map(tuple)


@st.composite
def rules(draw: st.DrawFn, priority: int) -> SecurityRule:
    access: Literal["Allow", "Deny"] = draw(st.sampled_from(["Allow", "Deny"]))
    direction: Literal["Inbound", "Outbound"] = draw(st.sampled_from(["Inbound", "Inbound", "Outbound"]))
    return SecurityRule(
        id=f"/rules/r{priority}",
        path=f"securityRules/r{priority}",
        priority=priority,
        direction=direction,
        access=access,
        protocol=draw(st.sampled_from(["*", "tcp", "udp"])),
        source=draw(SIDES),
        source_ports=((0, 65535),),
        destination=draw(SIDES),
        destination_ports=draw(PORT_SETS),
    )


def last_rule(access: Literal["Allow", "Deny"]) -> SecurityRule:
    return SecurityRule(
        id=f"/rules/{access}",
        path=f"defaultSecurityRules/{access}All",
        priority=65500,
        direction="Inbound",
        access=access,
        protocol="*",
        source=AddressSet(everything=True),
        source_ports=((0, 65535),),
        destination=AddressSet(everything=True),
        destination_ports=((0, 65535),),
    )


@st.composite
def security_groups(draw: st.DrawFn) -> SecurityGroup:
    priorities = draw(st.lists(st.integers(100, 4096), unique=True, max_size=6))
    custom = [draw(rules(priority)) for priority in priorities]
    return SecurityGroup(id="/groups/g", rules=(*custom, last_rule("Deny")))


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    return Flow(
        direction="Inbound",
        protocol=draw(st.sampled_from(["Tcp", "Udp"])),
        source=Endpoint(address=ipaddress.ip_address(draw(ADDRESSES)), application_security_groups=draw(GROUPS)),
        destination=Endpoint(address=PRIVATE, port=draw(PORTS), application_security_groups=draw(GROUPS)),
    )


def nic(group: SecurityGroup | None, subnet: SecurityGroup | None = None, *, closed: bool = False) -> Guards:
    return Guards(network_interface=group, subnet=subnet, virtual_network=SPACE, closed_without_group=closed)


def plainly_fits(rule: SecurityRule, flow: Flow) -> bool:
    """The definition of a match, written down a second time without regard to speed or structure."""
    tests = {
        "internet": lambda one: is_internet(one, SPACE),
        "virtualnetwork": lambda one: is_virtual_network(one, SPACE),
        "azureloadbalancer": is_load_balancer,
    }

    def covered(side: AddressSet, end: Endpoint) -> bool:
        reasons = [side.everything]
        reasons += [tests[tag](end.address) for tag in side.tags if tag in tests]
        reasons += [end.address in network for network in side.networks]
        reasons += [group in end.application_security_groups for group in side.application_security_groups]
        return any(reasons)

    ports = {port for first, last in rule.destination_ports for port in range(first, last + 1)}
    return (
        rule.direction == flow.direction
        and rule.protocol in {"*", flow.protocol.lower()}
        and covered(rule.source, flow.source)
        and covered(rule.destination, flow.destination)
        and flow.destination.port in ports
    )


@given(security_groups(), flows())
def test_the_first_fitting_rule_by_priority_decides(group: SecurityGroup, flow: Flow) -> None:
    deciding = min((rule for rule in group.rules if plainly_fits(rule, flow)), key=lambda rule: rule.priority)

    assert evaluate(nic(group), flow) == Verdict(
        allowed=deciding.access == "Allow",
        rule_id=deciding.id,
        rule_path=deciding.path,
        level="networkInterface",
    )


@given(security_groups(), security_groups(), flows())
def test_both_groups_must_allow(subnet: SecurityGroup, interface: SecurityGroup, flow: Flow) -> None:
    both = evaluate(nic(interface, subnet), flow)

    assert both.allowed == (evaluate(nic(None, subnet), flow).allowed and evaluate(nic(interface), flow).allowed)


@given(security_groups(), flows())
def test_the_order_in_which_rules_are_kept_is_irrelevant(group: SecurityGroup, flow: Flow) -> None:
    shuffled = SecurityGroup(id=group.id, rules=tuple(reversed(group.rules)))

    assert evaluate(nic(shuffled), flow) == evaluate(nic(group), flow)


@given(security_groups(), flows())
def test_rules_of_the_other_direction_are_irrelevant(group: SecurityGroup, flow: Flow) -> None:
    inbound = SecurityGroup(id=group.id, rules=tuple(rule for rule in group.rules if rule.direction == "Inbound"))

    assert evaluate(nic(inbound), flow) == evaluate(nic(group), flow)


@given(security_groups(), flows())
def test_a_deny_in_front_of_everything_closes(group: SecurityGroup, flow: Flow) -> None:
    first = replace(last_rule("Deny"), priority=99)

    assert not evaluate(nic(SecurityGroup(id=group.id, rules=(*group.rules, first))), flow).allowed


@given(flows())
def test_without_groups_everything_passes_but_a_standard_public_address(flow: Flow) -> None:
    assert evaluate(nic(None), flow) == Verdict(allowed=True)
    assert evaluate(nic(None, closed=True), flow) == Verdict(allowed=False, level="publicAddress")


@given(flows())
def test_one_group_is_enough_to_open_a_standard_public_address(flow: Flow) -> None:
    allowing = SecurityGroup(id="/groups/g", rules=(last_rule("Allow"),))

    assert evaluate(nic(allowing, closed=True), flow).allowed
    assert evaluate(nic(None, allowing, closed=True), flow).allowed


@pytest.mark.parametrize(("direction", "level"), [("Inbound", "subnet"), ("Outbound", "networkInterface")])
def test_the_level_looked_at_first_depends_on_the_direction(
    direction: Literal["Inbound", "Outbound"], level: str
) -> None:
    group = SecurityGroup(id="/groups/g", rules=(replace(last_rule("Deny"), direction=direction),))
    flow = Flow(
        direction=direction, protocol="Tcp", source=Endpoint(address=PRIVATE), destination=Endpoint(address=PRIVATE)
    )

    assert evaluate(nic(group, group), flow).level == level
