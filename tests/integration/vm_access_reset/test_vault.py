# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords that live in a vault: read, made and written first, set back when the reset fails, converging always."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import (
    AccessError,
    Conflict,
    Denied,
    InvalidInput,
    NotFound,
)
from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import (
    LOCKED,
    SECRET,
    USER,
    VAULT,
    clients,
    run,
)
from local_azure.testing import read_env

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import Json, Reset

GENERATE: Json = {"mode": "password", "generate": True, "vault_name": VAULT}
NEW = "Battery-Staple-2"
CLERK = {"name": "clerk", "password": "Former-Horse-1", "admin": False}

# The module's operation in a process of its own, to be ended at any moment.
PROGRAM = """
import json, os, sys
from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import clients, run
with clients(os.environ) as azure:
    run(azure, **json.loads(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def vault(reset: Reset) -> None:
    reset.make_vault()


def secret(error: AccessError) -> Json:
    found: Json = error.details["password"]["secret"]
    return found


def test_a_made_password_is_in_the_vault_and_in_the_vm(reset: Reset) -> None:
    reset.enable_winrm()
    first = reset.run(**GENERATE)
    assert reset.writes == [f"PUT {SECRET}", "PUT enablevmaccess"]
    password, version = reset.current()
    assert len(password) == 24
    assert reset.signs_in(password)
    assert not reset.signs_in(reset.server.env["LOCAL_AZURE_VM_PASSWORD"])
    assert first.thing["password"]["generated"] is True
    assert first.thing["password"]["secret"]["url"].endswith(version)
    assert password not in str(first)
    again = reset.run(**GENERATE)
    assert (again.changed, reset.writes) == (False, [])
    renewed = reset.run(**GENERATE, force=True)
    assert renewed.thing["password"]["secret"]["previous_url"].endswith(version)
    assert reset.current()[0] != password
    assert reset.signs_in(reset.current()[0])
    assert not reset.signs_in(password)


def test_locked_out_and_back_in(reset: Reset) -> None:
    reset.vm(guest=LOCKED)
    reset.make_vault()
    reset.enable_winrm()
    reset.open_rdp()
    back = reset.run(**GENERATE | {"mode": "both", "only_if_unreachable": True})
    assert back.thing["performed"] == ["configuration", "password"]
    assert reset.signs_in(reset.current()[0])
    again = reset.run(**GENERATE | {"mode": "both", "only_if_unreachable": True})
    assert (again.changed, again.thing["probe"]["verified"]) == (False, True)


def test_check_mode_makes_no_version(reset: Reset) -> None:
    predicted = reset.run(check_mode=True, **GENERATE)
    assert (predicted.changed, reset.writes) == (True, [])
    real = reset.run(**GENERATE)
    assert (predicted.before, predicted.after) == (real.before, real.after)
    assert predicted.thing["password"]["secret"]["url"] is None
    assert not reset.run(check_mode=True, **GENERATE).changed


def test_the_vault_is_the_truth_after_a_reset_by_hand(reset: Reset) -> None:
    reset.enable_winrm()
    reset.run(**GENERATE)
    password, version = reset.current()
    reset.run(mode="password", password=NEW)
    assert reset.signs_in(NEW)
    assert reset.run(**GENERATE).changed
    assert reset.current() == (password, version)
    assert reset.signs_in(password)


@pytest.mark.parametrize("with_version", [False, True])
def test_a_password_that_somebody_keeps_in_a_vault(reset: Reset, with_version: bool) -> None:
    reset.enable_winrm()
    made = reset.secret_client().set_secret(SECRET, NEW)
    where: Json = {"password_secret": made.id} if with_version else {"password_secret": SECRET, "vault_name": VAULT}
    outcome = reset.run(mode="password", **where)
    assert outcome.thing["password"] == {
        "source": "vault",
        "generated": False,
        "secret": {
            "vault_uri": f"https://{VAULT}.vault.azure.net/",
            "name": SECRET,
            "url": made.id,
            "previous_url": None,
            "restored": None,
        },
    }
    assert reset.signs_in(NEW)
    assert not reset.run(mode="password", **where).changed
    reset.secret_client().set_secret(SECRET, "Another-Horse-3")
    assert reset.run(mode="password", **where).changed is not with_version
    assert reset.writes == ([] if with_version else ["PUT enablevmaccess"])


def test_a_secret_of_somebody_else_is_not_written_over(reset: Reset) -> None:
    reset.secret_client().set_secret(SECRET, "Server=db;Password=x")
    error = reset.refused(**GENERATE, force=True)
    assert isinstance(error, Conflict)
    assert error.code == "SecretOfOthers"
    assert reset.writes == []


def test_what_is_no_password_is_not_set(reset: Reset) -> None:
    reset.secret_client().set_secret(SECRET, "Battery-Staple-2\n")
    error = reset.refused(mode="password", password_secret=SECRET, vault_name=VAULT)
    assert isinstance(error, InvalidInput)
    assert "line break" in error.message
    assert "Battery" not in str(error.as_failure())
    assert reset.writes == []


def test_a_secret_that_is_not_there(reset: Reset) -> None:
    error = reset.refused(mode="password", password_secret=SECRET, vault_name=VAULT)
    assert isinstance(error, NotFound)
    assert error.code == "PasswordNotFound"
    made = reset.secret_client().set_secret(SECRET, NEW)
    reset.secret_client().update_secret_properties(SECRET, made.properties.version, enabled=False)
    assert reset.refused(mode="password", password_secret=SECRET, vault_name=VAULT).code == "PasswordNotFound"
    assert reset.writes == []


@pytest.mark.parametrize("wish", [GENERATE, {"mode": "password", "password_secret": SECRET, "vault_name": VAULT}])
def test_a_vault_that_can_not_be_read(reset: Reset, wish: Json) -> None:
    environment = read_env(reset.server.dir / "principals" / "contributor.sh")
    with clients(environment) as azure:
        reset.control.mark()
        with pytest.raises(Denied) as caught:
            run(azure, **wish)
    assert caught.value.code == "ForbiddenByRbac"
    assert reset.writes == []


def test_a_deleted_secret_holds_its_name(reset: Reset) -> None:
    reset.secret_client().set_secret(SECRET, NEW)
    reset.secret_client().begin_delete_secret(SECRET, _polling_interval=0.1).wait()
    error = reset.refused(**GENERATE)
    assert isinstance(error, Conflict)
    assert "ObjectIsDeletedButRecoverable" in error.code
    assert "secret recover" in error.hint
    assert "PUT enablevmaccess" not in reset.writes


# The reset fails


def test_when_the_reset_fails_the_former_password_is_current_again(reset: Reset) -> None:
    reset.enable_winrm()
    reset.run(**GENERATE)
    former, version = reset.current()
    reset.control.fault("status", method="PUT", path="extensions/", status=403, code="AuthorizationFailed")
    error = reset.refused(**GENERATE, force=True)
    assert error.code == "AuthorizationFailed"
    assert "holds the former password again" in error.message
    assert reset.writes == [f"PUT {SECRET}", "PUT enablevmaccess", f"PUT {SECRET}", reset.writes[-1]]
    assert reset.writes[-1].startswith("PATCH ")
    assert secret(error)["restored"] is True
    assert secret(error)["previous_url"].endswith(version)
    assert reset.current()[0] == former
    assert reset.enabled_versions() == 2
    assert reset.signs_in(former)
    reset.control.clear_faults()
    reset.run(**GENERATE)
    assert reset.signs_in(reset.current()[0])


def test_what_a_stricter_policy_refuses_is_taken_back(reset: Reset) -> None:
    reset.vm(guest={"minimum_password_length": 16})
    reset.make_vault()
    reset.run(**GENERATE)
    former = reset.current()[0]
    error = reset.refused(**GENERATE, password_length=12, force=True)
    assert error.details["cause"] == "PasswordPolicy"
    assert error.details["report"].startswith("The password does not meet the password policy requirements.")
    assert "holds the former password again" in error.message
    assert reset.current()[0] == former


def test_when_there_is_no_former_password_the_refused_one_is_disabled(reset: Reset) -> None:
    reset.vm(guest={"users": [CLERK]})
    reset.make_vault()
    error = reset.refused(**GENERATE, username="clerk", allow_other_user=True)
    assert error.details["cause"] == "UserNotAdministrator"
    assert "there was none before" in error.message
    assert secret(error) == {
        "vault_uri": f"https://{VAULT}.vault.azure.net/",
        "name": SECRET,
        "url": None,
        "previous_url": None,
        "restored": False,
    }
    assert reset.enabled_versions() == 0


def test_when_nobody_knows_the_new_password_stays(reset: Reset) -> None:
    reset.vm(guest={"vm_access": "agent_dies"})
    reset.make_vault()
    error = reset.refused(**GENERATE)
    assert error.details["cause"] == "AgentSilent"
    assert "because the VM may have taken it" in error.message
    assert secret(error)["url"].endswith(reset.current()[1])
    assert secret(error)["restored"] is None


def test_after_an_earlier_try_nobody_knows_either(reset: Reset) -> None:
    reset.run(**GENERATE)
    path = "extensions/enablevmaccess$"
    # Azure has the first write, whose end somebody else's reset seems to have overtaken; the second one is refused.
    reset.control.fault("status", method="GET", path="/operations/", times=1, status=409, code="OperationPreempted")
    reset.control.fault("status", method="PUT", path=path, nth=2, status=403, code="AuthorizationFailed")
    error = reset.refused(**GENERATE, force=True)
    assert error.code == "AuthorizationFailed"
    assert "because the VM may have taken it" in error.message
    assert secret(error)["url"].endswith(reset.current()[1])


def test_a_vault_that_fails_when_it_is_set_back_is_said(reset: Reset) -> None:
    reset.run(**GENERATE)
    reset.control.fault("status", method="PUT", path="extensions/", status=403, code="AuthorizationFailed")
    reset.control.fault("status", method="PUT", path=f"secrets/{SECRET}", nth=2, status=403, code="Forbidden")
    error = reset.refused(**GENERATE, force=True)
    assert error.code == "AuthorizationFailed"
    assert "could not be set back to the former password" in error.message
    assert secret(error)["restored"] is False


# Cut short, and two at once


@pytest.mark.parametrize(
    ("path", "force"),
    [
        (f"secrets/{SECRET}", True),
        ("extensions/enablevmaccess", True),
        pytest.param(f"secrets/{SECRET}", False, marks=pytest.mark.full),
        pytest.param("extensions/enablevmaccess", False, marks=pytest.mark.full),
    ],
)
def test_a_run_that_was_cut_is_completed_by_the_next(reset: Reset, path: str, force: bool) -> None:
    reset.enable_winrm()
    if force:
        reset.run(**GENERATE)
    fault = reset.control.fault("hold", method="PUT", path=path, times=1)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps({**GENERATE, "force": force})], env=reset.server.env
    )
    try:
        assert reset.control.reached(fault, unless=lambda: process.poll() is not None)
    finally:
        process.kill()
        process.wait()
    reset.control.clear_faults()
    versions = reset.enabled_versions()
    reset.run(**GENERATE)
    password, version = reset.current()
    assert reset.signs_in(password)
    assert reset.enabled_versions() == versions
    again = reset.run(**GENERATE)
    assert (again.changed, again.thing["password"]["secret"]["url"].endswith(version)) == (False, True)
    if force:
        # The same command again makes a new one, whatever became of the one before it.
        reset.run(**GENERATE, force=True)
        assert reset.enabled_versions() == versions + 1
        assert reset.signs_in(reset.current()[0])


def test_of_two_at_once_the_vault_and_the_vm_agree(reset: Reset) -> None:
    reset.enable_winrm()
    with clients(reset.server.env) as one, clients(reset.server.env) as other, ThreadPoolExecutor(2) as pool:
        # The first is held back with its version written, until the second one is done.
        fault = reset.control.fault("hold", method="PUT", path=f"secrets/{SECRET}", times=1)
        first = pool.submit(run, one, **GENERATE, force=True)
        assert reset.control.reached(fault, unless=first.done)
        second = pool.submit(run, other, **GENERATE, force=True)
        reset.control.eventually(second.done)
        reset.control.clear_faults()
        outcomes = [first.result(60), second.result(60)]
    assert all(outcome.changed for outcome in outcomes)
    password, version = reset.current()
    assert reset.signs_in(password)
    assert [outcome.thing["password"]["secret"]["url"].endswith(version) for outcome in outcomes] == [True, True]
    assert reset.accounts[USER] == (True, True)
