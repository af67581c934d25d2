# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to public addresses, decided from what is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError, NotFound
from ansible_collections.azvm.access.plugins.module_utils._domain.network import (
    IpConfiguration,
    NetworkInterface,
    PublicAddress,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.public_address import (
    AddressPlan,
    Mate,
    Wish,
    planned_absent,
    planned_present,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId

NETWORK = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network"
NIC = ResourceId.parse(f"{NETWORK}/networkInterfaces/win1-nic")
FIRST = IpConfiguration(name="first", primary=False, private_address=None, public_address_id=None, subnet_id="s")
MAIN = replace(FIRST, name="main", primary=True)
INTERFACE = NetworkInterface(id=NIC, location="westeurope", group_id=None, ip_configurations=(FIRST, MAIN))
OWNER = "rg/win1"


def address(name: str = "win1-ip", **changed: object) -> PublicAddress:
    plain = PublicAddress(
        id=ResourceId.parse(f"{NETWORK}/publicIPAddresses/{name}"),
        location="westeurope",
        address="203.0.113.9",
        fqdn=None,
        label=None,
        sku="Standard",
        method="Static",
        version="IPv4",
        holder_id=None,
        owner=OWNER,
    )
    return replace(plain, **changed)  # type: ignore[arg-type]  # the tests name fields of PublicAddress


def wish(name: str = "win1-ip", *, named: bool = False, label: str | None = None) -> Wish:
    return Wish(id=address(name).id, named=named, owner=OWNER, label=label)


def present(
    wanted: Wish,
    *,
    attached: PublicAddress | None = None,
    named: PublicAddress | None = None,
    configuration: IpConfiguration = MAIN,
    mates: tuple[Mate, ...] = (),
) -> AddressPlan:
    return planned_present(wanted, INTERFACE, configuration, attached=attached, named=named, mates=mates)


def steps(plan: AddressPlan) -> list[str]:
    found = {
        "create": bool(plan.write and plan.new),
        "label": bool(plan.write and not plan.new),
        "attach": plan.attach,
        "detach": plan.detach,
        "delete": plan.delete,
    }
    assert plan.needed == any(found.values())
    return [name for name, done in found.items() if done]


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (present(wish()), ["create", "attach"]),
        (present(wish(), named=address()), ["attach"]),
        (present(wish(label="win1-a"), named=address()), ["label", "attach"]),
        (present(wish(), named=address(holder_id=f"{NIC}/ipConfigurations/Main")), ["attach"]),
        (present(wish(), attached=address("other")), []),
        (present(wish(label="win1-a"), attached=address("other", owner=None)), ["label"]),
        (present(wish(label="win1-a"), attached=address(label="win1-b")), ["label"]),
        (present(wish(), attached=address(label="win1-b")), []),
        (planned_absent(wish(), attached=None, named=None), []),
        (planned_absent(wish(), attached=address("moved"), named=None), ["detach", "delete"]),
        (planned_absent(wish(), attached=None, named=address()), ["delete"]),
        (planned_absent(wish(), attached=None, named=address(holder_id="x")), []),
        (planned_absent(wish(), attached=None, named=address(owner=None)), []),
        (planned_absent(wish(), attached=address("other", owner=None), named=None), []),
        (planned_absent(wish(), attached=address("other", owner="rg/win2"), named=address()), ["delete"]),
        (planned_absent(wish(named=True), attached=address(owner=None), named=None), ["detach"]),
    ],
)
def test_steps(plan: AddressPlan, expected: list[str]) -> None:
    assert steps(plan) == expected


BASIC_BALANCER = Mate(id=ResourceId.parse(f"{NETWORK}/loadBalancers/lb"), sku="Basic")
UNKNOWN_SKU = replace(BASIC_BALANCER, sku="")


@pytest.mark.parametrize(
    ("wanted", "there", "code"),
    [
        (wish(), {"configuration": replace(MAIN, subnet_id=None)}, "NoSubnet"),
        (wish(), {"configuration": replace(MAIN, version="IPv6")}, "NotIPv4"),
        (wish(), {"mates": (BASIC_BALANCER,)}, "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed"),
        (wish(), {"mates": (UNKNOWN_SKU,)}, "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed"),
        (wish(), {"named": address(holder_id="somebody")}, "PublicIPAddressInUse"),
        (wish(), {"named": address(location="westus")}, "AddressInOtherRegion"),
        (wish(), {"named": address(sku="Basic")}, "NotAStandardAddress"),
        (wish(), {"named": address(version="IPv6")}, "NotAStandardAddress"),
        (wish("a", named=True), {"attached": address("b")}, "OtherAddressAttached"),
        (wish(label="mine"), {"attached": address(owner=None, label="theirs")}, "OtherDomainNameLabel"),
    ],
)
def test_refusals(wanted: Wish, there: dict[str, object], code: str) -> None:
    with pytest.raises(AccessError) as caught:
        present(wanted, **there)  # type: ignore[arg-type]  # the table names parameters of present
    assert caught.value.code == code


@pytest.mark.parametrize(("number", "words"), [(None, "no number now"), ("203.0.113.9", "changes when")])
def test_dynamic_addresses_are_told(number: str | None, words: str) -> None:
    plan = present(wish(), attached=address(method="Dynamic", address=number))
    assert words in plan.warnings[0]


def test_what_azure_failed_to_put_into_force_is_written_again_unless_it_is_somebody_elses() -> None:
    failed = replace(INTERFACE, failed=True)
    for owner, expected in ((OWNER, ["label", "attach"]), (None, [])):
        there = address(owner=owner, failed=True)
        plan = planned_present(wish(), failed, MAIN, attached=there, named=None, mates=())
        assert steps(plan) == expected


def test_the_ip_configuration() -> None:
    assert INTERFACE.main is MAIN
    assert INTERFACE.configuration("FIRST") is FIRST
    with pytest.raises(NotFound, match="no ip configuration third"):
        INTERFACE.configuration("third")
