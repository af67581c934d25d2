# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models of the guest scripts winrm_listener_read, winrm_listener_apply and winrm_listener_remove.

They do to a machine what the PowerShell text does to Windows, step by step in the same order, and answer alike. What
each takes and prints is described where the scripts are: plugins/module_utils/_guest/winrm_listener.py.
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

from .firewall import ANY, FirewallRule, valid_remote_address
from .machine import MY, TOKEN_FILTER_POLICY, Machine
from .scripts import ScriptResult
from .winrm import Listener, WinRmError

Json = dict[str, Any]
RECORD = r"HKLM:\SOFTWARE\azvm.access\WinRMListener"
HTTP_RULES = ("WINRM-HTTP-In-TCP", "WINRM-HTTP-In-TCP-PUBLIC")
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
    """How far a script came, as its failure answer reports it."""

    step: str = "payload"
    done: list[str] = field(default_factory=list)
    restored: bool | None = None
    binding: str = ""

    @contextmanager
    def taking(self, step: str) -> Iterator[None]:
        """One step that counts as done afterwards."""
        self.step = step
        yield
        self.done.append(step)


def read(machine: Machine, parameters: Mapping[str, str]) -> ScriptResult:
    """The model of winrm_listener_read."""

    def script(request: Json, progress: Progress) -> Json:
        progress.step = "state"
        return _state(machine, request)

    return _run(script, parameters)


def apply(machine: Machine, parameters: Mapping[str, str]) -> ScriptResult:
    """The model of winrm_listener_apply."""

    def script(request: Json, progress: Progress) -> Json:
        wanted = request.get("listener")
        if wanted is not None:
            progress.step = "certificate"
            _assert_certificate(machine, wanted["thumbprint"])
        progress.step = "record"
        machine.registry[RECORD] = request.get("record") or ""
        if request.get("service"):
            with progress.taking("service"):
                machine.winrm.start_type = "Automatic"
                machine.winrm.start()
        if request.get("session_configuration"):
            with progress.taking("session_configuration"):
                _enable_remoting(machine)
        _set_service_config(machine, request, progress)
        if request.get("token_filter_policy") is not None:
            with progress.taking("token_filter_policy"):
                machine.registry[TOKEN_FILTER_POLICY] = int(request["token_filter_policy"])
        if wanted is not None:
            with progress.taking("listener"):
                _set_listener(machine, wanted, progress)
        if request.get("firewall") is not None:
            with progress.taking("firewall"):
                _set_firewall_rule(machine, request["firewall"])
        progress.step = "state"
        return _state(machine, request) | {"done": progress.done}

    return _run(script, parameters)


def remove(machine: Machine, parameters: Mapping[str, str]) -> ScriptResult:
    """The model of winrm_listener_remove."""

    def script(request: Json, progress: Progress) -> Json:
        if request.get("firewall"):
            with progress.taking("firewall"):
                _remove_firewall_rule(machine, request["firewall_rule"])
        if request.get("listener"):
            with progress.taking("listener"):
                machine.winrm.remove("*", "HTTPS")
        _set_service_config(machine, request, progress)
        if request.get("token_filter_policy") is not None:
            with progress.taking("token_filter_policy"):
                _restore_token_filter_policy(machine, request["token_filter_policy"].get("value"))
        progress.step = "record"
        machine.registry.pop(RECORD, None)
        progress.step = "state"
        return _state(machine, request) | {"done": progress.done}

    return _run(script, parameters)


