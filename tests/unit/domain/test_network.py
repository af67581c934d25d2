# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which security groups guard a network interface, and whether they guard anything else."""

from __future__ import annotations

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import NotFound, NotReady
from ansible_collections.azvm.access.plugins.module_utils._domain.network import (
    IpConfiguration,
    NetworkInterface,
    SecurityGroup,
    Subnet,
    chosen_interface,
    guards_of,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId
from ansible_collections.azvm.access.plugins.module_utils._domain.virtual_machine import NetworkInterfaceReference

NETWORK = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network"
NIC = f"{NETWORK}/networkInterfaces/nic1"
OTHER_NIC = f"{NETWORK}/networkInterfaces/nic11"
SUBNET = f"{NETWORK}/virtualNetworks/vnet/subnets/default"
GROUP = f"{NETWORK}/networkSecurityGroups/nsg"
OTHER_GROUP = f"{NETWORK}/networkSecurityGroups/other"


def nic(group: str | None) -> NetworkInterface:
    return NetworkInterface(id=ResourceId.parse(NIC), location="westeurope", group_id=group, ip_configurations=())


def subnet(group: str | None, *interfaces: str) -> Subnet:
    return Subnet(
        id=ResourceId.parse(SUBNET),
        group_id=group,
        ip_configuration_ids=tuple(f"{one}/ipConfigurations/ipconfig1" for one in interfaces),
    )


def group(id: str = GROUP, *, interfaces: tuple[str, ...] = (), subnets: tuple[str, ...] = ()) -> SecurityGroup:
    return SecurityGroup(id=ResourceId.parse(id), rules=(), interface_ids=interfaces, subnet_ids=subnets)


def guards(
    interface: NetworkInterface, around: Subnet | None, *groups: SecurityGroup
) -> list[tuple[str, tuple[str, ...], bool]]:
    found = guards_of(interface, around, {one.id.key: one for one in groups})
    return [(guard.group.id.name, guard.levels, guard.alone) for guard in found]


def test_nothing_guards_a_bare_interface() -> None:
    assert guards(nic(None), subnet(None, NIC)) == []
    assert guards(nic(None), None) == []


def test_the_interfaces_own_group_is_alone_until_another_interface_has_it_too() -> None:
    assert guards(nic(GROUP), subnet(None, NIC), group(interfaces=(NIC,))) == [("nsg", ("nic",), True)]
    assert guards(nic(GROUP), None, group(interfaces=(NIC, OTHER_NIC))) == [("nsg", ("nic",), False)]
    assert guards(nic(GROUP.upper()), None, group(interfaces=(NIC.upper(),))) == [("nsg", ("nic",), True)]


def test_the_subnets_group_is_alone_while_nothing_else_lives_there() -> None:
    mine = group(subnets=(SUBNET.upper(),))
    assert guards(nic(None), subnet(GROUP, NIC.upper()), mine) == [("nsg", ("subnet",), True)]
    # nic11 begins like nic1 and is another one all the same.
    assert guards(nic(None), subnet(GROUP, NIC, OTHER_NIC), mine) == [("nsg", ("subnet",), False)]


def test_a_group_of_two_subnets_guards_others() -> None:
    shared = group(subnets=(SUBNET, f"{SUBNET}2"))
    assert guards(nic(None), subnet(GROUP, NIC), shared) == [("nsg", ("subnet",), False)]


def test_both_levels_are_guards_the_subnet_first() -> None:
    found = guards(
        nic(OTHER_GROUP), subnet(GROUP, NIC), group(subnets=(SUBNET,)), group(OTHER_GROUP, interfaces=(NIC,))
    )
    assert found == [("nsg", ("subnet",), True), ("other", ("nic",), True)]


def test_one_group_on_both_levels_is_one_guard() -> None:
    both = group(interfaces=(NIC,), subnets=(SUBNET,))
    assert guards(nic(GROUP.lower()), subnet(GROUP, NIC), both) == [("nsg", ("subnet", "nic"), True)]


def test_an_interface_group_that_also_stands_at_some_subnet_guards_others() -> None:
    both = group(interfaces=(NIC,), subnets=(f"{SUBNET}2",))
    assert guards(nic(GROUP), subnet(None, NIC), both) == [("nsg", ("nic",), False)]
    assert guards(nic(GROUP), None, both) == [("nsg", ("nic",), False)]


def configuration(name: str, *, primary: bool) -> IpConfiguration:
    return IpConfiguration(name=name, primary=primary, private_address=None, public_address_id=None, subnet_id=None)


def test_the_main_ip_configuration_is_the_primary_one_else_the_first() -> None:
    one, two = configuration("one", primary=False), configuration("two", primary=True)
    for found, expected in (((one, two), two), ((one,), one)):
        interface = NetworkInterface(
            id=ResourceId.parse(NIC), location="westeurope", group_id=None, ip_configurations=found
        )
        assert interface.main == expected
    with pytest.raises(NotReady) as caught:
        _main = nic(None).main
    assert caught.value.code == "NoIpConfiguration"


def references(*primary: bool) -> list[NetworkInterfaceReference]:
    ids = (NIC, OTHER_NIC)
    return [
        NetworkInterfaceReference(id=ResourceId.parse(id), primary=flag) for id, flag in zip(ids, primary, strict=False)
    ]


@pytest.mark.parametrize(
    ("primary", "wanted", "expected"),
    [
        ((False, True), None, "nic11"),
        ((False,), None, "nic1"),
        ((True, False), "NIC11", "nic11"),
        ((True, False), OTHER_NIC.upper(), "nic11"),
        ((True, False), f"{OTHER_NIC}/", "nic11"),
    ],
)
def test_the_interface_is_the_named_one_else_the_primary_one(
    primary: tuple[bool, ...], wanted: str | None, expected: str
) -> None:
    assert chosen_interface(references(*primary), wanted, vm="virtual machine win1").name == expected


def test_a_wrong_interface_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(NotFound) as caught:
        chosen_interface(references(True, False), "nic3", vm="virtual machine win1")
    assert caught.value.code == "NetworkInterfaceNotFound"
    assert "nic1, nic11" in caught.value.hint


@pytest.mark.parametrize("wanted", [None, "nic1"])
def test_a_vm_without_an_interface_is_told_so(wanted: str | None) -> None:
    with pytest.raises(NotReady) as caught:
        chosen_interface([], wanted, vm="virtual machine win1")
    assert caught.value.code == "NoNetworkInterface"
    assert "virtual machine win1 has no network interface" in caught.value.message
    assert "Attach one" in caught.value.hint
