# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that rdp_file wrote, opened by FreeRDP's client up to the login screen of a real xrdp: see .cache/rdp."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import publisher_in
from ansible_collections.azvm.access.tests.integration.rdp_servers.client import DONE
from ansible_collections.azvm.access.tests.integration.support.controller import CLONE

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import Desk
    from ansible_collections.azvm.access.tests.integration.rdp_servers.client import Client
    from ansible_collections.azvm.access.tests.integration.rdp_servers.conftest import Xrdp

PICTURES = CLONE / ".cache" / "rdp"
# All of the display.
SCREEN = {"mode": "window", "width": 800, "height": 600}


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


@pytest.fixture
def publisher(tmp_path: Path) -> dict[str, t.Any]:
    return publisher_in(tmp_path).signer


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_opens_up_to_the_login_screen(
    case: Case,
    desk: Desk,
    publisher: dict[str, t.Any],
    real_xrdp: Xrdp,
    client: Client,
) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = PICTURES / f"{case.name}.png"
    picture.unlink(missing_ok=True)
    given: dict[str, t.Any] = {"username": case.username, "screen": SCREEN}
    if case.signed:
        given["sign_with"] = publisher
    server = real_xrdp("negotiate")

    written = desk.run(address=server.address, port=server.port, **given).thing
    client.photograph_login(Path(written["path"]), "/cert:ignore", picture=picture)

    assert (written["encoding"], bool(written["signed"])) == (case.encoding, case.signed)


EVERYTHING: dict[str, t.Any] = {
    "username": "win1\\j\u00fcrgen",
    "computer_name": "win1",
    "administrative_session": True,
    "server_authentication": "require",
    "screen": {"mode": "full", "width": 1280, "height": 800, "all_monitors": False, "smart_sizing": True},
    "redirect": {"clipboard": True, "location": True, "audio": "local", "drives": ["*"]}
    | dict.fromkeys(
        ("printers", "smart_cards", "com_ports", "webauthn", "devices", "usb_devices", "cameras", "microphone"), True
    ),
}


@pytest.mark.parametrize("given", [{}, EVERYTHING], ids=["nothing", "everything"])
def test_opens_up_to_the_sign_in(
    given: dict[str, t.Any], desk: Desk, publisher: dict[str, t.Any], real_xrdp: Xrdp, client: Client
) -> None:
    """With as little in it as possible, and with every setting there is."""
    server = real_xrdp("negotiate")
    file = desk.run(address=server.address, port=server.port, sign_with=publisher, **given).thing["path"]
    code, said = client.connect(file, "/cert:ignore", account=None)
    assert code == DONE, said
    assert ("No user name set" not in said) == ("username" in given)
