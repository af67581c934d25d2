# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM that only a load balancer leads to: probed, verified and given a certificate without being told the way."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure import network
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._operations import (
    access_probe,
    vm_rdp_listener,
    vm_winrm_listener,
    winrm_cert_keyvault,
)
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from ansible_collections.azvm.access.plugins.module_utils._operations.vm_way import way_to
from ansible_collections.azvm.access.plugins.modules import access_probe as probe_module
from ansible_collections.azvm.access.plugins.modules import vm_rdp_listener as rdp_module
from ansible_collections.azvm.access.plugins.modules import vm_winrm_listener as winrm_module
from ansible_collections.azvm.access.plugins.modules import winrm_cert_keyvault as certificate_module
from ansible_collections.azvm.access.tests.integration.support.documented import defaults
from ansible_collections.azvm.access.tests.integration.vm_public_ip.conftest import GROUP

if t.TYPE_CHECKING:
    from types import ModuleType

    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome
    from ansible_collections.azvm.access.tests.integration.vm_public_ip.conftest import Bench, Json

FRONT = "front-access.westeurope.cloudapp.azure.com"


def run(bench: Bench, module: ModuleType, operation: t.Any, vm: str, **wish: t.Any) -> Outcome:
    """The operation of a module with its documented defaults."""
    options = operation.Options.from_parameters({**defaults(module), "resource_group": GROUP, "vm_name": vm, **wish})
    return t.cast("Outcome", operation.run(options, context_of(bench)))


def context_of(bench: Bench) -> Context:
    return Context(azure=bench.clients(), deadline=Deadline(60), check_mode=False)


def probe(bench: Bench, vm: str, **wish: t.Any) -> Json:
    wish = {"protocol": "rdp", "required": False, "connect_timeout": 0.5, **wish}
    return run(bench, probe_module, access_probe, vm, **wish).thing


@pytest.mark.parametrize(
    ("vm", "rule", "ports"), [("natted", "natted-rdp", [50002]), ("pooled", "each-rdp", range(50100, 50110))]
)
def test_the_probe_takes_the_way_through_the_rule(bench: Bench, vm: str, rule: str, ports: t.Sequence[int]) -> None:
    front = bench.wire("publicIPAddresses", "front-ip")["properties"]["ipAddress"]
    seen = probe(bench, vm)
    assert (seen["verified"], seen["address"], seen["tls"]["certificate"]["subject"]) == (True, front, f"CN={vm}")
    assert seen["port"] in ports
    assert seen["nat_rule"].endswith(f"/inboundNatRules/{rule}")
    assert probe(bench, vm, address_type="fqdn")["address"] == FRONT


@pytest.mark.parametrize(
    ("vm", "wish"), [("natted", {"port": 3390}), ("natted", {"kind": "private"}), ("internal", {})]
)
def test_where_no_public_rule_leads_the_private_address_is_the_way(bench: Bench, vm: str, wish: Json) -> None:
    """Asked for only: the way there is not one of the machine that the tests run on."""
    nic = network.network_interface(bench.clients(), bench.id("networkInterfaces", f"{vm}-nic"))
    found = way_to(nic, context=context_of(bench), **{"kind": "auto", "port": 3389, **wish})
    assert found is not None
    assert found.address == nic.main.private_address
    assert (found.port, found.nat_rule) == (wish.get("port", 3389), None)


def test_remote_desktop_is_seen_to_be_as_wanted(bench: Bench) -> None:
    outcome = run(bench, rdp_module, vm_rdp_listener, "natted", network_level_authentication=True)
    assert (outcome.changed, outcome.thing["verified_by"], outcome.thing["port"]) == (False, "probe", 3389)
    assert bench.control.writes() == []


def test_winrm_has_a_certificate_for_the_front_and_is_found_behind_it(bench: Bench) -> None:
    front = bench.wire("publicIPAddresses", "front-ip")["properties"]["ipAddress"]
    certificate = run(bench, certificate_module, winrm_cert_keyvault, "natted").thing
    assert (certificate["dns_names"], front in certificate["ip_addresses"]) == ([FRONT, "natted"], True)
    wish = {"certificate_thumbprint": certificate["thumbprint"], "hostname": certificate["common_name"]}
    assert run(bench, winrm_module, vm_winrm_listener, "natted", **wish).changed

    bench.control.mark()
    again = run(bench, winrm_module, vm_winrm_listener, "natted", **wish)
    assert (again.changed, again.thing["verified_by"], again.thing["port"]) == (False, "probe", 5986)
    seen = probe(bench, "natted", protocol="winrm", expected_thumbprint=certificate["thumbprint_sha256"])
    assert (seen["verified"], seen["tls"]["trusted"], seen["address"], seen["port"]) == (True, True, front, 50003)
    assert bench.control.writes() == []
