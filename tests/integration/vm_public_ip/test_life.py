# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a public address: predicted, made, found again, named, taken back, and nothing else touched."""

from __future__ import annotations

import copy
import socket
import threading
import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError
from ansible_collections.azvm.access.plugins.module_utils._domain.network import MARK

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome
    from ansible_collections.azvm.access.tests.integration.vm_public_ip.conftest import Bench, Json

ON_THE_INTERFACE = {
    "enableAcceleratedNetworking",
    "enableIPForwarding",
    "disableTcpStateTracking",
    "dnsSettings",
    "networkSecurityGroup",
    "workloadType",
    "nicType",
    "auxiliaryMode",
    "auxiliarySku",
}
ON_THE_CONFIGURATION = {
    "applicationSecurityGroups",
    "loadBalancerBackendAddressPools",
    "loadBalancerInboundNatRules",
    "gatewayLoadBalancer",
    "privateIPAddress",
}


def settled(nic: Json) -> Json:
    """An interface without its version marks and the public address of its first ip configuration."""
    shown = copy.deepcopy(nic)
    shown.pop("etag")
    for each in shown["properties"]["ipConfigurations"]:
        each.pop("etag")
    shown["properties"]["ipConfigurations"][0]["properties"].pop("publicIPAddress", None)
    return shown


def unlabelled(address: Json) -> Json:
    """An address without its version mark, its label and its user."""
    shown = copy.deepcopy(address)
    shown.pop("etag")
    for name in ("dnsSettings", "ipConfiguration"):
        shown["properties"].pop(name, None)
    return shown


def test_from_nothing_and_back(bench: Bench) -> None:
    predicted = bench.run("plain", check_mode=True)
    assert predicted.changed
    assert predicted.thing["address"] is None
    assert "plain-ip" not in bench.addresses()

    made = bench.run("plain")
    assert made.changed
    assert (made.before, made.after) == (predicted.before, predicted.after)
    assert made.thing["name"] == "plain-ip"
    assert made.thing["address"].startswith("127.")
    assert (made.thing["sku"], made.thing["allocation_method"]) == ("Standard", "Static")
    assert bench.wire("publicIPAddresses", "plain-ip")["tags"] == {MARK: "access-addresses/plain"}

    again = bench.run("plain")
    assert not again.changed
    assert again.thing == made.thing

    labelled = bench.run("plain", domain_name_label="plain-access")
    assert labelled.changed
    assert labelled.thing["fqdn"] == "plain-access.westeurope.cloudapp.azure.com"
    assert labelled.thing["address"] == made.thing["address"]
    assert not bench.run("plain", domain_name_label="plain-access").changed
    assert bench.run("plain").thing == labelled.thing

    foreseen = bench.run("plain", state="absent", check_mode=True)
    gone = bench.run("plain", state="absent")
    assert gone.changed
    assert (gone.before, gone.after) == (foreseen.before, None)
    assert gone.thing["attached"] is False
    assert "plain-ip" not in bench.addresses()
    assert not bench.run("plain", state="absent").changed


def test_the_address_reaches_the_vm(bench: Bench) -> None:
    address = bench.run("plain").thing["address"]
    with socket.create_connection((address, 3389), timeout=5) as connection:
        assert connection.getpeername() == (address, 3389)


def test_nothing_else_on_the_interface_changes(bench: Bench) -> None:
    before = bench.wire("networkInterfaces", "full-nic")
    assert before["properties"].keys() >= ON_THE_INTERFACE
    assert before["properties"]["ipConfigurations"][0]["properties"].keys() >= ON_THE_CONFIGURATION
    assert before["tags"] == {"team": "web", "cost": "42"}

    made = bench.run("full")
    after = bench.wire("networkInterfaces", "full-nic")
    first, second, sixth = after["properties"]["ipConfigurations"]
    assert first["properties"]["publicIPAddress"] == {"id": made.thing["id"]}
    assert "publicIPAddress" not in second["properties"]
    assert sixth["properties"]["publicIPAddress"]["id"].endswith("/full-v6-ip")
    assert settled(after) == settled(before)

    bench.run("full", state="absent")
    back = bench.wire("networkInterfaces", "full-nic")
    assert settled(back) == settled(before)
    assert "publicIPAddress" not in back["properties"]["ipConfigurations"][0]["properties"]


def test_another_ip_configuration(bench: Bench) -> None:
    made = bench.run("full", ip_configuration="second", name="second-ip", network_interface="full-nic")
    first, second, _sixth = bench.wire("networkInterfaces", "full-nic")["properties"]["ipConfigurations"]
    assert made.thing["ip_configuration"] == "second"
    assert "publicIPAddress" not in first["properties"]
    assert second["properties"]["publicIPAddress"] == {"id": made.thing["id"]}
    assert not bench.run("full", ip_configuration="SECOND").changed


@pytest.mark.parametrize(("vm", "address"), [("kept", "kept-ip"), ("dynamic", "dynamic-ip")])
def test_an_attached_address_is_kept(bench: Bench, vm: str, address: str) -> None:
    bench.control.mark()
    outcome = bench.run(vm)
    assert not outcome.changed
    assert (outcome.thing["name"], outcome.thing["attached"]) == (address, True)
    assert bench.control.writes() == []


