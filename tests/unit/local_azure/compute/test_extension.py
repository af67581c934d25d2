# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extensions that a scenario made, and the honest refusal of all others."""

from __future__ import annotations

from .conftest import Scene, SceneMaker

ANTIMALWARE = {
    "name": "antimalware",
    "publisher": "Microsoft.Azure.Security",
    "type": "IaaSAntimalware",
    "version": "1.3",
    "settings": {"AntimalwareEnabled": True},
}


def body(publisher: str, type_: str) -> dict[str, object]:
    return {
        "location": "westeurope",
        "properties": {
            "publisher": publisher,
            "type": type_,
            "typeHandlerVersion": "2.4",
            "protectedSettings": {"Password": "x"},
        },
    }


def test_a_seeded_extension_shows_everywhere(make_scene: SceneMaker) -> None:
    scene = make_scene(extensions=[ANTIMALWARE])
    one = scene.call("GET", "/extensions/antimalware", expand="instanceView").json()
    assert one["type"] == "Microsoft.Compute/virtualMachines/extensions"
    assert one["properties"]["settings"] == {"AntimalwareEnabled": True}
    assert one["properties"]["instanceView"]["type"] == "Microsoft.Azure.Security.IaaSAntimalware"
    assert [entry["name"] for entry in scene.call("GET", "/extensions").json()["value"]] == ["antimalware"]
    vm = scene.call("GET", expand="instanceView").json()
    assert vm["resources"][0]["id"] == one["id"]
    view = vm["properties"]["instanceView"]
    assert view["extensions"][0]["name"] == "antimalware"
    assert view["vmAgent"]["extensionHandlers"][0]["typeHandlerVersion"] == "1.3"


def test_a_seeded_extension_can_be_removed(make_scene: SceneMaker) -> None:
    scene = make_scene(extensions=[ANTIMALWARE])
    scene.succeed(scene.call("DELETE", "/extensions/antimalware"))
    assert scene.call("GET", "/extensions/antimalware").status_code == 404
    assert scene.call("DELETE", "/extensions/antimalware").status_code == 204
    assert "resources" not in scene.call("GET").json()


def test_no_other_handler_can_be_installed(scene: Scene) -> None:
    answer = scene.call("PUT", "/extensions/custom", body("Microsoft.Compute", "CustomScriptExtension"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotInLocalAzure")
    assert "Microsoft.Compute.CustomScriptExtension" in answer.json()["error"]["message"]
    assert scene.call("GET", "/extensions").json() == {"value": []}


def test_azure_s_own_refusals_come_first(make_scene: SceneMaker) -> None:
    scene = make_scene(extensions=[ANTIMALWARE])
    second = scene.call("PUT", "/extensions/other", body("Microsoft.Azure.Security", "IaaSAntimalware"))
    assert second.status_code == 400
    assert second.json()["error"]["innererror"] == {"internalErrorCode": "MultipleExtensionsPerHandlerNotAllowed"}
    scene.succeed(scene.call("POST", "/deallocate"))
    off = scene.call("DELETE", "/extensions/antimalware")
    assert off.json()["error"]["innererror"] == {"internalErrorCode": "CannotModifyExtensionsWhenVMNotRunning"}


def network_watcher_agent(system: str = "Windows") -> dict[str, object]:
    properties: dict[str, object] = {
        "publisher": "Microsoft.Azure.NetworkWatcher",
        "type": f"NetworkWatcherAgent{system}",
        "typeHandlerVersion": "1.4",
        "autoUpgradeMinorVersion": True,
    }
    return {"location": "westeurope", "properties": properties}


class TestHandlersThatChangeNothing:
    def test_they_are_installed_and_report(self, scene: Scene) -> None:
        answer = scene.call("PUT", "/extensions/agent", network_watcher_agent())

        assert answer.status_code == 201
        scene.succeed(answer)
        shown = scene.call("GET", "/extensions/agent", expand="instanceView").json()["properties"]
        assert shown["provisioningState"] == "Succeeded"
        assert "settings" not in shown
        assert shown["instanceView"]["typeHandlerVersion"] == "1.4"

    def test_the_next_write_need_not_name_the_type_again(self, scene: Scene) -> None:
        wanted = network_watcher_agent()
        scene.succeed(scene.call("PUT", "/extensions/agent", wanted))
        properties = {"publisher": "Microsoft.Azure.NetworkWatcher", "typeHandlerVersion": "1.4"}
        answer = scene.call("PUT", "/extensions/agent", {"location": "westeurope", "properties": properties})
        scene.succeed(answer)
        assert scene.call("GET", "/extensions/agent").json()["properties"]["type"] == "NetworkWatcherAgentWindows"

    def test_those_of_another_system_are_refused(self, scene: Scene) -> None:
        answer = scene.call("PUT", "/extensions/agent", network_watcher_agent("Linux"))

        assert answer.status_code == 501

    def test_a_silent_agent_fails_them(self, make_scene: SceneMaker) -> None:
        scene = make_scene(agent="unresponsive")

        ended = scene.ended(scene.call("PUT", "/extensions/agent", network_watcher_agent()))

        assert ended["error"]["code"] == "VMAgentStatusCommunicationError"


def test_a_status_has_a_message_and_no_time_and_the_machine_is_updating_meanwhile(make_scene: SceneMaker) -> None:
    scene = make_scene(pace=1.0)
    handler = {"publisher": "Microsoft.Compute", "type": "BGInfo", "typeHandlerVersion": "2.1"}
    begun = scene.call("PUT", "/extensions/e", {"location": "westeurope", "properties": handler})
    assert scene.call("GET").json()["properties"]["provisioningState"] == "Updating"
    scene.succeed(begun)
    assert scene.call("GET").json()["properties"]["provisioningState"] == "Succeeded"
    text = "Plugin enabled (handler name: Microsoft.Compute.BGInfo, extension name: , version: 2.1)."
    view = scene.view()
    assert view["vmAgent"]["extensionHandlers"][0]["status"]["message"] == text
    assert view["extensions"][0]["statuses"] == [
        {
            "code": "ProvisioningState/succeeded",
            "level": "Info",
            "displayStatus": "Provisioning succeeded",
            "message": text,
        }
    ]


def test_data_disks_are_in_the_view(make_scene: SceneMaker) -> None:
    disks = {"osDisk": {"name": "os", "osType": "Windows"}, "dataDisks": [{"name": "data", "lun": 0}]}
    scene = make_scene(properties={"storageProfile": disks})
    assert [disk["name"] for disk in scene.view()["disks"]] == ["os", "data"]
