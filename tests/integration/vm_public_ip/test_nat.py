# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Behind a load balancer: the way that is found is one that really leads to the VM."""

from __future__ import annotations

import socket
import struct
import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure import network
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._operations.nat import NatEndpoint, nat_endpoint

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.vm_public_ip.conftest import Bench

GROUP = "access-addresses"


def way(bench: Bench, nic: str, *, port: int = 3389, protocol: str = "Tcp") -> NatEndpoint | None:
    azure = bench.clients()
    found = network.network_interface(azure, bench.id("networkInterfaces", nic))
    return nat_endpoint(azure, found, port=port, protocol=protocol, deadline=Deadline(30))


def answers_rdp(address: str, port: int) -> bool:
    """Whether an RDP server is there: it confirms a connection request."""
    request = struct.pack(">BBHBBHHB", 3, 0, 19, 14, 0xE0, 0, 0, 0) + struct.pack("<BBHI", 1, 0, 8, 3)
    with socket.create_connection((address, port), timeout=5) as connection:
        connection.sendall(request)
        return connection.recv(64)[5] == 0xD0


@pytest.mark.parametrize(
    ("nic", "port", "rule"), [("natted-nic", 50002, "natted-rdp"), ("full-nic", 50001, "full-rdp")]
)
def test_a_rule_for_one_vm(bench: Bench, nic: str, port: int, rule: str) -> None:
    found = way(bench, nic)
    assert found is not None
    assert (found.port, found.public, found.rule_id.rpartition("/")[2]) == (port, True, rule)
    assert found.fqdn == "front-access.westeurope.cloudapp.azure.com"
    assert found.address is not None
    assert answers_rdp(found.address, found.port)


def test_a_rule_for_every_member_of_a_pool(bench: Bench) -> None:
    found = way(bench, "pooled-nic")
    assert found is not None
    assert found.rule_id.endswith("/each-rdp")
    assert 50100 <= found.port <= 50109
    assert found.address is not None
    assert answers_rdp(found.address, found.port)


def test_an_internal_load_balancer(bench: Bench) -> None:
    found = way(bench, "internal-nic")
    assert found is not None
    assert (found.address, found.port, found.public, found.fqdn) == ("10.0.0.100", 3389, False, None)


@pytest.mark.parametrize(
    ("nic", "port", "protocol"), [("natted-nic", 5985, "Tcp"), ("natted-nic", 3389, "Udp"), ("plain-nic", 3389, "Tcp")]
)
def test_no_way(bench: Bench, nic: str, port: int, protocol: str) -> None:
    assert way(bench, nic, port=port, protocol=protocol) is None


def test_without_a_load_balancer_the_interface_is_all_that_is_read(bench: Bench) -> None:
    bench.control.mark()
    assert way(bench, "plain-nic") is None
    asked = [each for each in bench.control.journal() if each["host"] == "management.azure.com"]
    assert len(asked) == 1


def test_the_security_group_decides_behind_the_load_balancer_too(bench: Bench) -> None:
    found = way(bench, "natted-nic")
    assert found is not None
    assert found.address is not None
    rules = bench.clients().network.security_rules
    rules.begin_delete(GROUP, "rdp-nsg", "Rdp").result()
    with pytest.raises(TimeoutError), socket.create_connection((found.address, found.port), timeout=0.5):
        pass
