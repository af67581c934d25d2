# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows Firewall decides by port, profile, source and action."""

from __future__ import annotations

import pytest

from local_azure.guest.firewall import Firewall, FirewallRule, valid_remote_address, windows_server_rules


def rule(name: str = "r", **fields: object) -> FirewallRule:
    return FirewallRule(name=name, **({"local_ports": (5986,)} | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rules", "admitted"),
    [
        ([], False),
        ([rule()], True),
        ([rule(local_ports=())], True),
        ([rule(local_ports=(5985,))], False),
        ([rule(enabled=False)], False),
        ([rule(protocol="UDP")], False),
        ([rule(profiles=("Domain", "Private"))], False),
        ([rule(profiles=("Public",))], True),
        ([rule("a"), rule("b", action="Block")], False),
        ([rule("a"), rule("b", action="Block", remote_addresses=("192.0.2.1",))], True),
        ([rule(remote_addresses=("203.0.113.7", "127.0.0.1"))], True),
        ([rule(remote_addresses=("127.0.0.0/255.0.0.0",))], True),
        ([rule(remote_addresses=("126.0.0.1-127.0.0.9",))], True),
        ([rule(remote_addresses=("10.0.0.0/8",))], False),
        ([rule(remote_addresses=("::/0",))], False),
        ([rule(remote_addresses=("LocalSubnet",))], False),
    ],
)
def test_who_passes(rules: list[FirewallRule], admitted: bool) -> None:
    assert Firewall(tuple(rules)).admits(5986, "127.0.0.1") is admitted


def test_the_local_subnet_is_a_setting_of_the_machine() -> None:
    firewall = Firewall((rule(remote_addresses=("LocalSubnet",)),))
    firewall.local_subnets = ("10.0.0.0/24",)

    assert firewall.admits(5986, "10.0.0.9")
    assert not firewall.admits(5986, "10.0.1.9")


def test_a_firewall_switched_off_lets_everything_in() -> None:
    firewall = Firewall()
    firewall.enabled = False

    assert firewall.admits(1, "192.0.2.1")


def test_names_are_compared_without_case() -> None:
    firewall = Firewall(windows_server_rules())

    assert firewall["remotedesktop-usermode-in-tcp"].local_ports == (3389,)
    del firewall["WINRM-http-IN-TCP"]
    assert len(firewall) == 2
    assert firewall.ports() == {3389, 5985}


@pytest.mark.parametrize(
    ("entry", "valid"),
    [
        ("Any", True),
        ("localsubnet", True),
        ("192.0.2.1", True),
        ("192.0.2.0/24", True),
        ("192.0.2.1-192.0.2.9", True),
        ("2001:db8::/32", True),
        ("192.0.2.9-192.0.2.1", False),
        ("VirtualNetwork", False),
        ("300.0.0.1", False),
    ],
)
def test_remote_addresses_that_windows_takes(entry: str, valid: bool) -> None:
    assert valid_remote_address(entry) is valid
