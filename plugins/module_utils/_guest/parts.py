# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PowerShell text that the guest scripts have in common, and how :func:`scripts` puts it together with their own.

Every script takes one parameter, `Payload`: base64 of a UTF-8 JSON object. Base64 keeps quotes, `&` and line breaks
away from the command line that Run Command builds (`$Input` is an automatic variable and cannot be a parameter).
Each prints one JSON object on one line and exits with 0 (`"ok": true`) or 1 (`"ok": false`).
Scripts hold no decisions: Python reads, compares, and hands over one planned change.

Every script sets `$RecordValue` and defines `Get-GuestState -Request`, its answer: the *state*.
In every state:
    `ok` true, `computer_name`,
    `service` {`status`: Running | Stopped | ..., `start_type`: Automatic | Manual | Disabled},
    `certificate` null or {`thumbprint`, `common_name`, `dns_names` [], `not_after` "2026-01-31T00:00:00Z",
    `has_private_key`, `usages` [OIDs of the extended key usage]} of the payload's `thumbprint` (upper case hexadecimal
    SHA-1, or null) in LocalMachine\\My,
    `firewall` null or {`enabled`, `direction`, `action`, `profile`, `protocol`, `local_ports` [strings],
    `remote_addresses` [strings]} of the rule whose Name is the payload's `firewall_rule`,
    `record` null or the text kept in HKLM:\\SOFTWARE\\azvm.access.
