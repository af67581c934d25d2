# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files opened by a client that nobody here wrote: xfreerdp on a virtual display, against a real xrdp."""

from __future__ import annotations

import os
import re
import subprocess
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.rdp_servers.servers import (
    RdpServer,
    free_port,
    missing_packages,
    path_of,
    process,
    virtual_display,
    wait_for,
)
from ansible_collections.azvm.access.tests.integration.support.controller import CLONE
from ansible_collections.azvm.access.tests.unit.probe.identities import issue_into

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import Desk, Publisher

SCREENSHOTS = CLONE / ".cache" / "screenshots"
PACKAGED = Path("/etc/xrdp/xrdp.ini")
_SECONDS = 30.0


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    missing = missing_packages()
    if missing:
        pytest.skip(f"a real RDP client is needed: apt-get install --no-install-recommends {' '.join(missing)}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RdpServer]:
    """The server of the package with its own settings, which make a login screen, on a port of its own."""
    folder = tmp_path_factory.mktemp("xrdp")
    identity = issue_into(folder)("127.0.0.1").file
    port = free_port()
    changed = {
        "port": f"tcp://127.0.0.1:{port}",
        "certificate": str(identity),
        "key_file": str(identity),
        "LogFile": str(folder / "xrdp.log"),
        "EnableSyslog": "false",
    }
    settings = PACKAGED.read_text(encoding="utf-8")
    for name, value in changed.items():
        settings = re.sub(rf"(?m)^{name}=.*$", f"{name}={value}", settings, count=1)
    (folder / "xrdp.ini").write_text(settings, encoding="utf-8")
    log = folder / "xrdp.out"
    with process(["xrdp", "--nodaemon", "-c", str(folder / "xrdp.ini")], log=log) as running:
        wait_for(port, running, log)
        yield RdpServer(port=port, certificate=identity)


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with virtual_display(tmp_path_factory.mktemp("display")) as found:
        yield found


Write = t.Callable[..., Path]


@pytest.fixture
def write(desk: Desk, publisher: Publisher, server: RdpServer) -> Write:
    """A file for that server; ``signed`` has it signed."""

    def make(*, signed: bool = False, **given: t.Any) -> Path:
        more: dict[str, t.Any] = {"sign_with": publisher.signer} if signed else {}
        made = desk.run(address=server.address, port=server.port, **given, **more)
        return Path(made.thing["path"])

    return make


@pytest.fixture
def sign_in(display: str, tmp_path: Path) -> Callable[[Path], str]:
    """Open a file with xfreerdp up to the sign-in, which must be reached; gives what it said."""

    def run(file: Path) -> str:
        done = subprocess.run(
            [str(path_of("xfreerdp")), str(file), "/cert:ignore", "+auth-only", "/p:nothing", "/timeout:10000"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "HOME": str(tmp_path), "DISPLAY": display},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("username", [None, "win1\\jane", "win1\\j\u00fcrgen"])
def test_a_file_is_opened(write: Write, sign_in: Callable[[Path], str], username: str | None, signed: bool) -> None:
    """In each encoding, with our digest and the signature in it, and with the account it names."""
    said = sign_in(write(username=username, computer_name="win1", signed=signed))
    assert ("No user name set" in said) == (username is None)


def test_a_file_with_every_setting_is_opened(write: Write, sign_in: Callable[[Path], str]) -> None:
    names = ("printers", "smart_cards", "com_ports", "webauthn", "devices", "usb_devices", "cameras", "microphone")
    said = sign_in(
        write(
            signed=True,
            administrative_session=True,
            server_authentication="require",
            screen={"mode": "full", "width": 1280, "height": 800, "all_monitors": False, "smart_sizing": True},
            redirect={"clipboard": True, "location": True, "audio": "local", "drives": ["*"]}
            | dict.fromkeys(names, True),
        )
    )
    assert "Authentication only, exit status 0" in said


def test_a_signed_file_leads_to_the_login_screen(
    write: Write, display: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The picture is kept in .cache/screenshots."""
    file = write(signed=True, username="azureuser", screen={"mode": "window", "width": 800, "height": 600})
    picture = SCREENSHOTS / "rdp_file-signed.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    log = tmp_path / "xfreerdp.log"
    with process(["xfreerdp", str(file), "/cert:ignore"], log=log, DISPLAY=display, HOME=str(tmp_path)) as client:
        end = time.monotonic() + _SECONDS
        while colours(display, picture) < 3:
            assert client.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < end, f"no login screen in {_SECONDS:.0f} seconds"
            time.sleep(0.2)
    record_property("summary", f"login screen: {picture.relative_to(CLONE)}")


def colours(display: str, picture: Path) -> int:
    """How many different colours the display shows, which is kept as a picture; a black one shows one."""
    environment = {**os.environ, "DISPLAY": display}
    subprocess.run([str(path_of("import")), "-window", "root", str(picture)], check=True, env=environment, timeout=30)
    counted = subprocess.run(
        [str(path_of("identify")), "-format", "%k", str(picture)], check=True, capture_output=True, timeout=30
    )
    return int(counted.stdout)
