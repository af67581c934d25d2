# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models of the guest scripts rdp_listener_read, rdp_listener_apply and rdp_listener_remove.

They do to a machine what the PowerShell text does to Windows, step by step in the same order, and answer alike. What
each takes and prints is described where the scripts are: plugins/module_utils/_guest/rdp_listener.py.
Windows is taken to refuse what a policy fixes, and to use a port and a certificate at once (unverified).
"""

from __future__ import annotations

from collections.abc import Mapping

from .machine import REMOTE_DESKTOP, Machine
from .rdp.state import SECURITY_LAYERS
from .script_parts import (
    Json,
    Progress,
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
from .vm_access import RDP_RULE

RECORD = r"HKLM:\SOFTWARE\azvm.access\RDPListener"
# What CimException says, and its number: that of the WMI error (WBEM_E_INVALID_PARAMETER) is not in it.
INVALID_PARAMETER = "Invalid parameter "
CIM_EXCEPTION = "0x80131500"
OWN, POLICY, CUSTOM = 1, 2, 3


def read(machine: Machine, parameters: Mapping[str, str]) -> ScriptResult:
    """The model of rdp_listener_read."""

    def script(request: Json, progress: Progress) -> Json:
        progress.step = "state"
        return _state(machine, request)

    return run(script, parameters)


def apply(machine: Machine, parameters: Mapping[str, str]) -> ScriptResult:
    """The model of rdp_listener_apply."""

    def script(request: Json, progress: Progress) -> Json:
        desktop = machine.rdp
        key_right, certificate = request.get("key_right"), request.get("certificate")
        if key_right is not None or certificate is not None:
            progress.step = "certificate"
            assert_certificate(machine, request["thumbprint"])
        progress.step = "record"
        machine.registry[RECORD] = request.get("record") or ""
        if request.get("service"):
            with progress.taking("service"):
                desktop.start_type = "Automatic"
                desktop.service_running = True
        if key_right is not None:
            with progress.taking("key_right"):
                desktop.readable_keys |= {key_right}
        if certificate is not None:
            with progress.taking("binding"):
                _bind(machine, certificate)
        if request.get("firewall") is not None:
            with progress.taking("firewall"):
                set_firewall_rule(machine, request["firewall"])
        _set(machine, request["settings"], progress)
        progress.step = "state"
        return _state(machine, request) | {"done": progress.done}

    return run(script, parameters)


def remove(machine: Machine, parameters: Mapping[str, str]) -> ScriptResult:
    """The model of rdp_listener_remove."""

    def script(request: Json, progress: Progress) -> Json:
        if request.get("certificate"):
            with progress.taking("binding"):
                if not machine.rdp.certificate_thumbprint:
                    raise StepFailedError("Property SSLCertificateSHA1Hash does not exist.")
                machine.rdp.certificate_thumbprint = ""
        _set(machine, request["settings"], progress)
        if request.get("restart"):
            with progress.taking("restart"):
                _restart(machine)
        for thumbprint in request.get("key_rights") or ():
            with progress.taking("key_right"):
                machine.rdp.readable_keys -= {thumbprint}
        if request.get("firewall"):
            with progress.taking("firewall"):
                remove_firewall_rule(machine, request["firewall_rule"])
        progress.step = "record"
        machine.registry.pop(RECORD, None)
        progress.step = "state"
        return _state(machine, request) | {"done": progress.done}

    return run(script, parameters)


# The state


def _state(machine: Machine, request: Json) -> Json:
    desktop = machine.rdp
    found = find_certificate(machine, request.get("thumbprint") or "")
    rule = machine.firewall.get(RDP_RULE)
    return {
        "ok": True,
        "computer_name": machine.computer_name.upper()[:15],
        "service": {
            "status": "Running" if desktop.service_running else "Stopped",
            "start_type": desktop.start_type,
        },
        "port": desktop.port,
        "port_taken": request.get("port") in machine.listening(),
        "listener": _listener(machine) if desktop.service_running else None,
        "policy": sorted(desktop.policy) if desktop.service_running else [],
        "certificate": certificate_state(found),
        "key_access": _key_access(machine, found.thumbprint) if found is not None and found.key is not None else None,
        "firewall": firewall_state(machine, request.get("firewall_rule") or ""),
        "windows_rule": rule is not None and rule.enabled and rule.action == "Allow",
        "record": machine.registry.get(RECORD),
    }


def _listener(machine: Machine) -> Json:
    desktop = machine.rdp
    bound = desktop.certificate_thumbprint
    # Windows makes its own certificate when it first needs one.
    own = next((thumbprint for store, thumbprint in machine.certificates if store == REMOTE_DESKTOP.lower()), "")
    kind = POLICY if "certificate" in desktop.policy else CUSTOM if bound else OWN
    return {
        "enabled": desktop.enabled,
        "thumbprint": bound or own,
        "thumbprint_type": kind,
        "network_level_authentication": desktop.network_level_authentication,
        "security_layer": SECURITY_LAYERS.index(desktop.security_layer),
    }


def _key_access(machine: Machine, thumbprint: str) -> str:
    return "granted" if thumbprint in machine.rdp.readable_keys else "missing"


# The steps


def _bind(machine: Machine, thumbprint: str) -> None:
    """SSLCertificateSHA1Hash takes a certificate with its key that is made for servers, and no other."""
    _require_free(machine, "certificate")
    found = find_certificate(machine, thumbprint)
    if found is None or found.key is None or not found.serves_tls:
        raise StepFailedError(INVALID_PARAMETER, hresult=CIM_EXCEPTION)
    machine.rdp.certificate_thumbprint = found.thumbprint


def _set(machine: Machine, settings: Json, progress: Progress) -> None:
    desktop = machine.rdp
    if settings.get("security_layer") is not None:
        with progress.taking("security_layer"):
            _require_free(machine, "security_layer")
            desktop.security_layer = SECURITY_LAYERS[settings["security_layer"]]
    if settings.get("network_level_authentication") is not None:
        with progress.taking("network_level_authentication"):
            _require_free(machine, "network_level_authentication")
            desktop.network_level_authentication = bool(settings["network_level_authentication"])
    if settings.get("enabled") is not None:
        with progress.taking("enabled"):
            _require_free(machine, "enabled")
            desktop.enabled = bool(settings["enabled"])
    if settings.get("port") is not None:
        with progress.taking("port"):
            _set_port(machine, int(settings["port"]), progress)


def _require_free(machine: Machine, name: str) -> None:
    if name in machine.rdp.policy:
        raise StepFailedError(f"{name} is fixed by a policy.", hresult=CIM_EXCEPTION)


def _set_port(machine: Machine, port: int, progress: Progress) -> None:
    previous = machine.rdp.port
    machine.rdp.port = port
    try:
        _restart(machine)
    except StepFailedError:
        machine.rdp.port = previous
        machine.rdp.service_running = True
        progress.restored = True
        raise


def _restart(machine: Machine) -> None:
    """Restart-Service; a port that another service has is taken for a service that does not start (unverified)."""
    machine.rdp.service_running = False
    if machine.rdp.port in machine.listening():
        raise StepFailedError("Failed to start service 'Remote Desktop Services (TermService)'.")
    machine.rdp.service_running = True
