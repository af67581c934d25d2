# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe says of Remote Desktop: what was seen, and what to do about it."""

from __future__ import annotations

import types
import typing as t

from .probe_causes import Cause

if t.TYPE_CHECKING:
    from collections.abc import Mapping

MESSAGES: Mapping[Cause, str] = types.MappingProxyType(
    {
        Cause.NEGOTIATION_SILENT: "the connection opens, but the request for an RDP connection gets no answer ({})",
        Cause.NEGOTIATION_CLOSED: "the connection is closed instead of an answer to the request for RDP ({})",
        Cause.NEGOTIATION_UNEXPECTED: "the answer is not an X.224 connection confirm ({})",
        Cause.NOT_RDP: "something other than RDP answers: {}",
        Cause.TLS_REQUIRED: "it refuses because it wants TLS, which was offered ({})",
        Cause.TLS_NOT_ALLOWED: "it refuses TLS, and RDP's own security, too ({})",
        Cause.NO_SERVER_CERTIFICATE: "it refuses because its listener has no usable certificate ({})",
        Cause.INCONSISTENT_REQUEST: "it refuses because the request contradicts itself ({})",
        Cause.NLA_REQUIRED: "it refuses because it wants network level authentication, which was offered ({})",
        Cause.CLIENT_CERTIFICATE_REQUIRED: "it refuses because it wants a client certificate ({})",
        Cause.ENTRA_SIGN_IN_REQUIRED: "it refuses because it wants a sign-in with Microsoft Entra ({})",
        Cause.NEGOTIATION_REFUSED: "it refuses for a reason that is not known here ({})",
        Cause.AUTHENTICATION_SILENT: "the credentials get no answer ({})",
        Cause.AUTHENTICATION_CLOSED: "the connection is closed without a reason while the credentials are checked ({})",
        Cause.AUTHENTICATION_UNEXPECTED: "the answer is not one of CredSSP ({})",
        Cause.AUTHENTICATION_REFUSED: "it refuses the credentials for a reason that is not known here ({})",
        Cause.SERVER_NOT_PROVEN: "it does not prove that it owns the key of its certificate ({})",
        Cause.CREDENTIALS_REJECTED: "the user name or the password is wrong ({})",
        Cause.NO_SUCH_USER: "there is no such user ({})",
        Cause.ACCOUNT_LOCKED_OUT: "the account is locked out ({})",
        Cause.ACCOUNT_DISABLED: "the account is disabled ({})",
        Cause.ACCOUNT_EXPIRED: "the account has expired ({})",
        Cause.PASSWORD_EXPIRED: "the password has expired ({})",
        Cause.PASSWORD_MUST_CHANGE: "the password must be changed before the first sign-in ({})",
        Cause.OUTSIDE_LOGON_HOURS: "the account may not sign in at this time ({})",
        Cause.WORKSTATION_NOT_ALLOWED: "the account may not sign in from this computer ({})",
        Cause.ACCOUNT_RESTRICTED: "a restriction of the account stands against it ({})",
        Cause.LOGON_TYPE_NOT_GRANTED: "the account has no right to sign in over the network ({})",
        Cause.NO_LOGON_SERVERS: "the VM reaches no domain controller that could check the account ({})",
        Cause.NTLM_BLOCKED: "it does not take NTLM ({})",
    }
)

# The order is that of Microsoft's article on Remote Desktop connections to Azure VMs that fail: reset the
# configuration, look at the network's rules, at the console, then restart, and redeploy last.
HINTS: Mapping[Cause, str] = types.MappingProxyType(
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
        Cause.NLA_NOT_OFFERED: (
            "Credentials can only be checked where network level authentication is on: switch it on"
            " (azvm.access.vm_rdp_listener), or probe without username and password."
        ),
        Cause.AUTHENTICATION_SILENT: (
            "Where a domain controller has to be asked, give it more time (connect_timeout); otherwise look at the boot"
            " diagnostics, then restart the VM. Whether this try counts towards a lock-out is not known."
        ),
        Cause.AUTHENTICATION_CLOSED: (
            "Most likely the user name or the password is wrong: servers other than Windows, and old ones, close the"
            " connection instead of naming the reason. Look into the VM's security log (event 4625)."
        ),
        Cause.AUTHENTICATION_UNEXPECTED: ("Check that the VM itself answers and not a gateway or a proxy."),
        Cause.AUTHENTICATION_REFUSED: (
            "Look up the code in MS-ERREF, section 2.3.1, and the sign-in in the VM's security log (event 4625)."
        ),
        Cause.SERVER_NOT_PROVEN: (
            "Something in between presents the certificate and passes on the rest: find out which machine answers at"
            " this address, and give it no password until then."
        ),
        Cause.CREDENTIALS_REJECTED: (
            "Check the spelling and the form of the user name (COMPUTER\\NAME for an account of the VM, DOMAIN\\NAME"
            " for one of a domain), or set a new password (azvm.access.vm_access_reset). Each wrong try counts towards"
            " a lock-out."
        ),
        Cause.NO_SUCH_USER: (
            "Check the spelling and the form of the user name (COMPUTER\\NAME for an account of the VM, DOMAIN\\NAME"
            " for one of a domain), or have the account made (azvm.access.vm_access_reset)."
        ),
        Cause.ACCOUNT_LOCKED_OUT: (
            "Wait until the lock-out is over, or unlock the account; then look for who keeps trying with a wrong"
            " password, in the VM's security log (event 4625)."
        ),
        Cause.ACCOUNT_DISABLED: (
            "Enable the account; for a local administrator, azvm.access.vm_access_reset does so and sets a new"
            " password."
        ),
        Cause.ACCOUNT_EXPIRED: "Set a later end for the account, or none.",
        Cause.PASSWORD_EXPIRED: (
            "Set a new password (azvm.access.vm_access_reset for a local administrator): network level authentication"
            " gives no chance to change it while signing in."
        ),
        Cause.PASSWORD_MUST_CHANGE: (
            "Set a new password (azvm.access.vm_access_reset for a local administrator): network level authentication"
            " gives no chance to change it while signing in."
        ),
        Cause.OUTSIDE_LOGON_HOURS: "Sign in at another time, or change the logon hours of the account.",
        Cause.WORKSTATION_NOT_ALLOWED: (
            "The account may sign in from named computers only: use one of them, or change the account."
        ),
        Cause.ACCOUNT_RESTRICTED: (
            "Windows does not sign in accounts without a password over the network, nor protected ones that may not use"
            " NTLM: give the account a password, or use another one."
        ),
        Cause.LOGON_TYPE_NOT_GRANTED: (
            "Give the account the right to access the computer from the network, or take it out of the policy that"
            " denies it (User Rights Assignment)."
        ),
        Cause.NO_LOGON_SERVERS: (
            "Sign in with a local account (COMPUTER\\NAME), and repair the VM's way to its domain: DNS servers of the"
            " virtual network, routes, security rules."
        ),
        Cause.NTLM_BLOCKED: (
            "A policy wants Kerberos, which this probe does not speak: check the account with a client that belongs to"
            " the domain."
        ),
    }
)
