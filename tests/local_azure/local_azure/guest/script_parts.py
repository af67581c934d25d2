# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the models of the guest scripts have in common, as the scripts themselves have.

The scripts' side of it is described in plugins/module_utils/_guest/parts.py.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from .certificates import InstalledCertificate
from .firewall import ANY, FirewallRule, valid_remote_address
from .machine import MY, Machine
from .scripts import ScriptResult

Json = dict[str, Any]
Script = Callable[[Json, "Progress"], Json]

# System.InvalidOperationException and System.Management.Automation.RuntimeException, which is all that the cmdlets and
# `throw` leave in an error record: the number of the WSMan fault is not in it.
INVALID_OPERATION = "0x80131509"
RUNTIME_EXCEPTION = "0x80131501"


class StepFailedError(Exception):
    """A statement of the script ended it; `hresult` is the exception's."""

    def __init__(self, message: str, *, hresult: str = INVALID_OPERATION) -> None:
        super().__init__(message)
        self.hresult = hresult


@dataclass(kw_only=True)
class Progress:
    """How far a script came, as its failure answer reports it; `more` is what only some scripts say."""

    step: str = "payload"
    done: list[str] = field(default_factory=list)
    restored: bool | None = None
    more: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def taking(self, step: str) -> Iterator[None]:
        """One step that counts as done afterwards."""
        self.step = step
        yield
        self.done.append(step)


def run(script: Script, parameters: Mapping[str, str]) -> ScriptResult:
    """Run a model on the payload in `parameters`; what it returns is the answer, a StepFailedError the failure."""
    progress = Progress()
    try:
        answer = script(_request(parameters), progress)
    except StepFailedError as error:
        failure = {
            "ok": False,
            "message": str(error)[:1200],
            "hresult": error.hresult,
            "step": progress.step,
            "done": progress.done,
            "restored": progress.restored,
            **progress.more,
        }
        return ScriptResult(exit_code=1, output=_line(failure))
    return ScriptResult(exit_code=0, output=_line(answer))


def _line(answer: Json) -> str:
    return json.dumps(answer, separators=(",", ":")) + "\r\n"


def _request(parameters: Mapping[str, str]) -> Json:
    named = {name.lower(): value for name, value in parameters.items()}
    try:
        request = json.loads(base64.b64decode(named.get("payload", ""), validate=True))
    except (binascii.Error, ValueError) as error:
        raise StepFailedError(f"The payload is not base64 of a JSON object: {error}") from error
    if not isinstance(request, dict):
        raise StepFailedError("The payload is not a JSON object.")
    return request


def find_certificate(machine: Machine, thumbprint: str) -> InstalledCertificate | None:
    """Where-Object compares the text as it is, but for case."""
    return machine.certificates.get((MY.lower(), thumbprint.upper()))


def certificate_state(found: InstalledCertificate | None) -> Json | None:
    """Get-CertificateState."""
    if found is None:
        return None
    return {
        "thumbprint": found.thumbprint,
        "common_name": found.common_name,
        "dns_names": list(found.dns_names or ([found.common_name] if found.common_name else []))[:10],
        "not_after": found.not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "has_private_key": found.key is not None,
        "usages": _usages(found)[:8],
    }


def _usages(found: InstalledCertificate) -> list[str]:
    try:
        usages = found.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return []
    return [usage.dotted_string for usage in usages]


def assert_certificate(machine: Machine, thumbprint: str) -> None:
    """Assert-Certificate."""
    found = find_certificate(machine, thumbprint)
    if found is None:
        raise StepFailedError(r"The certificate is not in LocalMachine\My.", hresult=RUNTIME_EXCEPTION)
    if found.key is None:
        raise StepFailedError(r"The certificate in LocalMachine\My has no private key.", hresult=RUNTIME_EXCEPTION)


def firewall_state(machine: Machine, name: str) -> Json | None:
    """Get-FirewallState."""
    rule = machine.firewall.get(name)
    if rule is None:
        return None
    return {
        "enabled": rule.enabled,
        "direction": "Inbound",
        "action": rule.action,
        "profile": ", ".join(rule.profiles),
        "protocol": rule.protocol,
        "local_ports": [str(port) for port in rule.local_ports][:8] or [ANY],
        "remote_addresses": list(rule.remote_addresses)[:41],
    }


def set_firewall_rule(machine: Machine, rule: Json) -> None:
    """Set-FirewallRule."""
    addresses = [str(address) for address in rule["remote_addresses"]]
    for address in addresses:
        if not valid_remote_address(address):
            raise StepFailedError(
                "The address is invalid. Addresses may be specified as IP addresses, ranges, or subnets."
            )
    kept = machine.firewall.get(rule["name"])
    machine.firewall[rule["name"]] = FirewallRule(
        name=rule["name"],
        display_name=kept.display_name if kept is not None else rule["display_name"],
        group=kept.group if kept is not None else rule["group"],
        local_ports=(int(rule["port"]),),
        remote_addresses=tuple(_as_windows_shows(address) for address in addresses) or (ANY,),
    )


def _as_windows_shows(address: str) -> str:
    """Get-NetFirewallAddressFilter shows IPv4 prefixes with a mask, and a prefix of one address as that address."""
    if "/" not in address:
        return address
    network = ipaddress.ip_network(address, strict=False)
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return network.with_netmask if network.version == 4 else str(network)


def remove_firewall_rule(machine: Machine, name: str) -> None:
    """Remove-NetFirewallRule."""
    if name not in machine.firewall:
        raise StepFailedError(
            f"No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '{name}'.  "
            "Verify the value of the property and retry."
        )
    del machine.firewall[name]
