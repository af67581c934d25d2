# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Remote Desktop already answers this controller as wanted, so that nothing has to be run inside the VM."""

from __future__ import annotations

import typing as t

from .._domain.probe_causes import Cause, Protocol
from .._domain.probe_observations import Expectation
from .._domain.probe_rdp import Nla
from .._domain.rdp_listener import DEFAULT_PORT, SECURITY_LAYERS
from .listener_probe import probe_once, way_from_here

if t.TYPE_CHECKING:
    from .._domain.outcome import Document
    from .._domain.rdp_listener import WantedRdp
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context
    from .listener_options import ListenerOptions


def rdp_seen_from_here(
    options: ListenerOptions, wanted: WantedRdp, vm: VirtualMachine, context: Context
) -> Document | None:
    """The ``listener`` result as far as it shows from outside; None when it does not answer as wanted, or can't tell.

    Presenting a certificate proves that the key is readable. What is None in ``wanted`` is not looked at; without a
    port it is asked at 3389.
    """
    port = wanted.port or DEFAULT_PORT
    way = way_from_here(options, port, vm, context)
    if way is None:
        return None
    probe = probe_once(way, Expectation(protocol=Protocol.RDP, port=way.port, thumbprint=wanted.thumbprint), context)
    seen, tls = probe["rdp"] or {}, probe["tls"] or {}
    # For whom the certificate is made out does not matter where its thumbprint says which one it is.
    named = probe["cause"] == Cause.CERTIFICATE_NAME_MISMATCH.value and tls.get("thumbprint_matches") is True
    if not (probe["verified"] or named):
        return None
    required = seen["nla"] == Nla.REQUIRED.value
    if wanted.network_level_authentication not in (None, required):
        return None
    layer = _security_layer(seen)
    if wanted.security_layer is not None and layer != SECURITY_LAYERS[wanted.security_layer]:
        return None
    certificate = tls.get("certificate") or {}
    return {
        "enabled": True,
        "port": port,
        "thumbprint": certificate.get("thumbprint"),
        "certificate_source": None,
        "network_level_authentication": required,
        "security_layer": layer,
        "private_key_readable": True if certificate else None,
        "service": {"status": "Running", "start_type": None},
        "firewall": None,
        "fixed_by_policy": None,
        "verified_by": "probe",
    }


def _security_layer(seen: Document) -> str | None:
    """None where network level authentication is required: what is beneath it then can't be told."""
    if seen["nla"] == Nla.REQUIRED.value:
        return None
    accepted = seen["accepted_protocols"]
    if "RDP" not in accepted:
        return "tls"
    return "negotiate" if len(accepted) > 1 else "rdp"
