# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the wanted listener already answers this controller, so that nothing has to be run inside the VM."""

from __future__ import annotations

import typing as t

from .._azure import network
from .._domain.network import chosen_interface
from .._domain.probe_causes import Cause, Protocol
from .._domain.probe_observations import Expectation
from .access_probe import Options, probe_access
from .vm_network import addresses

if t.TYPE_CHECKING:
    from .._domain.outcome import Document
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context

_CONNECT_SECONDS = 4.0


def seen_from_here(
    vm: VirtualMachine,
    *,
    port: int,
    thumbprint: str,
    hostname: str | None,
    address: str | None,
    network_interface: str | None,
    context: Context,
) -> Document | None:
    """The ``listener`` result as far as it shows from outside; None when it does not answer as wanted.

    It does when the certificate is the wanted one, carries ``hostname``, and Negotiate is offered and Basic is not.
    """
    host = address or vm_address(vm, network_interface, context)
    if host is None:
        return None
    # Without a host name, one that the certificate carries is checked: the thumbprint has settled who it is.
    probe = _probe(host, port=port, thumbprint=thumbprint, server_name=hostname, context=context)
    if hostname is None and probe["cause"] == Cause.CERTIFICATE_NAME_MISMATCH.value:
        names = probe["tls"]["certificate"]["dns_names"]
        if names:
            probe = _probe(host, port=port, thumbprint=thumbprint, server_name=names[0], context=context)
    methods = [method.lower() for method in ((probe["wsman"] or {}).get("auth_methods") or [])]
    if not probe["verified"] or "negotiate" not in methods or "basic" in methods:
        return None
    return {
        "present": True,
        "address": "*",
        "transport": "HTTPS",
        "port": port,
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


def _probe(host: str, *, port: int, thumbprint: str, server_name: str | None, context: Context) -> Document:
    options = Options(
        expected=Expectation(protocol=Protocol.WINRM, port=port, server_name=server_name, thumbprint=thumbprint),
        address=host,
        connect_timeout=_CONNECT_SECONDS,
        wait=False,
        required=False,
    )
    return probe_access(options, candidates=lambda: [host], deadline=context.deadline).thing


def vm_address(vm: VirtualMachine, network_interface: str | None, context: Context) -> str | None:
    """The VM's public address, else its private one."""
    nic = network.network_interface(
        context.azure, chosen_interface(vm.network_interfaces, network_interface, vm=str(vm))
    )
    known = addresses(context.azure, nic)
    return known.public or known.private
