# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs as they are met: wrong ones, stopped ones, several NICs, failed updates, others at work on them."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError
from ansible_collections.azvm.access.tests.integration.winrm_cert_keyvault.conftest import SCENARIOS, bench_on
from local_azure.testing import running

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome
    from ansible_collections.azvm.access.tests.integration.support.azure_control import Fault
    from ansible_collections.azvm.access.tests.integration.winrm_cert_keyvault.conftest import Bench

GROUP, SECRET = "access-demo", "winrm-win1"
NOBODY = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def vms(bench: Bench) -> Bench:
    bench.use(SCENARIOS / "vault-vms.yml")
    return bench


@pytest.mark.parametrize(
    ("target", "code", "word"),
    [
        ({"resource_group": "nowhere"}, "ResourceGroupNotFound", "nowhere"),
        ({"vm_name": "win9"}, "ResourceNotFound", "win9"),
        (
            {
                "vm_id": f"/subscriptions/{NOBODY}/resourceGroups/access-demo"
                "/providers/Microsoft.Compute/virtualMachines/win1"
            },
            "SubscriptionNotFound",
            NOBODY,
        ),
    ],
)
def test_what_is_not_there(bench: Bench, target: dict[str, str], code: str, word: str) -> None:
    for state in ("present", "absent"):
        error = bench.refused(state=state, **target)
        assert error.code == code
        assert word in error.message
        assert error.hint
        assert bench.control.writes() == []


@pytest.mark.parametrize(
    ("vm_name", "code", "words"),
    [
        ("linux", "NotWindows", "Windows VMs only"),
        ("disk", "NoOsProfile", "vm_winrm_listener with its thumbprint"),
        ("stopped", "VmNotRunning", "ends in start_vm"),
        ("off", "VmNotRunning", "vm_power"),
    ],
)
def test_vms_that_can_not_take_a_certificate(vms: Bench, vm_name: str, code: str, words: str) -> None:
    error = vms.refused(vm_name=vm_name)
    assert error.code == code
    assert vm_name in error.message
    assert words in error.hint
    assert vms.control.writes() == []


@pytest.mark.parametrize("vm_name", ["disk", "stopped", "off"])
def test_there_is_nothing_to_take_back_from_them(vms: Bench, vm_name: str) -> None:
    assert not vms.run(vm_name=vm_name, state="absent").changed
    assert vms.control.writes() == []


def test_the_primary_interface_gives_the_names_unless_another_is_chosen(vms: Bench) -> None:
    front = vms.run(vm_name="two-nics").thing
    assert front["dns_names"] == ["access-demo-front.westeurope.cloudapp.azure.com", "two-nics"]
    assert front["ip_addresses"][0] == "10.0.0.6"
    back = vms.run(vm_name="two-nics", network_interface="back-nic").thing
    assert back["dns_names"] == ["two-nics"]
    assert back["ip_addresses"][0] == "10.0.1.4"
    error = vms.refused(vm_name="two-nics", network_interface="win1-nic")
    assert "win1-nic" in error.message
    assert vms.control.writes() == []


def test_a_vm_without_public_address(vms: Bench) -> None:
    made = vms.run(vm_name="inside").thing
    assert made["dns_names"] == ["inside"]
    assert made["common_name"] == "inside"
    assert len(made["ip_addresses"]) == 1
    assert not vms.run(vm_name="inside").changed


# Others at work on the same VM


def arrived(bench: Bench, fault: Fault) -> None:
    """Wait until a request has met the fault."""
    bench.control.eventually(
        lambda: any(one["id"] == fault.id and one["applied"] for one in bench.control.ask("fault/list")["faults"])
    )


def test_a_change_by_somebody_else_in_between_is_kept(bench: Bench) -> None:
    bench.run()
    theirs = bench.secrets().set_secret("somebody-elses", bench.secrets().get_secret(SECRET).value or "").id or ""
    # They write while our request is on its way: what we planned no longer holds.
    fault = bench.control.fault("delay", method="PATCH", path="virtualMachines/win1$", times=1, seconds=1.0)
    with ThreadPoolExecutor(1) as pool:
        ours = pool.submit(bench.run, force_renew=True)
        arrived(bench, fault)
        bench.refer([*bench.references(), theirs])
        made = ours.result(30)
    assert made.thing["secret_url"] in bench.references()
    assert theirs in bench.references()
    assert len(bench.references()) == 3
    refused = [entry["status"] for entry in bench.control.journal() if entry["method"] == "PATCH"]
    assert refused.count(412) == 1
    assert not bench.run().changed


