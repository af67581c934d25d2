# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the WS-Management service of one machine does with a request of a signed-in user."""

from __future__ import annotations

import base64
import time
from xml.sax.saxutils import escape

from ..commands import WINDOWS_VERSION
from ..machine import LocalUser, Machine
from . import psrp, soap
from .shell import DONE, RUNNING, CommandShell, Output, Shell, child, decode, new_id
from .soap import POWERSHELL, SHELL, TRANSFER, Fault, Request, name

COMMAND_RESOURCE = f"{SHELL}/cmd"
IDLE_TIMEOUT = 7200.0  # seconds: IdleTimeout of winrm/config/winrs
STACK = "SP: 0.0 Stack: 3.0"


class WsmanService:
    """The service behind all WinRM listeners of a machine; shells live here, so they outlast a connection."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._shells: dict[str, Shell] = {}

    @property
    def shells(self) -> int:
        """How many shells are open."""
        return len(self._shells)

    def reset(self) -> None:
        """Everything is gone, as after a restart of the machine or the service."""
        for shell in list(self._shells.values()):
            shell.close()
        self._shells.clear()

    def identify(self, *, signed_in: bool) -> bytes:
        """Windows hides its version from those who did not sign in."""
        version = ".".join(WINDOWS_VERSION.split(".")[:3]) if signed_in else "0.0.0"
        return soap.identify(f"OS: {version} {STACK}")

    async def handle(self, data: bytes, user: LocalUser) -> tuple[int, bytes]:
        """Answer a request with an HTTP status and an envelope."""
        message_id = ""
        try:
            envelope = soap.parse(data)
            if soap.is_identify(envelope):
                return 200, self.identify(signed_in=True)
            request = soap.read(envelope)
            message_id = request.message_id
            self._require_access(user)
            return 200, await self._dispatch(request, user)
        except Fault as error:
            return 500, soap.fault(error, message_id=message_id, machine=self.machine.computer_name)

    def _require_access(self, user: LocalUser) -> None:
        # A remote sign-in of a local administrator other than the built-in one gets a filtered token, without
        # Administrators, unless LocalAccountTokenFilterPolicy is 1.
        if not user.admin or not (user.built_in or self.machine.remote_admins_allowed):
            raise Fault(soap.ACCESS_DENIED, "w:AccessDenied", "Access is denied. ")

    async def _dispatch(self, request: Request, user: LocalUser) -> bytes:
        if request.action == f"{TRANSFER}/Create":
            return self._create(request, user)
        shell = self._find(request, user)
        shell.last_used = time.monotonic()
        if request.action == f"{TRANSFER}/Delete":
            shell.close()
            del self._shells[shell.id]
            return soap.answer(f"{TRANSFER}/DeleteResponse", request, "")
        if request.action == f"{SHELL}/Receive":
            return await self._receive(request, shell)
        handler = {
            f"{SHELL}/Command": self._command,
            f"{SHELL}/Send": self._send,
            f"{SHELL}/Signal": self._signal,
        }.get(request.action)
        if handler is None:
            raise Fault(
                soap.INVALID_REQUEST,
                "a:ActionNotSupported",
                f"The local Azure does not model the WS-Management operation {request.operation}.",
            )
        return soap.answer(f"{request.action}Response", request, handler(request, shell))

    def _find(self, request: Request, user: LocalUser) -> Shell:
        wanted = request.selectors.get("ShellId", "").upper()
        shell = self._shells.get(wanted)
        if shell is None or shell.user.name.lower() != user.name.lower():
            raise Fault(
                soap.SHELL_NOT_FOUND,
                "w:InvalidSelectors",
                f"The request for the Windows Remote Shell with ShellId {wanted} failed because the shell was not "
                "found on the server. Possible causes are: the specified ShellId is incorrect or the shell no longer "
                "exists on the server. Provide the correct ShellId or create a new shell and retry the operation.",
            )
        return shell

    def _create(self, request: Request, user: LocalUser) -> bytes:
        self._forget_idle()
        shell_id = new_id(child(request.body, "Shell").get("ShellId"))
        if request.resource_uri == COMMAND_RESOURCE:
            shell: Shell = CommandShell(
                machine=self.machine, user=user, shell_id=shell_id, resource_uri=request.resource_uri
            )
            inputs = "stdin"
        elif request.resource_uri.startswith(f"{POWERSHELL}/"):
            self._require_session_configuration(request.resource_uri.removeprefix(f"{POWERSHELL}/"))
            creation = psrp.require_creation(request.body)
            shell = psrp.RunspaceShell(
                machine=self.machine, user=user, shell_id=shell_id, resource_uri=request.resource_uri, creation=creation
            )
            inputs = "stdin pr"
        else:
            raise Fault(
                soap.INVALID_REQUEST,
                "a:DestinationUnreachable",
                "The WS-Management service cannot process the request. The service cannot find the resource identified "
                "by the resource URI and selectors.",
            )
        self._shells[shell_id] = shell
        uri = escape(request.resource_uri)
        body = (
            f"<x:ResourceCreated><a:Address>{soap.ADDRESSING}/role/anonymous</a:Address><a:ReferenceParameters>"
            f'<w:ResourceURI>{uri}</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">{shell_id}</w:Selector>'
            "</w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>"
            f"<rsp:Shell><rsp:ShellId>{shell_id}</rsp:ShellId><rsp:ResourceUri>{uri}</rsp:ResourceUri>"
            f"<rsp:Owner>{escape(self.machine.computer_name)}\\{escape(user.name)}</rsp:Owner>"
            f"<rsp:IdleTimeOut>PT{IDLE_TIMEOUT:.3f}S</rsp:IdleTimeOut><rsp:InputStreams>{inputs}</rsp:InputStreams>"
            f"<rsp:OutputStreams>{shell.output_streams}</rsp:OutputStreams></rsp:Shell>"
        )
        return soap.answer(f"{TRANSFER}/CreateResponse", request, body)

    def _require_session_configuration(self, wanted: str) -> None:
        state = self.machine.winrm.session_configuration if wanted.lower() == "microsoft.powershell" else "missing"
        if state == "missing":
            raise Fault(
                soap.INVALID_REQUEST,
                "w:InvalidParameter",
                f"The WS-Management service cannot process the request. Cannot find the {wanted} session configuration "
                f"in the WSMan: drive on the {self.machine.computer_name} computer.",
            )
        if state == "disabled":
            raise Fault(soap.ACCESS_DENIED, "w:AccessDenied", "Access is denied. ")

    def _forget_idle(self) -> None:
        oldest = time.monotonic() - IDLE_TIMEOUT
        for shell in [one for one in self._shells.values() if one.last_used < oldest]:
            shell.close()
            del self._shells[shell.id]

    def _command(self, request: Request, shell: Shell) -> str:
        line = child(request.body, "CommandLine")
        command_id = new_id(line.get("CommandId"))
        arguments = [argument.text or "" for argument in line.findall(name(SHELL, "Arguments"))]
        shell.command(command_id, line.findtext(name(SHELL, "Command")) or "", arguments)
        return f"<rsp:CommandResponse><rsp:CommandId>{command_id}</rsp:CommandId></rsp:CommandResponse>"

    def _send(self, request: Request, shell: Shell) -> str:
        for stream in child(request.body, "Send").findall(name(SHELL, "Stream")):
            shell.send((stream.get("CommandId") or "").upper(), decode(stream))
        return "<rsp:SendResponse/>"

    def _signal(self, request: Request, shell: Shell) -> str:
        signal = child(request.body, "Signal")
        code = signal.findtext(name(SHELL, "Code")) or ""
        shell.signal((signal.get("CommandId") or "").upper(), code)
        return "<rsp:SignalResponse/>"

    async def _receive(self, request: Request, shell: Shell) -> bytes:
        wanted = child(child(request.body, "Receive"), "DesiredStream")
        command_id = (wanted.get("CommandId") or "").upper()
        output = await shell.receive(command_id, request.operation_timeout)
        return soap.answer(f"{SHELL}/ReceiveResponse", request, _receive_body(output, command_id))


def _receive_body(output: Output, command_id: str) -> str:
    reference = f' CommandId="{command_id}"' if command_id else ""
    parts = [
        f'<rsp:Stream Name="{stream}"{reference}>{base64.b64encode(data).decode()}</rsp:Stream>'
        for stream, data in output.streams
        if data
    ]
    if output.done:
        parts += [
            f'<rsp:Stream Name="{stream}"{reference} End="true"></rsp:Stream>'
            for stream in sorted({stream for stream, _data in output.streams})
        ]
        parts.append(
            f'<rsp:CommandState{reference} State="{DONE}"><rsp:ExitCode>{output.exit_code}</rsp:ExitCode>'
            "</rsp:CommandState>"
        )
    elif command_id:
        parts.append(f'<rsp:CommandState{reference} State="{RUNNING}"></rsp:CommandState>')
    return f"<rsp:ReceiveResponse>{''.join(parts)}</rsp:ReceiveResponse>"
