# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes to the listener scripts and what comes back: payloads from plans, states and failures from answers."""

from __future__ import annotations

import re
import typing as t

from .._domain.listener import (
    FIREWALL_DISPLAY_NAME,
    FIREWALL_RULE,
    AuthMethods,
    GuestState,
    Listener,
    Record,
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
    from collections.abc import Iterable

    from .._domain.errors import Refused
    from .._domain.listener_plan import Changes, Removal
    from .._domain.outcome import Document
    from .answers import Refusal
    from .script import ScriptFailed

_FAULT_CODE = re.compile(r'WSManFault[^>]*\bCode="(\d+)"')
_NO_APPROPRIATE_CERTIFICATE = "0x80338115"
_SHARING_VIOLATION = "0x00000020"


def read_payload(thumbprint: str | None) -> Document:
    """For all three scripts: what the state at the end is about."""
    return {"thumbprint": thumbprint, "firewall_rule": FIREWALL_RULE}


def apply_payload(thumbprint: str, changes: Changes) -> Document:
    """For winrm_listener_apply."""
    listener = changes.listener
    return {
        **read_payload(thumbprint),
        "record": changes.record.encode(),
        "service": changes.service or None,
        "session_configuration": changes.session_configuration or None,
        "auth": _switches(changes.auth),
        "settings": _switches(changes.settings),
        "token_filter_policy": changes.token_filter_policy,
        "listener": listener
        and {"port": listener.port, "hostname": listener.hostname, "thumbprint": listener.thumbprint},
        "firewall": firewall_payload(changes.firewall, name=FIREWALL_RULE, display_name=FIREWALL_DISPLAY_NAME),
    }


def remove_payload(removal: Removal) -> Document:
    """For winrm_listener_remove."""
    return {
        **read_payload(None),
        "listener": removal.listener or None,
        "firewall": removal.firewall or None,
        "auth": _switches(removal.auth),
        "settings": _switches(removal.settings),
        "token_filter_policy": {"value": removal.token_filter_policy[0]} if removal.token_filter_policy else None,
    }


def _switches(switches: Iterable[tuple[str, bool]]) -> dict[str, str] | None:
    return {name: "true" if value else "false" for name, value in switches} or None


def guest_state(answer: Document) -> GuestState:
    """The state in an answer. Raises :class:`Refused` when the answer does not have the documented form."""
    return readable(answer, _guest_state)


def _guest_state(answer: Document) -> GuestState:
    return GuestState(
        computer_name=text(answer["computer_name"]),
        service_status=text(answer["service"]["status"]),
        service_start_type=text(answer["service"]["start_type"]),
        listeners=optional(answer["listeners"], lambda all_: tuple(_listener(each) for each in all_)),
        auth=optional(answer["auth"], _auth),
        allow_unencrypted=optional(answer["allow_unencrypted"], switch),
        policy=frozenset(text(name) for name in answer["policy"]),
        session_configuration=optional(answer["session_configuration"], text),
        token_filter_policy=optional(answer["token_filter_policy"], int),
        certificate=optional(answer["certificate"], certificate),
        firewall=optional(answer["firewall"], firewall_rule),
        record=Record.decode(optional(answer["record"], text)),
        has_record=answer["record"] is not None,
    )


def _listener(wire: Document) -> Listener:
    return Listener(
        address=text(wire["address"]),
        transport=text(wire["transport"]),
        port=int(wire["port"]),
        hostname=text(wire["hostname"]),
        enabled=switch(wire["enabled"]),
        thumbprint=text(wire["thumbprint"]).replace(" ", "").upper(),
        source=text(wire["source"] or ""),
    )


def _auth(wire: Document) -> AuthMethods:
    return AuthMethods(
        basic=switch(wire["basic"]),
        kerberos=switch(wire["kerberos"]),
        negotiate=switch(wire["negotiate"]),
        certificate=switch(wire["certificate"]),
        credssp=switch(wire["credssp"]),
    )


def explained(failure: ScriptFailed, *, where: str, port: int) -> Refused:
    """The failure of a listener script in words that say what to do; unchanged when its reason is unknown."""
    number = _error_number(failure.answer)
    return refused(
        failure,
        where=where,
        reason=lambda step, said: _reason(step, said, number, port),
        lost="The listener that was there before could not be put back: there is none now.",
    )


_STEPS: dict[str, Refusal] = {
    **STEP_REFUSALS,
    "service": ("WinRMServiceFailed", "Look at the System event log of the VM; a policy may disable the service."),
    "session_configuration": ("RemotingNotEnabled", "Run Enable-PSRemoting inside the VM and read what it says."),
}

_SHARED = (
    "Another program bound a certificate to port {port} (http.sys); details hold what 'netsh http show sslcert"
    " ipport=0.0.0.0:{port}' says. If nothing needs it, run 'netsh http delete sslcert ipport=0.0.0.0:{port}' there."
)


def _reason(step: str, said: str, number: str, port: int) -> Refusal:
    if step != "listener":
        return _STEPS.get(step, UNKNOWN_REFUSAL)
    lower = said.lower()
    if "ssl configuration" in lower and "shared" in lower:
        return (
            "SslBindingShared",
            _SHARED.format(port=port),
        )
    if number == _SHARING_VIOLATION or "being used by another process" in lower:
        return "PortInUse", f"Another service in the VM has port {port}: move it, or choose another port."
    if number == _NO_APPROPRIATE_CERTIFICATE or "hostname" in lower:
        return (
            "CertificateRefused",
            "The certificate must carry the listener's host name, be made for server authentication and be valid now.",
        )
    return "ListenerRefused", "Run the task again; the details hold Windows' own answer."


def _error_number(answer: Document) -> str:
    """The number of the failure as Windows writes it: from the WSMan fault if there is one."""
    fault = _FAULT_CODE.search(str(answer.get("message", "")))
    return f"0x{int(fault.group(1)):08x}" if fault else str(answer.get("hresult", "")).lower()
