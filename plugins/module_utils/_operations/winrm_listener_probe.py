# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the wanted WinRM listener already answers this controller."""

from __future__ import annotations

import typing as t

from .._domain.probe_causes import Cause, Protocol
from .._domain.probe_observations import Expectation
from .listener_probe import probe_once, way_from_here

if t.TYPE_CHECKING:
    from .._domain.outcome import Document
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context
    from .vm_winrm_listener import Options


def winrm_seen_from_here(options: Options, thumbprint: str, vm: VirtualMachine, context: Context) -> Document | None:
    """The ``listener`` result as far as it shows from outside; None when it does not answer as wanted.

    It does when the certificate is the one with that ``thumbprint`` and carries the wanted host name, and Negotiate is
    offered and Basic is not.
    """
    way = way_from_here(options, options.port, vm, context)
    if way is None:
        return None
    hostname = options.hostname

    def probe(server_name: str | None) -> Document:
        expected = Expectation(protocol=Protocol.WINRM, port=way.port, server_name=server_name, thumbprint=thumbprint)
        return probe_once(way, expected, context)

    # Without a host name, one that the certificate carries is checked: the thumbprint has settled who it is.
    seen = probe(hostname)
    if hostname is None and seen["cause"] == Cause.CERTIFICATE_NAME_MISMATCH.value:
        names = seen["tls"]["certificate"]["dns_names"]
        if names:
            seen = probe(names[0])
    methods = [method.lower() for method in ((seen["wsman"] or {}).get("auth_methods") or [])]
    if not seen["verified"] or "negotiate" not in methods or "basic" in methods:
        return None
    return {
        "present": True,
        "address": "*",
        "transport": "HTTPS",
        "port": options.port,
        "hostname": hostname,
        "thumbprint": thumbprint,
        "enabled": True,
        "service": {"status": "Running", "start_type": None},
        "auth": {
            "basic": False,
            "kerberos": "kerberos" in methods,
            "negotiate": True,
            "certificate": None,
            "credssp": "credssp" in methods,
        },
        "allow_unencrypted": None,
        "firewall": None,
        "foreign": [],
        "verified_by": "probe",
    }
