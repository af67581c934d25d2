# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user reads when something is wrong: the resource, what happened, what to do, in bounded time."""

from __future__ import annotations

import socket
import threading
import time
import typing as t
from contextlib import contextmanager

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure import network
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import (
    AccessError,
    Conflict,
    Denied,
    InvalidInput,
    NotFound,
    SignInFailed,
    TimedOut,
    Unavailable,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.tests.integration.rdp_nsg_rule.conftest import Bench, Json
    from ansible_collections.azvm.access.tests.integration.support.azure_control import Fault

ABSENT = "11111111-2222-3333-4444-555555555555"


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@pytest.mark.parametrize(
    ("wish", "code", "named"),
    [
        ({"vm_name": "absent"}, "ResourceNotFound", "absent in resource group access-guards"),
        ({"resource_group": "nowhere"}, "ResourceGroupNotFound", "nowhere"),
    ],
)
def test_a_wrong_name(bench: Bench, wish: Json, code: str, named: str) -> None:
    error = bench.refused("atnic", **wish)
    assert isinstance(error, NotFound)
    assert error.code == code
    assert named in error.message
    assert "resource group" in error.hint or "resource_group" in error.hint


def test_a_wrong_subscription(bench: Bench) -> None:
    error = bench.refused("atnic", azure=bench.clients(subscription=ABSENT))
    assert isinstance(error, NotFound)
    assert error.code == "SubscriptionNotFound"
    assert "subscription_id" in error.hint


@pytest.mark.parametrize(
    ("wrong", "kind", "code", "hinted"),
    [
        ({"secret": "wrong"}, SignInFailed, "AADSTS7000215", "secret"),
        ({"client_id": ABSENT}, SignInFailed, "AADSTS700016", "client_id"),
        ({"tenant": ABSENT}, SignInFailed, "TenantNotFound", "tenant"),
        ({"tenant": "no such/tenant"}, InvalidInput, "InvalidCredentials", "tenant"),
    ],
)
def test_wrong_credentials(bench: Bench, wrong: Json, kind: type[AccessError], code: str, hinted: str) -> None:
    env = bench.control.server.env
    right = {"tenant": env["AZURE_TENANT"], "client_id": env["AZURE_CLIENT_ID"], "secret": env["AZURE_SECRET"]}
    with within(20):
        error = bench.refused("atnic", azure=bench.clients(**{**right, **wrong}))
    assert isinstance(error, kind)
    assert error.code == code
    assert hinted in error.hint
    assert env["AZURE_SECRET"] not in str(error.as_failure())
    assert "Trace ID" not in error.message


def test_a_reader_may_look_but_not_write(bench: Bench) -> None:
    assert bench.run("atnic", azure=bench.clients("reader"), check_mode=True).changed
    error = bench.refused("atnic", azure=bench.clients("reader"))
    assert isinstance(error, Denied)
    assert error.code == "AuthorizationFailed"
    assert "'Microsoft.Network/networkSecurityGroups/securityRules/write'" in error.message
    assert "Port_3389 of the security group atnic-nsg" in error.message
    assert "role" in error.hint


# Another writer at work


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "RetryableError"), (409, "AnotherOperationInProgress"), (400, "AnotherOperationInProgress")],
)
def test_a_busy_group_is_tried_again(bench: Bench, status: int, code: str) -> None:
    bench.control.fault(
        "status", method="PUT", path="securityRules", status=status, code=code, times=2, retry_after="1"
    )
    assert bench.run("atnic").changed
    assert "Port_3389" in bench.rules("atnic-nsg")


def test_a_group_that_stays_busy_ends_with_the_budget(bench: Bench) -> None:
    bench.control.fault("status", method="PUT", path="securityRules", status=409, code="AnotherOperationInProgress")
    with within(6):
        error = bench.refused("atnic", seconds=3)
    assert isinstance(error, TimedOut)
    assert "the rule Port_3389 of the security group atnic-nsg after 3 seconds" in error.message
    assert "AnotherOperationInProgress" in error.details["last_seen"]


@pytest.mark.parametrize("writes", ["retryable", "conflict"])
def test_writers_that_azure_lets_in_one_by_one_all_get_through(bench: Bench, writes: str) -> None:
    bench.concurrent_writes(writes)
    results = together([lambda vm=vm: bench.run(vm) for vm in ("shared1", "shared2")])  # type: ignore[misc]
    assert [result.changed for result in results] == [True, True]
    rules = bench.rules("shared-nsg")
    assert {"Port_3389_shared1", "Port_3389_shared2", "AllowHttps", "Port_3390"} == set(rules)


