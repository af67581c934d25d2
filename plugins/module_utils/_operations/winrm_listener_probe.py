# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the wanted WinRM listener already answers this controller."""

from __future__ import annotations

import contextlib
import typing as t

from .._domain.probe_causes import Cause, Protocol
from .._domain.probe_observations import Expectation
from .._domain.server_name import normalise_server_name
from .listener_probe import probe_once, way_from_here

if t.TYPE_CHECKING:
    from .._domain.listener import WantedListener
    from .._domain.outcome import Document
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context
    from .listener_options import ListenerOptions


def winrm_seen_from_here(
    options: ListenerOptions, wanted: WantedListener, vm: VirtualMachine, context: Context
) -> Document | None:
    """The ``listener`` result as far as it shows from outside; None when it does not answer as wanted.

    It does when the certificate has the wanted thumbprint, and the wanted host name for its common name, and Negotiate
    is offered and Basic is not.
    """
    way = way_from_here(options, wanted.port, vm, context)
    if way is None:
        return None
    hostname, thumbprint = wanted.hostname, wanted.thumbprint

    def probe(server_name: str | None) -> Document:
        expected = Expectation(protocol=Protocol.WINRM, port=way.port, server_name=server_name, thumbprint=thumbprint)
        return probe_once(way, expected, context)

    seen = probe(hostname)
    if seen["cause"] == Cause.CERTIFICATE_NAME_MISMATCH.value:
        # The thumbprint has settled who it is; for whom it is made out matters to those who connect by a name.
        carried = _name_on(seen["tls"]["certificate"])
        seen = probe(carried) if carried else seen
    methods = [method.lower() for method in ((seen["wsman"] or {}).get("auth_methods") or [])]
    if not seen["verified"] or not _called(hostname, seen["tls"]["certificate"]):
        return None
    if "negotiate" not in methods or "basic" in methods:
        return None
    return {
        "present": True,
        "address": "*",
        "transport": "HTTPS",
        "port": wanted.port,
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


def _name_on(certificate: Document) -> str | None:
    """A name or address that the certificate stands for, which may be one of those that its wildcard covers."""
    for name in (*certificate["dns_names"], *certificate["ip_addresses"]):
        with contextlib.suppress(ValueError):
            return normalise_server_name(f"any{name[1:]}" if name.startswith("*.") else name)
    return None


def _called(hostname: str | None, certificate: Document) -> bool:
    """Whether ``hostname`` is the common name, as it is for a listener that Windows has taken."""
    return hostname is None or f"cn={hostname}" in certificate["subject"].lower().split(",")
