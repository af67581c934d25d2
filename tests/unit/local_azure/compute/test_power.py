# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power actions: what is allowed when, what the instance view says, and what happens to machine and addresses."""

from __future__ import annotations

from datetime import timedelta

import pytest

from .conftest import Scene, SceneMaker


def address(scene: Scene, name: str) -> str | None:
    path = scene.made.group("rg") + f"/providers/Microsoft.Network/publicIPAddresses/{name}"
    properties = scene.client.get(path, params={"api-version": "2026-03-01"}).json()["properties"]
    found: str | None = properties.get("ipAddress")
    return found


def agent(scene: Scene) -> str:
    return str(scene.view()["vmAgent"]["statuses"][0]["displayStatus"])


def test_an_action_is_answered_with_both_headers_and_no_body(scene: Scene) -> None:
    answer = scene.call("POST", "/restart")
    assert (answer.status_code, answer.content) == (202, b"")
    assert "/providers/Microsoft.Compute/locations/westeurope/operations/" in answer.headers["azure-asyncoperation"]
    assert "monitor=true" in answer.headers["location"]
    assert answer.headers["azure-asyncnotification"] == "Enabled"
    assert "Microsoft.Compute/UpdateVMResource;" in answer.headers["x-ms-ratelimit-remaining-resource"]
    scene.succeed(answer)
    monitor = scene.client.get(answer.headers["location"])
    assert (monitor.status_code, monitor.content) == (200, b"")


@pytest.mark.parametrize(
    ("action", "before", "after", "runs"),
    [
        ("start", "running", "running", True),
        ("start", "stopped", "running", True),
        ("start", "deallocated", "running", True),
        ("powerOff", "running", "stopped", False),
        ("powerOff", "stopped", "stopped", False),
        ("deallocate", "running", "deallocated", False),
        ("deallocate", "stopped", "deallocated", False),
        ("deallocate", "deallocated", "deallocated", False),
        ("restart", "running", "running", True),
        ("redeploy", "running", "running", True),
        ("redeploy", "stopped", "stopped", False),
        ("reapply", "running", "running", True),
        ("reapply", "deallocated", "deallocated", False),
    ],
)
def test_where_an_action_leads(make_scene: SceneMaker, action: str, before: str, after: str, runs: bool) -> None:
    scene = make_scene(power=before)
    scene.succeed(scene.call("POST", f"/{action}"))
    assert scene.power() == f"PowerState/{after}"
    assert scene.machine.running is runs
    assert scene.vm.properties["provisioningState"] == "Succeeded"


@pytest.mark.parametrize(
    ("action", "power", "message"),
    [
        ("restart", "stopped", "The operation requires the VM to be running (or set to run)."),
        ("restart", "deallocated", "The operation requires the VM to be running (or set to run)."),
        (
            "redeploy",
            "deallocated",
            (
                "Operation 'redeploy' is not allowed on VM 'vm' since the VM is either deallocated or marked to be "
                "deallocated."
            ),
        ),
        (
            "powerOff",
            "deallocated",
            (
                "Operation 'powerOff' is not allowed on VM 'vm' since the VM is either deallocated or marked to be "
                "deallocated."
            ),
        ),
    ],
)
def test_what_a_machine_that_is_off_refuses(make_scene: SceneMaker, action: str, power: str, message: str) -> None:
    answer = make_scene(power=power).call("POST", f"/{action}")
    assert answer.status_code == 409
    assert answer.json()["error"] == {"code": "OperationNotAllowed", "message": message}


def test_the_states_in_between(make_scene: SceneMaker) -> None:
    scene = make_scene(pace=1.0, power="stopped")
    answer = scene.call("POST", "/start")
    assert scene.status(answer)["status"] == "InProgress"
    assert scene.power() == "PowerState/starting"
    assert scene.vm.properties["provisioningState"] == "Updating"
    assert not scene.machine.running
    busy = scene.call("POST", "/deallocate")
    assert busy.status_code == 409
    assert busy.json()["error"]["message"] == (
        "An ongoing operation is changing power state of Virtual Machine vm to Running. "
        "Please perform operation deallocate after some time."
    )
    assert scene.call("POST", "/start").status_code == 202
    scene.made.azure.clock.advance(timedelta(seconds=11))
    assert scene.power() == "PowerState/running"


def test_a_restart_takes_the_machine_down_meanwhile(make_scene: SceneMaker) -> None:
    scene = make_scene(pace=1.0)
    scene.call("POST", "/restart")
    assert not scene.machine.running
    assert scene.power() == "PowerState/running"
    scene.made.azure.clock.advance(timedelta(seconds=8))
    assert scene.machine.running


def test_the_agent_reports_a_while_after_the_start(make_scene: SceneMaker) -> None:
    scene = make_scene(pace=1.0, power="deallocated")
    scene.call("POST", "/start")
    scene.made.azure.clock.advance(timedelta(seconds=11))
    view = scene.view()
    assert view["vmAgent"]["vmAgentVersion"] == "Unknown"
    assert view["vmAgent"]["statuses"][0]["message"] == "VM status blob is found but not yet populated."
    assert "computerName" not in view
    scene.made.azure.clock.advance(timedelta(seconds=61))
    assert agent(scene) == "Ready"
    assert scene.view()["computerName"] == "vm"


