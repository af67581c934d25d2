# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest scripts that read, apply and remove the WinRM HTTPS listener of a Windows VM.

What a script is given and what it prints is JSON, as :mod:`parts` describes.

`winrm_listener_read`
    Payload: `thumbprint` (upper case hexadecimal SHA-1, or null), `firewall_rule` (its Name).
    Answer: the *state*:
    `ok` true, `computer_name`,
    `service` {`status`: Running | Stopped | ..., `start_type`: Automatic | Manual | Disabled},
    `listeners` [{`address`, `transport`, `port`, `hostname`, `enabled`, `thumbprint`,
    `source`: "" | "GPO" | "Compatibility"}],
    `auth` {`basic`, `kerberos`, `negotiate`, `certificate`, `credssp`: booleans},
    `allow_unencrypted` boolean,
    `policy` [names of settings that Group Policy fixes, such as "Basic", "AllowUnencrypted"],
    `session_configuration` enabled | disabled | missing,
    `token_filter_policy` integer, or null when the value does not exist (LocalAccountTokenFilterPolicy),
    `certificate` null or {`thumbprint`, `common_name`, `dns_names` [], `not_after` "2026-01-31T00:00:00Z",
    `has_private_key`, `usages` [OIDs of the extended key usage]} of that thumbprint in LocalMachine\\My,
    `firewall` null or {`enabled`, `direction`, `action`, `profile`, `protocol`, `local_ports` [strings],
    `remote_addresses` [strings]},
    `record` null or the text kept in HKLM:\\SOFTWARE\\azvm.access, value WinRMListener.
    `listeners`, `auth`, `allow_unencrypted`, `session_configuration` are null while the service does not run: Windows
    answers questions about them through the service only.

`winrm_listener_apply`
    Payload: `thumbprint`, `firewall_rule` (for the state at the end), `record` (text to keep), and what to change, null
    for nothing: `service` true, `session_configuration` true (Enable-PSRemoting), `auth` {"Basic": "false", ...},
    `settings` {"AllowUnencrypted": "false"}, `token_filter_policy` integer,
    `listener` {`port`, `hostname`, `thumbprint`} (replaces the HTTPS listener on Address `*` if there is one),
    `firewall` {`name`, `display_name`, `group`, `port`, `remote_addresses` []}.
    Order: record, service, session_configuration, auth, settings, token_filter_policy, listener, firewall.
    Answer: the state, and `done` [names of the steps taken].
    Fails with step `certificate` when the certificate is not in LocalMachine\\My or has no private key; with step
    `listener` when WinRM refuses it, and then puts the replaced listener back.

`winrm_listener_remove`
    Payload: `thumbprint`, `firewall_rule`, and what to take back, null for nothing: `listener` true, `firewall` true,
    `auth`, `settings` as above, `token_filter_policy` {`value`: integer, or null to delete the value}.
    The record goes last, always.
    Answer: the state, and `done`.

A failure after a failed listener also has `binding`: what `netsh http show sslcert` says about the port.
"""

from __future__ import annotations

from . import parts
from .script import GuestScript

_NAMES = r"""
$PolicyKey = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
$PolicyValue = 'LocalAccountTokenFilterPolicy'
$RecordValue = 'WinRMListener'
$ListenerUri = 'winrm/config/listener'
$ListenerSelector = @{
    Address = '*'
    Transport = 'HTTPS'
}
"""

_STATE = r"""
function Get-NodeText {
    param(
        $Node
    )
    # A setting that Group Policy fixes carries an attribute, which makes it an element instead of a string.
    if ($Node -is [System.Xml.XmlElement]) {
        return $Node.InnerText
    }
    return [string]$Node
}

function Get-NodeSwitch {
    param(
        $Node
    )
    $text = Get-NodeText -Node $Node
    return ($text -eq 'true')
}

function Get-ListenerState {
    $nodes = @(Get-WSManInstance -ResourceURI $ListenerUri -Enumerate)
    foreach ($node in ($nodes | Select-Object -First 6)) {
        [ordered]@{
            address = Get-NodeText -Node $node.Address
            transport = Get-NodeText -Node $node.Transport
            port = [int](Get-NodeText -Node $node.Port)
            hostname = Get-NodeText -Node $node.Hostname
            enabled = Get-NodeSwitch -Node $node.Enabled
            thumbprint = Get-NodeText -Node $node.CertificateThumbprint
            source = $node.GetAttribute('Source')
        }
    }
}