def _run(script: Callable[[Json, Progress], Json], parameters: Mapping[str, str]) -> ScriptResult:
    progress = Progress()
    try:
        answer = script(_request(parameters), progress)
    except (StepFailedError, WinRmError) as error:
        hresult = error.hresult if isinstance(error, StepFailedError) else INVALID_OPERATION
        failure = {
            "ok": False,
            "step": progress.step,
            "message": str(error)[:1200],
            "hresult": hresult,
            "done": progress.done,
            "restored": progress.restored,
            "binding": progress.binding,
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


# The state


def _state(machine: Machine, request: Json) -> Json:
    winrm = machine.winrm
    return {
        "ok": True,
        "computer_name": machine.computer_name.upper()[:15],
        "service": {"status": "Running" if winrm.running else "Stopped", "start_type": winrm.start_type},
        "listeners": _listeners(machine) if winrm.running else None,
        "auth": vars(winrm.auth).copy() if winrm.running else None,
        "allow_unencrypted": winrm.allow_unencrypted if winrm.running else None,
        "policy": sorted(winrm.policy) if winrm.running else [],
        "session_configuration": winrm.session_configuration if winrm.running else None,
        "token_filter_policy": machine.registry.get(TOKEN_FILTER_POLICY),
        "certificate": _certificate(machine, request["thumbprint"]) if request.get("thumbprint") else None,
        "firewall": _firewall_rule(machine, request.get("firewall_rule") or ""),
        "record": machine.registry.get(RECORD),
    }


def _listeners(machine: Machine) -> list[Json]:
    return [
        {
            "address": listener.address,
            "transport": listener.transport,
            "port": listener.port,
            "hostname": listener.hostname,
            "enabled": listener.enabled,
            "thumbprint": listener.certificate_thumbprint,
            "source": listener.source,
        }
        for listener in machine.winrm.listeners[:6]
    ]


def _certificate(machine: Machine, thumbprint: str) -> Json | None:
    # Where-Object compares the text as it is, but for case.
    found = machine.certificates.get((MY.lower(), thumbprint.upper()))
    if found is None:
        return None
    return {
        "thumbprint": found.thumbprint,
        "common_name": found.common_name,
        "dns_names": list(found.dns_names or ([found.common_name] if found.common_name else []))[:10],
        "not_after": found.not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "has_private_key": found.key is not None,
        "server_authentication": found.serves_tls,
    }


def _firewall_rule(machine: Machine, name: str) -> Json | None:
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


# The steps


def _assert_certificate(machine: Machine, thumbprint: str) -> None:
    found = machine.certificates.get((MY.lower(), thumbprint.upper()))
    if found is None:
        raise StepFailedError(r"The certificate is not in LocalMachine\My.", hresult=RUNTIME_EXCEPTION)
    if found.key is None:
        raise StepFailedError(r"The certificate in LocalMachine\My has no private key.", hresult=RUNTIME_EXCEPTION)


def _enable_remoting(machine: Machine) -> None:
    """Enable-PSRemoting -Force -SkipNetworkProfileCheck: service, HTTP listener, its firewall rules, session."""
    winrm = machine.winrm
    winrm.start_type = "Automatic"
    winrm.start()
    if winrm.find("*", "HTTP") is None:
        winrm.create(Listener(transport="HTTP", port=5985), None)
    winrm.session_configuration = "enabled"
    for name in HTTP_RULES:
        rule = machine.firewall.get(name)
        if rule is not None and not rule.enabled:
            machine.firewall[name] = FirewallRule(**(vars(rule) | {"enabled": True}))


def _set_service_config(machine: Machine, request: Json, progress: Progress) -> None:
    if request.get("auth") is not None:
        with progress.taking("auth"):
            for name, value in request["auth"].items():
                machine.winrm.set_auth(name, _is_true(value))
    if request.get("settings") is not None:
        with progress.taking("settings"):
            for name, value in request["settings"].items():
                if name != "AllowUnencrypted":
                    raise StepFailedError(f"The local Azure does not model the WinRM service setting {name}.")
                machine.winrm.set_allow_unencrypted(_is_true(value))


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


def _set_listener(machine: Machine, wanted: Json, progress: Progress) -> None:
    machine.winrm.require_service()
    previous = machine.winrm.find("*", "HTTPS")
    if previous is not None:
        machine.winrm.remove("*", "HTTPS")
    try:
        _create_listener(machine, int(wanted["port"]), str(wanted["hostname"] or ""), str(wanted["thumbprint"] or ""))
    except WinRmError:
        progress.binding = _binding(machine, int(wanted["port"]))
        if previous is not None:
            progress.restored = _restore_listener(machine, previous)
        raise


def _restore_listener(machine: Machine, previous: Listener) -> bool:
    try:
        _create_listener(machine, previous.port, previous.hostname, previous.certificate_thumbprint)
    except WinRmError:
        return False
    return True


def _binding(machine: Machine, port: int) -> str:
    """What `netsh http show sslcert ipport=0.0.0.0:PORT` says, its lines joined."""
    bound = machine.winrm.ssl_bindings.get(port)
    if bound is None:
        return "The system cannot find the file specified."
    return f"SSL Certificate bindings: IP:port : 0.0.0.0:{port} Certificate Hash : {bound.lower()}"


def _create_listener(machine: Machine, port: int, hostname: str, thumbprint: str) -> None:
    machine.winrm.create(
        Listener(transport="HTTPS", port=port, hostname=hostname, certificate_thumbprint=thumbprint),
        machine.certificate(MY, thumbprint),
        remote_desktop_port=machine.rdp.port,
    )


def _set_firewall_rule(machine: Machine, rule: Json) -> None:
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


def _remove_firewall_rule(machine: Machine, name: str) -> None:
    if name not in machine.firewall:
        raise StepFailedError(
            f"No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '{name}'.  "
            "Verify the value of the property and retry."
        )
    del machine.firewall[name]


def _restore_token_filter_policy(machine: Machine, value: int | None) -> None:
    if value is not None:
        machine.registry[TOKEN_FILTER_POLICY] = int(value)
    elif machine.registry.pop(TOKEN_FILTER_POLICY, None) is None:
        raise StepFailedError(
            "Property LocalAccountTokenFilterPolicy does not exist at path "
            r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System."
        )
