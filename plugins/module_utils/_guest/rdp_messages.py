# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes to the Remote Desktop scripts and what comes back: payloads, states, and failures explained."""

from __future__ import annotations

import typing as t

from .._domain.rdp_listener import (
    FIREWALL_DISPLAY_NAME,
    FIREWALL_RULE,
    Binding,
    KeyAccess,
    RdpListener,
    RdpRecord,
    RdpState,
)
from .answers import (
    STEP_REFUSALS,
    UNKNOWN_REFUSAL,
    certificate,
    firewall_payload,
    firewall_rule,
    optional,
    readable,
    refused,
    switch,
    text,
)

if t.TYPE_CHECKING:
    from .._domain.errors import Refused
    from .._domain.outcome import Document
    from .._domain.rdp_listener_plan import RdpChanges, RdpRemoval
    from .answers import Refusal
    from .script import ScriptFailed

_BINDINGS = (Binding.INVALID, Binding.OWN, Binding.POLICY, Binding.CUSTOM)


def read_payload(*, thumbprint: str | None, port: int | None) -> Document:
    """For all three scripts: what the state at the end is about."""
    return {"thumbprint": thumbprint, "port": port, "firewall_rule": FIREWALL_RULE}


def apply_payload(request: Document, changes: RdpChanges) -> Document:
    """For rdp_listener_apply; ``request`` is a read payload."""
    return {
        **request,
        "record": changes.record.encode(),
        "service": changes.service or None,
        "key_right": changes.key_right,
        "certificate": changes.certificate,
        "firewall": firewall_payload(changes.firewall, name=FIREWALL_RULE, display_name=FIREWALL_DISPLAY_NAME),
        "settings": dict(changes.settings),
    }


def remove_payload(request: Document, removal: RdpRemoval) -> Document:
    """For rdp_listener_remove; ``request`` is a read payload."""
    return {
        **request,
        "certificate": removal.certificate or None,
        "settings": dict(removal.settings),
        "restart": removal.restart or None,
        "key_rights": list(removal.key_rights),
        "firewall": removal.firewall or None,
    }


def rdp_state(answer: Document) -> RdpState:
    """The state in an answer. Raises :class:`Refused` when the answer does not have the documented form."""
    return readable(answer, _rdp_state)


def _rdp_state(answer: Document) -> RdpState:
    return RdpState(
        computer_name=text(answer["computer_name"]),
        service_status=text(answer["service"]["status"]),
        service_start_type=text(answer["service"]["start_type"]),
        port=int(answer["port"]),
        port_taken=switch(answer["port_taken"]),
        listener=optional(answer["listener"], _listener),
        policy=frozenset(text(name) for name in answer["policy"]),
        certificate=optional(answer["certificate"], certificate),
        key_access=optional(answer["key_access"], KeyAccess),
        firewall=optional(answer["firewall"], firewall_rule),
        windows_rule=switch(answer["windows_rule"]),
        record=RdpRecord.decode(optional(answer["record"], text)),
        has_record=answer["record"] is not None,
    )


def _listener(wire: Document) -> RdpListener:
    kind = int(wire["thumbprint_type"])
    return RdpListener(
        enabled=switch(wire["enabled"]),
        thumbprint=text(wire["thumbprint"]).replace(" ", "").upper(),
        binding=_BINDINGS[kind] if kind in range(len(_BINDINGS)) else Binding.INVALID,
        network_level_authentication=switch(wire["network_level_authentication"]),
        security_layer=int(wire["security_layer"]),
    )


_SET_BY_POLICY: Refusal = ("SettingRefused", "See 'gpresult /h' inside the VM: a Group Policy may fix this setting.")
_STEPS: dict[str, Refusal] = {
    **STEP_REFUSALS,
    "service": ("RdpServiceFailed", "Look at the System event log of the VM; a policy may disable TermService."),
    "key_right": (
        "KeyRightRefused",
        "Give NETWORK SERVICE the right to read the key by hand: certlm.msc, All Tasks, Manage Private Keys.",
    ),
    "binding": (
        "CertificateRefused",
        "The certificate must be in LocalMachine\\My with its key, be made for server authentication and be valid now.",
    ),
    "security_layer": _SET_BY_POLICY,
    "network_level_authentication": _SET_BY_POLICY,
    "enabled": _SET_BY_POLICY,
    "port": ("PortRefused", "Look at the System event log of the VM: TermService did not start with this port."),
    "restart": ("RdpServiceFailed", "Look at the System event log of the VM, then restart the VM."),
}


def explained(failure: ScriptFailed, *, where: str) -> Refused:
    """The failure of a Remote Desktop script in words that say what to do; unchanged when it gave no answer."""
    return refused(
        failure,
        where=where,
        reason=lambda step, _said: _STEPS.get(step, UNKNOWN_REFUSAL),
        lost="The port that was there before could not be put back: restart the VM.",
    )
