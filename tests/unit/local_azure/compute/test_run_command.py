# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both kinds of Run Command, in good and bad times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from .conftest import AnsweringMachine, Scene, SceneMaker

Answer = Callable[..., AnsweringMachine]


def command(script: str = "Get-Date", **properties: Any) -> dict[str, Any]:
    return {"location": "westeurope", "properties": {"source": {"script": script}, **properties}}


def view(scene: Scene, name: str = "c") -> dict[str, Any]:
    answer = scene.call("GET", f"/runCommands/{name}", expand="instanceView")
    found: dict[str, Any] = answer.json()["properties"]["instanceView"]
    return found


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# Managed run commands


def test_a_new_command_is_created_an_old_one_updated_and_both_run(scene: Scene, answer_scripts: Answer) -> None:
    machine = answer_scripts(scene, output="fine")
    first = scene.call("PUT", "/runCommands/c", command("one"))
    assert (first.status_code, first.json()["properties"]["provisioningState"]) == (201, "Creating")
    assert "location" not in first.headers
    scene.succeed(first)
    second = scene.call("PUT", "/runCommands/c", command("two"))
    assert (second.status_code, second.json()["properties"]["provisioningState"]) == (200, "Updating")
    scene.succeed(second)
    third = scene.call("PATCH", "/runCommands/c", {"properties": {"timeoutInSeconds": 60}})
    assert (third.status_code, third.json()["properties"]["timeoutInSeconds"]) == (200, 60)
    scene.succeed(third)
    assert [script for script, _parameters in machine.scripts] == ["one", "two", "two"]
    assert view(scene)["executionState"] == "Succeeded"


def test_provisioning_succeeds_though_the_script_failed(scene: Scene, answer_scripts: Answer) -> None:
    answer_scripts(scene, exit_code=127, error="no such thing")
    scene.succeed(scene.call("PUT", "/runCommands/c", command()))
    assert scene.call("GET", "/runCommands/c").json()["properties"]["provisioningState"] == "Succeeded"
    shown = view(scene)
    assert (shown["executionState"], shown["exitCode"], shown["error"]) == ("Failed", 127, "no such thing")


def test_unless_the_failure_counts_as_the_deployments(scene: Scene, answer_scripts: Answer) -> None:
    answer_scripts(scene, exit_code=1)
    document = scene.ended(scene.call("PUT", "/runCommands/c", command(treatFailureAsDeploymentFailure=True)))
    assert (document["status"], document["error"]["code"]) == ("Failed", "VMExtensionProvisioningError")
    assert scene.call("GET", "/runCommands/c").json()["properties"]["provisioningState"] == "Failed"
    assert view(scene)["executionState"] == "Failed"


def test_protected_values_reach_the_script_and_nobody_else(scene: Scene, answer_scripts: Answer) -> None:
    machine = answer_scripts(scene)
    secret = [{"name": "word", "value": "swordfish"}]
    body = command(parameters=[{"name": "port", "value": "5986"}], protectedParameters=secret)
    answers = [scene.call("PUT", "/runCommands/c", body)]
    scene.succeed(answers[0])
    scene.succeed(scene.call("PATCH", "/runCommands/c", {"properties": {}}))
    assert [parameters for _script, parameters in machine.scripts] == [{"port": "5986", "word": "swordfish"}] * 2
    answers += [
        scene.call("GET", "/runCommands/c", expand="instanceView"),
        scene.call("GET", "/runCommands", expand="instanceView"),
        scene.call("GET", expand="instanceView"),
    ]
    assert not any("swordfish" in answer.text or "protectedParameters" in answer.text for answer in answers)


def test_output_is_cut_to_its_end(scene: Scene, answer_scripts: Answer) -> None:
    answer_scripts(scene, output="a" * 5000 + "end", error="\u00e9" * 3000)
    scene.succeed(scene.call("PUT", "/runCommands/c", command()))
    shown = view(scene)
    assert len(shown["output"]) == 4096
    assert shown["output"].endswith("aend")
    assert shown["error"] == "\u00e9" * 2048


