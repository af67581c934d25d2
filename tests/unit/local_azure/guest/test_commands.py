# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands a guest understands, in the wrappers that clients put around them."""

from __future__ import annotations

import base64

import pytest

from local_azure.guest.commands import run_command_line, run_powershell

from .conftest import make_machine

MACHINE = make_machine()
USER = MACHINE.users["azureuser"]
ANSIBLE = "PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand "


def encoded(script: str) -> str:
    return ANSIBLE + base64.b64encode(script.encode("utf-16-le")).decode()


@pytest.mark.parametrize(
    ("line", "code", "output"),
    [
        ("whoami", 0, "win1\\azureuser\r\n"),
        ("WHOAMI.exe", 0, "win1\\azureuser\r\n"),
        ("hostname", 0, "win1\r\n"),
        ("echo hello & hostname", 0, "hello\r\nwin1\r\n"),
        ("whoami && exit 4", 4, "win1\\azureuser\r\n"),
        ('echo "a & b"', 0, '"a & b"\r\n'),
        ("echo %COMPUTERNAME%", 0, "WIN1\r\n"),
        ("ver", 0, "\r\nMicrosoft Windows [Version 10.0.20348.2700]\r\n"),
        ("exit", 0, ""),
        ("cmd /c hostname", 0, "win1\r\n"),
        ("powershell -Command $env:COMPUTERNAME", 0, "WIN1\r\n"),
        ("powershell.exe hostname", 0, "win1\r\n"),
        (encoded("whoami"), 0, "win1\\azureuser\r\n"),
        (encoded("Set-StrictMode -Version Latest\nhostname\nIf (-not $?) { exit 1 }"), 0, "win1\r\n"),
        (encoded("exit 7"), 7, ""),
    ],
)
def test_lines_of_cmd(line: str, code: int, output: str) -> None:
    result = run_command_line(MACHINE, USER, line)

    assert (result.exit_code, result.output, result.error) == (code, output, "")


@pytest.mark.parametrize(
    ("script", "code", "output", "exited"),
    [
        ("whoami\nexit $LASTEXITCODE", 0, "win1\\azureuser\r\n", True),
        ("cmd /c exit 3\nexit $LASTEXITCODE", 3, "", True),
        ("& whoami; exit $LASTEXITCODE", 0, "win1\\azureuser\r\n", True),
        ("$env:computername", 0, "WIN1\r\n", False),
        ("echo hi; Write-Output 'a b'", 0, "hi\r\na b\r\n", False),
        ("exit 2; hostname", 2, "", True),
        ("", 0, "", False),
    ],
)
def test_scripts_of_powershell(script: str, code: int, output: str, exited: bool) -> None:
    result = run_powershell(MACHINE, USER, script)

    assert (result.exit_code, result.output, result.error, result.exited) == (code, output, "", exited)


@pytest.mark.parametrize(
    "line",
    [
        "dir",
        "whoami /all",
        "hostname & del x",
        "powershell -File x.ps1",
        encoded("Get-Process"),
        ANSIBLE + "AAAA=",
        "powershell -EncodedCommand !",
    ],
)
def test_everything_else_fails_and_says_where_it_ran(line: str) -> None:
    result = run_command_line(MACHINE, USER, line)

    assert result.exit_code == 1
    assert "local Azure" in result.error


@pytest.mark.parametrize("script", ['echo "$env:USERNAME"', "whoami | out-file x", "iex (whoami)", "hostname $x"])
def test_powershell_with_anything_more_is_not_guessed_at(script: str) -> None:
    assert run_powershell(MACHINE, USER, script).exit_code == 1


def test_sleeping_takes_time_and_ends_somewhere() -> None:
    assert run_powershell(MACHINE, USER, "Start-Sleep -Seconds 1.5; hostname").seconds == 1.5
    assert run_powershell(MACHINE, USER, "sleep 9999").seconds == 300
