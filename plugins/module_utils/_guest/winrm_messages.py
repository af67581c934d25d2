# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes to the listener scripts and what comes back: payloads from plans, states and failures from answers."""

from __future__ import annotations

import re
import typing as t

from .._domain.errors import Refused
from .._domain.firewall_addresses import observed_addresses
from .._domain.listener import (
    FIREWALL_DISPLAY_NAME,
    FIREWALL_GROUP,
    FIREWALL_RULE,
    AuthMethods,
    FirewallRule,
    GuestState,
    InstalledCertificate,
    Listener,
    Record,
)
from .script import ScriptFailed

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._domain.listener_plan import Changes, Removal
    from .._domain.outcome import Document

    Refusal = tuple[str, str]

T = t.TypeVar("T")

_TAG = re.compile(r"<[^>]*>")
_FAULT_CODE = re.compile(r'WSManFault[^>]*\bCode="(\d+)"')
_NO_APPROPRIATE_CERTIFICATE = "0x80338115"


def read_payload(thumbprint: str | None) -> Document:
    """For all three scripts: what the state at the end is about."""
    return {"thumbprint": thumbprint, "firewall_rule": FIREWALL_RULE}


def apply_payload(thumbprint: str, changes: Changes) -> Document:
    """For winrm_listener_apply."""
    listener, firewall = changes.listener, changes.firewall
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
        "firewall": firewall
        and {
            "name": FIREWALL_RULE,
            "display_name": FIREWALL_DISPLAY_NAME,
            "group": FIREWALL_GROUP,
            "port": firewall[0],
            "remote_addresses": list(firewall[1]),
        },
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
    try:
        return GuestState(
            computer_name=_text(answer["computer_name"]),
            service_status=_text(answer["service"]["status"]),
            service_start_type=_text(answer["service"]["start_type"]),
            listeners=_optional(answer["listeners"], lambda all_: tuple(_listener(each) for each in all_)),
            auth=_optional(answer["auth"], _auth),
            allow_unencrypted=_optional(answer["allow_unencrypted"], _switch),
            policy=frozenset(_text(name) for name in answer["policy"]),
            session_configuration=_optional(answer["session_configuration"], _text),
            token_filter_policy=_optional(answer["token_filter_policy"], int),
            certificate=_optional(answer["certificate"], _certificate),
            firewall=_optional(answer["firewall"], _firewall),
            record=Record.decode(_optional(answer["record"], _text)),
            has_record=answer["record"] is not None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(
            code="ScriptAnswerUnreadable",
            message=f"A script in the VM answered in an unexpected form: {type(error).__name__} {error}.",
            hint="Another program may have changed the script's output; run the task again with verify=guest.",
            details={"answer": answer},
        ) from error


def _optional(value: t.Any, convert: Callable[[t.Any], T]) -> T | None:
    return None if value is None else convert(value)


def _text(value: t.Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text expected, not {value!r}")
    return value


def _switch(value: t.Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"a boolean expected, not {value!r}")
    return value


def _listener(wire: Document) -> Listener:
    return Listener(
        address=_text(wire["address"]),
        transport=_text(wire["transport"]),
        port=int(wire["port"]),
        hostname=_text(wire["hostname"]),
        enabled=_switch(wire["enabled"]),
        thumbprint=_text(wire["thumbprint"]).replace(" ", "").upper(),
        source=_text(wire["source"] or ""),
    )


def _auth(wire: Document) -> AuthMethods:
    return AuthMethods(
        basic=_switch(wire["basic"]),
        kerberos=_switch(wire["kerberos"]),
        negotiate=_switch(wire["negotiate"]),
        certificate=_switch(wire["certificate"]),
        credssp=_switch(wire["credssp"]),
    )


def _certificate(wire: Document) -> InstalledCertificate:
    return InstalledCertificate(
        thumbprint=_text(wire["thumbprint"]),
        common_name=_text(wire["common_name"]),
        dns_names=tuple(_text(name) for name in wire["dns_names"]),
        not_after=_text(wire["not_after"]),
        has_private_key=_switch(wire["has_private_key"]),
        server_authentication=_switch(wire["server_authentication"]),
    )


def _firewall(wire: Document) -> FirewallRule:
    return FirewallRule(
        enabled=_switch(wire["enabled"]),
        direction=_text(wire["direction"]),
        action=_text(wire["action"]),
        profile=_text(wire["profile"]),
        protocol=_text(wire["protocol"]),
        local_ports=tuple(_text(port) for port in wire["local_ports"]),
        remote_addresses=observed_addresses(_text(address) for address in wire["remote_addresses"]),
    )


def explained(failure: ScriptFailed, *, where: str, port: int) -> ScriptFailed | Refused:
    """The failure of a listener script in words that say what to do; unchanged when its reason is unknown."""
    answer = failure.answer
    if not answer:
        return failure
    text = plain_text(str(answer.get("message", "")))
    code, hint = _reason(failure.step, text, _error_number(answer), port)
    restored = {True: " The listener that was there before was put back.", False: _LOST}.get(answer.get("restored"), "")
    return Refused(
        code=code,
        message=f"Windows in the {where} refused the step {failure.step}: {text.rstrip('.')}.{restored}",
        hint=hint,
        details=failure.details,
    )


_LOST = " The listener that was there before could not be put back: there is none now."

_STEP_HINTS: dict[str, Refusal] = {
    "certificate": (
        "CertificateNotInstalled",
        "Reference it in the VM with azvm.access.winrm_cert_keyvault (certificate_store: My).",
    ),
    "service": ("WinRMServiceFailed", "Look at the System event log of the VM; a policy may disable the service."),
    "session_configuration": ("RemotingNotEnabled", "Run Enable-PSRemoting inside the VM and read what it says."),
    "firewall": ("FirewallRefused", "Check that the service 'Windows Defender Firewall' (mpssvc) runs in the VM."),
    "record": ("RegistryRefused", "Check the permissions of HKLM:\\SOFTWARE in the VM."),
}


_SHARED = (
    "Another program bound a certificate to port {port} (http.sys); details hold what 'netsh http show sslcert"
    " ipport=0.0.0.0:{port}' says. If nothing needs it, run 'netsh http delete sslcert ipport=0.0.0.0:{port}' there."
)


def _reason(step: str, text: str, number: str, port: int) -> Refusal:
    if step != "listener":
        return _STEP_HINTS.get(step, ("ScriptFailed", "Run the task again; the details hold Windows' own answer."))
    lower = text.lower()
    if "ssl configuration" in lower and "shared" in lower:
        return (
            "SslBindingShared",
            _SHARED.format(port=port),
        )
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


def plain_text(message: str) -> str:
    """A WSMan fault without its XML, on one line."""
    return " ".join(_TAG.sub(" ", message).split())
