# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what a guest script answered into values, and what every guest script is told and may refuse."""

from __future__ import annotations

import re
import typing as t

from .._domain.errors import Refused
from .._domain.firewall_addresses import observed_addresses
from .._domain.firewall_rule import FIREWALL_GROUP, FirewallRule
from .._domain.installed_certificate import InstalledCertificate

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .._domain.outcome import Document
    from .script import ScriptFailed

    Refusal = tuple[str, str]

T = t.TypeVar("T")

_TAG = re.compile(r"<[^>]*>")

STEP_REFUSALS: dict[str, Refusal] = {
    "certificate": (
        "CertificateNotInstalled",
        "Reference it in the VM with azvm.access.winrm_cert_keyvault (certificate_store: My).",
    ),
    "firewall": ("FirewallRefused", "Check that the service 'Windows Defender Firewall' (mpssvc) runs in the VM."),
    "record": ("RegistryRefused", "Check the permissions of HKLM:\\SOFTWARE in the VM."),
}
"""Code and hint for the steps that all scripts have."""

UNKNOWN_REFUSAL: Refusal = ("ScriptFailed", "Run the task again; the details hold Windows' own answer.")


def readable(answer: Document, read: Callable[[Document], T]) -> T:
    """``read(answer)``. Raises :class:`Refused` when the answer does not have the documented form."""
    try:
        return read(answer)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(
            code="ScriptAnswerUnreadable",
            message=f"A script in the VM answered in an unexpected form: {type(error).__name__} {error}.",
            hint="Another program may have changed the script's output; run the task again with verify=guest.",
            details={"answer": answer},
        ) from error


def optional(value: t.Any, convert: Callable[[t.Any], T]) -> T | None:
    return None if value is None else convert(value)


def text(value: t.Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text expected, not {value!r}")
    return value


def switch(value: t.Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"a boolean expected, not {value!r}")
    return value


def certificate(wire: Document) -> InstalledCertificate:
    return InstalledCertificate(
        thumbprint=text(wire["thumbprint"]),
        common_name=text(wire["common_name"]),
        dns_names=tuple(text(name) for name in wire["dns_names"]),
        not_after=text(wire["not_after"]),
        has_private_key=switch(wire["has_private_key"]),
        usages=tuple(text(usage) for usage in wire["usages"]),
    )


def firewall_rule(wire: Document) -> FirewallRule:
    return FirewallRule(
        enabled=switch(wire["enabled"]),
        direction=text(wire["direction"]),
        action=text(wire["action"]),
        profile=text(wire["profile"]),
        protocol=text(wire["protocol"]),
        local_ports=tuple(text(port) for port in wire["local_ports"]),
        remote_addresses=observed_addresses(text(address) for address in wire["remote_addresses"]),
    )


def firewall_payload(rule: tuple[int, tuple[str, ...]] | None, *, name: str, display_name: str) -> Document | None:
    """Port and remote addresses as the scripts take them."""
    return rule and {
        "name": name,
        "display_name": display_name,
        "group": FIREWALL_GROUP,
        "port": rule[0],
        "remote_addresses": list(rule[1]),
    }


def refused(failure: ScriptFailed, *, where: str, reason: Callable[[str, str], Refusal], lost: str) -> Refused:
    """The failure in words that say what to do; itself when the script gave no answer.

    ``reason`` takes the step and Windows' text. ``lost`` is what was to be put back and now is not.
    """
    answer = failure.answer
    if not answer:
        return failure
    said = plain_text(str(answer.get("message", "")))
    code, hint = reason(failure.step, said)
    restored = answer.get("restored")
    after = "" if restored is None else " What was there before was put back." if restored else f" {lost}"
    return Refused(
        code=code,
        message=f"Windows in the {where} refused the step {failure.step}: {said.rstrip('.')}.{after}",
        hint=hint,
        details=failure.details,
    )


def plain_text(message: str) -> str:
    """A WSMan fault without its XML, on one line."""
    return " ".join(_TAG.sub(" ", message).split())
