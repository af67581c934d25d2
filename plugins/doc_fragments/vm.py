# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VM a task is about."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  resource_group:
    description:
      - The resource group of the VM. Needed with O(vm_name).
    type: str
  vm_name:
    description:
      - The name of an existing VM. Either this and O(resource_group), or O(vm_id).
    type: str
  vm_id:
    description:
      - The resource id of the VM; it names the subscription, too.
    type: str
"""

    # For modules that look at one of its network interfaces.
    INTERFACE = r"""
options:
  network_interface:
    description:
      - Name or id of the VM's network interface, when it is not the primary one.
    type: str
"""
