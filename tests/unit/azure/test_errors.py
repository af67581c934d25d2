# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of Azure's refusals, and how long anything may take: the real SDKs against a local Azure."""

from __future__ import annotations

import signal
import threading
import time
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.keyvault.models import VaultCreateOrUpdateParameters

from ansible_collections.azvm.access.plugins.module_utils._azure import compute, network
from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import sign_in
from ansible_collections.azvm.access.plugins.module_utils._azure.error_texts import (
    connection_failure,
    first_line,
    plain,
)
from ansible_collections.azvm.access.plugins.module_utils._azure.errors import access_error
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import (
    AccessError,
    Busy,
    Conflict,
    Denied,
    NotFound,
    Refused,
    SignInFailed,
    TimedOut,
    Unavailable,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId, VmTarget
from ansible_collections.azvm.access.plugins.module_utils._domain.security_rules import PortRange, SecurityRule
from ansible_collections.azvm.access.plugins.module_utils._domain.virtual_machine import (
    VaultCertificate,
    VaultSecretGroup,
)
from local_azure import control
from local_azure.home import Home
from local_azure.testing import Running, read_env, running

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TARGET = VmTarget(subscription=None, resource_group="access-demo", name="win1")
RULE = SecurityRule(
    name="Port_3389",
    priority=1000,
    access="Allow",
    direction="Inbound",
    protocol="Tcp",
    sources=frozenset({"203.0.113.7"}),
    destinations=frozenset({"*"}),
    ports=frozenset({PortRange(first=3389, last=3389)}),
)


@dataclass(kw_only=True)
class Bench:
    server: Running
    made: list[AzureClients]

    def clients(self, principal: str | None = None, *, timeout: float = 60) -> AzureClients:
        name = f"principals/{principal}.sh" if principal else "env.sh"
        environment = read_env(self.server.dir / name)
        azure = AzureClients(
            sign_in({}, environment=environment), subscription=None, poll_interval=0.1, timeout=timeout
        )
        self.made.append(azure)
        return azure

    def group(self, azure: AzureClients) -> ResourceId:
        root = f"/subscriptions/{azure.subscription}/resourceGroups/access-demo/providers/Microsoft.Network"
        return ResourceId.parse(f"{root}/networkSecurityGroups/win1-nsg")

    def fault(self, **wish: object) -> None:
        control.ask(Home(self.server.dir), "fault/add", {"action": "status", **wish})

    def faults(self) -> list[dict[str, t.Any]]:
        found: list[dict[str, t.Any]] = control.ask(Home(self.server.dir), "fault/list", {})["faults"]
        return found

    def rules(self, azure: AzureClients) -> set[str]:
        return {rule.name for rule in network.security_group(azure, self.group(azure)).rules}


@pytest.fixture(scope="module")
def quick() -> Iterator[Running]:
    with running("windows-vm", pace=0.002) as found:
        yield found


@pytest.fixture(scope="module")
def slow() -> Iterator[Running]:
    """A rule takes half a minute here."""
    with running("windows-vm", pace=10) as found:
        yield found


@pytest.fixture
def bench(quick: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with begun(quick, monkeypatch) as made:
        yield made


@pytest.fixture
def slow_bench(slow: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with begun(slow, monkeypatch) as made:
        yield made


@contextmanager
def begun(server: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The start of the scenario."""
    home = Home(server.dir)
    control.ask(home, "fault/clear")
    control.ask(home, "reset")
    for key, value in server.env.items():
        monkeypatch.setenv(key, value)
    made = Bench(server=server, made=[])
    try:
        yield made
    finally:
        control.ask(home, "fault/clear")
        for azure in made.made:
            for name in ("compute", "network", "vaults"):
                if name in vars(azure):
                    getattr(azure, name).close()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "InvalidParameter", Refused),
        (400, "SecurityRuleConflict", Conflict),
        (400, "AnotherOperationInProgress", Busy),
        (401, "InvalidAuthenticationToken", SignInFailed),
        (403, "AuthorizationFailed", Denied),
        (403, "RequestDisallowedByPolicy", Denied),
        (400, "RequestNotAllowedOnNonDeletedObject", NotFound),
        (404, "ResourceNotFound", NotFound),
        (409, "ScopeLocked", Conflict),
        (409, "AnotherOperationInProgress", Busy),
        (409, "ConflictingConcurrentWriteNotAllowed", Busy),
        (412, "PreconditionFailed", Conflict),
        (501, "NotImplemented", Unavailable),
    ],
)
def test_a_refusal_is_told_apart_by_what_to_do_next(
    bench: Bench, status: int, code: str, kind: type[AccessError]
) -> None:
    bench.fault(path="virtualMachines/win1", status=status, code=code, message="So it is.")
    with pytest.raises(AccessError) as caught:
        compute.read_vm(bench.clients(), TARGET)
    error = caught.value
    assert (type(error), error.code, error.details["status"]) == (kind, code, status)
    assert error.message == (
        f"Could not read the virtual machine win1 in resource group access-demo: So it is ({code})."
    )
    assert isinstance(error.__cause__, HttpResponseError)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            (
                "An ongoing operation is changing power state of Virtual Machine win1 to Deallocated. Please perform"
                " operation start after some time."
            ),
            Busy,
        ),
        ("Another operation on this virtual machine is in progress.", Busy),
        ("Operation 'start' is not allowed since there is another operation in progress on VM 'win1'.", Busy),
        (
            (
                "Operation 'start' is not allowed on VM 'win1' since the VM is marked for deletion. You can only retry"
                " the Delete operation (or wait for an ongoing one to complete)."
            ),
            Conflict,
        ),
        ("The operation requires the VM to be running (or set to run).", Conflict),
        (
            (
                "Operation 'redeploy' is not allowed on VM 'win1' since the VM is either deallocated or marked to be"
                " deallocated."
            ),
            Conflict,
        ),
    ],
)
def test_what_a_vm_does_not_allow_now_is_told_from_what_it_never_will(
    bench: Bench, text: str, kind: type[AccessError]
) -> None:
    bench.fault(path="virtualMachines/win1", status=409, code="OperationNotAllowed", message=text)
    with pytest.raises(AccessError) as caught:
        compute.read_vm(bench.clients(), TARGET)
    assert caught.type is kind


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("OperationNotAllowed", "get-instance-view"),
        ("AllocationFailed", "another size"),
        ("PropertyChangeNotAllowed", "is made"),
        ("MissingSubscriptionRegistration", "az provider register"),
        ("KeyVaultAccessForbidden", "enabledForDeployment"),
        ("CertificateImproperlyFormatted", "PFX"),
        ("ObjectIsDeletedButRecoverable", "secret recover"),
    ],
)
def test_what_azure_says_comes_with_the_next_step(bench: Bench, code: str, word: str) -> None:
    bench.fault(path="virtualMachines/win1", status=409, code=code, message="So it is.")
    with pytest.raises(Conflict) as caught:
        compute.read_vm(bench.clients(), TARGET)
    assert word in caught.value.hint


def test_a_missing_resource_provider_is_named_and_not_registered(bench: Bench) -> None:
    text = "The subscription is not registered to use namespace 'Microsoft.Compute'. See https://aka.ms/rps-not-found."
    bench.fault(path="virtualMachines/win1", status=409, code="MissingSubscriptionRegistration", message=text)
    bench.fault(path="/register", status=400, code="Registered", message="Nobody asked for that.")
    with pytest.raises(Conflict) as caught:
        compute.read_vm(bench.clients(), TARGET)
    assert caught.value.code == "MissingSubscriptionRegistration"
    assert "az provider register -n Microsoft.Compute" in caught.value.hint
    assert all(rule["applied"] == 0 for rule in bench.faults() if "register" in rule["path"])


def test_an_operation_that_ends_in_failure_carries_azures_code(bench: Bench) -> None:
    azure = bench.clients()
    vm = compute.read_vm(azure, TARGET)
    vault = azure.vaults.vaults.begin_create_or_update(
        "access-demo",
        "errors-vault",
        VaultCreateOrUpdateParameters(
            {
                "location": "westeurope",
                "properties": {
                    "tenantId": azure.tenant,
                    "sku": {"family": "A", "name": "standard"},
                    "enableRbacAuthorization": True,
                    "enabledForDeployment": True,
                },
            }
        ),
    ).result()
    secrets = azure.secrets(vault.properties.vault_uri or "")
    secret = secrets.set_secret("winrm", "no certificate")
    group = VaultSecretGroup(vault_id=vault.id or "", certificates=(VaultCertificate(url=secret.id or "", store="My"),))
    with pytest.raises(Refused) as caught:
        compute.update_secrets(azure, vm, (group,), etag=vm.etag, deadline=Deadline(30))
    # The status document says Failed in an answer that is itself 200.
    assert (caught.value.code, caught.value.details) == ("CertificateImproperlyFormatted", {"status": 200})
    assert "virtual machine win1" in caught.value.message
    with pytest.raises(HttpResponseError) as refused:
        bench.clients("contributor").secrets(vault.properties.vault_uri or "").get_secret("winrm")
    denied = access_error(refused.value, "read the secret winrm")
    # Key Vault's telling code is the inner one.
    assert (type(denied), denied.code, denied.details["outer_code"]) == (Denied, "ForbiddenByRbac", "Forbidden")
    assert "Key Vault Secrets Officer" in denied.hint


# Time


def test_the_deadline_ends_an_operation_that_goes_on(slow_bench: Bench) -> None:
    azure = slow_bench.clients()
    assert slow_bench.rules(azure) == {"AllowHttps"}
    started = time.monotonic()
    with pytest.raises(TimedOut) as caught:
        network.put_rule(azure, slow_bench.group(azure), RULE, deadline=Deadline(1))
    assert 0.9 < time.monotonic() - started < 10
    assert caught.value.message == (
        "Gave up waiting for the rule Port_3389 of the security group win1-nsg after 1 seconds;"
        " last seen: operation InProgress."
    )


def test_the_clients_budget_ends_the_polls_too(slow_bench: Bench) -> None:
    azure = slow_bench.clients(timeout=1)
    started = time.monotonic()
    with pytest.raises(TimedOut) as caught:
        network.put_rule(azure, slow_bench.group(azure), RULE, deadline=Deadline(60))
    assert time.monotonic() - started < 10
    assert caught.value.details["last_seen"] == "operation InProgress"
    with pytest.raises(TimedOut):
        network.security_group(azure, slow_bench.group(azure))


def test_an_interrupt_ends_a_wait_at_once(slow_bench: Bench) -> None:
    azure = slow_bench.clients()
    group = slow_bench.group(azure)
    assert slow_bench.rules(azure) == {"AllowHttps"}
    main = threading.main_thread().ident or 0
    ctrl_c = threading.Timer(0.7, lambda: signal.pthread_kill(main, signal.SIGINT))
    started = time.monotonic()
    ctrl_c.start()
    with pytest.raises(KeyboardInterrupt):
        network.put_rule(azure, group, RULE, deadline=Deadline(60))
    assert time.monotonic() - started < 10
    ctrl_c.join()


def test_a_deletion_is_waited_for(bench: Bench) -> None:
    azure = bench.clients()
    network.delete_rule(azure, bench.group(azure), "AllowHttps", deadline=Deadline(20))
    assert bench.rules(azure) == set()


# Texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is so.", "It is so"),
        ("Two\r\n  lines.\n", "Two lines"),
        ("Not found. For more details please go to https://aka.ms/x", "Not found"),
        ("AADSTS1: wrong. Trace ID: 1 Correlation ID: 2", "AADSTS1: wrong"),
        ("A and B. To learn more, see aka.ms/nsgrules.", "A and B"),
        ("", "no further text"),
    ],
)
def test_a_text_is_cut_down_to_what_helps(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_of_a_page_only_the_first_line_is_shown() -> None:
    assert first_line("\n  Bad Gateway.\nContent: <html>") == "Bad Gateway"
    assert first_line("\n") == "no further text"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HTTPSConnection(host='x', port=443): [Errno 111] Connection refused\")", "Connection refused"),
        (
            "('Unable to connect to proxy', OSError('Tunnel connection failed: 407 Sign in'))",
            "the proxy does not let the connection through: Tunnel connection failed: 407 Sign in",
        ),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1)", None),
        ("something else", "something else"),
    ],
)
def test_why_no_connection_came_about(text: str, expected: str | None) -> None:
    assert connection_failure(text) == (expected or text)


# Where the trouble is on the controller


def from_controller(bench: Bench, folder: Path, variables: dict[str, str], **options: str) -> AccessError:
    env = bench.server.env
    given = {name: env[name] for name in ("AZURE_TENANT", "AZURE_CLIENT_ID", "AZURE_SUBSCRIPTION_ID")}
    sign = sign_in(options, environment={**given, **variables}, home=folder)
    azure = AzureClients(sign, subscription=None, poll_interval=0.1, timeout=10)
    bench.made.append(azure)
    with pytest.raises(AccessError) as caught:
        compute.read_vm(azure, TARGET)
    return caught.value


def test_a_missing_cli_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = from_controller(bench, tmp_path, {}, auth_source="cli")
    assert isinstance(error, SignInFailed)
    assert "Azure CLI not found on path" in error.message
    assert "az login" in error.hint


def test_a_missing_token_file_is_named(bench: Bench, tmp_path: Path) -> None:
    error = from_controller(bench, tmp_path, {"AZURE_FEDERATED_TOKEN_FILE": "/nowhere/token"})
    assert error.code == "FileNotUsable"
    assert "/nowhere/token" in error.message


def test_a_missing_bundle_of_authorities_is_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    error = from_controller(bench, tmp_path, {"AZURE_SECRET": bench.server.env["AZURE_SECRET"]})
    assert error.code == "FileNotUsable"
    assert "/nowhere/ca.pem" in error.message
    assert "REQUESTS_CA_BUNDLE" in error.hint