A changing script answers with the state and `done` [names of the steps taken]. `firewall` in its payload is a rule to
make {`name`, `display_name`, `group`, `port`, `remote_addresses` []}, `record` the text to keep.
Every failure is answered with `ok` false, `message` (Windows' own text), `hresult` "0x80338115", and what `$progress`
holds: `step`, `done` [names of the steps taken], `restored` true | false | null (was what was replaced put back?).
"""

from __future__ import annotations

from textwrap import indent

from .script import GuestScript

_INDENT = "    "

_HEAD = r"""
param(
    [string] $Payload
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
$RecordKey = 'HKLM:\SOFTWARE\azvm.access'
$progress = [ordered]@{
    step = 'payload'
    done = @()
    restored = $null
}

function Read-Request {
    $bytes = [System.Convert]::FromBase64String($Payload)
    $json = [System.Text.Encoding]::UTF8.GetString($bytes)
    return ConvertFrom-Json -InputObject $json
}

function Write-Answer {
    param(
        $Answer
    )
    $json = ConvertTo-Json -InputObject $Answer -Compress -Depth 5
    # Console code pages differ between machines, so only ASCII leaves this script.
    $escape = {
        param(
            $Match
        )
        return ('\u{0:x4}' -f [int][char]$Match.Value)
    }
    $ascii = [System.Text.RegularExpressions.Regex]::Replace($json, '[^\x20-\x7e]', $escape)
    Write-Output -InputObject $ascii
}

function Limit-Text {
    param(
        [string] $Text,
        [int] $Length
    )
    # A character outside ASCII becomes six in the answer, and Run Command keeps 4096 bytes.
    if ($Text -match '[^\x00-\x7f]') {
        $Length = [int]($Length / 4)
    }
    if ($Text.Length -gt $Length) {
        return $Text.Substring(0, $Length)
    }
    return $Text
}

function Write-Failure {
    param(
        $Failure
    )
    $answer = [ordered]@{
        ok = $false
        message = Limit-Text -Text $Failure.Exception.Message -Length 1200
        hresult = ('0x{0:x8}' -f $Failure.Exception.HResult)
    }
    foreach ($name in $progress.Keys) {
        $answer[$name] = $progress[$name]
    }
    Write-Answer -Answer $answer
}
"""

_CERTIFICATE = r"""
function Find-Certificate {
    param(
        [string] $Thumbprint
    )
    $all = Get-ChildItem -Path 'Cert:\LocalMachine\My'
    return ($all | Where-Object -Property Thumbprint -EQ -Value $Thumbprint | Select-Object -First 1)
}

function Get-CertificateState {
    param(
        $Certificate
    )
    if ($null -eq $Certificate) {
        return $null
    }
    $simple = [System.Security.Cryptography.X509Certificates.X509NameType]::SimpleName
    $names = @()
    foreach ($entry in ($Certificate.DnsNameList | Select-Object -First 10)) {
        $names += $entry.Punycode
    }
    $usages = @()
    foreach ($entry in ($Certificate.EnhancedKeyUsageList | Select-Object -First 8)) {
        $usages += $entry.ObjectId
    }
    $end = $Certificate.NotAfter.ToUniversalTime()
    return [ordered]@{
        thumbprint = $Certificate.Thumbprint
        common_name = $Certificate.GetNameInfo($simple, $false)
        dns_names = $names
        not_after = $end.ToString('s', [System.Globalization.CultureInfo]::InvariantCulture) + 'Z'
        has_private_key = $Certificate.HasPrivateKey
        usages = $usages
    }
}
"""

_STATE = r"""
function Get-FirewallState {
    param(
        [string] $Name
    )
    $rule = Get-NetFirewallRule -Name $Name -ErrorAction SilentlyContinue
    if ($null -eq $rule) {
        return $null
    }
    $ports = Get-NetFirewallPortFilter -AssociatedNetFirewallRule $rule
    $addresses = Get-NetFirewallAddressFilter -AssociatedNetFirewallRule $rule
    return [ordered]@{
        enabled = ([string]$rule.Enabled -eq 'True')
        direction = [string]$rule.Direction
        action = [string]$rule.Action
        profile = [string]$rule.Profile
        protocol = [string]$ports.Protocol
        local_ports = @($ports.LocalPort | Select-Object -First 8)
        remote_addresses = @($addresses.RemoteAddress | Select-Object -First 41)
    }
}

function Get-RegistryValue {
    param(
        [string] $Path,
        [string] $Name
    )
    $item = Get-ItemProperty -Path $Path -Name $Name -ErrorAction SilentlyContinue
    if ($null -eq $item) {
        return $null
    }
    return $item.$Name
}
"""

_CATCH = r"""
catch {
    Write-Failure -Failure $_
    exit 1
}
"""

_READ = (
    r"""
try {
    $request = Read-Request
    $progress.step = 'state'
    $state = Get-GuestState -Request $request
    Write-Answer -Answer $state
    exit 0
}"""
    + _CATCH
)

_STEPS = r"""
function Start-Step {
    param(
        [string] $Name
    )
    $progress.step = $Name
}

function Complete-Step {
    $progress.done = @($progress.done) + $progress.step
}

function Write-State {
    param(
        $Request
    )
    Start-Step -Name 'state'
    $state = Get-GuestState -Request $Request
    $state['done'] = @($progress.done)
    Write-Answer -Answer $state
}
"""

_APPLY = r"""
function Assert-Certificate {
    param(
        [string] $Thumbprint
    )
    $certificate = Find-Certificate -Thumbprint $Thumbprint
    if ($null -eq $certificate) {
        throw 'The certificate is not in LocalMachine\My.'
    }
    if (-not $certificate.HasPrivateKey) {
        throw 'The certificate in LocalMachine\My has no private key.'
    }
}

function Save-Record {
    param(
        [string] $Text
    )
    if (-not (Test-Path -Path $RecordKey)) {
        New-Item -Path $RecordKey -Force | Out-Null
    }
    New-ItemProperty -Path $RecordKey -Name $RecordValue -Value $Text -PropertyType String -Force | Out-Null
}

function Set-FirewallRule {
    param(
        $Rule
    )
    $values = @{
        Enabled = 'True'
        Direction = 'Inbound'
        Action = 'Allow'
        Profile = 'Any'
        Protocol = 'TCP'
        LocalPort = [string]$Rule.port
        RemoteAddress = [string[]]$Rule.remote_addresses
    }
    $found = Get-NetFirewallRule -Name $Rule.name -ErrorAction SilentlyContinue
    if ($null -eq $found) {
        New-NetFirewallRule -Name $Rule.name -DisplayName $Rule.display_name -Group $Rule.group @values | Out-Null
    }
    else {
        Set-NetFirewallRule -Name $Rule.name @values | Out-Null
    }
}
"""

_REMOVE = r"""
function Remove-Record {
    Start-Step -Name 'record'
    if (Test-Path -Path $RecordKey) {
        Remove-ItemProperty -Path $RecordKey -Name $RecordValue -ErrorAction SilentlyContinue
    }
}

function Remove-FirewallRule {
    param(
        [string] $Name
    )
    Start-Step -Name 'firewall'
    Remove-NetFirewallRule -Name $Name
    Complete-Step
}
"""


def step(name: str, *commands: str, when: str) -> str:
    """A step that is taken under a condition."""
    lines = "\n".join((f"Start-Step -Name '{name}'", *commands, "Complete-Step"))
    return f"if ({when}) {{\n{indent(lines, _INDENT)}\n}}"


def start_service(name: str) -> str:
    """The step that has a service run now and after each start of Windows."""
    return step(
        "service",
        f"Set-Service -Name '{name}' -StartupType Automatic",
        f"Start-Service -Name '{name}'",
        when="$request.service",
    )


def function(name: str, parameter: str, *lines: str) -> str:
    """A function with one parameter."""
    inner = indent("\n".join(("param(", f"    ${parameter}", ")", *lines)), _INDENT)
    return f"function {name} {{\n{inner}\n}}"


KEEP_RECORD = """
Start-Step -Name 'record'
Save-Record -Text $request.record
""".strip()
MAKE_FIREWALL_RULE = step("firewall", "Set-FirewallRule -Rule $request.firewall", when="$null -ne $request.firewall")
DROP_FIREWALL_RULE = """
if ($request.firewall) {
    Remove-FirewallRule -Name $request.firewall_rule
}
""".strip()


def main(*lines: str) -> str:
    """The main part of a changing script: what it does between its request and the state at the end."""
    inner = indent("\n".join(("$request = Read-Request", *lines, "Write-State -Request $request", "exit 0")), _INDENT)
    return f"try {{\n{inner}\n}}{_CATCH}"


def scripts(
    name: str, version: int, *, look: tuple[str, ...], apply: tuple[str, ...], remove: tuple[str, ...]
) -> tuple[GuestScript, GuestScript, GuestScript]:
    """The three scripts of a listener, `<name>_read`, `<name>_apply` and `<name>_remove`, from their own parts."""
    names, *state = look
    shared = (_HEAD, names, _CERTIFICATE, _STATE, *state)
    return (
        GuestScript.assemble(name=f"{name}_read", version=version, parts=(*shared, _READ), changes=False),
        GuestScript.assemble(
            name=f"{name}_apply", version=version, parts=(*shared, _STEPS, _APPLY, *apply), changes=True
        ),
        GuestScript.assemble(
            name=f"{name}_remove", version=version, parts=(*shared, _STEPS, _REMOVE, *remove), changes=True
        ),
    )