def test_the_states_while_it_runs(make_scene: SceneMaker, answer_scripts: Answer) -> None:
    scene = make_scene(pace=1.0, run_command_seconds=30)
    answer_scripts(scene, output="done")
    answer = scene.call("PUT", "/runCommands/c", command())
    shown = view(scene)
    assert (shown["executionState"], shown["output"]) == ("Running", "")
    assert "endTime" not in shown
    scene.made.azure.clock.advance(timedelta(seconds=50))
    assert scene.status(answer)["status"] == "Succeeded"
    assert (view(scene)["executionState"], view(scene)["output"]) == ("Succeeded", "done")


def test_asynchronous_execution_goes_on_after_the_operation(make_scene: SceneMaker, answer_scripts: Answer) -> None:
    scene = make_scene(pace=1.0, run_command_seconds=100)
    machine = answer_scripts(scene, exit_code=2)
    answer = scene.call("PUT", "/runCommands/c", command(asyncExecution=True))
    scene.made.azure.clock.advance(timedelta(seconds=20))
    assert scene.status(answer)["status"] == "Succeeded"
    assert (view(scene)["executionState"], machine.scripts) == ("Running", [])
    scene.made.azure.clock.advance(timedelta(seconds=101))
    assert (view(scene)["executionState"], view(scene)["exitCode"]) == ("Failed", 2)


def test_a_script_that_outlasts_its_time(make_scene: SceneMaker, answer_scripts: Answer) -> None:
    scene = make_scene(run_command_seconds=120)
    machine = answer_scripts(scene)
    scene.succeed(scene.call("PUT", "/runCommands/c", command(timeoutInSeconds=60)))
    assert (view(scene)["executionState"], machine.scripts) == ("TimedOut", [])


def test_a_silent_agent_fails_the_command_after_a_long_wait(make_scene: SceneMaker) -> None:
    scene = make_scene(pace=1.0, agent="unresponsive")
    answer = scene.call("PUT", "/runCommands/c", command())
    scene.made.azure.clock.advance(timedelta(minutes=20))
    assert scene.status(answer)["status"] == "InProgress"
    assert view(scene)["executionState"] == "Pending"
    scene.made.azure.clock.advance(timedelta(minutes=10))
    document = scene.status(answer)
    assert (document["status"], document["error"]["code"]) == ("Failed", "VMAgentStatusCommunicationError")
    assert view(scene)["executionState"] == "Pending"
    assert scene.call("GET", "/runCommands/c").json()["properties"]["provisioningState"] == "Failed"


def test_a_starting_agent_takes_the_command_when_it_is_ready(make_scene: SceneMaker, answer_scripts: Answer) -> None:
    scene = make_scene(pace=1.0, agent="starting")
    machine = answer_scripts(scene)
    machine.agent = "starting"
    answer = scene.call("PUT", "/runCommands/c", command())
    assert view(scene)["executionState"] == "Pending"
    scene.made.azure.clock.advance(timedelta(seconds=62))
    assert view(scene)["executionState"] == "Running"
    scene.made.azure.clock.advance(timedelta(seconds=40))
    assert scene.status(answer)["status"] == "Succeeded"
    assert len(machine.scripts) == 1


def test_a_machine_that_goes_down_meanwhile(make_scene: SceneMaker, answer_scripts: Answer) -> None:
    scene = make_scene(pace=1.0)
    machine = answer_scripts(scene)
    answer = scene.call("PUT", "/runCommands/c", command())
    scene.call("POST", "/deallocate")
    document = scene.ended(answer)
    assert (document["status"], document["error"]["code"]) == ("Failed", "VMAgentStatusCommunicationError")
    assert machine.scripts == []


