# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of an access probe, the reasons why it stops at one, and what to do about each."""

from __future__ import annotations

import types
import typing as t
from enum import Enum

if t.TYPE_CHECKING:
    from collections.abc import Mapping


class Protocol(str, Enum):
    """What the VM is asked for."""

    WINRM = "winrm"
    RDP = "rdp"


class Stage(str, Enum):
    """How far a probe gets, in the order in which a client gets there."""

    RESOLVE = "resolve"
    TCP = "tcp"
    NEGOTIATE = "negotiate"
    TLS = "tls"
    IDENTIFY = "identify"


STAGES: Mapping[Protocol, tuple[Stage, ...]] = types.MappingProxyType(
    {
        Protocol.WINRM: (Stage.RESOLVE, Stage.TCP, Stage.TLS, Stage.IDENTIFY),
        Protocol.RDP: (Stage.RESOLVE, Stage.TCP, Stage.NEGOTIATE, Stage.TLS),
    }
)
"""The stages each protocol goes through. The last one passed means that the service answers."""


class Cause(str, Enum):
    """Why a probe stopped, or what it warns of; the value is also the code of the failure."""

    VM_NOT_RUNNING = "VmNotRunning"
    NO_ADDRESS = "NoAddress"
    NAME_NOT_RESOLVED = "NameNotResolved"
    TCP_FILTERED = "TcpFiltered"
    TCP_CLOSED = "TcpClosed"
    TCP_UNREACHABLE = "TcpUnreachable"
    NEGOTIATION_SILENT = "NegotiationSilent"
    NEGOTIATION_CLOSED = "NegotiationClosed"
    NEGOTIATION_UNEXPECTED = "NegotiationUnexpected"
    NOT_RDP = "NotRdp"
    TLS_REQUIRED = "TlsRequired"
    TLS_NOT_ALLOWED = "TlsNotAllowed"
    NO_SERVER_CERTIFICATE = "NoServerCertificate"
    INCONSISTENT_REQUEST = "InconsistentRequest"
    NLA_REQUIRED = "NlaRequired"
    CLIENT_CERTIFICATE_REQUIRED = "ClientCertificateRequired"
    ENTRA_SIGN_IN_REQUIRED = "EntraSignInRequired"
    NEGOTIATION_REFUSED = "NegotiationRefused"
    NLA_OFF = "NlaOff"
    NLA_NOT_REQUIRED = "NlaNotRequired"
    TLS_NOT_OFFERED = "TlsNotOffered"
    NOT_TLS = "NotTls"
    TLS_SILENT = "TlsSilent"
    TLS_CLOSED = "TlsClosed"
    TLS_REFUSED = "TlsRefused"
    TLS_OUTDATED = "TlsOutdated"
    CERTIFICATE_UNREADABLE = "CertificateUnreadable"
    CERTIFICATE_MISMATCH = "CertificateMismatch"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_NOT_YET_VALID = "CertificateNotYetValid"
    CERTIFICATE_WRONG_USAGE = "CertificateWrongUsage"
    CERTIFICATE_NAME_MISMATCH = "CertificateNameMismatch"
    CERTIFICATE_CHANGED = "CertificateChanged"
    CERTIFICATE_REJECTED = "CertificateRejected"
    CERTIFICATE_SELF_SIGNED = "CertificateSelfSigned"
    IDENTIFY_SILENT = "IdentifySilent"
    IDENTIFY_CLOSED = "IdentifyClosed"
    IDENTIFY_REFUSED = "IdentifyRefused"
    IDENTIFY_NOT_FOUND = "IdentifyNotFound"
    SERVICE_UNAVAILABLE = "ServiceUnavailable"
    NOT_WSMAN = "NotWsman"


