# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which credentials are taken, from options, environment, profile, Azure CLI or a managed identity."""

from __future__ import annotations

import json
import typing as t

import pytest
from azure import identity

from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import SignIn, sign_in
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput, SignInFailed

if t.TYPE_CHECKING:
    from pathlib import Path

OPTIONS = {"tenant": "t-option", "client_id": "c-option", "secret": "s-option"}
ENVIRONMENT = {
    "AZURE_TENANT": "t-env",
    "AZURE_CLIENT_ID": "c-env",
    "AZURE_SECRET": "s-env",
    "AZURE_SUBSCRIPTION_ID": "sub-env",
}
PROFILES = """
[default]
tenant = t-default
client_id = c-default
secret = 100%default
subscription_id = sub-default

[work]
tenant = t-work
client_id = c-work
secret = s-work
cloud_environment = AzureUSGovernment

[half]
client_id = c-half
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Nothing in it yet."""
    (tmp_path / ".azure").mkdir()
    return tmp_path


@pytest.fixture
def profiles(home: Path) -> Path:
    (home / ".azure" / "credentials").write_text(PROFILES, encoding="utf-8")
    return home


def logged_in(home: Path, *subscriptions: str) -> None:
    """As ``az login`` leaves it; the last subscription is the default."""
    known = [{"id": id, "isDefault": id == subscriptions[-1]} for id in subscriptions]
    # The CLI writes a byte order mark.
    path = home / ".azure" / "azureProfile.json"
    path.write_text(json.dumps({"subscriptions": known}), encoding="utf-8-sig")


def found(home: Path, environment: dict[str, str] | None = None, **options: str | None) -> SignIn:
    return sign_in(options, environment=environment or {}, home=home)


def essence(sign: SignIn) -> tuple[str, str | None, str | None, str | None, str | None]:
    return sign.kind, sign.tenant, sign.client_id, sign.secret, sign.subscription


# Auto


def test_options_come_first_and_the_environment_adds_the_subscription(profiles: Path) -> None:
    expected = ("service_principal", "t-option", "c-option", "s-option", "sub-env")
    assert essence(found(profiles, ENVIRONMENT, **OPTIONS)) == expected
    assert found(profiles, ENVIRONMENT, **OPTIONS, subscription_id="sub-option").subscription == "sub-option"


def test_single_options_replace_values_of_the_environment(home: Path) -> None:
    assert essence(found(home, ENVIRONMENT, secret="s-option", tenant="")) == (
        ("service_principal", "t-env", "c-env", "s-option", "sub-env")
    )


@pytest.mark.parametrize("names", [("AZURE_TENANT", "AZURE_SECRET"), ("AZURE_TENANT_ID", "AZURE_CLIENT_SECRET")])
def test_both_families_of_variables_are_understood(home: Path, names: tuple[str, str]) -> None:
    tenant, secret = names
    sign = found(home, {tenant: "t", "AZURE_CLIENT_ID": "c", secret: "s", "AZURE_SUBSCRIPTION_ID": "sub"})
    assert essence(sign) == ("service_principal", "t", "c", "s", "sub")


def test_a_named_profile_comes_before_the_environment(profiles: Path) -> None:
    for sign in (
        found(profiles, ENVIRONMENT, profile="work"),
        found(profiles, {**ENVIRONMENT, "AZURE_PROFILE": "work"}),
    ):
        assert (sign.client_id, sign.cloud.authority) == ("c-work", "login.microsoftonline.us")


@pytest.mark.parametrize("source", [None, "credential_file"])
def test_a_profile_without_a_subscription_leaves_it_to_the_environment(profiles: Path, source: str | None) -> None:
    environment = {"AZURE_SUBSCRIPTION_ID": "sub-env", "AZURE_CLOUD_ENVIRONMENT": "AzureChinaCloud"}
    work = found(profiles, environment, profile="work", auth_source=source)
    assert (work.subscription, work.cloud.authority) == ("sub-env", "login.microsoftonline.us")
    default = found(profiles, environment, auth_source=source)
    assert (default.subscription, default.cloud.authority) == ("sub-default", "login.chinacloudapi.cn")


def test_the_default_profile_comes_after_the_environment(profiles: Path) -> None:
    assert found(profiles, ENVIRONMENT).client_id == "c-env"
    assert essence(found(profiles)) == ("service_principal", "t-default", "c-default", "100%default", "sub-default")


def test_the_cli_comes_last(home: Path, profiles: Path) -> None:
    logged_in(home, "sub-1", "sub-2")
    assert found(home).kind == "service_principal"
    (home / ".azure" / "credentials").unlink()
    assert essence(found(home)) == ("cli", None, None, None, "sub-2")
    assert found(home, {"AZURE_SUBSCRIPTION_ID": "sub-1"}).subscription == "sub-1"


def test_an_incomplete_environment_does_not_hide_the_cli(home: Path) -> None:
    logged_in(home, "sub-1")
    assert found(home, {"AZURE_CLIENT_ID": "c", "AZURE_TENANT": "t"}).kind == "cli"


def test_a_federated_token_is_a_workload_identity(home: Path) -> None:
    variables = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": "/run/token"}
    sign = found(home, variables)
    assert (sign.kind, sign.federated_token_file) == ("workload_identity", "/run/token")


