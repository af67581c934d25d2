#!/usr/bin/python
# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_public_ip
short_description: Give an Azure VM a public address, or take it back
version_added: 0.1.0
description:
  - Makes a Standard static IPv4 address and attaches it to one ip configuration of the VM, unless that has one already.
  - Azure replaces a network interface as a whole. The module sends back exactly what it read, with this one reference
    changed, and only if nobody else has changed the interface meanwhile; otherwise it reads again.
  - A public address opens nothing by itself. Standard addresses let in what a security group allows, and nothing
    without one.
author:
  - the azvm.access contributors (@azvm)
extends_documentation_fragment:
  - azvm.access.azure
  - azvm.access.vm
  - azvm.access.vm.interface
  - azvm.access.libraries.compute
  - azvm.access.libraries.network
  - azvm.access.attributes
options:
  state:
    description:
      - V(present) makes and attaches an address. One that is attached already is kept, whatever its SKU.
      - V(absent) detaches and deletes the address that this module made for the VM, which it knows by the tag
        C(azvm.access.vm). Another one is left alone, unless O(name) names it; then it is detached, and kept.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - The name of the public address, in the VM's resource group. Without it C(<vm name>-ip).
      - One of that name that exists and is free is taken. It must be a Standard IPv4 one in the region of the VM.
      - If the VM has an address of another name, a name given here is an error.
    type: str
  domain_name_label:
    description:
      - The first part of a DNS name for the address, unique in its region, such as V(win1-access) for
        C(win1-access.westeurope.cloudapp.azure.com).
      - Without it, a label that is there stays. A label of an address that this module did not make is never changed.
    type: str
  ip_configuration:
    description:
      - Name of the ip configuration, when it is not the primary one of the interface.
    type: str
notes:
  - "Azure actions needed: C(Microsoft.Compute/virtualMachines/read),
    C(Microsoft.Compute/virtualMachines/instanceView/read), C(Microsoft.Network/networkInterfaces/read),
    C(.../write) and what that asks for of all it refers to (C(Microsoft.Network/virtualNetworks/subnets/join/action),
    C(Microsoft.Network/networkSecurityGroups/join/action), C(Microsoft.Network/publicIPAddresses/join/action) and so
    on), C(Microsoft.Network/publicIPAddresses/read), C(.../write), C(.../delete), and
    C(Microsoft.Network/loadBalancers/read) for a VM behind a load balancer."
  - Azure bills Standard addresses, also those of VMs that are deallocated.
seealso:
  - module: azvm.access.rdp_nsg_rule
  - module: azvm.access.access_probe
"""

EXAMPLES = r"""
- name: Give the VM a public address with a DNS name
  azvm.access.vm_public_ip:
    resource_group: my-group
    vm_name: win1
    domain_name_label: win1-access
  register: found
  delegate_to: localhost

- name: Say where it is
  ansible.builtin.debug:
    msg: "{{ found.public_address.fqdn }} ({{ found.public_address.address }})"

- name: Take the address back
  azvm.access.vm_public_ip:
    resource_group: my-group
    vm_name: win1
    state: absent
  delegate_to: localhost
"""

RETURN = r"""
public_address:
  description:
    - The address, as it is now; in check mode, as it would be. What there is not is null.
  type: dict
  returned: success
  contains:
    id:
      description: The resource id of the address.
      type: str
    name:
      description: The name of the address.
      type: str
      sample: win1-ip
    address:
      description:
        - The number. Null in check mode for an address that does not exist, and for a dynamic one while the VM is
          deallocated.
      type: str
      sample: 203.0.113.20
    fqdn:
      description: The DNS name. Null without a label, and in check mode for a label that is not there yet.
      type: str
      sample: win1-access.westeurope.cloudapp.azure.com
    domain_name_label:
      description: The first part of the DNS name.
      type: str
      sample: win1-access
    sku:
      description: The SKU, C(Standard) or C(Basic).
      type: str
      sample: Standard
    allocation_method:
      description: C(Static), or C(Dynamic) for an address that changes when the VM is deallocated.
      type: str
      sample: Static
    made_for_this_vm:
      description: Whether this module made it for this VM, so that O(state=absent) deletes it.
      type: bool
    attached:
      description: Whether it is attached to the ip configuration.
      type: bool
    network_interface:
      description: The resource id of the network interface.
      type: str
    ip_configuration:
      description: The name of the ip configuration.
      type: str
      sample: ipconfig1
failure:
  description: Why the task failed.
  type: dict
  returned: failure
  contains:
    code:
      description: Azure's error code, or one of this collection's.
      type: str
      sample: DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed
    message:
      description: What happened, with the resource.
      type: str
    hint:
      description: What to do next.
      type: str
    details:
      description: More, as data.
      type: dict
"""

from ansible_collections.azvm.access.plugins.module_utils._ansible.arguments import INTERFACE, VM, VM_RULES
from ansible_collections.azvm.access.plugins.module_utils._ansible.runner import run
from ansible_collections.azvm.access.plugins.module_utils._operations import vm_public_ip


def main() -> None:
    run(
        {
            **VM,
            **INTERFACE,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "name": {"type": "str"},
            "domain_name_label": {"type": "str"},
            "ip_configuration": {"type": "str"},
        },
        options=vm_public_ip.Options.from_parameters,
        operation=vm_public_ip.run,
        **VM_RULES,
    )


if __name__ == "__main__":
    main()
