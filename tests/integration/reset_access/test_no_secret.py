# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role reset_access: the login with a new password, which turns up nowhere, and is not there to use in a vault."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.integration.support.controller import Controller
from ansible_collections.azvm.access.tests.integration.support.secrets_search import Secrets
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.tests.integration.support.controller import Json, Run

ROLE = Path(__file__).parent / "plays" / "role.yml"
PASSWORD = "Battery'Staple\"&<2>"
LOOKED_UP = '{{ lookup("ansible.builtin.env", "NEW_PASSWORD") }}'
VAULT = {"reset_access_generate": True, "reset_access_vault_name": "access-passwords"}


@pytest.fixture
def azure() -> Iterator[Azure]:
    with running("locked-out", pace=0.002) as server:
        yield Azure(server=server)


@pytest.fixture
def controller(azure: Azure, tmp_path: Path) -> Iterator[Controller]:
    with Controller(folder=tmp_path / "controller", environment=azure.server.env) as made:
        made.more["NEW_PASSWORD"] = PASSWORD
        yield made


def run(controller: Controller, *options: str, **variables: t.Any) -> Run:
    host: Json = {"resource_group": "access-demo", "allowed_sources": ["127.0.0.1"], **variables}
    return controller.begin(ROLE, *options, hosts={"win1": host})


def test_no_password_is_told_at_the_highest_verbosity(azure: Azure, controller: Controller) -> None:
    given = run(controller, "-vvvv", "--diff", reset_access_mode="both", reset_access_password=LOOKED_UP)
    finished = given.wait().succeeded()
    result = finished.fact("reset_access_result")
    assert result["performed"] == ["configuration", "password"]
    assert (result["rdp"]["verified"], result["winrm"]["trusted"]) == (True, True)
    assert (result["can_sign_in"], result["unproven"]) == (True, None)
    assert finished.of("Sign in")["stdout"].strip() == "win1\\azureuser"

    made = run(controller, "-vvvv", "--diff", reset_access_mode="password", **VAULT)
    told = made.wait().succeeded().fact("reset_access_result")
    assert told["secret"]["name"] == "password-win1"
    assert "in the vault" in told["unproven"]
    assert not told["can_sign_in"]

    secrets = Secrets.of(
        words={"the given password": PASSWORD, "the given password, quoted": json.dumps(PASSWORD)[1:-1]}, values=()
    )
    outputs = [path for one in (given, made) for path in (one.output, one.errors, one.results)]
    places = [path for path in azure.home.path.iterdir() if path.name not in ("env.sh", "principals")]
    assert secrets.leaks(controller.home, controller.temporary, *outputs, *places) == []
    assert secrets.found_in(json.dumps(azure.state()).encode()) == []
    assert "enablevmaccess" in given.output.read_text(encoding="utf-8")


def test_a_check_says_what_is_there_and_changes_nothing(azure: Azure, controller: Controller) -> None:
    run(controller).wait().succeeded()
    azure.mark()
    checked = run(controller, "--check", reset_access_mode="password", **VAULT).wait().succeeded()
    result = checked.fact("reset_access_result")
    assert result["extension"]["existed"] is True
    assert result["performed"] == ["password"]
    assert azure.writes() == []
