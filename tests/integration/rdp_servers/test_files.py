# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that rdp_file wrote, opened by FreeRDP's client up to the login screen of a real xrdp."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import Desk, publisher_in
from ansible_collections.azvm.access.tests.integration.rdp_servers.client import photograph_login
from ansible_collections.azvm.access.tests.integration.rdp_servers.servers import xrdp
from ansible_collections.azvm.access.tests.integration.support.controller import CLONE
from ansible_collections.azvm.access.tests.unit.probe.identities import issue_into

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PICTURES = CLONE / ".cache" / "rdp"
# All of the display.
SCREEN = {"mode": "window", "width": 800, "height": 600}


def no_credentials() -> t.NoReturn:
    raise AssertionError("Azure was asked")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    azure = AzureClients(no_credentials, subscription=None, poll_interval=0.1, timeout=60)
    (tmp_path / "files").mkdir()
    return Desk(folder=tmp_path / "files", azure=azure)


@dataclass(frozen=True, kw_only=True)
class Case:
    """``username`` decides the encoding; ``name`` is that of the picture."""

    name: str
    encoding: str
    username: str
    signed: bool = False


CASES = (
    Case(name="plain", encoding="utf-8", username="win1\\azureuser"),
    Case(name="utf-16", encoding="utf-16-le", username="win1\\\u00c5sa"),
    Case(name="signed", encoding="utf-16-le", username="win1\\signed", signed=True),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_opens_up_to_the_login_screen(
    case: Case, desk: Desk, display: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = PICTURES / f"{case.name}.png"
    picture.unlink(missing_ok=True)
    identity = issue_into(tmp_path)("127.0.0.1").file
    given: dict[str, t.Any] = {"username": case.username, "screen": SCREEN}
    if case.signed:
        given["sign_with"] = publisher_in(tmp_path).signer

    with xrdp("negotiate", certificate=identity, key=identity, folder=tmp_path) as server:
        written = desk.run(address=server.address, port=server.port, **given).thing
        photograph_login(desk.folder / "127.0.0.1.rdp", "/cert:ignore", display=display, home=tmp_path, picture=picture)

    assert (written["encoding"], bool(written["signed"])) == (case.encoding, case.signed)
    record_property("summary", f"the login screen is in {picture.relative_to(CLONE)}")
