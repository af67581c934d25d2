# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VMAccess extension of the local Azure: when it runs, what it does in the guest, how it fails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_azure.guest.password_policy import meets_policy

from .conftest import Scene, SceneMaker

NAME = "/extensions/enablevmaccess"
LEFT_FAILED = {
    "name": "old-reset",
    "publisher": "microsoft.compute",
    "type": "VMAccessAgent",
    "version": "2.4",
    "settings": {"UserName": "somebody"},
    "provisioning_state": "Failed",
    "error": "VMAccess Extension does not support Domain Controller.",
}
LOCKED = {"rdp_enabled": False, "rdp_service_running": False, "rdp_firewall_rule": False}


def body(
    username: str | None = None, password: str | None = None, *, tag: str | None = None, **properties: Any
) -> dict[str, Any]:
    """The body of a reset; without a name, of the Remote Desktop configuration."""
    return {
        "location": "westeurope",
        "properties": {
            "publisher": "Microsoft.Compute",
            "type": "VMAccessAgent",
            "typeHandlerVersion": "2.4",
            "autoUpgradeMinorVersion": True,
            "settings": {"UserName": username} if username else {},
            "protectedSettings": {"Password": password} if password else {},
            **({"forceUpdateTag": tag} if tag else {}),
            **properties,
        },
    }


def failure(scene: Scene, answer: Any) -> tuple[str, str]:
    """Code and message of an operation that fails."""
    ended = scene.ended(answer)
    assert ended["status"] == "Failed"
    assert scene.call("GET", NAME).json()["properties"]["provisioningState"] == "Failed"
    return ended["error"]["code"], ended["error"]["message"]


def test_a_reset_of_the_configuration_lets_rdp_in_again(make_scene: SceneMaker) -> None:
    scene = make_scene(guest=LOCKED)
    assert not scene.machine.admits(3389, "203.0.113.7")
    assert 3389 not in scene.machine.listening()
    answer = scene.call("PUT", NAME, body(tag="1"))
    assert answer.status_code == 201
    assert answer.json()["properties"]["provisioningState"] == "Creating"
    assert "location" not in answer.headers
    scene.succeed(answer)
    assert scene.machine.admits(3389, "203.0.113.7")
    assert scene.machine.listening()[3389].kind == "rdp"
    assert list(scene.machine.users) == ["azureuser"]


def test_what_is_returned_never_holds_the_password(scene: Scene) -> None:
    answer = scene.call("PUT", NAME, body("azureuser", "Correct-Horse-1", tag="1"))
    scene.succeed(answer)
    found = [
        answer.text,
        scene.call("GET", NAME, expand="instanceView").text,
        scene.call("GET", expand="instanceView").text,
        scene.call("GET", "/extensions").text,
    ]
    assert not [text for text in found if "Correct-Horse-1" in text or "protectedSettings" in text]
    properties = scene.call("GET", NAME).json()["properties"]
    assert properties["settings"] == {"UserName": "azureuser"}
    assert properties["forceUpdateTag"] == "1"


def test_the_password_is_the_account_s_at_once(scene: Scene) -> None:
    scene.succeed(scene.call("PUT", NAME, body("AzureUser", "Correct-Horse-1")))
    user = scene.machine.user("azureuser")
    assert user is not None
    assert (user.password, user.name, user.built_in) == ("Correct-Horse-1", "azureuser", True)


def test_another_name_becomes_an_administrator(scene: Scene) -> None:
    scene.succeed(scene.call("PUT", NAME, body("rescue", "Correct-Horse-1")))
    user = scene.machine.user("rescue")
    assert user is not None
    assert (user.admin, user.enabled, user.built_in) == (True, True, False)


def test_a_disabled_administrator_is_enabled(make_scene: SceneMaker) -> None:
    users = [{"name": "ops", "password": "Former-Horse-1", "enabled": False}]
    scene = make_scene(guest={"users": users})
    scene.succeed(scene.call("PUT", NAME, body("ops", "Correct-Horse-1")))
    user = scene.machine.user("ops")
    assert user is not None
    assert user.enabled
    assert user.password == "Correct-Horse-1"


def test_the_instance_view_tells_what_was_done(scene: Scene) -> None:
    scene.succeed(scene.call("PUT", NAME, body("azureuser", "Correct-Horse-1")))
    view = scene.call("GET", NAME, expand="instanceView").json()["properties"]["instanceView"]
    assert view["type"] == "Microsoft.Compute.VMAccessAgent"
    assert view["typeHandlerVersion"] == "2.4.10"
    assert [one["code"] for one in view["statuses"]] == ["ProvisioningState/succeeded"]
    assert [one["message"] for one in view["substatuses"]] == [
        "The password of azureuser was set.",
        "Remote Desktop is enabled.",
    ]


