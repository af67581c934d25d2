# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest scripts that read, apply and remove the WinRM HTTPS listener of a Windows VM.

Each script takes one parameter, `Payload`: base64 of a UTF-8 JSON object. Base64 keeps quotes, `&` and line breaks
away from the command line that Run Command builds (`$Input` is an automatic variable and cannot be a parameter).
Each prints one JSON object on one line and exits with 0 (`"ok": true`) or 1 (`"ok": false`).
They hold no decisions: Python reads, compares, and hands over one planned change.

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
    `has_private_key`, `server_authentication`} of that thumbprint in LocalMachine\\My,
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

Every failure: `ok` false, `step`, `message` (Windows' own text, often a WSManFault in XML), `hresult` "0x80338115",
`done` [], `restored` true | false | null (was the previous listener put back?), `binding` (what
`netsh http show sslcert` says about the port, after a failed listener, else "").
"""

from __future__ import annotations

from .script import GuestScript

_HEAD = r"""
param(
    [string] $Payload
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
$PolicyKey = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
$PolicyValue = 'LocalAccountTokenFilterPolicy'
$RecordKey = 'HKLM:\SOFTWARE\azvm.access'
$RecordValue = 'WinRMListener'
$ListenerUri = 'winrm/config/listener'
$ListenerSelector = @{
    Address = '*'
    Transport = 'HTTPS'
}
$progress = @{
    step = 'payload'
    done = @()
    restored = $null
    binding = ''
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
        step = $progress.step
        message = Limit-Text -Text $Failure.Exception.Message -Length 1200
        hresult = ('0x{0:x8}' -f $Failure.Exception.HResult)
        done = @($progress.done)
        restored = $progress.restored
        binding = Limit-Text -Text $progress.binding -Length 600
    }
    Write-Answer -Answer $answer
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

function Get-CertificateState {
    param(
        [string] $Thumbprint
    )
    $all = Get-ChildItem -Path 'Cert:\LocalMachine\My'
    $found = $all | Where-Object -Property Thumbprint -EQ -Value $Thumbprint | Select-Object -First 1
    if ($null -eq $found) {
        return $null
    }
    $simple = [System.Security.Cryptography.X509Certificates.X509NameType]::SimpleName
    $names = @()
    foreach ($entry in ($found.DnsNameList | Select-Object -First 10)) {
        $names += $entry.Punycode
    }
    $usages = @()
    foreach ($entry in $found.EnhancedKeyUsageList) {
        $usages += $entry.ObjectId
    }
    $serves = ($usages.Count -eq 0) -or ($usages -contains '1.3.6.1.5.5.7.3.1')
    $end = $found.NotAfter.ToUniversalTime()
    return [ordered]@{
        thumbprint = $found.Thumbprint
        common_name = $found.GetNameInfo($simple, $false)
        dns_names = $names
        not_after = $end.ToString('s', [System.Globalization.CultureInfo]::InvariantCulture) + 'Z'
        has_private_key = $found.HasPrivateKey
        server_authentication = $serves
    }
}

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
        $state.certificate = Get-CertificateState -Thumbprint $Request.thumbprint
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
function Start-Step {
    param(
        [string] $Name
    )
    $progress.step = $Name
}

function Complete-Step {
    $progress.done = @($progress.done) + $progress.step
}

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

_READ = r"""
try {
    $request = Read-Request
    $progress.step = 'state'
    $state = Get-GuestState -Request $request
    Write-Answer -Answer $state
    exit 0
}
catch {
    Write-Failure -Failure $_
    exit 1
}
"""

_APPLY = r"""
function Assert-Certificate {
    param(
        [string] $Thumbprint
    )
    $certificate = Get-CertificateState -Thumbprint $Thumbprint
    if ($null -eq $certificate) {
        throw 'The certificate is not in LocalMachine\My.'
    }
    if (-not $certificate.has_private_key) {
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
        $progress.binding = (netsh.exe http show sslcert $endpoint) -join ' '
        if ($null -ne $previous) {
            Restore-HttpsListener -Listener $previous
        }
        throw $failure
    }
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
        Start-Step -Name 'firewall'
        Remove-NetFirewallRule -Name $request.firewall_rule
        Complete-Step
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
    Start-Step -Name 'record'
    if (Test-Path -Path $RecordKey) {
        Remove-ItemProperty -Path $RecordKey -Name $RecordValue -ErrorAction SilentlyContinue
    }
    Write-State -Request $request
    exit 0
}
catch {
    Write-Failure -Failure $_
    exit 1
}
"""

READ = GuestScript.assemble(name="winrm_listener_read", version=1, parts=(_HEAD, _STATE, _READ), changes=False)
APPLY = GuestScript.assemble(
    name="winrm_listener_apply", version=1, parts=(_HEAD, _STATE, _CHANGE, _APPLY), changes=True
)
REMOVE = GuestScript.assemble(
    name="winrm_listener_remove", version=1, parts=(_HEAD, _STATE, _CHANGE, _REMOVE), changes=True
)
SCRIPTS = (READ, APPLY, REMOVE)
