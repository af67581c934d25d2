# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""az vm: what it shows of virtual machines, and switching them on and off."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.witness.az.cli import Az
    from ansible_collections.azvm.access.tests.witness.az.conftest import Cloud

WIN1 = "--resource-group access-demo --name win1"


def power(az: Az) -> str:
    """The power state in the instance view."""
    statuses = az(f"vm get-instance-view {WIN1}")["instanceView"]["statuses"]
    return next(str(one["code"]) for one in statuses if one["code"].startswith("PowerState/"))


def test_a_vm_is_shown_with_its_addresses(az: Az, cloud: Cloud) -> None:
    shown = az(f"vm show --show-details {WIN1}")
    address = cloud.properties("win1-ip")["ipAddress"]
    assert (shown["powerState"], shown["publicIps"]) == ("VM running", address)
    assert shown["fqdns"] == "access-demo-win1.westeurope.cloudapp.azure.com"
    assert shown["vmId"] == cloud.properties("win1")["vmId"]
    (listed,) = az(f"vm list-ip-addresses {WIN1}")
    network = listed["virtualMachine"]["network"]
    assert [one["ipAddress"] for one in network["publicIpAddresses"]] == [address]
    configuration = cloud.properties("win1-nic")["ipConfigurations"][0]["properties"]
    assert network["privateIpAddresses"] == [configuration["privateIPAddress"]]


def test_vms_are_listed_with_their_details(az: Az) -> None:
    assert [vm["name"] for vm in az("vm list")] == ["win1", "win2"]
    detailed = az("vm list --show-details --resource-group access-demo")
    assert {vm["name"]: (vm["powerState"], bool(vm["publicIps"])) for vm in detailed} == {
        "win1": ("VM running", True),
        "win2": ("VM running", False),
    }


def test_a_vm_is_stopped_started_and_deallocated(az: Az, cloud: Cloud) -> None:
    assert power(az) == "PowerState/running"
    az(f"vm stop {WIN1}")
    assert power(az) == "PowerState/stopped"
    assert cloud.guest("win1")["running"] is False
    az(f"vm start {WIN1}")
    assert power(az) == "PowerState/running"
    assert cloud.guest("win1")["running"] is True
    az(f"vm deallocate {WIN1}")
    assert power(az) == "PowerState/deallocated"
    assert cloud.guest("win1")["running"] is False


def test_a_vm_is_restarted_and_redeployed_but_not_when_it_is_off(az: Az, cloud: Cloud) -> None:
    for verb in ("restart", "redeploy"):
        cloud.azure.mark()
        az(f"vm {verb} {WIN1}")
        (asked,) = cloud.azure.writes()
        assert asked.endswith(f"/virtualMachines/win1/{verb}")
        assert power(az) == "PowerState/running"
        cloud.azure.eventually(lambda: bool(cloud.guest("win1")["running"]))
    az(f"vm stop {WIN1}")
    assert "OperationNotAllowed" in az.refused(f"vm restart {WIN1}")
    assert power(az) == "PowerState/stopped"


def test_tags_are_set_by_vm_update_and_nothing_else_changes(az: Az, cloud: Cloud) -> None:
    before = cloud.properties("win1")
    assert az(f"vm update {WIN1} --set tags.owner=witness")["tags"] == {"owner": "witness"}
    assert (cloud.find("win1") or {})["tags"] == {"owner": "witness"}
    assert cloud.properties("win1") == before


def test_boot_diagnostics_are_read_and_switched(az: Az, cloud: Cloud) -> None:
    uris = az(f"vm boot-diagnostics get-boot-log-uris {WIN1}")
    assert {name: uri.partition("?")[0].rpartition(".")[2] for name, uri in uris.items()} == {
        "consoleScreenshotBlobUri": "bmp",
        "serialConsoleLogBlobUri": "log",
    }
    assert "SAC>" in az(f"vm boot-diagnostics get-boot-log {WIN1}")
    az(f"vm boot-diagnostics disable {WIN1}")
    assert cloud.properties("win1")["diagnosticsProfile"]["bootDiagnostics"]["enabled"] is False
    assert "enable boot diagnostics" in az.refused(f"vm boot-diagnostics get-boot-log {WIN1}")
    az(f"vm boot-diagnostics enable {WIN1}")
    assert cloud.properties("win1")["diagnosticsProfile"]["bootDiagnostics"]["enabled"] is True