def test_an_update_that_was_cut_off_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was ended right after its request to the VM; the next one comes while the platform still works."""
    with running("windows-vm", pace=0.1) as slow, bench_on(slow, tmp_path, monkeypatch) as bench:
        properties = {"enableRbacAuthorization": True, "enabledForDeployment": True}
        vault = {"name": bench.vault_name, "resource_group": GROUP, "properties": properties}
        bench.scenario(keyvault={"vaults": [vault]})
        made = bench.run(reference=False).thing
        bench.arm(
            "PATCH",
            f"{GROUP}/providers/Microsoft.Compute/virtualMachines/win1",
            version="2024-07-01",
            body={
                "properties": {
                    "osProfile": {
                        "secrets": [
                            {
                                "sourceVault": {"id": made["vault"]["id"]},
                                "vaultCertificates": [{"certificateUrl": made["secret_url"], "certificateStore": "My"}],
                            }
                        ]
                    }
                }
            },
        )
        assert bench.guest()["certificates"] == []
        again = bench.run()
        assert bench.guest()["certificates"] != []
        assert again.thing["secret_url"] == made["secret_url"]
        assert [line for line in bench.control.writes() if "virtualMachines" in line] == []


def test_a_busy_vm_is_asked_again(bench: Bench) -> None:
    bench.control.fault(
        "status",
        method="PATCH",
        path="virtualMachines/win1$",
        times=2,
        status=409,
        code="ConflictingConcurrentWriteNotAllowed",
        message="The request failed due to conflict with a concurrent request.",
    )
    made = bench.run()
    assert bench.references() == [made.thing["secret_url"]]


def test_an_update_that_somebody_overtook_is_made_again(bench: Bench) -> None:
    bench.control.fault(
        "status",
        method="PATCH",
        path="virtualMachines/win1$",
        times=1,
        status=409,
        code="OperationPreempted",
        message="Operation execution has been preempted by a more recent operation.",
    )
    made = bench.run()
    assert bench.references() == [made.thing["secret_url"]]


def test_a_vm_that_is_being_switched_is_asked_again(bench: Bench) -> None:
    bench.control.fault(
        "status",
        method="PATCH",
        path="virtualMachines/win1$",
        status=409,
        code="OperationNotAllowed",
        message="An ongoing operation is changing power state of Virtual Machine win1 to Running.",
        times=2,
    )
    made = bench.run()
    assert bench.references() == [made.thing["secret_url"]]


def test_any_other_conflict_is_told(bench: Bench) -> None:
    bench.control.fault(
        "status",
        method="PATCH",
        path="virtualMachines/win1$",
        status=409,
        code="OperationNotAllowed",
        message="The VM is marked for deletion.",
    )
    error = bench.refused()
    assert error.code == "OperationNotAllowed"
    assert "marked for deletion" in error.message


def test_a_vm_that_is_never_quiet_ends_at_the_time_out(bench: Bench) -> None:
    bench.control.fault(
        "status",
        method="PATCH",
        path="virtualMachines/win1$",
        status=412,
        code="ConditionNotMet",
        message="The condition was not met.",
    )
    error = bench.refused(seconds=4)
    assert error.code == "Timeout"
    assert "last seen" in error.message


# Updates that fail


def test_a_failed_update_is_told_and_the_next_run_converges(bench: Bench) -> None:
    # The version is disabled between its upload and the moment the platform fetches it.
    fault = bench.control.fault("delay", method="PATCH", path="virtualMachines/win1$", times=1, seconds=1.0)
    with ThreadPoolExecutor(1) as pool:
        ours = pool.submit(bench.run)
        arrived(bench, fault)
        bench.secrets().update_secret_properties(SECRET, enabled=False)
        with pytest.raises(AccessError) as caught:
            ours.result(30)
    assert caught.value.code == "KeyVaultAccessForbidden"
    assert bench.vm().provisioning_state == "Failed"
    assert bench.vm().failure == "KeyVaultAccessForbidden"
    made = bench.run()
    assert made.thing["reason"] == "the current version is disabled"
    assert bench.references() == [made.thing["secret_url"]]
    assert bench.vm().provisioning_state == "Succeeded"
    assert not bench.run().changed


def test_an_update_that_failed_over_a_certificate_is_made_again(bench: Bench) -> None:
    """Whoever caused it: the VM may not have what it refers to."""
    made = bench.run().thing
    with pytest.raises(AccessError) as caught:
        bench.refer([made["secret_url"], f"{made['vault']['uri']}secrets/no-such-secret/0123456789abcdef"])
    assert caught.value.code == "KeyVaultSecretDoesNotExist"
    assert bench.references() == [made["secret_url"]]
    assert bench.vm().failure == "KeyVaultSecretDoesNotExist"

    predicted = bench.run(check_mode=True)
    assert predicted.changed
    assert bench.control.writes() == []
    again = bench.run()
    assert again.changed
    assert again.before is not None
    assert again.before["failed_update"] == "KeyVaultSecretDoesNotExist"
    assert bench.vm().provisioning_state == "Succeeded"
    assert not bench.run().changed


def test_a_vm_that_failed_for_another_reason_is_left_alone(bench: Bench) -> None:
    bench.scenario(vm={"provisioning_state": "Failed"})
    assert bench.vm().failure == "VMStartTimedOut"
    bench.run()
    assert not bench.run().changed


# Several VMs, one vault, one certificate

SHARED: dict[str, t.Any] = {
    "include_vm_names": False,
    "certificate_name": "winrm-shared",
    "dns_names": ["*.westeurope.cloudapp.azure.com"],
}


def test_vms_share_a_vault_and_each_has_its_own_certificate(vms: Bench) -> None:
    made = {name: vms.run(vm_name=name).thing for name in ("win1", "win2")}
    assert made["win1"]["vault"] == made["win2"]["vault"]
    for name, thing in made.items():
        assert vms.references(name) == [thing["secret_url"]]
        assert not vms.run(vm_name=name).changed


def test_vms_share_a_certificate(vms: Bench) -> None:
    first = vms.run(vm_name="win1", **SHARED)
    second = vms.run(vm_name="win2", **SHARED)
    assert not second.thing["renewed"]
    assert second.thing["secret_url"] == first.thing["secret_url"]
    assert vms.references("win1") == vms.references("win2") == [first.thing["secret_url"]]
    assert first.thing["common_name"] == second.thing["common_name"] == "winrm-shared"
    assert not vms.run(vm_name="win1", **SHARED).changed


def test_a_certificate_that_others_refer_to_is_not_deleted(vms: Bench) -> None:
    vms.run(vm_name="win1", **SHARED)
    made = vms.run(vm_name="win2", **SHARED).thing
    for wish in ({"check_mode": True}, {}):
        error = vms.refused(vm_name="win1", state="absent", remove_certificate=True, **SHARED, **wish)
        assert (error.code, error.details["virtual_machines"]) == ("CertificateInUse", ["win2"])
        assert vms.control.writes() == []
    assert vms.run(vm_name="win1", state="absent", **SHARED).changed
    # The VM of the task is one of them when its own reference stays.
    error = vms.refused(vm_name="win2", state="absent", remove_certificate=True, **{**SHARED, "reference": False})
    assert error.details["virtual_machines"] == ["win2"]
    assert vms.references("win2") == [made["secret_url"]]
    assert vms.run(vm_name="win2", state="absent", remove_certificate=True, **SHARED).thing["removed"]


def at_once(bench: Bench, *runs: dict[str, t.Any]) -> list[Outcome]:
    with ThreadPoolExecutor(len(runs)) as pool:
        return [each.result(60) for each in [pool.submit(bench.run, **changed) for changed in runs]]


def test_two_runs_on_one_vm_at_the_same_moment(vms: Bench) -> None:
    one, other = at_once(vms, {}, {})
    urls = vms.references()
    assert len(set(urls)) == len(urls)
    # The one that was first may refer to a version that the other has overtaken.
    assert {one.thing["secret_url"], other.thing["secret_url"]} <= set(urls)
    vms.run(previous_references="remove")
    assert len(vms.references()) == 1
    assert not vms.run(previous_references="remove").changed
    assert not vms.run().changed


def test_two_runs_bring_back_what_was_deleted_at_the_same_moment(vms: Bench) -> None:
    vms.run(**SHARED)
    vms.run(state="absent", remove_certificate=True, **SHARED)
    at_once(vms, {"vm_name": "win1", **SHARED}, {"vm_name": "win2", **SHARED})
    for name in ("win1", "win2"):
        vms.run(vm_name=name, **SHARED)
        assert not vms.run(vm_name=name, **SHARED).changed


def test_runs_on_vms_that_share_a_certificate_at_the_same_moment(vms: Bench) -> None:
    names = ("win1", "win2", "inside")
    at_once(vms, *({"vm_name": name, **SHARED} for name in names))
    for name in names:
        vms.run(vm_name=name, previous_references="remove", **SHARED)
    urls = {tuple(vms.references(name)) for name in names}
    assert len(urls) == 1
    assert len(urls.pop()) == 1
    for name in names:
        assert not vms.run(vm_name=name, previous_references="remove", **SHARED).changed
