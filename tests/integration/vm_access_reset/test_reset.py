# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resets of the configuration and of given passwords: what they do, when they are done, and how they fail."""

from __future__ import annotations

import string
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.mgmt.compute.models import VirtualMachineExtension

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import (
    Conflict,
    Denied,
    InvalidInput,
    NotFound,
    NotReady,
    Refused,
)
from ansible_collections.azvm.access.plugins.module_utils._operations import rdp_reachability
from ansible_collections.azvm.access.tests.integration.compute.conftest import GROUP, NAME
from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import (
    LOCKED,
    USER,
    clients,
    run,
)

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import Json, Reset

OLD, NEW = "Correct-Horse-1", "Battery-Staple-2"
LEFT_FAILED = {
    "name": "portal-reset",
    "publisher": "Microsoft.Compute",
    "type": "VMAccessAgent",
    "version": "2.4",
    "provisioning_state": "Failed",
    "error": "The Admin User Account password cannot be null or empty if provided the username.",
}
BY_HAND = VirtualMachineExtension(
    {
        "location": "westeurope",
        "properties": {
            "publisher": "Microsoft.Compute",
            "type": "VMAccessAgent",
            "typeHandlerVersion": "2.4",
            "settings": {"UserName": USER},
            "protectedSettings": {"Password": OLD},
        },
    }
)
PASSWORDS = [
    string.printable.strip(),
    "'\"&<>|^%$`\\ Aa1",
    "--help -p Aa1 {{ x }}",
    "Grüße aus Köln € \u5bc6\u7801 \U0001f511 1",
    "Aa1!Aa1!",
    "Aa1" + "x" * 120,
]