def test_a_command_during_a_restart_waits_for_the_agent(make_scene: SceneMaker, answer_scripts: Answer) -> None:
    scene = make_scene(pace=1.0)
    machine = answer_scripts(scene)
    interrupted = scene.call("PUT", "/runCommands/a", command("interrupted"))
    scene.call("POST", "/restart")
    answer = scene.call("PUT", "/runCommands/b", command("patient"))
    scene.made.azure.clock.advance(timedelta(seconds=40))
    assert scene.status(interrupted)["error"]["code"] == "VMAgentStatusCommunicationError"
    scene.made.azure.clock.advance(timedelta(seconds=70))
    assert scene.status(answer)["status"] == "Succeeded"
    assert [script for script, _parameters in machine.scripts] == ["patient"]


def test_deletion_ends_a_running_script(make_scene: SceneMaker, answer_scripts: Answer) -> None:
    scene = make_scene(pace=1.0)
    machine = answer_scripts(scene)
    running = scene.call("PUT", "/runCommands/c", command())
    deletion = scene.call("DELETE", "/runCommands/c")
    assert (deletion.status_code, deletion.content) == (202, b"")
    assert {"azure-asyncoperation", "location"} <= set(deletion.headers)
    assert view(scene)["executionState"] == "Canceled"
    again = scene.call("PUT", "/runCommands/c", command())
    assert code(again) == (409, "OperationNotAllowed")
    assert scene.ended(deletion)["status"] == "Succeeded"
    assert scene.status(running)["error"]["code"] == "OperationPreempted"
    assert machine.scripts == []
    assert scene.call("GET", "/runCommands/c").status_code == 404
    assert scene.call("DELETE", "/runCommands/c").status_code == 204


def test_a_new_put_replaces_a_run_under_way(make_scene: SceneMaker, answer_scripts: Answer) -> None:
    scene = make_scene(pace=1.0)
    machine = answer_scripts(scene)
    first = scene.call("PUT", "/runCommands/c", command("one"))
    second = scene.call("PUT", "/runCommands/c", command("two"))
    assert scene.ended(second)["status"] == "Succeeded"
    assert scene.status(first)["error"]["code"] == "OperationPreempted"
    assert [script for script, _parameters in machine.scripts] == ["two"]


def test_several_commands_run_side_by_side(make_scene: SceneMaker, answer_scripts: Answer) -> None:
    scene = make_scene(pace=1.0)
    answer_scripts(scene)
    answers = [scene.call("PUT", f"/runCommands/{name}", command()) for name in ("b", "a")]
    scene.made.settle()
    assert [scene.status(answer)["status"] for answer in answers] == ["Succeeded", "Succeeded"]
    assert [one["name"] for one in scene.call("GET", "/runCommands").json()["value"]] == ["a", "b"]


