# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real client, FreeRDP's, and what there is to see on its display."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.azvm.access.tests.integration.rdp_servers.servers import LOGIN_SCREEN, path_of, process

# Exit codes of xfreerdp: all went well; the certificate is not accepted; it is, and then nothing comes.
DONE = 0
TLS_FAILED = 143
TRANSPORT_FAILED = 147
_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Client:
    """FreeRDP's xfreerdp on a display, with what it keeps in a folder."""

    display: str
    home: Path

    def connect(
        self,
        target: str,
        *options: str,
        trusted: Path | None = None,
        account: tuple[str, str] | None = ("nobody", "nothing"),
    ) -> tuple[int, str]:
        """Connect as far as the sign-in: the exit code, and what was said. ``trusted`` is a PEM file.

        ``account`` is a name and a password; None for the name in a file.
        """
        credentials = [f"/u:{account[0]}", f"/p:{account[1]}"] if account else ["/p:nothing"]
        command = [_path("xfreerdp"), target, "+auth-only", *credentials, "/timeout:10000", *options]
        trust = {"SSL_CERT_FILE": str(trusted)} if trusted else {}
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "HOME": str(self.home), "DISPLAY": self.display, **trust},
        )
        return done.returncode, done.stdout + done.stderr

    def photograph_login(self, file: Path, *options: str, picture: Path) -> None:
        """Open a .rdp file until the login screen of xrdp is drawn, and keep what the display shows then."""
        log = self.home / "xfreerdp.out"
        end = time.monotonic() + _SECONDS
        command = ["xfreerdp", str(file), *options]
        with process(command, log=log, DISPLAY=self.display, HOME=str(self.home)) as running:
            while True:
                seen = [_path("import"), "-display", self.display, "-window", "root", str(picture)]
                subprocess.run(seen, check=True)
                if _is_login_screen(picture):
                    return
                assert running.poll() is None, f"it ended:\n{log.read_text(errors='replace')}"
                assert time.monotonic() < end, f"no login screen:\n{log.read_text(errors='replace')}"
                time.sleep(0.2)


def _is_login_screen(picture: Path) -> bool:
    """Its colour in a corner; in the middle a window with a picture on it."""
    seen = ["-format", "%[hex:p{9,9}] %k", str(picture)]
    corner, colours = subprocess.run(
        [_path("identify"), *seen], check=True, capture_output=True, text=True
    ).stdout.split()
    return corner.lower().startswith(LOGIN_SCREEN) and int(colours) > 500


def _path(command: str) -> str:
    found = path_of(command)
    assert found is not None, command
    return found
