# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces and public addresses, by azure_rm_networkinterface, azure_rm_publicipaddress and their info."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.tests.integration.support.controller import CLONE
from ansible_collections.azvm.access.tests.witness.azcollection.conftest import changed, ours, refused, theirs

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.witness.azcollection.conftest import Bench, Json

SCENARIO = CLONE / "tests" / "integration" / "scenarios" / "addressed-vms.yml"
GROUP = "access-addresses"
ADDRESSES = "Microsoft.Network/publicIPAddresses"
PLAIN = {"resource_group": GROUP, "vm_name": "plain"}


@pytest.fixture(autouse=True)
def scenario(bench: Bench) -> None:
    bench.azure.start_over(SCENARIO)


def address(name: str, **more: t.Any) -> Json:
    standard = {"allocation_method": "Static", "sku": "Standard"} if more.get("state") != "absent" else {}
    return theirs("publicipaddress", resource_group=GROUP, name=name, **standard, **more)


def interface(public_address: str) -> Json:
    """The network interface of the VM ``plain`` with this public address."""
    configuration = {
        "name": "ipconfig1",
        "primary": True,
        "public_ip_address_name": public_address,
    }
    return theirs(
        "networkinterface",
        resource_group=GROUP,
        name="plain-nic",
        create_with_security_group=False,
        ip_configurations=[configuration],
    )


def test_their_address_attached_by_us(bench: Bench) -> None:
    made, again, attached, attached_again, same_interface, seen, info = bench.run(
        address("witness-ip", domain_name="witness-access"),
        address("witness-ip", domain_name="witness-access"),
        ours("vm_public_ip", **PLAIN, name="witness-ip"),
        ours("vm_public_ip", **PLAIN),
        interface("witness-ip"),
        theirs("networkinterface_info", resource_group=GROUP, name="plain-nic"),
        theirs("publicipaddress_info", resource_group=GROUP, name="witness-ip"),
    )
    assert changed([made, again, attached, attached_again, same_interface]) == [True, False, True, False, False]
    kept = bench.resource(ADDRESSES, "witness-ip")
    ours_told = attached["public_address"]
    assert made["state"]["ip_address"] == ours_told["address"] == kept["properties"]["ipAddress"]
    (nic,) = seen["networkinterfaces"]
    assert [one["public_ip_address"] for one in nic["ip_configurations"]] == [kept["id"]]
    assert nic["id"] == ours_told["network_interface"]
    (told,) = info["publicipaddresses"]
    assert told["dns_settings"]["fqdn"] == ours_told["fqdn"]

    held, freed, gone, gone_again = bench.run(
        refused(address("witness-ip", state="absent")),
        ours("vm_public_ip", **PLAIN, name="witness-ip", state="absent"),
        address("witness-ip", state="absent"),
        address("witness-ip", state="absent"),
    )
    assert "PublicIPAddressCannotBeDeleted" in held["msg"]
    assert changed([freed, gone, gone_again]) == [True, True, False]
    assert "witness-ip" not in bench.resources(ADDRESSES)


def test_our_address_attached_by_them(bench: Bench) -> None:
    made, moved, unchanged, unchanged_for_us, same_address = bench.run(
        ours("vm_public_ip", **PLAIN),
        interface("free-ip"),
        interface("free-ip"),
        ours("vm_public_ip", **PLAIN),
        address("plain-ip"),
    )
    assert changed([made, moved, unchanged, unchanged_for_us, same_address]) == [True, True, False, False, False]
    assert made["public_address"]["name"] == "plain-ip"
    assert unchanged_for_us["public_address"]["name"] == "free-ip"
