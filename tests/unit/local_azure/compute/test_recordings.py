# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers side by side with recordings of real Azure: same fields in the same places, same headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .conftest import AnsweringMachine, Scene, SceneMaker

Recording = Callable[[str], list[dict[str, Any]]]

#: What recorded machines happen to have and ours don't, or the other way round; none of it is about access.
INCIDENTAL = {
    "properties.hardwareProfile.vmSizeProperties",
    "properties.diagnosticsProfile",
    "properties.instanceView.bootDiagnostics",
    "properties.osProfile.windowsConfiguration.enableVMAgentPlatformUpdates",
    "properties.securityProfile",
    "properties.storageProfile.osDisk.vhd",
    "properties.storageProfile.osDisk.managedDisk",
    "properties.storageProfile.diskControllerType",
}


def fields(value: object, at: str = "") -> set[str]:
    """The paths of all fields in ``value``; the entries of a list share one path."""
    found: set[str] = set()
    if isinstance(value, dict):
        for name, inner in value.items():
            path = f"{at}.{name}" if at else name
            if path not in INCIDENTAL:
                found |= {path} | fields(inner, path)
    elif isinstance(value, list):
        for inner in value:
            found |= fields(inner, at + "[]")
    return found


def exchange(exchanges: list[dict[str, Any]], method: str, end: str, *, nth: int = 0, **query: str) -> dict[str, Any]:
    """The ``nth`` exchange with that method whose path ends so and whose query has these words."""
    matching = [
        one
        for one in exchanges
        if one["method"] == method
        and one["path"].endswith(end)
        and all(f"{word}" in one["query"] for word in query.values())
    ]
    return matching[nth]


def test_a_machine_whose_agent_has_not_reported_yet(recording: Recording, make_scene: SceneMaker) -> None:
    real = exchange(recording("test_vm_user_update_win"), "GET", "/vm", nth=-1, expand="instanceView")
    scene = make_scene(pace=1.0, agent="starting", tags={})
    mine = scene.call("GET", expand="instanceView", api_version="2024-07-01")
    assert fields(mine.json()) == fields(real["response"])
    assert list(mine.json()) == list(real["response"])
    assert ("etag" in mine.headers) == ("etag" in real["headers"])


def test_a_stopped_machine(recording: Recording, make_scene: SceneMaker) -> None:
    real = exchange(recording("test_invoke_action"), "GET", "cli-test-vm000002", nth=1, expand="instanceView")
    mine = make_scene(power="stopped", image="ubuntu-22.04").call("GET", expand="instanceView")
    assert fields(mine.json()) == fields(real["response"])
    statuses = mine.json()["properties"]["instanceView"]["statuses"]
    assert [one["code"] for one in statuses] == [
        one["code"] for one in real["response"]["properties"]["instanceView"]["statuses"]
    ]


def test_a_power_action(recording: Recording, scene: Scene) -> None:
    exchanges = recording("test_invoke_action")
    for action in ("powerOff", "deallocate"):
        real = exchange(exchanges, "POST", f"/{action}")
        mine = scene.call("POST", f"/{action}")
        assert mine.status_code == real["status"]
        assert mine.content == b""
        assert real["response"] is None
        both = set(mine.headers) & set(real["headers"])
        assert {"location", "azure-asyncoperation", "azure-asyncnotification"} <= both
        limits = [
            [entry.partition(";")[0] for entry in headers["x-ms-ratelimit-remaining-resource"].split(",")]
            for headers in (mine.headers, real["headers"])
        ]
        assert limits[0] == limits[1]
        assert scene.ended(mine)["status"] == "Succeeded"


