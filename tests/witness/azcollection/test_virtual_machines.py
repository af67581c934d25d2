# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines and their extensions, by azure_rm_virtualmachine and azure_rm_virtualmachineextension."""

from __future__ import annotations

import typing as t

from ansible_collections.azvm.access.tests.witness.azcollection.conftest import changed, ours, theirs

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.witness.azcollection.conftest import Bench

GROUP = "access-demo"
VM = {"resource_group": GROUP, "name": "win1"}
OUR_VM = {"resource_group": GROUP, "vm_name": "win1"}
ACCESS = {
    "resource_group": GROUP,
    "virtual_machine_name": "win1",
    "name": "letmein",
    "publisher": "Microsoft.Compute",
    "virtual_machine_extension_type": "VMAccessAgent",
    "type_handler_version": "2.4",
    "auto_upgrade_minor_version": True,
}


def test_power_as_both_see_it(bench: Bench) -> None:
    bench.azure.mark()
    results = bench.run(
        theirs("virtualmachine", **VM, started=False),
        theirs("virtualmachine", **VM, started=False),
        ours("vm_power", **OUR_VM, state="stopped"),
        ours("vm_power", **OUR_VM, state="started"),
        theirs("virtualmachine", **VM, started=True),
        theirs("virtualmachine", **VM, allocated=False),
        ours("vm_power", **OUR_VM, state="deallocated", confirm=True),
        theirs("virtualmachine", **VM, started=True),
        ours("vm_power", **OUR_VM, state="started"),
        theirs("virtualmachine_info", **VM),
    )
    assert changed(results) == [True, False, False, True, False, True, False, True, False, False]
    states = [result["ansible_facts"]["azure_vm"]["powerstate"] for result in results if "ansible_facts" in result]
    assert states == ["stopped", "stopped", "running", "deallocated", "running"]
    assert [result["power"]["power_state"] for result in results if "power" in result] == [
        "stopped",
        "running",
        "deallocated",
        "running",
    ]
    done = [write.rpartition("/")[2] for write in bench.azure.writes()]
    assert done == ["powerOff", "start", "deallocate", "start"]

    (told,) = results[-1]["vms"]
    assert (told["power_state"], told["provisioning_state"]) == ("running", "Succeeded")
    assert bench.guest("win1")["running"]
    kept = bench.resource("Microsoft.Compute/virtualMachines", "win1")
    assert told["id"] == kept["id"]
    assert told["vm_size"] == kept["properties"]["hardwareProfile"]["vmSize"]
    assert told["admin_username"] == kept["properties"]["osProfile"]["adminUsername"]


def test_a_vm_that_they_tag_keeps_the_certificate_that_we_gave_it(bench: Bench) -> None:
    ours_first, tagged, tagged_again, ours_again = bench.run(
        ours("winrm_cert_keyvault", **OUR_VM),
        theirs("virtualmachine", **VM, tags={"team": "web"}),
        theirs("virtualmachine", **VM, tags={"team": "web"}),
        ours("winrm_cert_keyvault", **OUR_VM),
    )
    assert changed([ours_first, tagged, tagged_again, ours_again]) == [True, True, False, False]
    kept = bench.resource("Microsoft.Compute/virtualMachines", "win1")
    assert kept["tags"] == {"team": "web"}
    (vault,) = kept["properties"]["osProfile"]["secrets"]
    assert [one["certificateUrl"] for one in vault["vaultCertificates"]] == [ours_first["certificate"]["secret_url"]]
    assert ours_again["certificate"] == {**ours_first["certificate"], "renewed": False, "reason": None}


def test_one_access_extension_for_both(bench: Bench) -> None:
    """They install VMAccess with an account of their choice; we use the same extension and take it away."""
    account = {"UserName": "helper"}
    password = {"Password": "Witness-Pass-1!"}
    made, again, info = bench.run(
        theirs("virtualmachineextension", **ACCESS, settings=account, protected_settings=password),
        theirs("virtualmachineextension", **ACCESS, settings=account, protected_settings=password),
        theirs("virtualmachineextension_info", resource_group=GROUP, virtual_machine_name="win1"),
    )
    assert changed([made, again]) == [True, False]
    (told,) = info["extensions"]
    assert (told["name"], told["provisioning_state"], told["settings"]) == ("letmein", "Succeeded", account)
    made_account = {"name": "helper", "enabled": True, "admin": True}
    assert any(made_account.items() <= user.items() for user in bench.guest("win1")["users"])
    stored = bench.resource("Microsoft.Compute/virtualMachines/extensions", "letmein")
    assert "protectedSettings" not in stored["properties"]

    reset, seen, gone, gone_for_them = bench.run(
        ours("vm_access_reset", **OUR_VM),
        theirs("virtualmachineextension_info", resource_group=GROUP, virtual_machine_name="win1"),
        ours("vm_access_reset", **OUR_VM, state="absent"),
        theirs("virtualmachineextension", **ACCESS, state="absent"),
    )
    assert changed([reset, gone, gone_for_them]) == [True, True, False]
    assert [one["name"] for one in seen["extensions"]] == ["letmein"]
    assert bench.resources("Microsoft.Compute/virtualMachines/extensions") == {}