function Get-AuthState {
    param(
        $Node
    )
    return [ordered]@{
        basic = Get-NodeSwitch -Node $Node.Basic
        kerberos = Get-NodeSwitch -Node $Node.Kerberos
        negotiate = Get-NodeSwitch -Node $Node.Negotiate
        certificate = Get-NodeSwitch -Node $Node.Certificate
        credssp = Get-NodeSwitch -Node $Node.CredSSP
    }
}

function Get-PolicyName {
    param(
        $Node
    )
    foreach ($child in $Node.SelectNodes('.//*[@Source="GPO"]')) {
        $child.LocalName
    }
}

function Get-SessionState {
    $found = Get-PSSessionConfiguration -Name 'Microsoft.PowerShell' -ErrorAction SilentlyContinue
    if ($null -eq $found) {
        return 'missing'
    }
    if ([string]$found.Enabled -eq 'True') {
        return 'enabled'
    }
    return 'disabled'
}

function Get-GuestState {
    param(
        $Request
    )
    $service = Get-Service -Name 'WinRM'
    $state = [ordered]@{
        ok = $true
        computer_name = [System.Environment]::MachineName
        service = [ordered]@{
            status = [string]$service.Status
            start_type = [string]$service.StartType
        }
        listeners = $null
        auth = $null
        allow_unencrypted = $null
        policy = @()
        session_configuration = $null
        token_filter_policy = Get-RegistryValue -Path $PolicyKey -Name $PolicyValue
        certificate = $null
        firewall = Get-FirewallState -Name $Request.firewall_rule
        record = Get-RegistryValue -Path $RecordKey -Name $RecordValue
    }
    if ($Request.thumbprint) {
        $found = Find-Certificate -Thumbprint $Request.thumbprint
        $state.certificate = Get-CertificateState -Certificate $found
    }
    if ($state.service.status -eq 'Running') {
        $config = Get-WSManInstance -ResourceURI 'winrm/config/service'
        $state.listeners = @(Get-ListenerState)
        $state.auth = Get-AuthState -Node $config.Auth
        $state.allow_unencrypted = Get-NodeSwitch -Node $config.AllowUnencrypted
        $state.policy = @(Get-PolicyName -Node $config)
        $state.session_configuration = Get-SessionState
    }
    return $state
}
"""

_CHANGE = r"""
function ConvertTo-ValueSet {
    param(
        $Object
    )
    $values = @{}
    foreach ($property in $Object.PSObject.Properties) {
        $values[$property.Name] = [string]$property.Value
    }
    return $values
}

function Set-ServiceConfig {
    param(
        $Request
    )
    if ($null -ne $Request.auth) {
        Start-Step -Name 'auth'
        $values = ConvertTo-ValueSet -Object $Request.auth
        Set-WSManInstance -ResourceURI 'winrm/config/service/auth' -ValueSet $values | Out-Null
        Complete-Step
    }
    if ($null -ne $Request.settings) {
        Start-Step -Name 'settings'
        $values = ConvertTo-ValueSet -Object $Request.settings
        Set-WSManInstance -ResourceURI 'winrm/config/service' -ValueSet $values | Out-Null
        Complete-Step
    }
}

function Set-TokenFilterPolicy {
    param(
        $Value
    )
    New-ItemProperty -Path $PolicyKey -Name $PolicyValue -Value $Value -PropertyType DWord -Force | Out-Null
}
"""

_APPLY = r"""
$IsOurSelector = {
    ($_.address -eq '*') -and ($_.transport -eq 'HTTPS')
}

function New-HttpsListener {
    param(
        $Listener
    )
    $values = @{
        Port = [string]$Listener.port
        Hostname = [string]$Listener.hostname
        CertificateThumbprint = [string]$Listener.thumbprint
    }
    New-WSManInstance -ResourceURI $ListenerUri -SelectorSet $ListenerSelector -ValueSet $values | Out-Null
}

