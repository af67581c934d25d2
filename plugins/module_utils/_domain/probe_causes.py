# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of an access probe, and the reasons why it stops at one."""

from __future__ import annotations

import types
import typing as t
from dataclasses import dataclass
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
    AUTHENTICATE = "authenticate"


STAGES: Mapping[Protocol, tuple[Stage, ...]] = types.MappingProxyType(
    {
        Protocol.WINRM: (Stage.RESOLVE, Stage.TCP, Stage.TLS, Stage.IDENTIFY),
        Protocol.RDP: (Stage.RESOLVE, Stage.TCP, Stage.NEGOTIATE, Stage.TLS, Stage.AUTHENTICATE),
    }
)
"""The stages each protocol can go through; to authenticate takes credentials."""


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
    NLA_NOT_OFFERED = "NlaNotOffered"
    AUTHENTICATION_SILENT = "AuthenticationSilent"
    AUTHENTICATION_CLOSED = "AuthenticationClosed"
    AUTHENTICATION_UNEXPECTED = "AuthenticationUnexpected"
    AUTHENTICATION_REFUSED = "AuthenticationRefused"
    SERVER_NOT_PROVEN = "ServerNotProven"
    CREDENTIALS_REJECTED = "CredentialsRejected"
    NO_SUCH_USER = "NoSuchUser"
    ACCOUNT_LOCKED_OUT = "AccountLockedOut"
    ACCOUNT_DISABLED = "AccountDisabled"
    ACCOUNT_EXPIRED = "AccountExpired"
    PASSWORD_EXPIRED = "PasswordExpired"  # noqa: S105 - a cause
    PASSWORD_MUST_CHANGE = "PasswordMustChange"  # noqa: S105 - a cause
    OUTSIDE_LOGON_HOURS = "OutsideLogonHours"
    WORKSTATION_NOT_ALLOWED = "WorkstationNotAllowed"
    ACCOUNT_RESTRICTED = "AccountRestricted"
    LOGON_TYPE_NOT_GRANTED = "LogonTypeNotGranted"
    NO_LOGON_SERVERS = "NoLogonServers"
    NTLM_BLOCKED = "NtlmBlocked"


@dataclass(frozen=True, kw_only=True)
class Break:
    """Why an exchange ended early; ``detail`` is what the other side or the TLS library said, for people."""

    cause: Cause
    detail: str
