# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No password turns up anywhere: output, results, journal, files, command lines, environments."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.azvm.access.tests.integration.reset_access.conftest import GENERATE
from ansible_collections.azvm.access.tests.integration.support.leaks import leaks
from ansible_collections.azvm.access.tests.integration.support.secrets_search import Secrets
from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import SECRET, VAULT

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.reset_access.conftest import Job
    from ansible_collections.azvm.access.tests.integration.support.controller import Watched

PASSWORD = "Battery'Staple\"&<2>"
LOUD = ("-vvvv", "--diff")
MODULE = "AnsiballZ_vm_access_reset"


@pytest.fixture
def preloaded() -> None:
    """Modules run as they do for people."""


def traces(job: Job, password: str, watched: Watched) -> list[str]:
    """Where the run left something of the password, of any other secret, a token or a key."""
    words = {"the new password": password, "the new password, quoted": json.dumps(password)[1:-1]}
    new = Secrets.of(words=words, values=())
    return [
        *leaks(job.vm.control.secrets() | new, azure=job.vm.control, controller=job.controller, runs=[watched]),
        # The controller's own credentials are in the environment.
        *new.found_in(watched.environments),
    ]


def test_a_given_password_is_used_and_never_told(job: Job) -> None:
    variables = {"reset_access_mode": "both", "reset_access_password": PASSWORD}
    watched = job.begin(*LOUD, playbook="refused.yml", **variables, reset_access_trust_file=str(job.trust())).watched()
    finished = watched.run.wait().succeeded()

    result = finished.fact("reset_access_result")
    assert result["performed"] == ["configuration", "password"]
    assert (result["rdp"]["verified"], result["winrm"]["trusted"]) == (True, True)
    assert (result["can_sign_in"], result["unproven"]) == (True, None)
    assert finished.of("Sign in")["stdout"].strip() == "win1\\azureuser"
    by_windows, at_once = (one.result for one in finished.failures())
    assert by_windows["failure"]["details"]["cause"] == "UserNotAdministrator"
    assert at_once["failure"]["code"] == "PasswordNotUsed"

    assert traces(job, PASSWORD, watched) == []
    # Not for a moment is there a file with the module's options.
    assert MODULE not in finished.output + watched.command_lines.decode(errors="replace")
    assert "enablevmaccess" in finished.output


def test_a_made_password_is_never_told(job: Job) -> None:
    # Module files with their options stay where Ansible put them, as if every clean-up had failed.
    job.controller.more["ANSIBLE_KEEP_REMOTE_FILES"] = "1"
    watched = job.begin(*LOUD, **GENERATE, reset_access_trust_file=str(job.trust())).watched()
    finished = watched.run.wait().succeeded()

    result = finished.fact("reset_access_result")
    assert (result["secret"]["name"], result["can_sign_in"]) == (SECRET, False)
    assert "in the vault" in result["unproven"]
    made = job.vm.control.secret(VAULT, SECRET)
    assert job.vm.signs_in(made)
    assert traces(job, made, watched) == []
    # The search has seen what it was meant to see.
    (module,) = job.controller.temporary.rglob(f"{MODULE}.py")
    assert VAULT in module.read_text(encoding="utf-8")
    assert MODULE.encode() in watched.command_lines
    assert job.vm.control.home.journal.is_file()


def test_a_check_says_what_is_there_and_changes_nothing(job: Job) -> None:
    job.vm.run()
    job.vm.control.mark()
    checked = job.begin("--check", **GENERATE).wait().succeeded()
    result = checked.fact("reset_access_result")
    assert result["extension"]["existed"] is True
    assert result["performed"] == ["configuration", "password"]
    assert job.vm.writes == []
