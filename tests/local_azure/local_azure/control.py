# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, asking and ending the server of a directory, from another process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from .admin import TOKEN_HEADER
from .core.wire import Json
from .home import Contact, Home

_START_SECONDS = 45.0
_STOP_SECONDS = 10.0
_ANSWER_SECONDS = 30.0
READY = "ready"


class ControlError(Exception):
    """Something that could not be done; one plain sentence."""


class NotRunning(ControlError):
    """There is no server in the directory."""


def ask(home: Home, what: str, wish: Json | None = None, *, timeout: float = _ANSWER_SECONDS) -> Json:
    """One request to the control interface. Raises NotRunning, or ControlError with what the server says."""
    contact = _contact(home)
    connection = http.client.HTTPConnection("127.0.0.1", contact.admin_port, timeout=timeout)
    try:
        connection.request("POST", f"/{what}", body=json.dumps(wish or {}), headers={TOKEN_HEADER: contact.token})
        response = connection.getresponse()
        content = response.read()
        if response.status == 500:
            raise ControlError(f"the server failed on this; see {home.log}")
        answer: Json = json.loads(content)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ControlError(f"the server of {home.path} (process {contact.pid}) does not answer: {error}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise ControlError(str(answer.get("error", f"the server answered {response.status}")))
    return answer


def health(home: Home) -> Json:
    """What the running server says about itself. Raises NotRunning and ControlError."""
    return ask(home, "health")


def start(home: Home, arguments: list[str]) -> tuple[Json, bool]:
    """Have a server in the directory: its health, and whether it is new. Nothing is left running on failure.

    `arguments` are the options for `serve`. Raises ControlError and HomeError.
    """
    home.prepare()
    if home.is_held():
        return _wait_for_other(home), False
    reader, writer = os.pipe()
    try:
        with home.log.open("ab") as log:
            home.log.chmod(0o600)
            child = subprocess.Popen(
                [
                    *(sys.executable, "-m", "local_azure", "serve", "--dir", str(home.path)),
                    *("--ready-fd", str(writer), *arguments),
                ],
                cwd=home.path,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_path())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(writer,),
            )
        try:
            with _interruptible():
                os.close(writer)
                writer = -1
                said = _read_line(reader, _START_SECONDS)
        except BaseException:
            _end(child)
            raise
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)
    if said != READY:
        _end(child)
        if home.is_held():
            return _wait_for_other(home), False
        raise ControlError(said or f"the server ended before it was ready: {home.last_words()} (see {home.log})")
    return health(home), True


def stop(home: Home) -> bool:
    """End the server of the directory and wait for it; False when there was none. Raises ControlError."""
    if not home.is_held():
        home.forget_server()
        return False
    contact = home.contact()
    with contextlib.suppress(ControlError):
        ask(home, "stop", timeout=_STOP_SECONDS)
    if not home.wait_until_free(_STOP_SECONDS):
        if contact is None or contact != home.contact():
            raise ControlError(f"a process holds {home.path} but does not say which; nothing was ended")
        os.kill(contact.pid, signal.SIGKILL)
        if not home.wait_until_free(_STOP_SECONDS):
            raise ControlError(f"process {contact.pid} does not end")
    home.forget_server()
    return True


def _import_path() -> list[str]:
    """Where the server shall find this package first, however this process found it."""
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [str(Path(__file__).parent.parent), *(str(Path(one).absolute()) for one in inherited if one)]


def _contact(home: Home) -> Contact:
    contact = home.contact() if home.is_held() else None
    if contact is None:
        raise NotRunning(f"no local Azure is running in {home.path}")
    return contact


def _wait_for_other(home: Home) -> Json:
    """The server that somebody else started in this directory, once it is healthy."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return health(home)
        except ControlError:
            if time.monotonic() > deadline or not home.is_held():
                raise
        time.sleep(0.05)


def _read_line(handle: int, seconds: float) -> str:
    """One line from a pipe; what came so far when it is closed or the time is up."""
    deadline = time.monotonic() + seconds
    text = b""
    while not text.endswith(b"\n"):
        readable, _writable, _failed = select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(handle, 4096) if readable else b""
        if not part:
            break
        text += part
    return text.decode("utf-8", "replace").strip()


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an exception, so that what was begun can be ended."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    old = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
