# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real RDP servers on loopback, made of Debian packages: xrdp, and freerdp-shadow on a virtual display."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from local_azure.guest.nt_hash import nt_hash

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Every command of these tests, and the Debian package it comes from.
PACKAGES = {
    "xrdp": "xrdp",
    "freerdp-shadow-cli": "freerdp2-shadow-x11",
    "xfreerdp": "freerdp2-x11",
    "Xvfb": "xvfb",
    "import": "imagemagick",
}
# The colour around the login window of xrdp, as hexadecimal digits.
LOGIN_SCREEN = "1a6b4d"
# Whom freerdp-shadow lets in.
ACCOUNT = ("azureuser", "A password: its own 1")
_ADDRESS = "127.0.0.1"
_SECONDS = 20.0

SecurityLayer = t.Literal["negotiate", "tls", "rdp"]


def missing_packages() -> list[str]:
    """What is to be installed before these tests can run."""
    return sorted(package for command, package in PACKAGES.items() if path_of(command) is None)


def path_of(command: str) -> str | None:
    """Servers are in folders that are not in everybody's path."""
    return shutil.which(command, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


@dataclass(frozen=True, kw_only=True)
class RdpServer:
    """Where one listens, and the certificate it presents as a PEM file."""

    port: int
    certificate: Path
    address: str = _ADDRESS


@contextlib.contextmanager
def process(command: Sequence[str], *, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs as long as the block does; what it prints goes into ``log``."""
    program = path_of(command[0])
    assert program is not None, command[0]
    with log.open("wb") as output:
        started = subprocess.Popen(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
        try:
            yield started
        finally:
            started.terminate()
            try:
                started.wait(timeout=5)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


@contextlib.contextmanager
def xrdp(security_layer: SecurityLayer, *, certificate: Path, key: Path, folder: Path) -> Iterator[RdpServer]:
    """The server of the xrdp project with one of its three security modes; it has no network level authentication."""
    port = free_port()
    settings = folder / "xrdp.ini"
    settings.write_text(
        "\n".join(
            [
                "[Globals]",
                "ini_version=1",
                "fork=false",
                f"port=tcp://{_ADDRESS}:{port}",
                f"security_layer={security_layer}",
                f"certificate={certificate}",
                f"key_file={key}",
                "allow_channels=true",
                "ls_title=A real xrdp",
                f"ls_top_window_bg_color={LOGIN_SCREEN}",
                "[Channels]",
                "rdpdr=true",
                "[Xorg]",  # what people may choose at the login screen; nothing of it runs here
                "name=Xorg",
                "lib=libxup.so",
                "username=ask",
                "password=ask",
                "[Logging]",
                f"LogFile={folder / 'xrdp.log'}",
                "LogLevel=INFO",
                "EnableSyslog=false",
                "",
            ]
        ),
        encoding="ascii",
    )
    log = folder / "xrdp.out"
    with process(["xrdp", "--nodaemon", "-c", str(settings)], log=log) as running:
        wait_for(port, running, log)
        yield RdpServer(port=port, certificate=certificate)


@contextlib.contextmanager
def freerdp_shadow(*, folder: Path, display: str) -> Iterator[RdpServer]:
    """FreeRDP's server with network level authentication; it shares ``display`` and makes a certificate for itself."""
    port = free_port()
    log, accounts = folder / "shadow.out", folder / "sam"
    name, password = ACCOUNT
    accounts.write_text(f"{name}:::{nt_hash(password).hex()}:::\n", encoding="ascii")
    command = ["freerdp-shadow-cli", f"/bind-address:{_ADDRESS}", f"/port:{port}", "/sec:nla", "+auth"]
    command.append(f"/sam-file:{accounts}")
    environment = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / ".config"), "DISPLAY": display}
    with process(command, log=log, **environment) as running:
        wait_for(port, running, log)
        yield RdpServer(port=port, certificate=folder / ".config" / "freerdp" / "shadow" / "shadow.crt")


@contextlib.contextmanager
def virtual_display(folder: Path) -> Iterator[str]:
    """An X server without a screen; gives what goes into DISPLAY."""
    log = folder / "xvfb.out"
    program = path_of("Xvfb")
    assert program is not None
    reading, writing = os.pipe()
    with os.fdopen(reading) as display, log.open("wb") as output:
        with _alone():
            started = subprocess.Popen(
                [program, "-displayfd", str(writing), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[writing],
            )
            os.close(writing)
            found = display.readline().strip()  # comes when the display is there, or empty when Xvfb gave up
        try:
            assert found, log.read_text()
            yield f":{found}"
        finally:
            with _alone():
                started.terminate()
                started.wait(timeout=5)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One X server starts or ends at a time, also among the workers of a test run: else one that ends takes along the
    socket of one that has just been given the same number.
    """
    with (Path(tempfile.gettempdir()) / "azvm-access-display.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as holder:
        holder.bind((_ADDRESS, 0))
        return int(holder.getsockname()[1])


def wait_for(port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    """Until something listens on the port."""
    end = time.monotonic() + _SECONDS
    while True:
        assert running.poll() is None, f"it ended:\n{log.read_text(errors='replace')}"
        assert time.monotonic() < end, (
            f"nothing listens after {_SECONDS:.0f} seconds:\n{log.read_text(errors='replace')}"
        )
        with contextlib.suppress(OSError), socket.create_connection((_ADDRESS, port), timeout=1):
            return
        time.sleep(0.05)
