# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote shells of one machine: what winrs and PowerShell remoting have in common, and the winrs shell itself."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from ..commands import CommandResult, run_command_line
from ..machine import LocalUser, Machine
from . import soap
from .soap import SHELL, Fault, name

DONE = f"{SHELL}/CommandState/Done"
RUNNING = f"{SHELL}/CommandState/Running"


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a Receive finds: pieces of streams, whether the command ended, its exit code."""

    streams: tuple[tuple[str, bytes], ...] = ()
    done: bool = False
    exit_code: int = 0


class Shell(ABC):
    """One open shell; its commands are known by upper-case ids."""

    output_streams: str

    def __init__(self, *, machine: Machine, user: LocalUser, shell_id: str, resource_uri: str) -> None:
        self.machine = machine
        self.user = user
        self.id = shell_id
        self.resource_uri = resource_uri
        self.closed = False
        self.last_used = time.monotonic()
        self._news = asyncio.Event()

    @abstractmethod
    def command(self, command_id: str, line: str, arguments: list[str]) -> None:
        """Start a command."""

    @abstractmethod
    def send(self, command_id: str, data: bytes) -> None:
        """Take input for a command, or for the shell when `command_id` is empty."""

    @abstractmethod
    def take(self, command_id: str) -> Output | None:
        """What is there to receive now; None for nothing. Raises Fault for an unknown command."""

    @abstractmethod
    def signal(self, command_id: str, code: str) -> None:
        """Stop a command, or forget one that has ended."""

    def close(self) -> None:
        """End the shell and everybody's waiting for it."""
        self.closed = True
        self.notify()

    def notify(self) -> None:
        """Wake those who wait for output."""
        self._news.set()

    async def receive(self, command_id: str, timeout: float) -> Output:
        """Wait for output. Raises Fault with the code of a timeout when none comes within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            if self.closed:
                raise Fault(
                    995,
                    "w:InternalError",
                    "The I/O operation has been aborted because of either a thread exit or an application request.",
                    sender=False,
                )
            output = self.take(command_id)
            if output is not None:
                return output
            self._news.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._news.wait()
            except TimeoutError:
                raise Fault(
                    soap.TIMED_OUT,
                    "w:TimedOut",
                    "The WS-Management service cannot complete the operation within the time specified in "
                    "OperationTimeout.",
                    sender=False,
                ) from None


@dataclass(kw_only=True)
class _Command:
    result: CommandResult
    ready: bool = False
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


class CommandShell(Shell):
    """A winrs shell (resource .../windows/shell/cmd): every command is a line for cmd.exe."""

    output_streams = "stdout stderr"

    def __init__(self, *, machine: Machine, user: LocalUser, shell_id: str, resource_uri: str) -> None:
        super().__init__(machine=machine, user=user, shell_id=shell_id, resource_uri=resource_uri)
        self._commands: dict[str, _Command] = {}

    def command(self, command_id: str, line: str, arguments: list[str]) -> None:
        result = run_command_line(self.machine, self.user, " ".join([line, *arguments]))
        command = _Command(result=result)
        self._commands[command_id] = command
        if result.seconds:
            command.timer = asyncio.get_running_loop().call_later(result.seconds, self._finish, command)
        else:
            command.ready = True

    def send(self, command_id: str, data: bytes) -> None:
        # No command here reads its input, and one that ended leaves it unread as well.
        del data
        self._find(command_id)

    def take(self, command_id: str) -> Output | None:
        command = self._find(command_id)
        if not command.ready:
            return None
        result = command.result
        streams = (("stdout", result.output.encode()), ("stderr", result.error.encode()))
        return Output(streams=streams, done=True, exit_code=result.exit_code)

    def signal(self, command_id: str, code: str) -> None:
        del code  # whatever the signal, nothing of the command is left
        command = self._commands.pop(command_id, None)
        if command is not None and command.timer is not None:
            command.timer.cancel()

    def close(self) -> None:
        for command_id in list(self._commands):
            self.signal(command_id, "")
        super().close()

    def _finish(self, command: _Command) -> None:
        command.ready = True
        self.notify()

    def _find(self, command_id: str) -> _Command:
        command = self._commands.get(command_id)
        if command is None:
            raise command_not_found(command_id)
        return command


def command_not_found(command_id: str) -> Fault:
    """No such command in the shell, or not any more."""
    return Fault(
        soap.SHELL_NOT_FOUND,
        "w:InvalidSelectors",
        f"The Windows Remote Shell received a request to perform an operation on a command identifier {command_id} "
        "that does not exist. Either the command has completed execution or the client specified an invalid command "
        "identifier.",
    )


def new_id(text: str | None) -> str:
    """The id a client chose, or a new one, in upper case. Raises Fault when it is no GUID."""
    if not text:
        return str(uuid.uuid4()).upper()
    try:
        return str(uuid.UUID(text)).upper()
    except ValueError as error:
        raise Fault(soap.INVALID_REQUEST, "w:InvalidParameter", f"{text} is not a GUID.") from error


def decode(element: ET.Element | None) -> bytes:
    """The bytes of an element that holds base64. Raises Fault for anything else."""
    try:
        return base64.b64decode((element.text or "") if element is not None else "")
    except binascii.Error as error:
        raise Fault(soap.SCHEMA_ERROR, "w:SchemaValidationError", "The content is not base64.") from error


def child(parent: ET.Element, local: str) -> ET.Element:
    """A required child element in the namespace of shells. Raises Fault when it is missing."""
    found = parent.find(name(SHELL, local))
    if found is None:
        raise Fault(soap.SCHEMA_ERROR, "w:SchemaValidationError", f"The body has no element {local}.")
    return found
