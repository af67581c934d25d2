# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user reads when an address can't be had: the resource, what is wrong, what to do."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError, InvalidInput, Refused

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.vm_public_ip.conftest import Bench, Json


@pytest.mark.parametrize(
    ("vm", "wish", "code", "named"),
    [
        ("basic", {}, "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed", "load balancer aged"),
        ("mixed", {}, "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed", "public address second-old-ip"),
        ("plain", {"name": "far-ip"}, "AddressInOtherRegion", "westus"),
        ("plain", {"name": "kept-ip"}, "PublicIPAddressInUse", "kept-nic"),
        ("plain", {"name": "front-ip"}, "PublicIPAddressInUse", "loadBalancers/front"),
        ("kept", {"name": "free-ip"}, "OtherAddressAttached", "kept-ip"),
        ("plain", {"ip_configuration": "none"}, "IpConfigurationNotFound", "ipconfig1"),
        ("plain", {"network_interface": "none"}, "NetworkInterfaceNotFound", "plain-nic"),
        ("absent", {}, "ResourceNotFound", "absent"),
    ],
)
def test_what_cannot_be(bench: Bench, vm: str, wish: Json, code: str, named: str) -> None:
    for check_mode in (True, False):
        error = bench.refused(vm, check_mode=check_mode, **wish)
        assert error.code == code
        assert named in f"{error.message} {error.hint}"


def test_a_basic_address_is_not_taken(bench: Bench) -> None:
    clients = bench.clients().network.network_interfaces
    nic = clients.get("access-addresses", "dynamic-nic")
    assert nic.ip_configurations
    nic.ip_configurations[0].public_ip_address = None
    clients.begin_create_or_update("access-addresses", "dynamic-nic", nic).result()
    assert bench.refused("plain", name="dynamic-ip").code == "NotAStandardAddress"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"name": "-x"}, "InvalidName"),
        ({"name": "x" * 81}, "InvalidName"),
        ({"domain_name_label": "Upper"}, "InvalidDomainNameLabel"),
        ({"domain_name_label": "ab"}, "InvalidDomainNameLabel"),
        ({"domain_name_label": "ends-"}, "InvalidDomainNameLabel"),
    ],
)
def test_what_azure_could_not_take_is_not_sent(bench: Bench, wish: Json, code: str) -> None:
    bench.control.mark()
    with pytest.raises(InvalidInput) as caught:
        bench.run("plain", **wish)
    assert caught.value.code == code
    assert bench.control.journal() == []


def test_a_label_that_is_taken(bench: Bench) -> None:
    with pytest.raises(Refused) as caught:
        bench.run("plain", domain_name_label="front-access")
    assert caught.value.code == "DnsRecordInUse"
    assert "Choose another domain_name_label" in caught.value.hint
    assert "plain-ip" not in bench.addresses()


def test_without_the_right_to_write(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = bench.clients("reader")
    monkeypatch.setattr(type(bench), "clients", lambda self, **options: reader)
    assert bench.run("plain", check_mode=True).changed
    with pytest.raises(AccessError) as caught:
        bench.run("plain")
    assert caught.value.code == "AuthorizationFailed"
    assert "Microsoft.Network/publicIPAddresses/write" in caught.value.message


def test_an_interface_that_is_busy_is_waited_for(bench: Bench) -> None:
    bench.control.fault(
        "status",
        method="PUT",
        path="networkInterfaces/plain-nic",
        status=409,
        code="AnotherOperationInProgress",
        times=1,
    )
    assert bench.run("plain").thing["attached"] is True
