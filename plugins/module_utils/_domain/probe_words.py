# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe says: what was seen, and what to do about it."""

from __future__ import annotations

import types
import typing as t

from .probe_causes import Cause, Protocol

if t.TYPE_CHECKING:
    from collections.abc import Mapping

TLS_MESSAGES: Mapping[Cause, str] = types.MappingProxyType(
    {
        Cause.NOT_TLS: "something other than TLS answers: {}",
        Cause.TLS_SILENT: "the connection opens and then nothing comes ({})",
        Cause.TLS_CLOSED: "the connection is closed during the TLS handshake ({})",
        Cause.TLS_REFUSED: "the TLS handshake fails ({})",
        Cause.CERTIFICATE_UNREADABLE: "its certificate can't be read ({})",
        Cause.CERTIFICATE_CHANGED: "another connection a moment later shows another certificate ({})",
        Cause.CERTIFICATE_REJECTED: "its certificate is the expected one, but does not verify ({})",
    }
)
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


def message(cause: Cause, detail: str, *, protocol: Protocol) -> str:
    """What was seen when an exchange ended for this reason, as one clause; ``detail`` is what the other side said."""
    text = TLS_MESSAGES.get(cause) or _of(protocol)[0][cause]
    return text.format(detail)


def hint(cause: Cause, *, protocol: Protocol, port: int, outside: int | None = None) -> str:
    """What to do next about ``cause``, in one sentence.

    ``port`` is the VM's, ``outside`` the one to connect to where that is another one.
    """
    text = _of(protocol)[1].get(cause) or _HINTS[cause]
    return text.format(port=port, outside=outside or port)


def _of(protocol: Protocol) -> tuple[Mapping[Cause, str], Mapping[Cause, str]]:
    """Messages and hints. Only those of one protocol are imported, as a task compiles anew all that it imports."""
    if protocol is Protocol.RDP:
        from .probe_words_rdp import HINTS, MESSAGES
    else:
        from .probe_words_winrm import HINTS, MESSAGES
    return MESSAGES, HINTS