@pytest.mark.parametrize("power", ["stopped", "deallocated"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_machine_that_is_off_takes_no_command(make_scene: SceneMaker, power: str, method: str) -> None:
    scene = make_scene()
    scene.succeed(scene.call("PUT", "/runCommands/c", command()))
    scene.succeed(scene.call("POST", "/powerOff" if power == "stopped" else "/deallocate"))
    answer = scene.call(method, "/runCommands/c", command())
    assert answer.status_code == 409
    assert answer.json()["error"] == {
        "code": "OperationNotAllowed",
        "message": "Cannot modify extensions in the VM when the VM is not running.",
        "innererror": {"internalErrorCode": "CannotModifyExtensionsWhenVMNotRunning"},
    }


def test_extension_operations_can_be_disallowed(make_scene: SceneMaker) -> None:
    scene = make_scene(allow_extension_operations=False)
    for answer in (
        scene.call("PUT", "/runCommands/c", command()),
        scene.call("POST", "/runCommand", {"commandId": "RunPowerShellScript", "script": ["x"]}),
        scene.call("PUT", "/extensions/e", {"location": "westeurope"}),
    ):
        assert code(answer) == (409, "OperationNotAllowed")
        assert "extension operations are disallowed" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"properties": {"source": {"script": "x"}}}, 400, "LocationRequired"),
        ({"location": "westeurope"}, 400, "InvalidParameter"),
        ({"location": "westeurope", "properties": {}}, 400, "InvalidParameter"),
        (command("", source={"script": 1}), 400, "InvalidParameter"),
        (command(parameters=[{"name": "a", "value": 1}]), 400, "InvalidParameter"),
        (command(parameters={"a": "1"}), 400, "InvalidParameter"),
        (command(timeoutInSeconds="long"), 400, "InvalidParameter"),
        (command(asyncExecution="yes"), 400, "InvalidParameter"),
        (command(runAsUser="somebody"), 501, "NotInLocalAzure"),
        (command(outputBlobUri="https://example.invalid/"), 501, "NotInLocalAzure"),
        ({"location": "westeurope", "properties": {"source": {"scriptUri": "https://x"}}}, 501, "NotInLocalAzure"),
    ],
)
def test_bodies_that_are_refused(scene: Scene, body: dict[str, Any], status: int, error: str) -> None:
    assert code(scene.call("PUT", "/runCommands/c", body)) == (status, error)
    assert scene.call("GET", "/runCommands/c").status_code == 404


def test_commands_of_a_machine_that_is_not_there(scene: Scene) -> None:
    for method, path in (("GET", "/runCommands/c"), ("GET", "/runCommands"), ("PUT", "/runCommands/c")):
        answer = scene.client.request(
            method, scene.vm_id + "2" + path, params={"api-version": "2026-04-01"}, json=command()
        )
        assert code(answer) == (404, "ParentResourceNotFound")
    assert code(scene.call("PATCH", "/runCommands/c", {"properties": {}})) == (404, "ResourceNotFound")


def test_a_script_the_guest_does_not_know_says_so(scene: Scene) -> None:
    scene.succeed(scene.call("PUT", "/runCommands/c", command("Get-Date")))
    assert view(scene)["executionState"] == "Failed"
    assert "local Azure" in view(scene)["error"]


def test_linux_is_not_modelled_inside(make_scene: SceneMaker) -> None:
    scene = make_scene(image="ubuntu-24.04")
    scene.succeed(scene.call("PUT", "/runCommands/c", command("date")))
    assert "Linux" in view(scene)["error"]
    assert scene.made.azure.guests.get(scene.vm.id.key) is None


# One-shot run commands


def test_one_shot_result_is_in_both_documents(scene: Scene, answer_scripts: Answer) -> None:
    machine = answer_scripts(scene, output="out", error="err")
    body = {
        "commandId": "runpowershellscript",
        "script": ["line 1", "line 2"],
        "parameters": [{"name": "a", "value": "1"}],
    }
    answer = scene.call("POST", "/runCommand", body)
    assert answer.status_code == 202
    document = scene.ended(answer)
    value = [
        {
            "code": f"ComponentStatus/{stream}/succeeded",
            "level": "Info",
            "displayStatus": "Provisioning succeeded",
            "message": text,
        }
        for stream, text in (("StdOut", "out"), ("StdErr", "err"))
    ]
    assert document["properties"] == {"output": {"value": value}}
    assert scene.client.get(answer.headers["location"]).json() == {"value": value}
    assert machine.scripts == [("line 1\nline 2", {"a": "1"})]


def test_one_shot_on_linux_has_one_entry(make_scene: SceneMaker) -> None:
    scene = make_scene(image="ubuntu-22.04")
    answer = scene.call("POST", "/runCommand", {"commandId": "RunShellScript", "script": ["date"]})
    scene.succeed(answer)
    (entry,) = scene.client.get(answer.headers["location"]).json()["value"]
    assert entry["message"].startswith("Enable succeeded: \n[stdout]\n")