_HINTS: Mapping[Cause, str] = types.MappingProxyType(
    {
        Cause.VM_NOT_RUNNING: "Start the VM (azvm.access.vm_power, state: started) and probe again.",
        Cause.NO_ADDRESS: (
            "Give the VM a public address, choose another address_type (a private address needs a way into its"
            " virtual network), or pass address."
        ),
        Cause.NAME_NOT_RESOLVED: (
            "Check the spelling and the DNS label of the public address; a deallocated VM with a dynamic public address"
            " has none until it is started."
        ),
        Cause.TCP_FILTERED: (
            "Check that the VM is running, that the network interface's and the subnet's security group both allow port"
            " {port} from the address this controller is seen with, that the Windows Firewall does, and that the"
            " controller's own network lets port {outside} out."
        ),
        Cause.TCP_UNREACHABLE: (
            "This controller has no route to the address: use the VM's public address, or come from a network that is"
            " connected to the VM's (peering, VPN, Azure Bastion)."
        ),
        Cause.TLS_SILENT: (
            "The service behind the port hangs, or something in between accepts connections in its place: look at the"
            " boot diagnostics, then restart the VM."
        ),
        Cause.TLS_CLOSED: (
            "The listener has no usable certificate (removed, renewed, or its private key is missing or not readable),"
            " or TLS policies of both sides exclude each other: bind a certificate again."
        ),
        Cause.TLS_REFUSED: (
            "The TLS policies of both sides exclude each other, or the listener's private key can't be used: bind a"
            " certificate again, and compare the TLS versions and cipher suites that Windows allows."
        ),
        Cause.TLS_OUTDATED: ("Enable TLS 1.2 or newer on the VM: current clients refuse what it offers."),
        Cause.CERTIFICATE_UNREADABLE: "Give the listener a well-formed certificate.",
        Cause.CERTIFICATE_MISMATCH: (
            "Either the listener still uses another certificate (bind the expected one), or another machine answers at"
            " this address (check it), or expected_thumbprint is out of date."
        ),
        Cause.CERTIFICATE_EXPIRED: "Renew the certificate and bind the listener to the new one.",
        Cause.CERTIFICATE_NOT_YET_VALID: (
            "Compare the clocks of this controller and of the machine that made the certificate."
        ),
        Cause.CERTIFICATE_WRONG_USAGE: (
            "Make a certificate with the extended key usage for server authentication (1.3.6.1.5.5.7.3.1) and bind the"
            " listener to it."
        ),
        Cause.CERTIFICATE_NAME_MISMATCH: (
            "Connect with a name that the certificate carries, pass that name as server_name, or make a certificate"
            " with the missing name."
        ),
        Cause.CERTIFICATE_CHANGED: (
            "Probe again when the listener is settled; if it stays, several machines answer at this address: check what"
            " balances the load in front of them."
        ),
        Cause.CERTIFICATE_REJECTED: "Make a new certificate; this one is refused by TLS clients as it is.",
    }
)

_WINRM_HINTS: Mapping[Cause, str] = types.MappingProxyType(
    {
        Cause.TCP_CLOSED: (
            "The machine was reached and nothing listens on port {port}: make the WinRM HTTPS listener"
            " (azvm.access.vm_winrm_listener), start the WinRM service, or correct the port."
        ),
        Cause.NOT_TLS: (
            "Another service has this port, or WinRM without TLS (usually port 5985): use the port of the WinRM HTTPS"
            " listener (usually 5986)."
        ),
        Cause.IDENTIFY_SILENT: "The WinRM service hangs: restart it (Run Command), or the VM, and probe again.",
        Cause.IDENTIFY_CLOSED: (
            "The WinRM service gives up the connection: restart it (Run Command), or the VM, and probe again."
        ),
        Cause.IDENTIFY_REFUSED: (
            "The service demands a sign-in even for the identification, which Windows does not: check what else"
            " answers at this port, such as a gateway or a proxy."
        ),
        Cause.IDENTIFY_NOT_FOUND: (
            "A web server that does not know /wsman has this port: choose another port for the WinRM HTTPS listener, or"
            " take the web server's binding away."
        ),
        Cause.SERVICE_UNAVAILABLE: "Start the WinRM service inside the VM (Run Command: Start-Service WinRM).",
        Cause.NOT_WSMAN: "Check which service has this port, and which port the WinRM HTTPS listener uses.",
    }
)

