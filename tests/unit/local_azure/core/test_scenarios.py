# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenario files: variables, repetition, and what is said about mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_azure import scenarios
from local_azure.core.settings import Settings
from local_azure.scenarios import ScenarioError, load
from local_azure.testing import in_process

VERSION = {"api-version": "2024-07-01"}


def test_the_scenarios_that_come_along() -> None:
    assert {"windows-vm", "fleet", "private-vm", "locked-out"} <= set(scenarios.names())


@pytest.mark.parametrize("name", scenarios.names())
def test_each_can_be_used_and_says_what_it_is(name: str) -> None:
    local = in_process(name, count=3)
    assert load(name, Settings()).content["description"]
    assert local.azure.store.all()


def test_windows_vm_is_reachable_by_a_public_address_of_the_block() -> None:
    local = in_process("windows-vm")
    group = local.group("access-demo")
    address = local.client.get(f"{group}/providers/Microsoft.Network/publicIPAddresses/win1-ip", params=VERSION).json()
    assert address["properties"]["ipAddress"].startswith("127.127.")
    vms = local.client.get(f"{group}/providers/Microsoft.Compute/virtualMachines", params=VERSION).json()["value"]
    assert [vm["name"] for vm in vms] == ["win1"]
    assert local.azure.store.list("Microsoft.KeyVault/vaults") == []


def test_fleet_has_as_many_as_asked_for_under_one_group() -> None:
    local = in_process("fleet", count=300)
    vms = local.azure.store.list("Microsoft.Compute/virtualMachines", group="access-fleet")
    assert {vm.id.name for vm in vms} == {f"win{number}" for number in range(1, 301)}
    addresses = local.azure.store.list("Microsoft.Network/publicIPAddresses")
    assert len({address.properties["ipAddress"] for address in addresses}) == 300
    groups = local.azure.store.list("Microsoft.Network/networkSecurityGroups")
    assert [group.id.name for group in groups] == ["fleet-nsg"]


def test_private_vm_lies_in_the_block() -> None:
    local = in_process("private-vm")
    (interface,) = local.azure.store.list("Microsoft.Network/networkInterfaces")
    (configuration,) = interface.properties["ipConfigurations"]
    assert configuration["properties"]["privateIPAddress"].startswith("127.127.64.")
    assert local.azure.store.list("Microsoft.Network/publicIPAddresses") == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("groups: [", "is not YAML"),
        ("- 1", "is not a mapping"),
        ("grups: []", "unknown keys: grups"),
        ("groups: [{name: $nobody, location: westeurope}]", r"unknown variable \$nobody"),
        ("groups: [{for: some, each: {name: a}}]", "whole number"),
        ("groups: [{name: a}]", "'location' is missing"),
        ("principals: [{name: a, roles: [{role: King}]}]", "unknown role 'King'"),
        ("principals: [{name: a, roles: [{role: Reader, scope: everywhere}]}]", "not a scope"),
        ("network: {unheardOf: 1}", "unheardOf"),
        ("compute: {virtual_machines: [{name: a}]}", "network_interfaces is missing"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "mine.yml"
    file.write_text(text)
    with pytest.raises(ScenarioError, match=reason):
        in_process(str(file))


def test_unknown_scenario_lists_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match="windows-vm"):
        in_process("nosuch")
