# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few harmless commands that a guest understands, for cmd.exe and for PowerShell."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from .machine import LocalUser, Machine

WINDOWS_VERSION = "10.0.20348.2700"  # Windows Server 2022
KNOWN = "whoami, hostname, echo, ver, exit, ipconfig, $env:COMPUTERNAME, Write-Output, Start-Sleep"
LONGEST_SLEEP = 300.0
POWERSHELL = re.compile(r"(?:\S*\\)?(?:powershell|pwsh)(?:\.exe)?\s+(?P<options>.*)", re.IGNORECASE | re.DOTALL)
ENCODED = re.compile(r"-e(?:c|nc|ncodedcommand)?\s+\"?(?P<code>[A-Za-z0-9+/=]+)\"?\s*", re.IGNORECASE)
PLAIN = re.compile(r"-c(?:ommand)?\s+(?P<script>.*)", re.IGNORECASE | re.DOTALL)
SWITCH = re.compile(
    r"-(?:noprofile|noninteractive|nologo|executionpolicy\s+\w+|inputformat\s+\w+|outputformat\s+\w+)\s+", re.IGNORECASE
)
NESTED_CMD = re.compile(r"cmd(?:\.exe)?\s+/c\s+(?P<line>.*)", re.IGNORECASE | re.DOTALL)
# What ansible's powershell shell plugin puts around a script: strict mode before it, passing on the exit code after it.
SCAFFOLD = re.compile(
    r"Set-StrictMode -Version Latest|If \(-not \$\?\) \{.*\}|"
    r"\$ErrorActionPreference\s*=\s*['\"]\w+['\"]|try \{ \[Console\]::OutputEncoding = .*\} catch \{\}",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """What a command leaves, and the seconds that pass until then.

    `exited` says that the script ended itself with `exit`, which remote PowerShell reports to its host.
    """

    exit_code: int = 0
    output: str = ""
    error: str = ""
    seconds: float = 0.0
    exited: bool = False


@dataclass(frozen=True, kw_only=True)
class _Context:
    machine: Machine
    user: LocalUser
    last_exit_code: int = 0


_Action = Callable[[_Context, "re.Match[str]"], CommandResult]


def run_command_line(machine: Machine, user: LocalUser, line: str) -> CommandResult:
    """Run a line as cmd.exe does; a call of PowerShell in it is run as PowerShell."""
    powershell = POWERSHELL.fullmatch(line.strip())
    if powershell is not None:
        script = _script_of(powershell["options"])
        if script is None:
            return _unknown(line)
        return run_powershell(machine, user, script)
    nested = NESTED_CMD.fullmatch(line.strip())
    if nested is not None:
        return run_command_line(machine, user, nested["line"].strip().strip('"'))
    return _run(_Context(machine=machine, user=user), _split(line, "&"), _CMD)


def run_powershell(machine: Machine, user: LocalUser, script: str) -> CommandResult:
    """Run a PowerShell script made of the known commands; anything else in it ends it with exit code 1."""
    return _run(_Context(machine=machine, user=user), _split(script, ";\n"), _POWERSHELL)


def _script_of(options: str) -> str | None:
    while switch := SWITCH.match(options):
        options = options[switch.end() :]
    encoded = ENCODED.fullmatch(options)
    if encoded is not None:
        try:
            return base64.b64decode(encoded["code"], validate=True).decode("utf-16-le")
        except (binascii.Error, UnicodeDecodeError):
            return None
    plain = PLAIN.fullmatch(options)
    if plain is not None:
        return plain["script"].strip().strip('"')
    return None if options.startswith("-") else options


def _split(text: str, separators: str) -> Iterator[str]:
    """The statements of a line or script; separators inside quotes and braces belong to the text."""
    statement, quote, depth = "", "", 0
    for character in text.replace("\r\n", "\n"):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "{}":
            depth += 1 if character == "{" else -1
        elif character in separators and depth <= 0:
            yield statement.strip()
            statement = ""
            continue
        statement += character
    yield statement.strip()


def _run(context: _Context, statements: Iterator[str], commands: Mapping[re.Pattern[str], _Action]) -> CommandResult:
    total = CommandResult()
    for statement in statements:
        if not statement or SCAFFOLD.fullmatch(statement):
            continue
        result = _one(context, statement, commands)
        total = replace(
            result,
            output=total.output + result.output,
            error=total.error + result.error,
            seconds=min(total.seconds + result.seconds, LONGEST_SLEEP),
        )
        if result.exited or result.error:
            break
        context = replace(context, last_exit_code=result.exit_code)
    return total


def _one(context: _Context, statement: str, commands: Mapping[re.Pattern[str], _Action]) -> CommandResult:
    for pattern, action in commands.items():
        match = pattern.fullmatch(statement)
        if match is not None:
            return action(context, match)
    return _unknown(statement)


def _unknown(statement: str) -> CommandResult:
    shown = " ".join(statement.split())
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    return CommandResult(
        exit_code=1,
        error="This guest belongs to the local Azure and is no Windows: it can rehearse a connection, and knows only "
        f"{KNOWN}. It cannot run: {shown}\r\n",
    )


def _line(text: str) -> CommandResult:
    return CommandResult(output=text + "\r\n")


def _whoami(context: _Context, _match: re.Match[str]) -> CommandResult:
    return _line(f"{context.machine.computer_name}\\{context.user.name}".lower())


def _hostname(context: _Context, _match: re.Match[str]) -> CommandResult:
    return _line(context.machine.computer_name)


def _computer_name(context: _Context, _match: re.Match[str]) -> CommandResult:
    return _line(context.machine.computer_name.upper())


def _version(_context: _Context, _match: re.Match[str]) -> CommandResult:
    return _line(f"\r\nMicrosoft Windows [Version {WINDOWS_VERSION}]")


def _echo_cmd(context: _Context, match: re.Match[str]) -> CommandResult:
    name = context.machine.computer_name.upper()
    return _line(re.sub("%computername%", lambda _: name, match["text"], flags=re.IGNORECASE))


def _echo_powershell(_context: _Context, match: re.Match[str]) -> CommandResult:
    return _line(match["text"] or "")


def _exit(_context: _Context, match: re.Match[str]) -> CommandResult:
    return CommandResult(exit_code=int(match["code"] or 0), exited=True)


def _exit_last(context: _Context, _match: re.Match[str]) -> CommandResult:
    return CommandResult(exit_code=context.last_exit_code, exited=True)


def _sleep(_context: _Context, match: re.Match[str]) -> CommandResult:
    return CommandResult(seconds=min(float(match["seconds"]), LONGEST_SLEEP))


def _ipconfig(context: _Context, _match: re.Match[str]) -> CommandResult:
    lines = ["", "Windows IP Configuration", "", "", "Ethernet adapter Ethernet:", ""]
    lines += [f"   IPv4 Address. . . . . . . . . . . : {address}" for address in context.machine.addresses]
    return _line("\r\n".join(lines))


def _nested_cmd(context: _Context, match: re.Match[str]) -> CommandResult:
    result = run_command_line(context.machine, context.user, match["line"].strip("'\""))
    return replace(result, exited=False)


def _table(entries: Mapping[str, _Action]) -> dict[re.Pattern[str], _Action]:
    return {re.compile(pattern, re.IGNORECASE | re.DOTALL): action for pattern, action in entries.items()}


_QUOTED = r"""(?:'(?=[^']*'$)|"(?=[^"$]*"$)|(?=[\w.:-]+$))(?P<text>[^'"]*)['"]?"""
_BOTH: dict[str, _Action] = {
    r"&?\s*whoami(?:\.exe)?": _whoami,
    r"&?\s*hostname(?:\.exe)?": _hostname,
    r"&?\s*ipconfig(?:\.exe)?": _ipconfig,
}
_CMD = _table(
    _BOTH
    | {
        "ver": _version,
        "echo (?P<text>.*)": _echo_cmd,
        r"exit(?: /b)?(?:\s+(?P<code>-?\d+))?": _exit,
    }
)
_POWERSHELL = _table(
    _BOTH
    | {
        r"\$env:computername": _computer_name,
        r"exit\s+\$lastexitcode": _exit_last,
        r"exit(?:\s+(?P<code>-?\d+))?": _exit,
        rf"(?:echo|write-output|write-host)(?:\s+-InputObject)?\s+{_QUOTED}": _echo_powershell,
        r"(?:start-sleep|sleep)(?:\s+-s(?:econds)?)?\s+(?P<seconds>\d+(?:\.\d+)?)": _sleep,
        r"&?\s*cmd(?:\.exe)?\s+/c\s+(?P<line>.*)": _nested_cmd,
    }
)
