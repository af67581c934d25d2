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


class Stage(str, Enum):
    """How far a probe gets, in the order in which a client gets there."""

    RESOLVE = "resolve"
    TCP = "tcp"
    TLS = "tls"
    IDENTIFY = "identify"


STAGES: Mapping[Protocol, tuple[Stage, ...]] = types.MappingProxyType(
    {Protocol.WINRM: (Stage.RESOLVE, Stage.TCP, Stage.TLS, Stage.IDENTIFY)}
)
"""The stages each protocol goes through. The last one passed means that the service answers."""


class Cause(str, Enum):
    """Why a probe stopped; the value is also the code of the failure."""

    VM_NOT_RUNNING = "VmNotRunning"
    NO_ADDRESS = "NoAddress"
    NAME_NOT_RESOLVED = "NameNotResolved"
    TCP_FILTERED = "TcpFiltered"
    TCP_CLOSED = "TcpClosed"
    TCP_UNREACHABLE = "TcpUnreachable"
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
            " controller's own network lets port {port} out."
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

_HINTS_OF_PROTOCOL: Mapping[Protocol, Mapping[Cause, str]] = types.MappingProxyType({Protocol.WINRM: _WINRM_HINTS})


def hint(cause: Cause, *, protocol: Protocol, port: int) -> str:
    """What to do next about I(cause), in one sentence."""
    text = _HINTS_OF_PROTOCOL[protocol].get(cause) or _HINTS[cause]
    return text.format(port=port)
