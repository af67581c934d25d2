# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that modules share; documented in the fragments of the same names."""

from __future__ import annotations

import typing as t

Arguments = dict[str, dict[str, t.Any]]

# doc_fragments/azure.py
AZURE: Arguments = {
    "subscription_id": {"type": "str"},
    "tenant": {"type": "str"},
    "client_id": {"type": "str"},
    "secret": {"type": "str", "no_log": True},
    "auth_source": {"type": "str", "choices": ["auto", "cli", "credential_file", "env", "msi"]},
    "profile": {"type": "str"},
    "cloud_environment": {"type": "str"},
    "timeout": {"type": "int", "default": 1200},
    "poll_interval": {"type": "float", "default": 5.0},
}

# doc_fragments/vm.py
VM: Arguments = {
    "resource_group": {"type": "str"},
    "vm_name": {"type": "str"},
    "vm_id": {"type": "str"},
}

INTERFACE: Arguments = {"network_interface": {"type": "str"}}

VM_RULES: dict[str, t.Any] = {
    "required_one_of": [("vm_id", "vm_name")],
    # Not the other way round: module_defaults may name the resource group for tasks that have a vm_id.
    "required_by": {"vm_name": ["resource_group"]},
    "mutually_exclusive": [("vm_id", "vm_name")],
}