@pytest.mark.parametrize(
    ("before", "after", "runs"),
    [
        (body(tag="1"), body(tag="1"), False),
        (body(tag="1"), body(tag="2"), True),
        (body(), body(), False),
        (body(), body(tag="1"), True),
        (body("azureuser", "Correct-Horse-1"), body("azureuser", "Correct-Horse-1"), False),
        (body("azureuser", "Correct-Horse-1"), body("azureuser", "Correct-Horse-2"), True),
    ],
)
def test_it_runs_again_when_its_configuration_differs(
    scene: Scene, before: dict[str, Any], after: dict[str, Any], runs: bool
) -> None:
    scene.succeed(scene.call("PUT", NAME, before))
    scene.machine.rdp.enabled = False
    answer = scene.call("PUT", NAME, after)
    assert (answer.status_code, answer.json()["properties"]["provisioningState"]) == (200, "Updating")
    scene.succeed(answer)
    assert scene.machine.rdp.enabled is runs


def test_a_patch_runs_it_with_what_was_there(scene: Scene) -> None:
    scene.succeed(scene.call("PUT", NAME, body("azureuser", "Correct-Horse-1", tag="1")))
    scene.machine.set_password("azureuser", "Forgotten-1")
    answer = scene.call("PATCH", NAME, {"properties": {"forceUpdateTag": "2"}})
    assert answer.status_code == 200
    scene.succeed(answer)
    user = scene.machine.user("azureuser")
    assert user is not None
    assert user.password == "Correct-Horse-1"
    assert scene.call("PATCH", "/extensions/none", {"properties": {}}).status_code == 404


@pytest.mark.parametrize(
    ("guest", "request_body", "text"),
    [
        ({"domain_controller": True}, body(), "VMAccess Extension does not support Domain Controller."),
        ({}, body("azureuser", "short"), "(0x800708C5): The password does not meet the password policy requirements."),
        ({}, body("azureuser", "My-azureuser-1"), "does not meet the password policy requirements"),
        ({"minimum_password_length": 16}, body("azureuser", "Correct-Horse-1"), "(0x800708C5): The password does not"),
        ({}, body(protectedSettings=None), "Object reference not set to an instance of an object."),
        ({}, body("azureuser"), "The Admin User Account password cannot be null or empty if provided the username."),
        (
            {"users": [{"name": "clerk", "password": "Former-Horse-1", "admin": False}]},
            body("clerk", "Correct-Horse-1"),
            "User account clerk already exists but cannot be updated because it is not in the Administrators group.",
        ),
    ],
)
def test_what_the_handler_reports_fails_the_operation(
    make_scene: SceneMaker, guest: dict[str, Any], request_body: dict[str, Any], text: str
) -> None:
    scene = make_scene(guest={**LOCKED, **guest})
    code, message = failure(scene, scene.call("PUT", NAME, request_body))
    assert code == "VMExtensionProvisioningError"
    assert text in message
    assert "(publisher 'Microsoft.Compute' and type 'VMAccessAgent')" in message
    assert not scene.machine.rdp.enabled
    view = scene.call("GET", NAME, expand="instanceView").json()["properties"]["instanceView"]
    assert text in view["statuses"][0]["message"]
    # The same configuration is not run again, so the report stands.
    assert failure(scene, scene.call("PUT", NAME, request_body))[0] == "VMExtensionProvisioningError"


def test_one_that_somebody_left_failed_is_run_under_its_name(make_scene: SceneMaker) -> None:
    scene = make_scene(extensions=[LEFT_FAILED])
    second = scene.call("PUT", NAME, body())
    assert second.status_code == 400
    assert second.json()["error"]["innererror"] == {"internalErrorCode": "MultipleExtensionsPerHandlerNotAllowed"}
    view = scene.call("GET", "/extensions/old-reset", expand="instanceView").json()["properties"]["instanceView"]
    assert view["statuses"][0]["message"] == LEFT_FAILED["error"]
    scene.succeed(scene.call("PUT", "/extensions/old-reset", body("azureuser", "Correct-Horse-1", tag="1")))
    properties = scene.call("GET", "/extensions/old-reset", expand="instanceView").json()["properties"]
    assert properties["provisioningState"] == "Succeeded"
    assert properties["instanceView"]["statuses"][0]["code"] == "ProvisioningState/succeeded"


@pytest.mark.parametrize("version", ["2.0", "9.9", "2.4.10"])
def test_an_unknown_version_is_not_found(scene: Scene, version: str) -> None:
    answer = scene.call("PUT", NAME, body(typeHandlerVersion=version))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ArtifactVersionNotFound")
    assert f"version '{version}'" in answer.json()["error"]["message"]
    assert scene.call("GET", NAME).status_code == 404


def test_it_needs_a_running_vm_that_allows_extensions(make_scene: SceneMaker) -> None:
    off = make_scene(power="deallocated").call("PUT", NAME, body())
    assert off.status_code == 409
    assert off.json()["error"]["innererror"] == {"internalErrorCode": "CannotModifyExtensionsWhenVMNotRunning"}
    closed = make_scene(allow_extension_operations=False).call("PUT", NAME, body())
    assert closed.status_code == 409
    assert "allowExtensionOperations" in closed.json()["error"]["message"]


