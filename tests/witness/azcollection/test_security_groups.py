# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security rules, by azure_rm_securitygroup: it writes the whole group, where rdp_nsg_rule writes one rule."""

from __future__ import annotations

import typing as t

from ansible_collections.azvm.access.tests.witness.azcollection.conftest import Cost, changed, ours, theirs

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.azvm.access.tests.witness.azcollection.conftest import Bench, Json

GROUP = "access-demo"
OUR_VM = {"resource_group": GROUP, "vm_name": "win1"}
GROUPS = ("subnet-nsg", "win1-nsg")
WRITERS = 10


def group(name: str, *rules: Json, resource_group: str = GROUP) -> Json:
    return theirs("securitygroup", resource_group=resource_group, name=name, rules=list(rules))


def office(**more: t.Any) -> Json:
    """A rule of theirs."""
    return {
        "name": "Office",
        "priority": 400,
        "protocol": "Tcp",
        "source_address_prefix": ["198.51.100.0/24", "203.0.113.7"],
        "destination_port_range": 8443,
        **more,
    }


def their_words(opening: Json, name: str) -> Json:
    """The rule that rdp_nsg_rule told for a group, as azure_rm_securitygroup is told rules."""
    rule = next(one["rule"] for one in opening["groups"] if one["name"] == name)
    (source,), (destination,), (port,) = rule["sources"], rule["destinations"], rule["ports"]
    return {
        **{key: rule[key] for key in ("name", "priority", "protocol", "description")},
        "source_address_prefix": source,
        "destination_address_prefix": destination,
        "destination_port_range": port,
    }


def test_a_rule_of_each_beside_the_other(bench: Bench) -> None:
    made, again, opened, opened_again, still = bench.run(
        group("win1-nsg", office()),
        group("win1-nsg", office()),
        ours("rdp_nsg_rule", **OUR_VM, sources=["203.0.113.7"]),
        ours("rdp_nsg_rule", **OUR_VM, sources=["203.0.113.7"]),
        group("win1-nsg", office()),
    )
    assert changed([made, again, opened, opened_again, still]) == [True, False, True, False, False]
    assert sorted(bench.rules("win1-nsg")) == ["AllowHttps", "Office", "Port_3389"]
    assert bench.rules("win1-nsg")["Office"]["destinationPortRange"] == "8443"
    assert sorted(bench.rules("win1-nsg")["Office"]["sourceAddressPrefixes"]) == ["198.51.100.0/24", "203.0.113.7"]

    before = {name: bench.rules(name) for name in GROUPS}
    same = [group(name, their_words(opened["rule"], name)) for name in GROUPS]
    assert changed(bench.run(*same)) == [False, False]
    widened = {**their_words(opened["rule"], "win1-nsg"), "source_address_prefix": "*"}
    wide, narrowed, same_again, closed = bench.run(
        group("win1-nsg", widened),
        ours("rdp_nsg_rule", **OUR_VM, sources=["203.0.113.7"]),
        same[1],
        ours("rdp_nsg_rule", **OUR_VM, state="absent"),
    )
    assert changed([wide, narrowed, same_again, closed]) == [True, True, False, True]
    assert [one["changed"] for one in narrowed["rule"]["groups"]] == [False, True]
    for name in GROUPS:
        others = {rule: properties for rule, properties in before[name].items() if rule != "Port_3389"}
        assert bench.rules(name) == others


def ten_at_once(bench: Bench, task: Json) -> list[str]:
    """Run the task for ten VMs behind one group, each of which has read the group before the first one writes.

    Return the names of the rules that are there afterwards.
    """
    bench.azure.start_over("fleet", count=WRITERS)
    hosts = {f"win{number}": {"priority": 1000 + number} for number in range(1, WRITERS + 1)}
    reading = bench.azure.fault("hold", method="GET", path="/networkSecurityGroups/fleet-nsg$")
    run = bench.begin(task, hosts=hosts, forks=WRITERS)
    bench.azure.eventually(lambda: bench.azure.met(reading) == WRITERS or run.ended, seconds=120)
    bench.azure.clear_fault(reading)
    done = run.wait().succeeded()
    assert changed(one.result for one in done.results) == [True] * WRITERS
    return sorted(name for name in bench.rules("fleet-nsg") if name != "AllowHttps")


def test_ten_parallel_writers_on_one_group(bench: Bench, record_property: Callable[[str, object], None]) -> None:
    """Everybody says `changed`; of theirs the last writer's rule is left, of ours there are ten."""
    rule = {"name": "Port_3389_{{ inventory_hostname }}", "priority": "{{ priority }}", "protocol": "Tcp"}
    rule |= {"source_address_prefix": "203.0.113.7", "destination_port_range": "3389"}
    left = ten_at_once(bench, group("fleet-nsg", rule, resource_group="access-fleet"))
    target = {"resource_group": "access-fleet", "vm_name": "{{ inventory_hostname }}"}
    kept = ten_at_once(bench, ours("rdp_nsg_rule", **target, sources=["203.0.113.7"]))

    assert len(left) < WRITERS
    assert kept == sorted(f"Port_3389_win{number}" for number in range(1, WRITERS + 1))
    record_property(
        "summary",
        f"{WRITERS} parallel writers on one group: azure_rm_securitygroup left {len(left)} of {WRITERS} rules,"
        f" rdp_nsg_rule {len(kept)} of {WRITERS}",
    )


def test_what_a_rule_costs(bench: Bench, record_property: Callable[[str, object], None]) -> None:
    """One rule on the one group of a VM: the first run, and one that finds it there."""
    bench.azure.start_over("fleet", count=1)
    target = {"resource_group": "access-fleet", "vm_name": "win1"}
    tasks = {
        "azure_rm_securitygroup": group("fleet-nsg", office(), resource_group="access-fleet"),
        "rdp_nsg_rule": ours("rdp_nsg_rule", **target, sources=["203.0.113.7"]),
    }
    bench.run(*tasks.values())  # bytecode of all packages is there
    bench.azure.start_over("fleet", count=1)
    costs: dict[tuple[str, str], Cost] = {}
    for name, task in tasks.items():
        for which, expected in (("first run", True), ("second run", False)):
            (result,), costs[name, which] = bench.cost(task)
            assert result["changed"] is expected
    for (name, which), cost in costs.items():
        record_property("summary", f"{name}, {which}: {cost}")
