# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of one instance: who holds it, how to reach the server, what clients need to know."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

LOCK = "server.lock"


class HomeError(Exception):
    """A directory that can't be used; one plain sentence."""


@dataclass(frozen=True, kw_only=True)
class Contact:
    """How to talk to the running server; `token` proves that it is the one of this directory."""

    pid: int
    admin_port: int
    proxy_port: int
    token: str


class Home:
    """Files below `path`. The server holds the lock as long as it lives, so the lock says whether there is one."""

    def __init__(self, path: Path) -> None:
        self.path = Path.cwd() / path
        self.journal = self.path / "journal.jsonl"
        self.contract = self.path / "contract.jsonl"
        self.log = self.path / "server.log"
        self.ca = self.path / "ca.pem"
        self.env = self.path / "env.sh"
        self.principals = self.path / "principals"
        self._contact = self.path / "server.json"
        self._lock: int | None = None

    def prepare(self) -> None:
        """Make the directory, for its owner alone. Raises HomeError when it can't be or holds something else."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if any(self.path.iterdir()) and not (self.path / LOCK).exists():
                raise HomeError(f"{self.path} is not empty and was not made by local-azure; choose another --dir")
            self.path.chmod(0o700)
            (self.path / LOCK).touch(mode=0o600)
            self.principals.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise HomeError(f"{self.path} can't be used: {error.strerror}") from error

    def acquire(self) -> None:
        """Take the lock for the life of this process and clear away what a killed server left behind.

        Raises HomeError when another process has it.
        """
        handle = os.open(self.path / LOCK, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise HomeError(f"a local Azure is already running in {self.path}") from None
        self._lock = handle
        self.forget_server()

    def is_held(self) -> bool:
        """Whether a server lives in this directory."""
        try:
            handle = os.open(self.path / LOCK, os.O_RDWR)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise HomeError(f"{self.path} can't be used: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def wait_until_free(self, seconds: float) -> bool:
        """Wait for the end of the server; False when it still lives after `seconds`."""
        deadline = time.monotonic() + seconds
        while self.is_held():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def last_words(self) -> str:
        """The last line of the log."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except FileNotFoundError:
            lines = []
        return lines[-1] if lines else "it said nothing"

    def contact(self) -> Contact | None:
        """How to reach the server; None when the file is not there (yet) or is damaged."""
        try:
            return Contact(**json.loads(self._contact.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write_contact(self, contact: Contact) -> None:
        self.write(self._contact, json.dumps(asdict(contact)) + "\n")

    def write_env(self, path: Path, variables: Mapping[str, str]) -> None:
        """A file to be sourced by a shell."""
        self.write(path, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))

    def write(self, path: Path, text: str) -> None:
        """Write a file for the owner alone, whole or not at all."""
        temporary = path.with_name(path.name + ".new")
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)

    def forget_server(self) -> None:
        """Remove what is only good while the server lives: contact and credentials. Journal and log stay."""
        self._contact.unlink(missing_ok=True)
        self.forget_credentials()

    def forget_credentials(self) -> None:
        """Remove the environment files."""
        for path in (self.env, *self.principals.glob("*.sh")):
            path.unlink(missing_ok=True)