def test_a_silent_agent(make_scene: SceneMaker) -> None:
    scene = make_scene(agent="unresponsive")
    status = scene.view()["vmAgent"]["statuses"][0]
    assert (status["code"], status["level"]) == ("ProvisioningState/Unavailable", "Warning")
    scene.succeed(scene.call("POST", "/restart"))
    assert agent(scene) == "Not Ready"


def test_a_stopped_machine_keeps_what_its_agent_told_a_deallocated_one_does_not(make_scene: SceneMaker) -> None:
    stopped = make_scene(power="stopped").view()
    assert stopped["computerName"] == "vm"
    assert stopped["vmAgent"]["statuses"][0]["displayStatus"] == "Ready"
    gone = make_scene(power="deallocated").view()
    assert sorted(gone) == ["bootDiagnostics", "disks", "hyperVGeneration", "statuses"]


def test_deallocation_gives_back_dynamic_addresses_only(make_scene: SceneMaker) -> None:
    scene = make_scene(network_interfaces=["nic", "nic2"])
    fixed = address(scene, "fixed-ip")
    assert fixed is not None
    assert address(scene, "dynamic-ip") is not None
    scene.succeed(scene.call("POST", "/powerOff"))
    assert address(scene, "dynamic-ip") is not None
    scene.succeed(scene.call("POST", "/deallocate"))
    assert (address(scene, "fixed-ip"), address(scene, "dynamic-ip")) == (fixed, None)
    scene.succeed(scene.call("POST", "/start"))
    assert address(scene, "dynamic-ip") is not None


def test_faces_follow_power_and_security_groups(make_scene: SceneMaker) -> None:
    scene = make_scene(network_interfaces=["nic", "nic2"])
    faces = scene.made.azure.compute.faces(scene.vm.id.key)
    assert [face.address for face in faces] == [address(scene, "fixed-ip"), address(scene, "dynamic-ip")]
    assert [faces[0].allows(port) for port in (3389, 5986)] == [True, False]
    scene.succeed(scene.call("POST", "/powerOff"))
    assert not faces[0].allows(3389)
    assert scene.made.azure.compute.faces(scene.vm.id.key + "2") == []


def test_reapply_ends_a_failed_state(make_scene: SceneMaker) -> None:
    scene = make_scene(provisioning_state="Failed")
    assert scene.view()["statuses"][0]["code"] == "ProvisioningState/failed/VMStartTimedOut"
    scene.succeed(scene.call("POST", "/reapply"))
    assert scene.view()["statuses"][0]["code"] == "ProvisioningState/succeeded"


def test_nothing_can_be_done_to_a_machine_that_is_being_deleted(make_scene: SceneMaker) -> None:
    scene = make_scene(pace=1.0)
    running = scene.call("PATCH", "", {"properties": {"licenseType": "Windows_Server"}})
    deletion = scene.call("DELETE")
    assert deletion.status_code == 202
    for method, path in (("PATCH", ""), ("POST", "/start"), ("PUT", "/runCommands/x"), ("POST", "/runCommand")):
        answer = scene.call(method, path, {"location": "westeurope"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "OperationNotAllowed")
        assert "marked for deletion" in answer.json()["error"]["message"]
    assert scene.ended(deletion)["status"] == "Succeeded"
    assert scene.status(running)["error"]["code"] == "OperationPreempted"
    assert scene.call("GET").status_code == 404
    assert scene.call("DELETE").status_code == 204
    assert scene.made.azure.guests.get(scene.vm_id.lower()) is None


def test_a_deleted_resource_group_takes_its_guests_along(scene: Scene) -> None:
    key = scene.vm.id.key
    assert scene.made.azure.guests.get(key) is scene.machine
    scene.made.azure.store.delete(scene.vm.id.parent)
    assert scene.made.azure.guests.get(key) is None


@pytest.mark.parametrize("action", ["start", "runCommand", "retrieveBootDiagnosticsData"])
def test_actions_on_a_machine_that_is_not_there(scene: Scene, action: str) -> None:
    path = scene.vm_id + f"-none/{action}"
    answer = scene.client.post(path, params={"api-version": "2026-04-01"}, json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")


def test_boot_diagnostics_that_are_off(make_scene: SceneMaker) -> None:
    scene = make_scene(boot_diagnostics=False)
    assert scene.call("POST", "/retrieveBootDiagnosticsData").status_code == 409
    change = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": True}}}}
    scene.succeed(scene.call("PATCH", "", change))
    assert scene.call("POST", "/retrieveBootDiagnosticsData").status_code == 200


class TestGeneralized:
    def test_a_machine_that_is_off_becomes_a_template_at_once(self, make_scene: SceneMaker) -> None:
        scene = make_scene(power="stopped")

        answer = scene.call("POST", "/generalize")

        assert (answer.status_code, answer.content) == (200, b"")
        assert "azure-asyncoperation" not in answer.headers
        assert [one["code"] for one in scene.view()["statuses"]] == [
            "ProvisioningState/succeeded",
            "OSState/generalized",
            "PowerState/stopped",
        ]

    def test_it_never_starts_again(self, make_scene: SceneMaker) -> None:
        scene = make_scene(power="deallocated")
        scene.call("POST", "/generalize")

        refused = scene.call("POST", "/start")

        assert refused.status_code == 409
        assert refused.json()["error"]["code"] == "OperationNotAllowed"
        assert "since the VM is generalized" in refused.json()["error"]["message"]

    def test_a_running_machine_is_refused(self, scene: Scene) -> None:
        assert scene.call("POST", "/generalize").status_code == 409
