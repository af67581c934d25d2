# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `local-azure state` tells about the inside of the virtual machines: no password, no key."""

from __future__ import annotations

from dataclasses import asdict

from .compute.provider import VIRTUAL_MACHINES
from .core.azure import Azure
from .core.wire import Json
from .guest.machine import Machine


def describe(azure: Azure) -> Json:
    """By VM id: what Windows is set to, and which ports the controller finds open or filtered."""
    found: Json = {}
    for vm in azure.store.list(VIRTUAL_MACHINES):
        machine = azure.guests.get(vm.id.key)
        if machine is not None:
            ports = sorted(azure.guests.ports(vm.id.key).items())
            blocked = sorted(azure.guests.blocked(vm.id.key).items())
            found[str(vm.id)] = _machine(machine) | {
                "ports": {f"{address}:{port}": state.value for (address, port), state in ports},
                "blocked": {f"{address}:{port}": why for (address, port), why in blocked},
            }
    return found


def _machine(machine: Machine) -> Json:
    return {
        "computer_name": machine.computer_name,
        "running": machine.running,
        "agent": machine.agent,
        "users": [
            {
                "name": user.name,
                "enabled": user.enabled,
                "admin": user.admin,
                "trouble": user.trouble,
                "failed_sign_ins": machine.failed_sign_ins.get(key, 0),
            }
            for key, user in machine.users.items()
        ],
        "certificates": [
            {
                "store": store,
                "thumbprint": one.thumbprint,
                "subject": one.subject,
                "not_after": one.certificate.not_valid_after_utc.isoformat(),
                "has_key": one.key is not None,
            }
            for (store, _thumbprint), one in machine.certificates.items()
        ],
        "rdp": {
            "enabled": machine.rdp.enabled,
            "port": machine.rdp.port,
            "running": machine.rdp.service_running,
            "network_level_authentication": machine.rdp.network_level_authentication,
            "security_layer": machine.rdp.security_layer,
            "certificate_thumbprint": machine.rdp.certificate_thumbprint,
            "readable_keys": sorted(machine.rdp.readable_keys),
        },
        "winrm": {
            "running": machine.winrm.running,
            "start_type": machine.winrm.start_type,
            "listeners": [asdict(listener) for listener in machine.winrm.listeners],
            "auth": asdict(machine.winrm.auth),
            "allow_unencrypted": machine.winrm.allow_unencrypted,
        },
        "firewall": [asdict(rule) for rule in machine.firewall.values()],
        "registry": dict(machine.registry),
        "domain_controller": machine.domain_controller,
    }
