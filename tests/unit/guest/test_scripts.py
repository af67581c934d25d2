# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest scripts as text: they parse, use reviewed commands and types only, and hold nobody's values."""

from __future__ import annotations

import base64
import json
import re
import typing as t

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from ansible_collections.azvm.access.plugins.module_utils._guest import rdp_listener, winrm_listener

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.plugins.module_utils._guest.script import GuestScript

SCRIPTS = (*rdp_listener.SCRIPTS, *winrm_listener.SCRIPTS)
every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)

# Every command was looked up in the reference of Windows PowerShell 5.1. A misspelt one would show on Windows only.
REVIEWED_COMMANDS = {
    "ConvertFrom-Json",
    "ConvertTo-Json",
    "Enable-PSRemoting",
    "Get-Acl",
    "Get-ChildItem",
    "Get-CimInstance",
    "Get-ItemProperty",
    "Get-NetFirewallAddressFilter",
    "Get-NetFirewallPortFilter",
    "Get-NetFirewallRule",
    "Get-NetTCPConnection",
    "Get-PSSessionConfiguration",
    "Get-Service",
    "Get-WSManInstance",
    "Invoke-CimMethod",
    "New-Item",
    "New-ItemProperty",
    "New-NetFirewallRule",
    "New-WSManInstance",
    "Out-Null",
    "Remove-ItemProperty",
    "Remove-NetFirewallRule",
    "Remove-WSManInstance",
    "Restart-Service",
    "Select-Object",
    "Set-Acl",
    "Set-CimInstance",
    "Set-NetFirewallRule",
    "Set-Service",
    "Set-WSManInstance",
    "Start-Service",
    "Test-Path",
    "Where-Object",
    "Write-Output",
    "netsh.exe",
}

# The same for type names in brackets.
REVIEWED_TYPES = {
    "System.Convert",
    "System.Environment",
    "System.Globalization.CultureInfo",
    "System.IO.Path",
    "System.Security.AccessControl.AccessControlType",
    "System.Security.AccessControl.FileSystemAccessRule",
    "System.Security.AccessControl.FileSystemRights",
    "System.Security.Cryptography.RSACng",
    "System.Security.Cryptography.RSACryptoServiceProvider",
    "System.Security.Cryptography.X509Certificates.RSACertificateExtensions",
    "System.Security.Cryptography.X509Certificates.X509NameType",
    "System.Security.Principal.SecurityIdentifier",
    "System.Text.Encoding",
    "System.Text.RegularExpressions.Regex",
    "System.Xml.XmlElement",
    "char",
    "hashtable",
    "int",
    "ordered",
    "string",
    "string[]",
    "uint32",
}

# Windows PowerShell 5.1 has none of these.
NEWER_OPERATORS = {"??", "??=", "?.", "?[", "&&", "||"}

MAX_BYTES = 16_384


def nodes(script: GuestScript) -> Iterator[Node]:
    """All nodes of a script's syntax tree."""
    waiting = [Parser(Language(tree_sitter_powershell.language())).parse(script.text.encode()).root_node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.children)


def text_of(node: Node) -> str:
    return (node.text or b"").decode()


@every_script
def test_parses_without_errors(script: GuestScript) -> None:
    broken = [
        (node.start_point.row + 1, text_of(node)[:60]) for node in nodes(script) if node.is_error or node.is_missing
    ]
    assert broken == []


@every_script
def test_names_itself_in_the_first_line(script: GuestScript) -> None:
    first, _end, rest = script.text.partition("\n")
    assert first == f"# azvm.access/{script.name} {script.version}"
    assert "azvm.access/" not in rest


@every_script
def test_is_small_plain_ascii(script: GuestScript) -> None:
    assert script.text.isascii()
    assert "\r" not in script.text
    assert len(script.text) < MAX_BYTES


@every_script
def test_calls_reviewed_commands_or_its_own_functions_only(script: GuestScript) -> None:
    own = {text_of(node) for node in nodes(script) if node.type == "function_name"}
    called = {text_of(node) for node in nodes(script) if node.type == "command_name"}
    assert called - own - REVIEWED_COMMANDS == set()


@every_script
def test_calls_every_function_it_defines(script: GuestScript) -> None:
    own = {text_of(node) for node in nodes(script) if node.type == "function_name"}
    called = {text_of(node) for node in nodes(script) if node.type == "command_name"}
    assert own - called == set()


def test_the_list_of_reviewed_commands_has_no_leftovers() -> None:
    called = {text_of(node) for script in SCRIPTS for node in nodes(script) if node.type == "command_name"}
    assert REVIEWED_COMMANDS - called == set()


@every_script
def test_uses_reviewed_types_only(script: GuestScript) -> None:
    used = {text_of(node).strip("[] ") for node in nodes(script) if node.type == "type_literal"}
    used |= {text_of(node).strip() for node in nodes(script) if node.type == "type_spec"}
    assert "System.Convert" in used
    assert {name.removesuffix("[]") for name in used} - {name.removesuffix("[]") for name in REVIEWED_TYPES} == set()


@every_script
def test_has_no_operator_of_newer_powershell(script: GuestScript) -> None:
    tokens = {text_of(node) for node in nodes(script) if not node.children}
    assert tokens & NEWER_OPERATORS == set()
    assert not [node for node in nodes(script) if "ternary" in node.type]


@every_script
def test_puts_no_value_into_text(script: GuestScript) -> None:
    expandable = [text_of(node) for node in nodes(script) if "expandable" in node.type]
    assert expandable == []
    assert '"' not in re.sub(r"'[^']*'", "", script.text)
    assert not re.search(r"Invoke-Expression|\biex\b|Add-Type|ScriptBlock\]::Create", script.text)


@every_script
def test_takes_the_payload_and_nothing_else(script: GuestScript) -> None:
    top = min((node for node in nodes(script) if node.type == "param_block"), key=lambda node: node.start_byte)
    assert [text_of(node) for node in top.children if node.type == "parameter_list"] == ["[string] $Payload"]


@every_script
def test_handles_every_error(script: GuestScript) -> None:
    tries = [node for node in nodes(script) if node.type == "try_statement"]
    assert tries
    # The grammar accepts a try without catch; Windows PowerShell does not.
    assert all(any(child.type == "catch_clauses" for child in node.children) for node in tries)


@every_script
@pytest.mark.parametrize("value", ["plain", 'it\'s "quoted" & $(dangerous) `n', "two\nlines", "\u00df", "\u4f60\u597d"])
def test_any_value_travels_as_one_harmless_word(script: GuestScript, value: str) -> None:
    parameters = script.parameters({"hostname": value})
    assert list(parameters) == ["Payload"]
    assert re.fullmatch(r"[A-Za-z0-9+/]+=*", parameters["Payload"])
    assert json.loads(base64.b64decode(parameters["Payload"])) == {"hostname": value}