def test_nothing_is_said_with_all_the_ways_out(home: Path) -> None:
    with pytest.raises(SignInFailed) as caught:
        found(home)
    assert caught.value.code == "CredentialsNotFound"
    assert "AZURE_CLIENT_ID" in caught.value.hint
    assert "az login" in caught.value.hint


# One source


def test_a_source_that_there_is_not_is_refused(profiles: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        found(profiles, {**ENVIRONMENT, "ANSIBLE_AZURE_AUTH_SOURCE": "environment"})
    assert caught.value.code == "InvalidAuthSource"
    assert "'environment'" in caught.value.message
    assert "credential_file" in caught.value.hint


def test_a_source_that_is_picked_is_the_only_one(profiles: Path) -> None:
    logged_in(profiles, "sub-cli")
    assert found(profiles, ENVIRONMENT, auth_source="env").client_id == "c-env"
    assert found(profiles, ENVIRONMENT, auth_source="credential_file").client_id == "c-default"
    assert found(profiles, ENVIRONMENT, auth_source="credential_file", profile="work").client_id == "c-work"
    assert found(profiles, {}, auth_source="cli").subscription == "sub-cli"
    assert found(profiles, {"ANSIBLE_AZURE_AUTH_SOURCE": "cli"}).kind == "cli"
    assert found(profiles, {"ANSIBLE_AZURE_AUTH_SOURCE": "cli"}, auth_source="credential_file").client_id == "c-default"
    msi = found(profiles, ENVIRONMENT, auth_source="msi", client_id="user-assigned")
    assert (msi.kind, msi.client_id, msi.subscription) == ("msi", "user-assigned", "sub-env")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"auth_source": "env"}, "AZURE_TENANT"),
        ({"auth_source": "credential_file", "profile": "half"}, "profile half"),
        ({"profile": "half"}, "profile half"),
    ],
)
def test_an_incomplete_source_is_named(profiles: Path, options: dict[str, t.Any], named: str) -> None:
    with pytest.raises(SignInFailed) as caught:
        found(profiles, **options)
    assert named in caught.value.message


def test_a_wrong_profile_is_refused_with_those_there_are(profiles: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        found(profiles, profile="wrok")
    assert caught.value.code == "ProfileNotFound"
    assert "default, work, half" in caught.value.hint


def test_a_wrong_cloud_is_refused_with_those_there_are(home: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        found(home, ENVIRONMENT, cloud_environment="AzureMoon")
    assert "AzureChinaCloud" in caught.value.hint
    assert found(home, ENVIRONMENT, cloud_environment="azurechinacloud").cloud.vault_suffix == "vault.azure.cn"


@pytest.mark.parametrize("name", ["credentials", "azureProfile.json"])
def test_a_broken_file_is_named_and_not_quoted(home: Path, name: str) -> None:
    path = home / ".azure" / name
    path.write_text("secret=hunter2", encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        found(home)
    assert caught.value.code == "CredentialsUnreadable"
    assert str(path) in caught.value.message
    assert "hunter2" not in str(caught.value.as_failure())


# What becomes of it


@pytest.mark.parametrize(
    ("sign", "kind"),
    [
        (
            {"kind": "service_principal", "tenant": "t", "client_id": "c", "secret": "s"},
            identity.ClientSecretCredential,
        ),
        (
            {"kind": "workload_identity", "tenant": "t", "client_id": "c", "federated_token_file": "/run/token"},
            identity.WorkloadIdentityCredential,
        ),
        ({"kind": "msi"}, identity.ManagedIdentityCredential),
        ({"kind": "cli"}, identity.AzureCliCredential),
    ],
)
def test_each_kind_is_a_credential_of_azure_identity(home: Path, sign: dict[str, str], kind: type) -> None:
    cloud = found(home, ENVIRONMENT).cloud
    assert isinstance(SignIn(cloud=cloud, **sign).credential(), kind)


@pytest.mark.parametrize("tenant", ["my tenant", "a/b", ""])
def test_a_tenant_that_can_not_be_one_is_refused(home: Path, tenant: str) -> None:
    cloud = found(home, ENVIRONMENT).cloud
    sign = SignIn(kind="service_principal", cloud=cloud, tenant=tenant, client_id="c", secret="hunter2")
    with pytest.raises(InvalidInput) as caught:
        sign.credential()
    assert "tenant" in caught.value.message
    assert "hunter2" not in str(caught.value.as_failure())


def test_a_secret_is_not_part_of_any_text(home: Path) -> None:
    assert "s-env" not in repr(found(home, ENVIRONMENT))


def test_a_missing_subscription_is_said_with_all_the_ways_to_name_one(home: Path) -> None:
    azure = AzureClients(found(home, {}, **OPTIONS), subscription=None, poll_interval=1, timeout=1)
    with pytest.raises(InvalidInput) as caught:
        _subscription = azure.subscription
    assert caught.value.code == "SubscriptionMissing"
    assert "AZURE_SUBSCRIPTION_ID" in caught.value.hint
    given = AzureClients(found(home, ENVIRONMENT), subscription="sub-task", poll_interval=1, timeout=1)
    assert given.subscription == "sub-task"