def test_a_dynamic_address_of_a_deallocated_vm_is_reported(bench: Bench) -> None:
    outcome = bench.run("dynamic")
    assert outcome.thing["address"] is None
    assert outcome.thing["allocation_method"] == "Dynamic"
    assert "has no number now" in outcome.warnings[0]


def test_an_address_of_others_gets_a_label_but_no_other(bench: Bench) -> None:
    named = bench.run("kept", domain_name_label="kept-access")
    assert named.changed
    assert named.thing["fqdn"] == "kept-access.westeurope.cloudapp.azure.com"
    error = bench.refused("labelled", domain_name_label="another-access")
    assert error.code == "OtherDomainNameLabel"


def test_an_address_of_others_stays_unless_it_is_named(bench: Bench) -> None:
    left = bench.run("kept", state="absent")
    assert not left.changed
    assert left.thing["attached"] is True
    assert "kept-ip" in left.warnings[0]

    detached = bench.run("kept", state="absent", name="kept-ip")
    assert detached.changed
    assert detached.thing["attached"] is False
    assert "kept-ip" in bench.addresses()


def test_a_free_address_is_taken_and_only_given_back(bench: Bench) -> None:
    before = unlabelled(bench.wire("publicIPAddresses", "free-ip"))
    assert before["tags"] == {"team": "web"}
    taken = bench.run("plain", name="free-ip", domain_name_label="free-access")
    assert taken.changed
    assert (taken.thing["name"], taken.thing["made_for_this_vm"]) == ("free-ip", False)
    assert unlabelled(bench.wire("publicIPAddresses", "free-ip")) == before
    bench.run("plain", name="free-ip", state="absent")
    assert unlabelled(bench.wire("publicIPAddresses", "free-ip")) == before


def test_what_an_interrupted_run_left_is_taken_up_or_away(bench: Bench) -> None:
    bench.control.fault("status", method="PUT", path="networkInterfaces/plain-nic", status=403)
    with pytest.raises(AccessError, match="network interface plain-nic"):
        bench.run("plain")
    assert "plain-ip" in bench.addresses()
    assert bench.run("plain", state="absent", check_mode=True).changed

    bench.control.clear_faults()
    finished = bench.run("plain")
    assert finished.changed
    assert finished.thing["attached"] is True
    bench.run("plain", state="absent")
    assert "plain-ip" not in bench.addresses()


def together(*runs: t.Callable[[], Outcome]) -> list[Outcome]:
    """Each in a thread of its own, at the same time."""
    ready = threading.Barrier(len(runs))
    found: list[Outcome] = []

    def work(run: t.Callable[[], Outcome]) -> None:
        ready.wait()
        found.append(run())

    threads = [threading.Thread(target=work, args=[run]) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == len(runs), "a run failed"
    return found


def test_two_runs_at_once_make_one_address(bench: Bench) -> None:
    one, other = together(lambda: bench.run("plain"), lambda: bench.run("plain"))
    assert one.thing == other.thing
    assert one.changed or other.changed
    assert [name for name in bench.addresses() if name.startswith("plain")] == ["plain-ip"]
    assert not bench.run("plain").changed


def test_an_address_that_another_run_attached_between_two_reads_is_taken_for_its_own(bench: Bench) -> None:
    fault = bench.control.fault("hold-before", method="GET", path="publicIPAddresses/plain-ip", nth=1)
    found: list[Outcome] = []
    late = threading.Thread(target=lambda: found.append(bench.run("plain")))
    late.start()
    bench.control.eventually(lambda: bench.control.met(fault) == 1)
    made = bench.run("plain")
    bench.control.clear_fault(fault)
    late.join(60)
    assert [(each.changed, each.thing) for each in found] == [(False, made.thing)]


def test_two_runs_on_one_interface_both_last(bench: Bench) -> None:
    together(
        lambda: bench.run("full", name="first-ip"),
        lambda: bench.run("full", name="second-ip", ip_configuration="second"),
    )
    configurations = bench.wire("networkInterfaces", "full-nic")["properties"]["ipConfigurations"]
    attached = [each["properties"]["publicIPAddress"]["id"].rpartition("/")[2] for each in configurations]
    assert attached == ["first-ip", "second-ip", "full-v6-ip"]


def test_a_change_by_others_in_between_survives(bench: Bench) -> None:
    """Somebody adds a DNS server after the interface was read: the stale write is refused, and done again."""
    fault = bench.control.fault("hold", method="PUT", path="publicIPAddresses/plain-ip")

    def change_dns() -> None:
        bench.control.reached(fault, unless=lambda: False)
        clients = bench.clients().network.network_interfaces
        nic = clients.get("access-addresses", "plain-nic")
        assert nic.dns_settings is not None
        nic.dns_settings.dns_servers = ["10.0.0.9"]
        clients.begin_create_or_update("access-addresses", "plain-nic", nic).result()
        bench.control.clear_fault(fault)

    meanwhile = threading.Thread(target=change_dns)
    meanwhile.start()
    outcome = bench.run("plain")
    meanwhile.join(30)

    assert outcome.changed
    refused = [each["method"] for each in bench.control.journal() if each["status"] == 412]
    assert refused == ["PUT"]
    nic = bench.wire("networkInterfaces", "plain-nic")["properties"]
    assert nic["dnsSettings"]["dnsServers"] == ["10.0.0.9"]
    assert nic["ipConfigurations"][0]["properties"]["publicIPAddress"]["id"] == outcome.thing["id"]