@pytest.mark.parametrize(
    ("vm", "minutes", "code"),
    [
        ({"agent": "unresponsive"}, 25, "VMAgentStatusCommunicationError"),
        ({"guest": {"vm_access": "agent_dies"}}, 25, "VMAgentStatusCommunicationError"),
        ({"guest": {"vm_access": "hangs"}}, 90, "VMExtensionProvisioningTimeout"),
    ],
)
def test_silence_takes_its_time(make_scene: SceneMaker, vm: dict[str, Any], minutes: int, code: str) -> None:
    scene = make_scene(pace=1.0, **vm)
    answer = scene.call("PUT", NAME, body())
    scene.made.azure.clock.advance(timedelta(minutes=minutes - 1))
    scene.client = scene.made.as_principal("default")  # the token of before lives for an hour
    assert scene.status(answer)["status"] == "InProgress"
    view = scene.call("GET", NAME, expand="instanceView").json()["properties"]["instanceView"]
    assert view["statuses"][0]["code"] == "ProvisioningState/transitioning"
    scene.made.azure.clock.advance(timedelta(minutes=2))
    assert scene.status(answer)["error"]["code"] == code


def test_an_agent_that_starts_is_waited_for(make_scene: SceneMaker) -> None:
    scene = make_scene(pace=1.0, agent="starting", guest=LOCKED)
    answer = scene.call("PUT", NAME, body())
    scene.made.azure.clock.advance(timedelta(seconds=60))
    assert scene.status(answer)["status"] == "InProgress"
    scene.made.azure.clock.advance(timedelta(seconds=40))
    assert scene.status(answer)["status"] == "Succeeded"
    assert scene.machine.rdp.enabled


def test_the_later_of_two_wins(make_scene: SceneMaker) -> None:
    scene = make_scene(pace=1.0)
    first = scene.call("PUT", NAME, body("azureuser", "Correct-Horse-1", tag="1"))
    second = scene.call("PUT", NAME, body("azureuser", "Correct-Horse-2", tag="2"))
    assert (first.status_code, second.status_code) == (201, 200)
    scene.made.settle()
    assert scene.status(first)["error"]["code"] == "OperationPreempted"
    assert scene.status(second)["status"] == "Succeeded"
    user = scene.machine.user("azureuser")
    assert user is not None
    assert user.password == "Correct-Horse-2"


def test_one_that_is_removed_meanwhile_does_nothing(make_scene: SceneMaker) -> None:
    scene = make_scene(pace=1.0, guest=LOCKED)
    answer = scene.call("PUT", NAME, body())
    removal = scene.call("DELETE", NAME)
    again = scene.call("PUT", NAME, body())
    assert (again.status_code, again.json()["error"]["code"]) == (409, "OperationNotAllowed")
    scene.made.settle()
    assert scene.status(answer)["error"]["code"] == "OperationPreempted"
    assert scene.status(removal)["status"] == "Succeeded"
    assert not scene.machine.rdp.enabled


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"location": None}, "LocationRequired"),
        ({"properties": None}, "InvalidParameter"),
        ({"properties": {"publisher": "Microsoft.Compute", "type": "VMAccessAgent"}}, "InvalidParameter"),
    ],
)
def test_a_body_without_what_is_needed_is_refused(scene: Scene, change: dict[str, Any], code: str) -> None:
    answer = scene.call("PUT", NAME, {**body(), **change})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_the_handler_of_an_extension_stays(scene: Scene) -> None:
    scene.succeed(scene.call("PUT", NAME, body()))
    answer = scene.call("PUT", NAME, body(type="CustomScriptExtension"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "PropertyChangeNotAllowed")


def test_the_recorded_exchange_of_the_cli(scene: Scene, recording: Any) -> None:
    exchanges = [
        one
        for one in recording("test_vm_user_update_win")
        if one["path"].endswith("/extensions/enablevmaccess") and isinstance(one["response"], dict)
    ]
    put, get = exchanges[0], exchanges[-1]
    answer = scene.call("PUT", NAME, put["request"], api_version="2024-07-01")
    assert answer.status_code == put["status"]
    assert set(answer.json()) == set(put["response"])
    assert answer.json()["properties"] == put["response"]["properties"]
    assert "azure-asyncoperation" in answer.headers
    scene.succeed(answer)
    assert scene.call("GET", NAME).json()["properties"] == get["response"]["properties"]


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("Abcdef12", True),
        ("abcdef12", False),
        ("Abcde12", False),
        ("abcdef1!", True),
        ('ABCDEF1"', True),
        ("\u5bc6\u7801abcdef1", True),
        ("Pencil-azureuser", False),
        ("A1" + "b" * 125, True),
        ("A1" + "b" * 126, False),
    ],
)
def test_the_guest_s_password_policy(password: str, good: bool) -> None:
    assert meets_policy(password, user_name="AzureUser") is good


@given(st.text(max_size=130), st.text(max_size=20))
def test_the_policy_judges_any_text(password: str, name: str) -> None:
    if meets_policy(password, user_name=name):
        assert 4 <= len(password) <= 127
        assert len(name) < 3 or name.lower() not in password.lower()