def test_only_one_at_a_time(make_scene: SceneMaker, answer_scripts: Answer) -> None:
    scene = make_scene(pace=1.0)
    answer_scripts(scene)
    body = {"commandId": "RunPowerShellScript", "script": ["x"]}
    first = scene.call("POST", "/runCommand", body)
    busy = scene.call("POST", "/runCommand", body)
    assert code(busy) == (409, "Conflict")
    assert busy.json()["error"]["message"].startswith("Run command extension execution is in progress.")
    scene.succeed(first)
    assert scene.call("POST", "/runCommand", body).status_code == 202


def test_one_shot_refusals(make_scene: SceneMaker) -> None:
    scene = make_scene()
    for body, expected in (
        ({"commandId": "Nothing"}, (404, "NotFound")),
        ({"commandId": "RunShellScript", "script": ["x"]}, (404, "NotFound")),
        ({"commandId": "ifconfig"}, (404, "NotFound")),
        ({}, (400, "InvalidParameter")),
        ({"commandId": "RunPowerShellScript", "script": "x"}, (400, "InvalidParameter")),
    ):
        assert code(scene.call("POST", "/runCommand", body)) == expected
    off = make_scene(power="deallocated")
    answer = off.call("POST", "/runCommand", {"commandId": "RunPowerShellScript", "script": ["x"]})
    assert answer.json()["error"]["message"] == "The operation requires the VM to be running (or set to run)."


def test_a_command_without_script_runs_its_own(make_scene: SceneMaker) -> None:
    scene = make_scene()
    parameters = [{"name": "arg1", "value": "one"}]
    for body, output, error in (
        ({"commandId": "RunPowerShellScript"}, "This is a sample script with parameters  ", ""),
        (
            {"commandId": "RunPowerShellScript", "parameters": parameters},
            "This is a sample script with parameters one ",
            "",
        ),
        ({"commandId": "IPConfig"}, "", "The local Azure does not model what IPConfig does."),
    ):
        document = scene.ended(scene.call("POST", "/runCommand", body))
        messages = [entry["message"] for entry in document["properties"]["output"]["value"]]
        assert messages == [output, error]


def test_a_managed_command_without_script_fails_inside(scene: Scene) -> None:
    scene.succeed(scene.call("PUT", "/runCommands/c", {"location": "westeurope", "properties": {"source": {}}}))
    shown = view(scene)
    assert (shown["executionState"], shown["exitCode"]) == ("Failed", 3)
    assert "Either 'source.script' or 'source.scriptUri' has to be specified" in shown["executionMessage"]


def test_one_shot_with_a_silent_agent(make_scene: SceneMaker) -> None:
    scene = make_scene(agent="unresponsive")
    document = scene.ended(scene.call("POST", "/runCommand", {"commandId": "RunPowerShellScript", "script": ["x"]}))
    assert document["error"]["code"] == "VMAgentStatusCommunicationError"
    assert scene.state.one_shot_running is False


def test_built_in_commands(scene: Scene) -> None:
    root = f"{scene.made.subscription}/providers/Microsoft.Compute/locations/westeurope/runCommands"
    version = {"api-version": "2026-04-01"}
    listed = scene.client.get(root, params=version)
    assert "script" not in listed.json()["value"][0]
    assert {one["id"]: one["label"] for one in listed.json()["value"]}["IPConfig"] == "List IP configuration"
    assert listed.headers["x-ms-ratelimit-remaining-resource"].startswith("Microsoft.Compute/GetSubscriptionInfo")
    own = scene.client.get(f"{root}/IPConfig", params=version).json()
    assert (own["osType"], "parameters" in own) == ("Windows", False)
    sample = scene.client.get(f"{root}/RunShellScript", params=version).json()
    assert sample["parameters"][0] == {"name": "arg1", "type": "string", "required": False}
    assert scene.client.get(f"{root}/runpowershellscript", params=version).json()["id"] == "RunPowerShellScript"
    assert code(scene.client.get(f"{root}/Nothing", params=version)) == (404, "NotFound")
