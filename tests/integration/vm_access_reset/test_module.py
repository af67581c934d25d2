# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as ansible-playbook runs it, and the search for passwords in everything it leaves."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.compute.conftest import GROUP, NAME
from ansible_collections.azvm.access.tests.integration.support.controller import Controller
from ansible_collections.azvm.access.tests.integration.support.secrets_search import Secrets
from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import VAULT

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import Reset

PLAY = Path(__file__).parent / "plays" / "life.yml"
TARGET = {"resource_group": GROUP, "vm_name": NAME, "poll_interval": 0.1, "timeout": 60}
PASSWORD = "Battery'Staple\"&<2>"
CLERK = {"name": "clerk", "password": "Former-Horse-1", "admin": False}


@pytest.fixture
def controller(reset: Reset, tmp_path: Path) -> Iterator[Controller]:
    with Controller(folder=tmp_path / "controller", environment=reset.server.env) as made:
        yield made


def test_no_password_is_told_at_the_highest_verbosity(reset: Reset, controller: Controller) -> None:
    reset.vm(guest={"users": [CLERK]})
    reset.make_vault()
    variables = {"target": TARGET, "password": PASSWORD, "vault": VAULT}
    run = controller.begin(PLAY, "-vvvv", "--diff", variables=variables)
    finished = run.wait().succeeded()
    given, again, made, refused, at_once = (one.result for one in finished.results)

    assert (given["changed"], again["changed"], made["changed"]) == (True, False, True)
    assert given["reset"]["performed"] == ["configuration", "password"]
    assert given["diff"]["after"] == {"extension": "enablevmaccess", "configuration": "reset", "password": "reset"}
    assert again["diff"]["before"] == again["diff"]["after"]
    assert made["reset"]["password"]["secret"]["url"].endswith(reset.current()[1])
    assert refused["failure"]["details"]["cause"] == "UserNotAdministrator"
    assert at_once["failure"]["code"] == "PasswordNotUsed"

    secrets = Secrets.of(words={"the given password": PASSWORD, "the made password": reset.current()[0]}, values=())
    azure = [path for path in reset.server.dir.iterdir() if path.name not in ("env.sh", "principals")]
    places = [run.output, run.errors, run.results, controller.home, controller.temporary, *azure]
    assert secrets.leaks(*places) == []
    assert secrets.found_in(json.dumps(reset.control.state()).encode()) == []
    for word in (PASSWORD, json.dumps(PASSWORD)[1:-1]):
        assert word not in run.output.read_text(encoding="utf-8") + json.dumps([one.result for one in finished.results])
    assert "enablevmaccess" in run.output.read_text(encoding="utf-8")
