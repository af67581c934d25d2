# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reset has to do, for whom, and why it failed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.access_extension import AccessExtension, newer
from ansible_collections.azvm.access.plugins.module_utils._domain.access_reset import (
    account_to_reset,
    planned_reset,
    require_extensions,
    require_member,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.access_reset_causes import (
    cause_of,
    readable,
    report_in,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import Conflict, InvalidInput, NotReady
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId
from ansible_collections.azvm.access.plugins.module_utils._domain.vault_password import (
    Account,
    PasswordSecret,
    StoredPassword,
    default_secret_name,
    password_secret,
    require_own,
    vault_uri,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.virtual_machine import (
    AgentState,
    PowerState,
    VirtualMachine,
)

VM_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/win1"
VM = VirtualMachine(
    id=ResourceId.parse(VM_ID),
    location="westeurope",
    os_type="Windows",
    computer_name="win1",
    provisioning_state="Succeeded",
    power_state=PowerState.RUNNING,
    agent=AgentState.READY,
    agent_message="",
    has_os_profile=True,
    secrets=(),
    network_interfaces=(),
    etag=None,
    admin_username="azureuser",
)
VAULT = "https://my-vault.vault.azure.net/"
WRAPPED = (
    "VM has reported a failure when processing extension 'enablevmaccess' (publisher 'Microsoft.Compute' and type "
    "'VMAccessAgent'). Error message: '{}'. More information on troubleshooting is available at https://aka.ms/x."
)
POLICY = (
    "Cannot update Remote Desktop Connection settings for Administrator account. Error: "
    "System.Reflection.TargetInvocationException: Exception has been thrown by the target of an invocation. ---> "
    "System.Runtime.InteropServices.COMException: The password does not meet the password policy requirements. --- End "
    "of inner exception stack trace --- at System.DirectoryServices.DirectoryEntry.Invoke(String methodName)"
)
NO_ADMINISTRATOR = (
    "Cannot update Remote Desktop Connection settings for Administrator account. Error: System.Exception: User account "
    "O'Brien already exists but cannot be updated because it is not in the Administrators group. at "
    "Microsoft.WindowsAzure.GuestAgent.Plugins.RemoteAccessAccountManager.AddOrUpdateRemoteUserAccount(String userName)"
)


# mode, what the probe said, whether the marker fits, force -> what is reset
@pytest.mark.parametrize(
    ("mode", "reachable", "is_set", "force", "parts"),
    [
        ("configuration", None, False, False, ["configuration"]),
        ("configuration", False, False, False, ["configuration"]),
        ("configuration", True, False, False, []),
        ("configuration", True, False, True, ["configuration"]),
        ("password", None, False, False, ["password"]),
        ("password", None, True, False, []),
        ("password", None, True, True, ["password"]),
        ("both", None, True, False, ["configuration", "password"]),
        ("both", False, True, False, ["configuration", "password"]),
        ("both", True, True, False, []),
        ("both", True, False, False, ["password"]),
        ("both", True, True, True, ["configuration", "password"]),
    ],
)
def test_the_plan(mode: str, reachable: bool | None, is_set: bool, force: bool, parts: list[str]) -> None:
    plan = planned_reset(mode, reachable=reachable, password_is_set=is_set, force=force)
    assert plan.parts == parts
    assert plan.needed is bool(parts)
    assert plan.reason


def test_the_plan_says_why() -> None:
    plan = planned_reset("both", reachable=False, password_is_set=True, force=True)
    assert plan.reason == "Remote Desktop does not answer; this password was set before; force is set"


@pytest.mark.parametrize(("wanted", "user"), [(None, "azureuser"), ("AZUREUSER", "AZUREUSER")])
def test_the_vm_s_administrator_needs_no_permission(wanted: str | None, user: str) -> None:
    assert account_to_reset(VM, wanted, allow_other_user=False) == user


@pytest.mark.parametrize(
    ("wanted", "own", "allowed", "code"),
    [
        ("rescue", "azureuser", False, "OtherUser"),
        ("rescue", None, False, "OtherUser"),
        (None, None, True, "UserNameMissing"),
        ("Administrator", "azureuser", True, "ReservedUserName"),
        ("DOMAIN\\me", "azureuser", True, "InvalidUserName"),
    ],
)
def test_users_that_are_refused(wanted: str | None, own: str | None, allowed: bool, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        account_to_reset(replace(VM, admin_username=own), wanted, allow_other_user=allowed)
    assert caught.value.code == code
    assert caught.value.hint


def test_other_users_that_are_allowed() -> None:
    assert account_to_reset(VM, "rescue", allow_other_user=True) == "rescue"
    assert account_to_reset(replace(VM, admin_username="admin"), "Admin", allow_other_user=False) == "Admin"
    unknown = replace(VM, admin_username=None)
    assert account_to_reset(unknown, "Administrator", allow_other_user=True) == "Administrator"


def test_a_vm_without_extensions_is_refused() -> None:
    require_extensions(VM)
    with pytest.raises(NotReady) as caught:
        require_extensions(replace(VM, allows_extensions=False))
    assert caught.value.code == "ExtensionsNotAllowed"


def extension(state: str, *messages: str) -> AccessExtension:
    return AccessExtension(name="enablevmaccess", state=state, version="2.4", tag=None, messages=messages)


def test_a_known_domain_controller_is_refused() -> None:
    found = extension("Failed", "VMAccess Extension does not support Domain Controller.")
    with pytest.raises(NotReady) as caught:
        require_member(VM, found, force=False)
    assert caught.value.code == "DomainController"
    for other in (None, extension("Failed", POLICY), replace(found, state="Succeeded")):
        require_member(VM, other, force=False)
    require_member(VM, found, force=True)


@pytest.mark.parametrize(
    ("code", "text", "name", "untouched"),
    [
        ("VMExtensionProvisioningError", WRAPPED.format(POLICY), "PasswordPolicy", True),
        ("VMExtensionProvisioningError", WRAPPED.format(NO_ADMINISTRATOR), "UserNotAdministrator", True),
        (
            "VMExtensionProvisioningError",
            "VMAccess Extension does not support Domain Controller.",
            "DomainController",
            True,
        ),
        (
            "VMExtensionProvisioningError",
            "The Admin User Account password cannot be null or empty if provided the username.",
            "PasswordMissing",
            True,
        ),
        ("VMExtensionProvisioningError", "COMException (0x800706D9)", "FirewallServiceStopped", False),
        ("VMExtensionProvisioningError", "something new", None, None),
        ("VMExtensionProvisioningTimeout", "did not report a message", "HandlerSilent", False),
        ("VMAgentStatusCommunicationError", "has not reported status", "AgentSilent", False),
        ("CannotModifyExtensionsWhenVMNotRunning", "", "VmNotRunning", True),
        ("MultipleExtensionsPerHandlerNotAllowed", "", "OtherExtension", True),
        ("ArtifactVersionNotFound", "", "VersionNotFound", True),
        ("OperationNotAllowed", "osProfile.allowExtensionOperations property is true", "ExtensionsNotAllowed", True),
        ("OperationNotAllowed", "something else", None, None),
        ("AuthorizationFailed", "", None, None),
    ],
)
def test_causes(code: str, text: str, name: str | None, untouched: bool | None) -> None:
    cause = cause_of(code, text)
    assert (cause.name if cause else None) == name
    assert (cause.untouched if cause else None) is untouched
    assert cause is None or (cause.hint and cause.sentence[-1] != ".")


@pytest.mark.parametrize(
    ("text", "report"),
    [
        (WRAPPED.format(POLICY), "The password does not meet the password policy requirements."),
        (
            WRAPPED.format(NO_ADMINISTRATOR),
            "User account O'Brien already exists but cannot be updated because it is not in the Administrators group.",
        ),
        (
            WRAPPED.format("VMAccess Extension does not support Domain Controller."),
            "VMAccess Extension does not support Domain Controller.",
        ),
        ('VM has reported a failure. Error message: "It\'s broken."\r\n\r\nMore information on it', "It's broken."),
        ("Error message: 'Short.' (VMExtensionProvisioningError).", "Short."),
        ("Provisioning of VM extension enablevmaccess has timed out.", ""),
    ],
)
def test_a_report_is_cut_out_of_its_wrapping(text: str, report: str) -> None:
    assert report_in(text) == report


def test_a_plain_report_stays_as_it_is() -> None:
    assert readable("The password of azureuser was set.") == "The password of azureuser was set."
    assert readable("") == ""


@pytest.mark.parametrize(
    ("one", "other", "found"), [("2.4", "2.10", "2.10"), ("2.4", "2.0", "2.4"), ("2.4", "", "2.4")]
)
def test_the_newer_version(one: str, other: str, found: str) -> None:
    assert newer(one, other) == found


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("win1-admin", PasswordSecret(vault_uri=VAULT, name="win1-admin")),
        ("https://V2.vault.azure.cn/secrets/a", PasswordSecret(vault_uri="https://v2.vault.azure.cn/", name="a")),
        (f"{VAULT}secrets/a/0f", PasswordSecret(vault_uri=VAULT, name="a", version="0f")),
    ],
)
def test_where_a_secret_is(text: str, secret: PasswordSecret) -> None:
    assert password_secret(text, vault_uri=VAULT) == secret


def test_secrets_that_can_t_be_found() -> None:
    for text, uri, code in (
        ("a_b", VAULT, "InvalidSecretName"),
        ("http://v.vault.azure.net/secrets/a", VAULT, "InvalidSecretName"),
        ("a", None, "VaultMissing"),
    ):
        with pytest.raises(InvalidInput) as caught:
            password_secret(text, vault_uri=uri)
        assert caught.value.code == code


def test_names_of_vaults_and_secrets() -> None:
    assert vault_uri("My-Vault", "vault.azure.net") == VAULT
    assert default_secret_name("win_1.x") == "password-win-1-x"
    assert str(PasswordSecret(vault_uri=VAULT, name="a")) == "a in my-vault.vault.azure.net"


def test_a_secret_of_others_is_not_written_over() -> None:
    account, secret = Account(vm_id=VM_ID, user="AzureUser"), PasswordSecret(vault_uri=VAULT, name="a")
    own = StoredPassword(value="x", url=f"{VAULT}secrets/a/0f", tags=tuple(account.tags.items()))
    require_own(own, account, secret)
    for stored, who in (
        (replace(own, tags=()), account),
        (own, Account(vm_id=VM_ID, user="rescue")),
        (own, Account(vm_id=VM_ID + "2", user="azureuser")),
    ):
        with pytest.raises(Conflict) as caught:
            require_own(stored, who, secret)
        assert caught.value.code == "SecretOfOthers"
    assert own.version == "0f"
    assert "value" not in repr(own)