function Restore-HttpsListener {
    param(
        $Listener
    )
    try {
        New-HttpsListener -Listener $Listener
        $progress.restored = $true
    }
    catch {
        $progress.restored = $false
    }
}

function Set-HttpsListener {
    param(
        $Wanted
    )
    $all = @(Get-ListenerState)
    $previous = $all | Where-Object -FilterScript $IsOurSelector | Select-Object -First 1
    if ($null -ne $previous) {
        Remove-WSManInstance -ResourceURI $ListenerUri -SelectorSet $ListenerSelector
    }
    try {
        New-HttpsListener -Listener $Wanted
    }
    catch {
        $failure = $_
        $endpoint = ('ipport=0.0.0.0:{0}' -f $Wanted.port)
        $binding = (netsh.exe http show sslcert $endpoint) -join ' '
        $progress['binding'] = Limit-Text -Text $binding -Length 600
        if ($null -ne $previous) {
            Restore-HttpsListener -Listener $previous
        }
        throw $failure
    }
}

try {
    $request = Read-Request
    if ($null -ne $request.listener) {
        Start-Step -Name 'certificate'
        Assert-Certificate -Thumbprint $request.listener.thumbprint
    }
    Start-Step -Name 'record'
    Save-Record -Text $request.record
    if ($request.service) {
        Start-Step -Name 'service'
        Set-Service -Name 'WinRM' -StartupType Automatic
        Start-Service -Name 'WinRM'
        Complete-Step
    }
    if ($request.session_configuration) {
        Start-Step -Name 'session_configuration'
        Enable-PSRemoting -Force -SkipNetworkProfileCheck | Out-Null
        Complete-Step
    }
    Set-ServiceConfig -Request $request
    if ($null -ne $request.token_filter_policy) {
        Start-Step -Name 'token_filter_policy'
        Set-TokenFilterPolicy -Value $request.token_filter_policy
        Complete-Step
    }
    if ($null -ne $request.listener) {
        Start-Step -Name 'listener'
        Set-HttpsListener -Wanted $request.listener
        Complete-Step
    }
    if ($null -ne $request.firewall) {
        Start-Step -Name 'firewall'
        Set-FirewallRule -Rule $request.firewall
        Complete-Step
    }
    Write-State -Request $request
    exit 0
}
catch {
    Write-Failure -Failure $_
    exit 1
}
"""

_REMOVE = r"""
function Restore-TokenFilterPolicy {
    param(
        $Value
    )
    if ($null -eq $Value) {
        Remove-ItemProperty -Path $PolicyKey -Name $PolicyValue
    }
    else {
        Set-TokenFilterPolicy -Value $Value
    }
}

try {
    $request = Read-Request
    if ($request.firewall) {
        Remove-FirewallRule -Name $request.firewall_rule
    }
    if ($request.listener) {
        Start-Step -Name 'listener'
        Remove-WSManInstance -ResourceURI $ListenerUri -SelectorSet $ListenerSelector
        Complete-Step
    }
    Set-ServiceConfig -Request $request
    if ($null -ne $request.token_filter_policy) {
        Start-Step -Name 'token_filter_policy'
        Restore-TokenFilterPolicy -Value $request.token_filter_policy.value
        Complete-Step
    }
    Remove-Record
    Write-State -Request $request
    exit 0
}
catch {
    Write-Failure -Failure $_
    exit 1
}
"""

_LOOK = (parts.HEAD, _NAMES, parts.CERTIFICATE, parts.STATE, _STATE)
READ = GuestScript.assemble(name="winrm_listener_read", version=1, parts=(*_LOOK, parts.READ), changes=False)
APPLY = GuestScript.assemble(
    name="winrm_listener_apply", version=1, parts=(*_LOOK, parts.STEPS, parts.APPLY, _CHANGE, _APPLY), changes=True
)
REMOVE = GuestScript.assemble(
    name="winrm_listener_remove", version=1, parts=(*_LOOK, parts.STEPS, parts.REMOVE, _CHANGE, _REMOVE), changes=True
)
SCRIPTS = (READ, APPLY, REMOVE)