# The order is that of Microsoft's article on Remote Desktop connections to Azure VMs that fail: reset the
# configuration, look at the network's rules, at the console, then restart, and redeploy last.
_RDP_HINTS: Mapping[Cause, str] = types.MappingProxyType(
    {
        Cause.TCP_FILTERED: (
            "Check that the VM is running; that the network interface's and the subnet's security group both allow"
            " port {port} from the address this controller is seen with (IP flow verify, effective security rules;"
            " azvm.access.rdp_nsg_rule makes the rule); that the Windows Firewall does (azvm.access.vm_access_reset"
            " opens 3389 there), and that Remote Desktop was not moved to another port (azvm.access.vm_rdp_listener"
            " moves it back); that no route leads the answers elsewhere (next hop); and that the controller's own"
            " network lets port {outside} out."
        ),
        Cause.TCP_CLOSED: (
            "The machine was reached and nothing listens on port {port}: Remote Desktop is switched off, its service"
            " (TermService) is stopped, or its port was changed. Reset the Remote Desktop configuration"
            " (azvm.access.vm_access_reset), or correct the port."
        ),
        Cause.NEGOTIATION_SILENT: (
            "The Remote Desktop service hangs, or something in between accepts connections in its place: look at the"
            " boot diagnostics, then restart the VM (azvm.access.vm_power, state: restarted)."
        ),
        Cause.NEGOTIATION_CLOSED: (
            "The Remote Desktop listener is broken or has no connection left to give, or a firewall in between cuts it"
            " off: reset the Remote Desktop configuration (azvm.access.vm_access_reset), then restart the VM."
        ),
        Cause.NEGOTIATION_UNEXPECTED: (
            "Check that the VM itself answers and not a gateway or a proxy, then reset the Remote Desktop configuration"
            " (azvm.access.vm_access_reset)."
        ),
        Cause.NOT_RDP: (
            "Another service has port {port}: use the port on which Remote Desktop listens (usually 3389), or move the"
            " other service."
        ),
        Cause.TLS_REQUIRED: (
            "The server asks for TLS and yet takes neither TLS nor CredSSP: reset the Remote Desktop configuration"
            " (azvm.access.vm_access_reset), then restart the VM."
        ),
        Cause.TLS_NOT_ALLOWED: (
            "The server takes standard RDP security only, and does not answer that either: set its security layer to"
            " TLS or Negotiate (SecurityLayer of the listener), then restart the VM."
        ),
        Cause.NO_SERVER_CERTIFICATE: (
            "Bind a certificate to the Remote Desktop listener again, or delete the stale binding"
            " (SSLCertificateSHA1Hash of the listener), so that Windows makes a certificate of its own when the service"
            " starts."
        ),
        Cause.INCONSISTENT_REQUEST: (
            "Something in between changes what is asked for, or the server is too old to know it: check which machine"
            " answers at this address."
        ),
        Cause.NLA_REQUIRED: (
            "The server insists on network level authentication and yet did not take it: connect with a client that"
            " has it; where the VM does not reach its domain, switch it off for the time of the repair."
        ),
        Cause.CLIENT_CERTIFICATE_REQUIRED: (
            "The server wants a client certificate, which Remote Desktop in Windows does not: check whether a gateway"
            " or a proxy answers at this address."
        ),
        Cause.ENTRA_SIGN_IN_REQUIRED: (
            "The server takes Microsoft Entra accounts only, and did not take that way to sign in either: connect with"
            " a client and a .rdp file that have it (enablerdsaadauth:i:1)."
        ),
        Cause.NEGOTIATION_REFUSED: (
            "Look up the failure code in MS-RDPBCGR, section 2.2.1.2.2, then reset the Remote Desktop configuration"
            " (azvm.access.vm_access_reset)."
        ),
        Cause.NLA_OFF: (
            "Let the listener take TLS and require network level authentication (SecurityLayer and"
            " UserAuthenticationRequired): without it, anybody who reaches the port gets to the sign-in screen."
        ),
        Cause.NLA_NOT_REQUIRED: (
            "Require network level authentication again (UserAuthenticationRequired of the listener), unless that was"
            " switched off for a repair: clients without it get to the sign-in screen."
        ),
        Cause.TLS_NOT_OFFERED: (
            "Set the security layer of the listener to TLS (SecurityLayer): without TLS there is no certificate, and"
            " nobody can tell which machine answers."
        ),
        Cause.NOT_TLS: (
            "The server agrees to TLS and then sends something else: check which machine answers at this address, and"
            " what inspects the traffic in between."
        ),
        Cause.TLS_CLOSED: (
            "Clients call it an internal error. The private key of the listener's certificate is missing or not"
            " readable for NETWORK SERVICE, or TLS policies of both sides exclude each other: bind a certificate again,"
            " or delete the binding (SSLCertificateSHA1Hash of the listener), so that Windows makes one of its own."
        ),
        Cause.CERTIFICATE_SELF_SIGNED: (
            "Clients warn that the identity of the machine can't be verified: bind a certificate that they trust to the"
            " Remote Desktop listener, or pass expected_thumbprint to know that it is this VM's own."
        ),
    }
)

_HINTS_OF_PROTOCOL: Mapping[Protocol, Mapping[Cause, str]] = types.MappingProxyType(
    {Protocol.WINRM: _WINRM_HINTS, Protocol.RDP: _RDP_HINTS}
)


def hint(cause: Cause, *, protocol: Protocol, port: int, outside: int | None = None) -> str:
    """What to do next about I(cause), in one sentence.

    ``port`` is the VM's, ``outside`` the one to connect to where that is another one.
    """
    text = _HINTS_OF_PROTOCOL[protocol].get(cause) or _HINTS[cause]
    return text.format(port=port, outside=outside or port)