def together(calls: t.Sequence[t.Callable[[], t.Any]]) -> list[t.Any]:
    """The results of calls that begin at the same moment, each in a thread."""
    start = threading.Barrier(len(calls))
    results: list[t.Any] = [None] * len(calls)

    def go(number: int, call: t.Callable[[], t.Any]) -> None:
        start.wait()
        results[number] = call()

    threads = [threading.Thread(target=go, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def met(bench: Bench, fault: Fault) -> None:
    """Wait until a request is held up by the fault."""
    deadline = Deadline(10)
    while not next(one for one in bench.control.ask("fault/list")["faults"] if one["id"] == fault.id)["applied"]:
        deadline.pause(0.02, waiting_for="a request that meets the fault", last_seen="none")


def test_a_priority_taken_meanwhile_is_chosen_anew(bench: Bench) -> None:
    fault = bench.control.fault("delay", method="PUT", path="atnic-nsg/securityRules/Port_3389", seconds=1, times=1)

    def somebody_else() -> None:
        met(bench, fault)
        bench.put("atnic-nsg", "Faster", priority=1000)

    outcome, _none = together([lambda: bench.run("atnic"), somebody_else])
    assert outcome.changed
    rules = bench.rules("atnic-nsg")
    assert rules["Faster"]["priority"] == 1000
    assert rules["Port_3389"]["priority"] == outcome.thing["groups"][0]["rule"]["priority"] > 1000


def test_a_wished_priority_taken_meanwhile_is_a_conflict(bench: Bench) -> None:
    fault = bench.control.fault("delay", method="PUT", path="atnic-nsg/securityRules/Port_3389", seconds=1, times=1)

    def somebody_else() -> None:
        met(bench, fault)
        bench.put("atnic-nsg", "Faster", priority=1000)

    def me() -> AccessError:
        with pytest.raises(Conflict) as caught:
            bench.run("atnic", priority=1000)
        return caught.value

    error, _none = together([me, somebody_else])
    assert error.code == "SecurityRuleConflict"
    assert "Faster" in error.message
    assert "priority" in error.hint
    assert set(bench.rules("atnic-nsg")) == {"Faster"}


# Azure, or the way to it, does not answer


def test_a_write_that_is_never_answered(bench: Bench) -> None:
    bench.control.fault("hold", method="PUT", path="securityRules")
    with within(6), pytest.raises(TimedOut) as caught:
        bench.run("atnic", seconds=3)
    assert "PUT securityRules/Port_3389 after 3 seconds; last seen: no answer." in caught.value.message
    bench.control.clear_faults()
    # The effect had taken place: the next run finds it.
    assert not bench.run("atnic").changed


def test_an_operation_that_never_ends(slow: Bench) -> None:
    with within(6), pytest.raises(TimedOut) as caught:
        slow.run("atnic", seconds=3)
    error = caught.value
    assert error.message == (
        "Gave up waiting for the rule Port_3389 of the security group atnic-nsg after 3 seconds;"
        " last seen: operation InProgress."
    )
    assert error.details["last_seen"] == "operation InProgress"


@pytest.mark.parametrize(("status", "retry_after"), [(503, "3600"), (429, "3600"), (503, None)])
def test_retries_end_with_the_budget(bench: Bench, status: int, retry_after: str | None) -> None:
    bench.control.fault("status", path="networkInterfaces", status=status, retry_after=retry_after)
    with within(5):
        error = bench.refused("atnic", seconds=2)
    assert isinstance(error, (TimedOut, Unavailable))
    assert "networkInterfaces/atnic-nic" in error.message


def test_the_sign_in_service_is_down(bench: Bench) -> None:
    bench.control.fault("status", path="oauth2/v2.0/token", status=503)
    with within(10):
        error = bench.refused("atnic", seconds=5)
    assert isinstance(error, (Unavailable, TimedOut))
    assert "503" in error.message


def test_the_connection_is_cut(bench: Bench) -> None:
    bench.control.fault("reset-before", path="virtualMachines/atnic")
    with within(10):
        error = bench.refused("atnic", seconds=8)
    assert isinstance(error, Unavailable)
    assert "virtual machine atnic" in error.message


def test_the_proxy_is_down(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, so that nobody else gets the port, and not listening
        use_proxy(monkeypatch, unused.getsockname()[1])
        with within(10):
            error = bench.refused("atnic", seconds=30)
    assert isinstance(error, Unavailable)
    assert "the proxy does not let the connection through: Connection refused" in error.message
    assert "proxy" in error.hint


def test_the_proxy_does_not_answer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # the connection is made, and nothing comes
        use_proxy(monkeypatch, silent.getsockname()[1])
        with within(6):
            error = bench.refused("atnic", seconds=3)
    assert isinstance(error, (TimedOut, Unavailable))


def test_an_authority_that_is_not_trusted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with within(10):
        error = bench.refused("atnic", seconds=30)
    assert isinstance(error, Unavailable)
    assert "CERTIFICATE_VERIFY_FAILED" in error.message
    assert "REQUESTS_CA_BUNDLE" in error.hint


def use_proxy(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")


# Writing from below, for what no plan would do


def test_removing_a_rule_that_is_gone_is_fine(bench: Bench) -> None:
    azure = bench.clients()
    group = ResourceId.parse(
        f"/subscriptions/{azure.subscription}/resourceGroups/access-guards/providers/Microsoft.Network"
        "/networkSecurityGroups/atnic-nsg"
    )
    before = bench.all_rules()
    network.delete_rule(azure, group, "absent", deadline=Deadline(10))
    assert bench.all_rules() == before