@pytest.fixture(autouse=True)
def short_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for a guest that makes its certificate first; a loopback address that is silent for longer stays so."""
    monkeypatch.setattr(rdp_reachability, "_CONNECT_SECONDS", 2.5)


def test_a_locked_out_vm_answers_rdp_again(reset: Reset) -> None:
    reset.vm(guest=LOCKED)
    reset.open_rdp()
    first = reset.run(only_if_unreachable=True)
    assert first.changed
    assert first.thing["probe"]["verified"] is False
    assert first.thing["performed"] == ["configuration"]
    assert first.thing["message"] == "Remote Desktop is enabled."
    assert reset.writes == ["PUT enablevmaccess"]
    second = reset.run(only_if_unreachable=True)
    assert (second.changed, second.thing["performed"]) == (False, [])
    assert second.thing["probe"]["verified"] is True
    assert second.thing["reason"] == "Remote Desktop answers"
    assert reset.writes == []
    assert reset.run(only_if_unreachable=True, force=True).changed


def test_a_vm_that_answers_needs_no_agent(reset: Reset) -> None:
    reset.vm(agent="unresponsive")
    reset.open_rdp()
    assert not reset.run(only_if_unreachable=True).changed
    assert reset.refused(only_if_unreachable=True, force=True).code == "VmAgentNotReady"


def test_a_reset_of_the_configuration_is_done_each_time(reset: Reset) -> None:
    tags = set()
    for _index in range(2):
        outcome = reset.run()
        assert outcome.changed
        assert reset.writes == ["PUT enablevmaccess"]
        properties = reset.extension().properties
        assert properties is not None
        assert properties.settings == {}
        tags.add(properties.force_update_tag)
    assert len(tags) == 2
    assert list(reset.accounts) == [USER]


def test_what_is_sent(reset: Reset) -> None:
    reset.run(mode="password", password=NEW)
    found = reset.extension()
    properties = found.properties
    assert properties is not None
    assert (properties.publisher, properties.type, properties.type_handler_version) == (
        "Microsoft.Compute",
        "VMAccessAgent",
        "2.4",
    )
    assert properties.auto_upgrade_minor_version is True
    assert properties.settings == {"UserName": USER}
    assert NEW not in str(found.as_dict())


def test_a_password_is_set_once(reset: Reset) -> None:
    first = reset.run(mode="password", password=NEW)
    assert (first.changed, first.thing["user"]) == (True, USER)
    second = reset.run(mode="password", password=NEW)
    assert (second.changed, second.thing["reason"]) == (False, "this password was set before")
    assert reset.writes == []
    reset.run(mode="configuration")
    assert not reset.run(mode="password", password=NEW).changed
    assert reset.run(mode="password", password=OLD).changed
    assert reset.run(mode="password", password=OLD, force=True).changed
    assert reset.run(mode="both", password=OLD).thing["performed"] == ["configuration", "password"]


def test_a_reset_by_somebody_else_is_noticed(reset: Reset) -> None:
    reset.run(mode="password", password=NEW)
    extensions = reset.azure.compute.virtual_machine_extensions
    extensions.begin_create_or_update(GROUP, NAME, "enablevmaccess", BY_HAND).result()
    assert reset.run(mode="password", password=NEW).changed


def test_every_password_is_the_one_that_signs_in(reset: Reset, full: bool) -> None:
    reset.enable_winrm()
    before = reset.server.env["LOCAL_AZURE_VM_PASSWORD"]
    assert reset.signs_in(before)
    for password in PASSWORDS if full else PASSWORDS[:4]:
        assert reset.run(mode="password", password=password).changed
        assert reset.signs_in(password)
        assert not reset.signs_in(before)
        assert not reset.run(mode="password", password=password).changed
        before = password
    other = "O'Brien & Co (Zoë)"
    reset.run(mode="password", password=NEW, username=other, allow_other_user=True)
    assert reset.signs_in(NEW, user=other)
    assert not reset.signs_in(before, user=other)


def test_another_administrator_is_made_only_when_allowed(reset: Reset) -> None:
    assert reset.refused(mode="password", password=NEW, username="rescue").code == "OtherUser"
    assert reset.writes == []
    outcome = reset.run(mode="password", password=NEW, username="rescue", allow_other_user=True)
    assert outcome.thing["message"] == "The local administrator rescue was created. Remote Desktop is enabled."
    assert reset.accounts["rescue"] == (True, True)


def test_a_failed_one_of_another_name_is_used(reset: Reset) -> None:
    reset.vm(extensions=[LEFT_FAILED], guest=LOCKED)
    outcome = reset.run()
    assert outcome.thing["extension"] == {
        "name": "portal-reset",
        "existed": True,
        "version": "2.4.10",
        "provisioning_state": "Succeeded",
        "previous_state": "Failed",
    }
    assert reset.writes == ["PUT portal-reset"]
    assert reset.guest["rdp"]["enabled"]


def test_check_mode_predicts_and_writes_nothing(reset: Reset) -> None:
    predicted = reset.run(check_mode=True, mode="both", password=NEW)
    assert predicted.changed
    assert reset.writes == []
    real = reset.run(mode="both", password=NEW)
    assert (predicted.before, predicted.after) == (real.before, real.after)
    assert predicted.thing["performed"] == real.thing["performed"]
    assert predicted.thing.keys() == real.thing.keys()
    assert predicted.thing["extension"]["provisioning_state"] is None
    assert not reset.run(check_mode=True, mode="password", password=NEW).changed


def test_the_extension_goes_and_the_vm_stays(reset: Reset) -> None:
    reset.run(mode="password", password=NEW)
    predicted = reset.run(check_mode=True, state="absent")
    assert (predicted.changed, reset.writes) == (True, [])
    removed = reset.run(state="absent")
    assert removed.thing == {"extension": {"name": "enablevmaccess", "existed": True}, "removed": True}
    assert reset.writes == ["DELETE enablevmaccess"]
    again = reset.run(state="absent")
    assert (again.changed, again.thing["removed"]) == (False, False)
    assert reset.guest["rdp"]["enabled"]
    assert reset.run(mode="password", password=NEW).changed


@pytest.mark.parametrize(
    ("vm", "code"),
    [
        ({"power": "deallocated"}, "VmNotRunning"),
        ({"agent": "unresponsive"}, "VmAgentNotReady"),
        ({"provision_vm_agent": False}, "VmAgentNotReady"),
        ({"allow_extension_operations": False}, "ExtensionsNotAllowed"),
        ({"image": "ubuntu-24.04"}, "NotWindows"),
    ],
)
def test_a_vm_that_can_t_be_reset_is_refused_before_anything_is_sent(reset: Reset, vm: Json, code: str) -> None:
    reset.vm(**vm)
    error = reset.refused(mode="password", password=NEW)
    assert isinstance(error, NotReady)
    assert error.code == code
    assert error.hint
    assert "enable_winrm" not in error.hint
    assert reset.writes == []


def test_a_vm_without_os_profile_needs_a_name_and_a_permission(reset: Reset) -> None:
    reset.vm(os_profile=False)
    assert reset.refused(mode="password", password=NEW).code == "UserNameMissing"
    assert reset.refused(mode="password", password=NEW, username="Administrator").code == "OtherUser"
    assert reset.run(mode="password", password=NEW, username="Administrator", allow_other_user=True).changed


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"mode": "password"}, "PasswordSource"),
        ({"mode": "both", "password": NEW, "generate": True, "vault_name": "v-1"}, "PasswordSource"),
        ({"mode": "password", "password": NEW, "password_secret": "a"}, "PasswordSource"),
        ({"password": NEW}, "PasswordNotUsed"),
        ({"mode": "password", "generate": True}, "VaultMissing"),
        ({"mode": "password", "password": "short"}, "InvalidPassword"),
        ({"mode": "password", "password": NEW, "username": "a/b"}, "InvalidUserName"),
        ({"mode": "password", "password": NEW, "only_if_unreachable": True}, "ProbeNotUsed"),
        ({"rdp_port": 0}, "InvalidPort"),
        ({"mode": "password", "generate": True, "vault_name": "v-1", "password_length": 7}, "InvalidPasswordLength"),
        (
            {
                "vm_id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web"
                "/virtualMachines/0"
            },
            "ScaleSetInstance",
        ),
    ],
)
def test_what_can_not_be_is_refused_before_any_request(reset: Reset, changed: Json, code: str) -> None:
    error = reset.refused(**changed)
    assert isinstance(error, InvalidInput)
    assert error.code == code
    assert reset.control.journal() == []


def test_the_password_rules_know_the_vm_s_administrator(reset: Reset) -> None:
    error = reset.refused(mode="password", password=f"My-{USER}-1")
    assert error.code == "InvalidPassword"
    assert reset.writes == []


@pytest.mark.parametrize(
    ("guest", "code", "cause", "words"),
    [
        ({"domain_controller": True}, "VMExtensionProvisioningError", "DomainController", "domain controllers"),
        ({"vm_access": "agent_dies"}, "VMAgentStatusCommunicationError", "AgentSilent", "does not report"),
        ({"vm_access": "hangs"}, "VMExtensionProvisioningTimeout", "HandlerSilent", "did not report in time"),
        (
            {"users": [{"name": "clerk", "password": "Former-Horse-1", "admin": False}]},
            "VMExtensionProvisioningError",
            "UserNotAdministrator",
            "is no administrator",
        ),
    ],
)
def test_failures_come_with_cause_and_next_step(reset: Reset, guest: Json, code: str, cause: str, words: str) -> None:
    reset.vm(guest=guest)
    error = reset.refused(mode="password", password=NEW, username="clerk", allow_other_user=True)
    assert isinstance(error, Refused)
    assert (error.code, error.details["cause"]) == (code, cause)
    assert words in error.message
    assert error.hint
    assert NEW not in str(error.as_failure())
    assert " at Microsoft." not in str(error.as_failure())


def test_a_known_domain_controller_is_not_tried_again(reset: Reset) -> None:
    reset.vm(guest={"domain_controller": True})
    reset.refused()
    again = reset.refused()
    assert isinstance(again, NotReady)
    assert again.code == "DomainController"
    assert reset.writes == []
    assert isinstance(reset.refused(force=True), Refused)


def test_a_failed_reset_is_no_marker(reset: Reset) -> None:
    reset.vm(guest={"users": [{"name": "clerk", "password": "Former-Horse-1", "admin": False}]})
    clerk: Json = {"mode": "password", "password": NEW, "username": "clerk", "allow_other_user": True}
    reset.refused(**clerk)
    assert reset.refused(**clerk).details["cause"] == "UserNotAdministrator"
    assert reset.writes == ["PUT enablevmaccess"]


def test_somebody_else_s_reset_is_waited_for(reset: Reset) -> None:
    reset.vm(guest={"vm_access": "hangs"})
    extensions = reset.azure.compute.virtual_machine_extensions
    extensions.begin_create_or_update(GROUP, NAME, "portal-reset", BY_HAND, polling=False)
    error = reset.refused(seconds=1)
    assert error.message == (
        "Gave up waiting for the reset of the virtual machine win1 in resource group access-demo that is under way"
        " after 1 seconds; last seen: extension portal-reset Creating."
    )
    assert error.hint
    assert reset.writes == []


def test_too_little_time_is_said(reset: Reset) -> None:
    reset.control.fault("delay", seconds=2, method="GET", path="operations/")
    with pytest.raises(Refused) as caught:
        reset.run(seconds=1)
    assert caught.value.code == "Timeout"


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ({"status": 403, "code": "AuthorizationFailed"}, Denied, "AuthorizationFailed"),
        ({"status": 409, "code": "ScopeLocked"}, Conflict, "ScopeLocked"),
        ({"status": 404, "code": "ArtifactVersionNotFound"}, NotFound, "ArtifactVersionNotFound"),
    ],
)
def test_azure_s_refusals_keep_their_code(reset: Reset, fault: Json, kind: type[Exception], code: str) -> None:
    reset.control.fault("status", method="PUT", path="extensions/", **fault)
    error = reset.refused()
    assert isinstance(error, kind)
    assert error.code == code


def test_a_reset_that_can_not_be_read_back_is_a_success(reset: Reset) -> None:
    # The first GET of the extension is the end of the write, the second one the report.
    path = "extensions/enablevmaccess$"
    reset.control.fault("status", method="GET", path=path, nth=2, status=403, code="AuthorizationFailed")
    outcome = reset.run()
    assert outcome.changed
    assert outcome.thing["message"] is None
    assert "could not be read" in outcome.warnings[0]


def test_entra_sign_in_is_named(reset: Reset) -> None:
    entra = {"name": "AADLoginForWindows", "publisher": "Microsoft.Azure.ActiveDirectory", "type": "AADLoginForWindows"}
    reset.vm(extensions=[entra])
    assert reset.run().warnings == ()
    assert "AADLoginForWindows" in reset.run(mode="password", password=NEW).warnings[0]


def test_two_at_once_follow_each_other(reset: Reset) -> None:
    reset.enable_winrm()
    passwords = (OLD, NEW)
    with clients(reset.server.env) as one, clients(reset.server.env) as other, ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(run, azure, mode="both", password=password)
            for azure, password in zip((one, other), passwords, strict=True)
        ]
        outcomes = [each.result(60) for each in both]
    assert all(outcome.changed for outcome in outcomes)
    assert sum(reset.signs_in(password) for password in passwords) == 1


def test_one_under_another_name_at_the_same_moment_is_used(reset: Reset) -> None:
    path = "extensions/enablevmaccess$"
    reset.control.fault(
        "status", method="PUT", path=path, times=1, status=400, code="MultipleExtensionsPerHandlerNotAllowed"
    )
    assert reset.run().changed
    assert reset.writes == ["PUT enablevmaccess", "PUT enablevmaccess"]
