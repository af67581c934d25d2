# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PowerShell remoting: a runspace pool whose pipelines are run by the guest's few commands."""

from __future__ import annotations

import asyncio
import struct
import uuid
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

import psrpcore
from psrpcore.types import (
    ErrorCategory,
    ErrorCategoryInfo,
    ErrorRecord,
    HostMethodIdentifier,
    NETException,
    PipelineState,
    PSInvocationState,
)

from ..commands import CommandResult, run_powershell
from ..machine import LocalUser, Machine
from . import soap
from .shell import Output, Shell, child, command_not_found, decode
from .soap import POWERSHELL, Fault, name

FRAGMENT = 32768  # bytes of one answer at most, far below the smallest envelope a client asks for
FORMATTERS = {"out-default", "out-string"}


@dataclass(kw_only=True)
class _Pipeline:
    server: psrpcore.ServerPipeline
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    @property
    def ended(self) -> bool:
        return self.server.state not in {PSInvocationState.NotStarted, PSInvocationState.Running}


class RunspaceShell(Shell):
    """A runspace pool (resource .../powershell/Microsoft.PowerShell) over the frames of WS-Management."""

    output_streams = "stdout"

    def __init__(
        self, *, machine: Machine, user: LocalUser, shell_id: str, resource_uri: str, creation: ET.Element
    ) -> None:
        super().__init__(machine=machine, user=user, shell_id=shell_id, resource_uri=resource_uri)
        self._pool = psrpcore.ServerRunspacePool()
        self._pipelines: dict[str, _Pipeline] = {}
        self._outbox: list[psrpcore.PSRPPayload] = []
        self._feed(decode(creation), None)

    def command(self, command_id: str, line: str, arguments: list[str]) -> None:
        del line  # empty: the pipeline is in the arguments, as fragments of the protocol
        identifier = uuid.UUID(command_id)
        self._pipelines[command_id] = _Pipeline(server=psrpcore.ServerPipeline(self._pool, identifier))
        content = ET.Element("arguments")
        content.text = "".join(arguments)
        self._feed(decode(content), identifier)

    def send(self, command_id: str, data: bytes) -> None:
        if command_id and command_id not in self._pipelines:
            raise command_not_found(command_id)
        self._feed(data, uuid.UUID(command_id) if command_id else None)

    def take(self, command_id: str) -> Output | None:
        pipeline = self._pipelines.get(command_id)
        if command_id and pipeline is None:
            raise command_not_found(command_id)
        wanted = pipeline.server.pipeline_id if pipeline is not None else None
        mine = [payload for payload in self._outbox if payload.pipeline_id == wanted]
        self._outbox = [payload for payload in self._outbox if payload.pipeline_id != wanted]
        done = pipeline is not None and pipeline.ended
        if not mine and not done:
            return None
        return Output(streams=tuple(("stdout", payload.data) for payload in mine), done=done)

    def signal(self, command_id: str, code: str) -> None:
        pipeline = self._pipelines.get(command_id)
        if pipeline is None:
            return
        if pipeline.timer is not None:
            pipeline.timer.cancel()
        if pipeline.server.state == PSInvocationState.Running:
            pipeline.server.stop()
            self._collect()
        if code.endswith("Terminate") or pipeline.ended:
            pipeline.server.close()
            del self._pipelines[command_id]

    def close(self) -> None:
        for pipeline in self._pipelines.values():
            if pipeline.timer is not None:
                pipeline.timer.cancel()
        super().close()

    def _feed(self, data: bytes, pipeline_id: uuid.UUID | None) -> None:
        try:
            self._pool.receive_data(psrpcore.PSRPPayload(data, psrpcore.StreamType.default, pipeline_id))
            while (event := self._pool.next_event()) is not None:
                self._react(event)
        except (psrpcore.PSRPCoreError, ET.ParseError, struct.error, ValueError, KeyError, IndexError) as error:
            # psrpcore raises its own errors for a wrong order, and the others for damaged fragments and objects.
            raise Fault(
                soap.INTERNAL_ERROR,
                "w:InternalError",
                f"The PowerShell remoting message could not be processed: {type(error).__name__}.",
                sender=False,
            ) from error
        self._collect()

    def _react(self, event: object) -> None:
        if isinstance(event, psrpcore.CreatePipelineEvent):
            pipeline = self._pipelines[str(event.pipeline_id).upper()]
            pipeline.server.start()
            result = run_powershell(self.machine, self.user, _script(event))
            if result.seconds:
                loop = asyncio.get_running_loop()
                pipeline.timer = loop.call_later(result.seconds, self._finish, pipeline, result)
            else:
                self._finish(pipeline, result)
        elif isinstance(event, psrpcore.GetCommandMetadataEvent):
            pipeline = self._pipelines[str(event.pipeline_id).upper()]
            pipeline.server.start()
            self._finish(pipeline, run_powershell(self.machine, self.user, "Get-Command"))
        elif isinstance(event, psrpcore.GetAvailableRunspacesEvent):
            self._pool.runspace_availability_response(event.ci, self._pool.max_runspaces)
        elif isinstance(
            event, psrpcore.SetMaxRunspacesEvent | psrpcore.SetMinRunspacesEvent | psrpcore.ResetRunspaceStateEvent
        ):
            self._pool.runspace_availability_response(event.ci, True)

    def _finish(self, pipeline: _Pipeline, result: CommandResult) -> None:
        server = pipeline.server
        for line in result.output.splitlines():
            server.write_output(line)
        if result.exited:
            server.host_call(HostMethodIdentifier.SetShouldExit, [result.exit_code])
        if result.error:
            _fail(server, result.error.strip())
        else:
            server.complete()
        self._collect()

    def _collect(self) -> None:
        while (payload := self._pool.data_to_send(FRAGMENT)) is not None:
            self._outbox.append(payload)
        self.notify()


def _fail(server: psrpcore.ServerPipeline, message: str) -> None:
    """End a pipeline as `throw` does, which psrpcore has no call for."""
    error = ErrorRecord(
        Exception=NETException(Message=message),
        CategoryInfo=ErrorCategoryInfo(Category=ErrorCategory.NotImplemented, Reason="NotSupportedException"),
        FullyQualifiedErrorId="LocalAzureGuest",
    )
    server.state = PSInvocationState.Failed
    server.prepare_message(PipelineState(PipelineState=server.state.value, ExceptionAsErrorRecord=error))


def creation_of(shell: ET.Element) -> ET.Element | None:
    """The first messages of a runspace pool, which come with the request that creates its shell."""
    return shell.find(name(POWERSHELL, "creationXml"))


def require_creation(body: ET.Element) -> ET.Element:
    """The same, of a Create request. Raises Fault when it is missing."""
    found = creation_of(child(body, "Shell"))
    if found is None:
        raise Fault(soap.SCHEMA_ERROR, "w:SchemaValidationError", "The body has no element creationXml.")
    return found


def _script(event: psrpcore.CreatePipelineEvent) -> str:
    """The text of a pipeline: its scripts and commands with their arguments."""
    parts = []
    for command in event.pipeline.commands:
        if command.command_text.lower() in FORMATTERS:
            continue
        if command.command_text.lower() == "invoke-expression":
            # pypsrp hands a script over as the argument of this command.
            parts += [str(value) for _name, value in command.parameters]
            continue
        words = [command.command_text]
        for parameter, value in command.parameters:
            words += [f"-{parameter}"] if parameter else []
            words += [str(value)] if value is not None else []
        parts.append(" ".join(words))
    return "\n".join(parts)