def test_a_patch(recording: Recording, scene: Scene) -> None:
    exchanges = recording("test_resource_patch")
    real = exchange(exchanges, "PATCH", "/vm")
    mine = scene.call("PATCH", "", real["request"], api_version="2024-07-01")
    assert mine.status_code == real["status"] == 200
    assert mine.headers["etag"] == real["headers"]["etag"] == '"2"'
    assert "location" not in mine.headers
    assert "location" not in real["headers"]
    assert fields(mine.json()["identity"]) == fields(real["response"]["identity"])
    assert mine.json()["properties"]["provisioningState"] == real["response"]["properties"]["provisioningState"]
    finished = scene.ended(mine)
    assert list(finished) == ["startTime", "endTime", "status", "name"]
    after = scene.call("GET", "", api_version="2024-07-01")
    recorded_after = exchange(exchanges, "GET", "/vm", nth=-1)
    assert after.headers["etag"] == recorded_after["headers"]["etag"]
    assert after.json()["properties"]["osProfile"]["allowExtensionOperations"] is False
    assert recorded_after["response"]["properties"]["osProfile"]["allowExtensionOperations"] is False


def test_the_secrets_of_a_machine(recording: Recording, scene: Scene) -> None:
    real = exchange(recording("test_vm_create_windows_secrets"), "GET", "/vm-name", nth=-1)
    profile = real["response"]["properties"]["osProfile"]
    references = scene.refer(("certs-vault", "https://certs-vault.vault.azure.net/secrets/cert1/" + "c" * 32))
    assert fields(references) == fields(profile["secrets"])
    mine = scene.patch_secrets(references, api_version="2024-07-01")
    assert fields(mine.json()["properties"]["osProfile"], "properties.osProfile") == fields(
        profile, "properties.osProfile"
    )


def test_a_managed_run_command(
    recording: Recording, scene: Scene, answer_scripts: Callable[..., AnsweringMachine]
) -> None:
    answer_scripts(scene, exit_code=127, error="command not found")
    exchanges = recording("test_run_command_v2")
    name = "/runCommands/cmd-000003"
    for method in ("PUT", "PATCH"):
        real = exchange(exchanges, method, name)
        request = real["request"]
        request["properties"].pop("runAsUser", None)
        real["response"]["properties"].pop("runAsUser", None)
        mine = scene.call(method, "/runCommands/cmd", request, api_version="2024-07-01")
        assert mine.status_code == real["status"]
        assert fields(mine.json()) == fields(real["response"])
        assert mine.json()["properties"] == real["response"]["properties"]
        assert ("location" in mine.headers) == ("location" in real["headers"])
        scene.succeed(mine)
    real = exchange(exchanges, "GET", name, expand="instanceView")
    mine = scene.call("GET", "/runCommands/cmd", expand="instanceView")
    recorded_view, view = (one["properties"]["instanceView"] for one in (real["response"], mine.json()))
    assert list(view) == list(recorded_view)
    assert [view[name] for name in ("exitCode", "executionState")] == [
        recorded_view[name] for name in ("exitCode", "executionState")
    ]
    real = exchange(exchanges, "DELETE", name)
    deletion = scene.call("DELETE", "/runCommands/cmd")
    assert deletion.status_code == real["status"]
    assert {"location", "azure-asyncoperation"} <= set(deletion.headers) & set(real["headers"])


def test_a_one_shot_run_command(recording: Recording, make_scene: SceneMaker) -> None:
    exchanges = recording("test_vm_run_command_with_parameters")
    real = exchange(exchanges, "POST", "/runCommand")
    scene = make_scene(image="ubuntu-22.04")
    mine = scene.call("POST", "/runCommand", real["request"])
    assert mine.status_code == real["status"]
    polls = [one["response"] for one in exchanges if "/operations/" in one["path"] and one["response"]]
    output = next(one for one in polls if "properties" in one)
    assert fields(scene.ended(mine)) == fields(output)
    assert fields(scene.client.get(mine.headers["location"]).json()) == fields(polls[-1])


def test_boot_diagnostics(recording: Recording, scene: Scene) -> None:
    real = exchange(recording("test_vm_boot_diagnostics"), "POST", "/retrieveBootDiagnosticsData")
    mine = scene.call("POST", "/retrieveBootDiagnosticsData")
    assert mine.status_code == real["status"]
    for name, uri in real["response"].items():
        assert mine.json()[name].partition("?")[0].rpartition(".")[2] == uri.partition("?")[0].rpartition(".")[2]
        words = [part.partition("=")[0] for part in uri.partition("?")[2].split("&")]
        assert [part.partition("=")[0] for part in mine.json()[name].partition("?")[2].split("&")] == words
