# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models of the guest scripts winrm_listener_read, winrm_listener_apply and winrm_listener_remove.

They do to a machine what the PowerShell text does to Windows, step by step in the same order, and answer alike. What
each takes and prints is described where the scripts are: plugins/module_utils/_guest/winrm_listener.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from .firewall import FirewallRule
from .machine import MY, TOKEN_FILTER_POLICY, Machine
from .script_parts import (
    Json,
    Progress,
    Script,
    StepFailedError,
    assert_certificate,
    certificate_state,
    find_certificate,
    firewall_state,
    remove_firewall_rule,
    run,
    set_firewall_rule,
)
from .scripts import ScriptResult
from .winrm import Listener, WinRmError

RECORD = r"HKLM:\SOFTWARE\azvm.access\WinRMListener"
HTTP_RULES = ("WINRM-HTTP-In-TCP", "WINRM-HTTP-In-TCP-PUBLIC")


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
            assert_certificate(machine, wanted["thumbprint"])
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
                set_firewall_rule(machine, request["firewall"])
        progress.step = "state"
        return _state(machine, request) | {"done": progress.done}

    return _run(script, parameters)


def remove(machine: Machine, parameters: Mapping[str, str]) -> ScriptResult:
    """The model of winrm_listener_remove."""

    def script(request: Json, progress: Progress) -> Json:
        if request.get("firewall"):
            with progress.taking("firewall"):
                remove_firewall_rule(machine, request["firewall_rule"])
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


def _run(script: Script, parameters: Mapping[str, str]) -> ScriptResult:
    def refusing(request: Json, progress: Progress) -> Json:
        try:
            return script(request, progress)
        except WinRmError as error:
            raise StepFailedError(str(error)) from error

    return run(refusing, parameters)


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
        "certificate": certificate_state(find_certificate(machine, request.get("thumbprint") or "")),
        "firewall": firewall_state(machine, request.get("firewall_rule") or ""),
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


# The steps


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
        progress.more["binding"] = _binding(machine, int(wanted["port"]))
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


def _restore_token_filter_policy(machine: Machine, value: int | None) -> None:
    if value is not None:
        machine.registry[TOKEN_FILTER_POLICY] = int(value)
    elif machine.registry.pop(TOKEN_FILTER_POLICY, None) is None:
        raise StepFailedError(
            "Property LocalAccountTokenFilterPolicy does not exist at path "
            r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System."
        )
