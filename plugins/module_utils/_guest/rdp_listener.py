# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest scripts that read, apply and remove what Remote Desktop is set to in a Windows VM.

What a script is given and what it prints is JSON; :mod:`parts` describes what both listeners have in common.
The WMI classes are in root/cimv2/TerminalServices (Microsoft's reference): Win32_TSGeneralSetting, and
Win32_TerminalServiceSetting.

`rdp_listener_read`
    Payload: `thumbprint` (upper case hexadecimal SHA-1, or null), `port` (to look at, or null), `firewall_rule`.
    Answer: the state, of the service TermService and the record in the value RDPListener, and:
    `port` integer (PortNumber of RDP-Tcp), `port_taken` boolean: something listens on the payload's port,
    `listener` {`enabled` (AllowTSConnections), `thumbprint`, `thumbprint_type`: 0 invalid | 1 Windows' own | 2 fixed by
    Group Policy | 3 custom, `network_level_authentication`, `security_layer`: 0 RDP | 1 negotiate | 2 TLS}, or null
    while the service does not run,
    `policy` [what Group Policy fixes: "certificate", "enabled", "network_level_authentication", "security_layer"],
    `key_access` granted | missing | unknown (the key is in no file) of NETWORK SERVICE to its key, or null,
    `windows_rule` boolean: RemoteDesktop-UserMode-In-TCP is on.

`rdp_listener_apply`
    Payload: as above, `record`, and what to change, null for nothing: `service` true, `key_right` thumbprint,
    `certificate` thumbprint (to bind), `firewall`, `settings` {`security_layer`, `network_level_authentication`,
    `enabled`, `port`: integers, as far as they are to be set}.
    Order: record, service, key_right, binding, firewall, settings in that order. A new port restarts TermService.
    Fails with step `certificate` when the certificate is not in LocalMachine\\My or has no private key; with step
    `port` when TermService does not start with the new one, and then puts the former one back.

`rdp_listener_remove`
    Payload: as `rdp_listener_read`, and what to take back, null for nothing: `certificate` true (Windows' own again),
    `settings` as above, `restart` true (of TermService), `key_rights` [thumbprints], `firewall` true.
    In this order, so that the port is open and the key readable as long as they are used. The record goes last, always.
"""

from __future__ import annotations

from . import parts

_NAMES = r"""
$RecordValue = 'RDPListener'
$TerminalNamespace = 'root/cimv2/TerminalServices'
$ListenerKey = 'HKLM:\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp'
$WindowsRule = 'RemoteDesktop-UserMode-In-TCP'
$NetworkService = [System.Security.Principal.SecurityIdentifier]::new('S-1-5-20')
$Read = [System.Security.AccessControl.FileSystemRights]::Read
$KeyFolders = @(
    'Microsoft\Crypto\Keys'
    'Microsoft\Crypto\RSA\MachineKeys'
    'Microsoft\Crypto\SystemKeys'
)
"""

_STATE = r"""
function Get-ListenerSetting {
    $filter = 'TerminalName="RDP-Tcp"'
    return (Get-CimInstance -Namespace $TerminalNamespace -ClassName 'Win32_TSGeneralSetting' -Filter $filter)
}

function Get-ServerSetting {
    return (Get-CimInstance -Namespace $TerminalNamespace -ClassName 'Win32_TerminalServiceSetting')
}

function Get-PolicyName {
    param(
        $Listener,
        $Server
    )
    if ($Listener.SSLCertificateSHA1HashType -eq 2) {
        'certificate'
    }
    if ($Server.PolicySourceAllowTSConnections -eq 1) {
        'enabled'
    }
    if ($Listener.PolicySourceUserAuthenticationRequired -eq 1) {
        'network_level_authentication'
    }
    if ($Listener.PolicySourceSecurityLayer -eq 1) {
        'security_layer'
    }
}

function Get-KeyName {
    param(
        $Certificate
    )
    # Keys of cryptographic service providers and of CNG providers name their files differently.
    $key = [System.Security.Cryptography.X509Certificates.RSACertificateExtensions]::GetRSAPrivateKey($Certificate)
    if ($key -is [System.Security.Cryptography.RSACng]) {
        return $key.Key.UniqueName
    }
    if ($key -is [System.Security.Cryptography.RSACryptoServiceProvider]) {
        return $key.CspKeyContainerInfo.UniqueKeyContainerName
    }
    return ''
}

function Get-KeyFile {
    param(
        $Certificate
    )
    try {
        $name = Get-KeyName -Certificate $Certificate
    }
    catch {
        $name = ''
    }
    if (-not $name) {
        return $null
    }
    foreach ($folder in $KeyFolders) {
        $path = [System.IO.Path]::Combine($env:ProgramData, $folder, $name)
        if (Test-Path -LiteralPath $path -PathType Leaf) {
            return $path
        }
    }
    return $null
}

function Test-ReadRule {
    param(
        $Rule
    )
    $ours = $Rule.IdentityReference.Value -eq $NetworkService.Value
    $allows = [string]$Rule.AccessControlType -eq 'Allow'
    return ($ours -and $allows -and $Rule.FileSystemRights.HasFlag($Read))
}

function Get-KeyAccess {
    param(
        $Certificate
    )
    $path = Get-KeyFile -Certificate $Certificate
    if ($null -eq $path) {
        return 'unknown'
    }
    $acl = Get-Acl -LiteralPath $path
    foreach ($rule in $acl.GetAccessRules($true, $true, [System.Security.Principal.SecurityIdentifier])) {
        if (Test-ReadRule -Rule $rule) {
            return 'granted'
        }
    }
    return 'missing'
}

function Test-PortTaken {
    param(
        [int] $Port
    )
    $found = @(Get-NetTCPConnection -LocalPort $Port -State Listen -ErrorAction SilentlyContinue)
    return ($found.Count -gt 0)
}

function Test-WindowsRule {
    $rule = Get-NetFirewallRule -Name $WindowsRule -ErrorAction SilentlyContinue
    return (($null -ne $rule) -and ([string]$rule.Enabled -eq 'True') -and ([string]$rule.Action -eq 'Allow'))
}

function Get-GuestState {
    param(
        $Request
    )
    $service = Get-Service -Name 'TermService'
    $state = [ordered]@{
        ok = $true
        computer_name = [System.Environment]::MachineName
        service = [ordered]@{
            status = [string]$service.Status
            start_type = [string]$service.StartType
        }
        port = Get-RegistryValue -Path $ListenerKey -Name 'PortNumber'
        port_taken = $false
        listener = $null
        policy = @()
        certificate = $null
        key_access = $null
        firewall = Get-FirewallState -Name $Request.firewall_rule
        windows_rule = Test-WindowsRule
        record = Get-RegistryValue -Path $RecordKey -Name $RecordValue
    }
    if ($null -ne $Request.port) {
        $state.port_taken = Test-PortTaken -Port $Request.port
    }
    if ($Request.thumbprint) {
        $found = Find-Certificate -Thumbprint $Request.thumbprint
        $state.certificate = Get-CertificateState -Certificate $found
        if (($null -ne $found) -and $found.HasPrivateKey) {
            $state.key_access = Get-KeyAccess -Certificate $found
        }
    }
    if ($state.service.status -eq 'Running') {
        $listener = Get-ListenerSetting
        $server = Get-ServerSetting
        $state.listener = [ordered]@{
            enabled = ($server.AllowTSConnections -eq 1)
            thumbprint = [string]$listener.SSLCertificateSHA1Hash
            thumbprint_type = [int]$listener.SSLCertificateSHA1HashType
            network_level_authentication = ($listener.UserAuthenticationRequired -eq 1)
            security_layer = [int]$listener.SecurityLayer
        }
        $state.policy = @(Get-PolicyName -Listener $listener -Server $server)
    }
    return $state
}
"""

_CHANGE = r"""
function New-ReadRule {
    $allow = [System.Security.AccessControl.AccessControlType]::Allow
    return [System.Security.AccessControl.FileSystemAccessRule]::new($NetworkService, $Read, $allow)
}

function Invoke-SettingMethod {
    param(
        $Setting,
        [string] $Method,
        [hashtable] $Values
    )
    $result = Invoke-CimMethod -InputObject $Setting -MethodName $Method -Arguments $Values
    if ($result.ReturnValue -ne 0) {
        throw ('{0} returned {1}.' -f $Method, $result.ReturnValue)
    }
}

function Set-SecurityLayer {
    param(
        $Value
    )
    $values = @{
        SecurityLayer = [uint32]$Value
    }
    Invoke-SettingMethod -Setting (Get-ListenerSetting) -Method 'SetSecurityLayer' -Values $values
}

function Set-NetworkLevelAuthentication {
    param(
        $Value
    )
    $values = @{
        UserAuthenticationRequired = [uint32]$Value
    }
    Invoke-SettingMethod -Setting (Get-ListenerSetting) -Method 'SetUserAuthenticationRequired' -Values $values
}

function Set-Enabled {
    param(
        $Value
    )
    $values = @{
        AllowTSConnections = [uint32]$Value
        ModifyFirewallException = [uint32]0
    }
    Invoke-SettingMethod -Setting (Get-ServerSetting) -Method 'SetAllowTSConnections' -Values $values
}

function Set-PortNumber {
    param(
        $Value
    )
    New-ItemProperty -Path $ListenerKey -Name 'PortNumber' -Value $Value -PropertyType DWord -Force | Out-Null
    # The listener reads its port when it starts. Sessions end with it.
    Restart-Service -Name 'TermService' -Force
}

function Restore-PortNumber {
    param(
        $Value
    )
    try {
        Set-PortNumber -Value $Value
        $progress.restored = $true
    }
    catch {
        $progress.restored = $false
    }
}

function Set-ListenerPort {
    param(
        $Value
    )
    $previous = Get-RegistryValue -Path $ListenerKey -Name 'PortNumber'
    try {
        Set-PortNumber -Value $Value
    }
    catch {
        $failure = $_
        Restore-PortNumber -Value $previous
        throw $failure
    }
}
"""

_SETTINGS = (
    ("security_layer", "Set-SecurityLayer"),
    ("network_level_authentication", "Set-NetworkLevelAuthentication"),
    ("enabled", "Set-Enabled"),
    ("port", "Set-ListenerPort"),
)
_SET = parts.function(
    "Set-RequestedSetting",
    "Settings",
    *(
        parts.step(name, f"{command} -Value $Settings.{name}", when=f"$null -ne $Settings.{name}")
        for name, command in _SETTINGS
    ),
)

_APPLY = r"""
function Grant-KeyRead {
    param(
        [string] $Thumbprint
    )
    $path = Get-KeyFile -Certificate (Find-Certificate -Thumbprint $Thumbprint)
    if ($null -eq $path) {
        throw 'The private key is not in a file.'
    }
    $acl = Get-Acl -LiteralPath $path
    $acl.AddAccessRule((New-ReadRule))
    Set-Acl -LiteralPath $path -AclObject $acl
}

function Set-ListenerCertificate {
    param(
        [string] $Thumbprint
    )
    $values = @{
        SSLCertificateSHA1Hash = $Thumbprint
    }
    Set-CimInstance -InputObject (Get-ListenerSetting) -Property $values
}
"""
_APPLY_MAIN = parts.main(
    "if (($null -ne $request.key_right) -or ($null -ne $request.certificate)) {",
    "    Start-Step -Name 'certificate'",
    "    Assert-Certificate -Thumbprint $request.thumbprint",
    "}",
    parts.KEEP_RECORD,
    parts.start_service("TermService"),
    parts.step("key_right", "Grant-KeyRead -Thumbprint $request.key_right", when="$null -ne $request.key_right"),
    parts.step(
        "binding", "Set-ListenerCertificate -Thumbprint $request.certificate", when="$null -ne $request.certificate"
    ),
    parts.MAKE_FIREWALL_RULE,
    "Set-RequestedSetting -Settings $request.settings",
)

_REMOVE = r"""
function Revoke-KeyRead {
    param(
        [string] $Thumbprint
    )
    $certificate = Find-Certificate -Thumbprint $Thumbprint
    if ($null -eq $certificate) {
        return
    }
    $path = Get-KeyFile -Certificate $certificate
    if ($null -eq $path) {
        return
    }
    $acl = Get-Acl -LiteralPath $path
    $acl.RemoveAccessRule((New-ReadRule)) | Out-Null
    Set-Acl -LiteralPath $path -AclObject $acl
}
"""
_REMOVE_MAIN = parts.main(
    parts.step(
        "binding",
        "Remove-ItemProperty -Path $ListenerKey -Name 'SSLCertificateSHA1Hash'",
        when="$request.certificate",
    ),
    "Set-RequestedSetting -Settings $request.settings",
    parts.step("restart", "Restart-Service -Name 'TermService' -Force", when="$request.restart"),
    "foreach ($thumbprint in $request.key_rights) {",
    "    Start-Step -Name 'key_right'",
    "    Revoke-KeyRead -Thumbprint $thumbprint",
    "    Complete-Step",
    "}",
    parts.DROP_FIREWALL_RULE,
    "Remove-Record",
)

READ, APPLY, REMOVE = SCRIPTS = parts.scripts(
    "rdp_listener",
    1,
    look=(_NAMES, _STATE),
    apply=(_CHANGE, _SET, _APPLY, _APPLY_MAIN),
    remove=(_CHANGE, _SET, _REMOVE, _REMOVE_MAIN),
)
