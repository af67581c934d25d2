# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest scripts that read, apply and remove the WinRM HTTPS listener of a Windows VM.

What a script is given and what it prints is JSON; :mod:`parts` describes what both listeners have in common.

`winrm_listener_read`
    Payload: `thumbprint` (upper case hexadecimal SHA-1, or null), `firewall_rule` (its Name).
    Answer: the state, of the service WinRM and the record in the value WinRMListener, and:
    `listeners` [{`address`, `transport`, `port`, `hostname`, `enabled`, `thumbprint`,
    `source`: "" | "GPO" | "Compatibility"}],
    `auth` {`basic`, `kerberos`, `negotiate`, `certificate`, `credssp`: booleans},
    `allow_unencrypted` boolean,
    `policy` [names of settings that Group Policy fixes, such as "Basic", "AllowUnencrypted"],
    `session_configuration` enabled | disabled | missing,
    `token_filter_policy` integer, or null when the value does not exist (LocalAccountTokenFilterPolicy).
    `listeners`, `auth`, `allow_unencrypted`, `session_configuration` are null while the service does not run: Windows
    answers questions about them through the service only.

`winrm_listener_apply`
    Payload: `thumbprint`, `firewall_rule` (for the state at the end), `record`, and what to change, null for nothing:
    `service` true, `session_configuration` true (Enable-PSRemoting), `auth` {"Basic": "false", ...},
    `settings` {"AllowUnencrypted": "false"}, `token_filter_policy` integer, `firewall`,
    `listener` {`port`, `hostname`, `thumbprint`} (replaces the HTTPS listener on Address `*` if there is one).
    Order: record, service, session_configuration, auth, settings, token_filter_policy, listener, firewall.
    Fails with step `certificate` when the certificate is not in LocalMachine\\My or has no private key; with step
    `listener` when WinRM refuses it, and then puts the replaced listener back.

`winrm_listener_remove`
    Payload: `thumbprint`, `firewall_rule`, and what to take back, null for nothing: `listener` true, `firewall` true,
    `auth`, `settings` as above, `token_filter_policy` {`value`: integer, or null to delete the value}.
    The record goes last, always.

A failure after a failed listener also has `binding`: what `netsh http show sslcert` says about the port.
"""

from __future__ import annotations

from . import parts

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
"""
_APPLY_MAIN = parts.main(
    "if ($null -ne $request.listener) {",
    "    Start-Step -Name 'certificate'",
    "    Assert-Certificate -Thumbprint $request.listener.thumbprint",
    "}",
    parts.KEEP_RECORD,
    parts.start_service("WinRM"),
    parts.step(
        "session_configuration",
        "Enable-PSRemoting -Force -SkipNetworkProfileCheck | Out-Null",
        when="$request.session_configuration",
    ),
    "Set-ServiceConfig -Request $request",
    parts.step(
        "token_filter_policy",
        "Set-TokenFilterPolicy -Value $request.token_filter_policy",
        when="$null -ne $request.token_filter_policy",
    ),
    parts.step("listener", "Set-HttpsListener -Wanted $request.listener", when="$null -ne $request.listener"),
    parts.MAKE_FIREWALL_RULE,
)

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
"""
_REMOVE_MAIN = parts.main(
    parts.DROP_FIREWALL_RULE,
    parts.step(
        "listener",
        "Remove-WSManInstance -ResourceURI $ListenerUri -SelectorSet $ListenerSelector",
        when="$request.listener",
    ),
    "Set-ServiceConfig -Request $request",
    parts.step(
        "token_filter_policy",
        "Restore-TokenFilterPolicy -Value $request.token_filter_policy.value",
        when="$null -ne $request.token_filter_policy",
    ),
    "Remove-Record",
)

READ, APPLY, REMOVE = SCRIPTS = parts.scripts(
    "winrm_listener",
    1,
    look=(_NAMES, _STATE),
    apply=(_CHANGE, _APPLY, _APPLY_MAIN),
    remove=(_CHANGE, _REMOVE, _REMOVE_MAIN),
)
