# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A port that just-in-time access guards is not opened by a rule beside it, unless the task says so."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import Conflict, TimedOut, Unavailable

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.rdp_nsg_rule.conftest import Bench, Json


def reads(bench: Bench) -> int:
    """How often the policies were read."""
    return sum("Microsoft.Security" in entry["path"] for entry in bench.control.journal())


@pytest.mark.parametrize(
    "wish", [{}, {"port": 5986}, {"protocol": "*"}, {"expires_after": "8h"}, {"check_mode": True}], ids=str
)
def test_a_guarded_port_is_refused(bench: Bench, wish: Json) -> None:
    error = bench.refused("jit", **wish)
    assert isinstance(error, Conflict)
    assert error.code == "JitPolicyCoversPort"
    assert f"port {wish.get('port', 3389)} of jit" in error.message
    assert "Request access" in error.hint
    assert "allow_jit_override: true" in error.hint
    assert bench.control.writes() == []


def test_the_override_opens_and_warns_once(bench: Bench) -> None:
    outcome = bench.run("jit", allow_jit_override=True)
    assert outcome.changed
    assert "allow_jit_override" in outcome.warnings[0]
    bench.control.mark()
    again = bench.run("jit", allow_jit_override=True)
    assert (again.changed, again.warnings, reads(bench)) == (False, (), 0)
    assert bench.refused("jit", sources=["198.51.100.1"]).code == "JitPolicyCoversPort"
    bench.control.mark()
    assert bench.run("jit", state="absent").changed
    assert reads(bench) == 0


def test_a_rule_that_was_there_before_the_policy_is_kept_with_a_warning_and_one_read(bench: Bench) -> None:
    bench.run("jit", allow_jit_override=True)
    bench.control.mark()
    again = bench.run("jit")
    assert (again.changed, reads(bench)) == (False, 1)
    assert "the rule that is there already" in again.warnings[0]
    # What ends by itself, and what nobody may know of, is not worth a word.
    bench.run("jit", expires_after="8h", allow_jit_override=True)
    bench.control.mark()
    assert (bench.run("jit", expires_after="8h").warnings, reads(bench)) == ((), 0)
    bench.run("atnic")
    bench.control.fault("status", method="GET", path="Microsoft.Security", status=403, code="AuthorizationFailed")
    assert bench.run("atnic").warnings == ()


@pytest.mark.parametrize(
    ("vm", "wish"), [("jit", {"port": 5985}), ("jit", {"port": 5986, "protocol": "Udp"}), ("atnic", {})]
)
def test_what_no_policy_guards_costs_one_read(bench: Bench, vm: str, wish: Json) -> None:
    outcome = bench.run(vm, **wish)
    assert (outcome.changed, outcome.warnings, reads(bench)) == (True, (), 1)


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AuthorizationFailed"), (404, "InvalidResourceType"), (409, "MissingSubscriptionRegistration")],
)
def test_policies_that_can_not_be_read_are_a_warning(bench: Bench, status: int, code: str) -> None:
    bench.control.fault("status", method="GET", path="Microsoft.Security", status=status, code=code)
    outcome = bench.run("atnic")
    assert outcome.changed
    assert "Whether just-in-time access guards port 3389 of atnic is not known" in outcome.warnings[0]


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_subscription_without_that_provider_stays_without_it(bench: Bench, *, check_mode: bool) -> None:
    message = "The subscription is not registered to use namespace 'Microsoft.Security'. See https://aka.ms/x for how."
    code = "MissingSubscriptionRegistration"
    bench.control.fault("status", method="GET", path="Microsoft.Security", status=409, code=code, message=message)
    outcome = bench.run("atnic", check_mode=check_mode)
    assert outcome.changed
    assert "Microsoft.Security" in outcome.warnings[0]
    assert [line for line in bench.control.writes() if "register" in line] == []


def test_a_service_in_trouble_is_no_leave_to_open(bench: Bench) -> None:
    bench.control.fault("status", method="GET", path="Microsoft.Security", status=503)
    assert isinstance(bench.refused("jit", seconds=2), (TimedOut, Unavailable))
