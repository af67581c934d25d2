#!/usr/bin/python
# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rdp_nsg_rule
short_description: Open a management port of an Azure VM in its network security groups
version_added: 0.1.0
description:
  - Keeps one inbound allow rule for Remote Desktop, WinRM or another port on B(every) network security group that
    guards a VM - the one of its network interface and the one of its subnet, since Azure asks both.
  - Only that one rule is written. The other rules of the group are never part of a request, so many tasks may work on
    one group at the same time.
  - Access may be for a limited time. Azure's rules have no end of their own, so the rule says in its description until
    when it is meant to last, and O(state=expired_absent) takes it away afterwards.
author:
  - the azvm.access contributors (@azvm)
extends_documentation_fragment:
  - azvm.access.azure
  - azvm.access.vm
  - azvm.access.vm.interface
  - azvm.access.libraries.compute
  - azvm.access.libraries.network
  - azvm.access.attributes
attributes:
  idempotent:
    support: partial
    details:
      - With O(extend=true), each run gives the rule more time.
options:
  state:
    description:
      - V(present) makes the rule what the options say, V(absent) removes it.
      - V(expired_absent) removes every rule whose time is over (O(expires_after)) from the groups that guard the VM,
        for whichever VM and port it was made. Run it regularly; nothing else closes the port. Rules without a limit and
        rules that this collection did not make stay. Of the other options, only O(network_interface) counts.
    type: str
    choices: [present, absent, expired_absent]
    default: present
  port:
    description:
      - The port to open, 1 to 65535.
    type: int
    default: 3389
  protocol:
    description:
      - The protocol of the rule.
    type: str
    choices: [Tcp, Udp, '*']
    default: Tcp
  sources:
    description:
      - Where the port may be reached from - addresses, prefixes such as V(198.51.100.0/24), or one service tag
        such as V(VirtualNetwork).
      - Needed for O(state=present); there is no default, so that nothing is opened to the world by accident.
    type: list
    elements: str
  allow_any_source:
    description:
      - Must be V(true) when O(sources) holds V(*), V(Internet), V(0.0.0.0/0) or V(::/0).
    type: bool
    default: false
  name:
    description:
      - The name of the rule. One that is there and was not made by this module is taken over; one that this module made
        for another VM is refused while the group guards others.
      - Without it, C(Port_<port>) where the group guards only this VM, else C(Port_<port>_<vm name>), and C(_Udp)
        behind the port for O(protocol=Udp). A further network interface and application security groups stand in the
        name as the VM does. A rule of that name that this module did not make for this VM is refused.
      - With O(state=absent), a rule of this name that this module did not make for this VM is refused, never removed.
    type: str
  priority:
    description:
      - The priority, 100 to 4096. Without it, a rule that is there keeps its own, and a new one gets a free one in
        front of every Deny that would hold its traffic.
    type: int
  description:
    description:
      - The text of the rule. A mark with the VM's name is added to it, by which later runs know their rule, and the end
        of its time where it has one.
    type: str
  expires_after:
    description:
      - How long the rule is meant to last - a number and V(m), V(h) or V(d), such as V(90m), V(8h) or V(2d), from
        5 minutes to 366 days. It is counted from the run that makes the rule, by Azure's clock.
      - A later run keeps the end that is set, and changes nothing; one that asks for less than is left brings it
        forward. See O(extend) for more time. A rule whose time is over gets a new end when it is asked for again.
      - Without it, the rule has no end; a rule that had one loses it.
      - The port stays open until O(state=expired_absent) or O(state=absent) removes the rule.
    type: str
  extend:
    description:
      - Count O(expires_after) from this run even where the rule has time left.
      - Each such run changes the rule.
    type: bool
    default: false
  allow_jit_override:
    description:
      - Write the rule even where a just-in-time access policy of Defender for Cloud manages O(port) of this VM.
        Without it the task fails with C(JitPolicyCoversPort), since a rule beside the policy silently defeats it;
        request access instead.
      - The policies are read when a rule is to be written. Where they can't be read, the task warns and goes on.
      - They may be younger than the rule. So a rule without an end that is there already, and that a policy is
        defeated by, is kept with a warning; that costs each run one read, which V(true) saves.
    type: bool
    default: false
  public_address_follows:
    description:
      - A VM without a public address is about to get one (M(azvm.access.vm_public_ip)). Where no security group guards
        it, the task then fails with C(NoSecurityGroup) before the address is paid for, which would let nothing in.
    type: bool
    default: false
  destination:
    description:
      - V(vm) names the VM's private addresses in groups that guard others, too.
      - V(any) makes one rule for all VMs behind the group.
      - V(application_security_groups) names O(application_security_groups).
    type: str
    choices: [vm, any, application_security_groups]
    default: vm
  application_security_groups:
    description:
      - Resource ids of application security groups the network interface belongs to.
    type: list
    elements: str
notes:
  - "Azure actions needed: C(Microsoft.Compute/virtualMachines/read),
    C(Microsoft.Compute/virtualMachines/instanceView/read), C(Microsoft.Network/networkInterfaces/read),
    C(Microsoft.Network/virtualNetworks/subnets/read), C(Microsoft.Network/networkSecurityGroups/read),
    C(Microsoft.Network/networkSecurityGroups/securityRules/write) and C(.../delete); where no security group guards the
    VM, C(Microsoft.Network/publicIPAddresses/read) and C(Microsoft.Network/loadBalancers/read); and, to notice
    just-in-time access, C(Microsoft.Security/locations/jitNetworkAccessPolicies/read)."
  - A change acts on new connections only; those that are open stay open.
seealso:
  - module: azvm.access.access_probe
"""

EXAMPLES = r"""
- name: Let the office reach Remote Desktop
  azvm.access.rdp_nsg_rule:
    resource_group: my-group
    vm_name: win1
    sources: 203.0.113.7
  delegate_to: localhost

- name: Let the controller reach WinRM over HTTPS on every VM of the play
  azvm.access.rdp_nsg_rule:
    vm_id: "{{ id }}"
    port: 5986
    sources:
      - 198.51.100.0/24
      - 203.0.113.7
  delegate_to: localhost

- name: Let the support sign in until tonight
  azvm.access.rdp_nsg_rule:
    resource_group: my-group
    vm_name: win1
    name: Support
    sources: 203.0.113.7
    expires_after: 8h
  delegate_to: localhost

- name: Remove the rules whose time is over, every quarter of an hour
  azvm.access.rdp_nsg_rule:
    resource_group: my-group
    vm_name: win1
    state: expired_absent
  delegate_to: localhost

- name: Close it again
  azvm.access.rdp_nsg_rule:
    resource_group: my-group
    vm_name: win1
    port: 5986
    state: absent
  delegate_to: localhost
"""

RETURN = r"""
rule:
  description: The opening, as it is now; in check mode, as it would be.
  type: dict
  returned: success
  contains:
    port:
      description: The port.
      type: int
      returned: O(state) is not V(expired_absent)
      sample: 3389
    protocol:
      description: The protocol.
      type: str
      returned: O(state) is not V(expired_absent)
      sample: Tcp
    sources:
      description: Where the port may be reached from, sorted.
      type: list
      elements: str
      returned: O(state) is not V(expired_absent)
      sample: [203.0.113.7]
    groups:
      description: One entry for each security group that guards the VM, the subnet's first.
      type: list
      elements: dict
      contains:
        id:
          description: The resource id of the security group.
          type: str
        name:
          description: The name of the security group.
          type: str
        levels:
          description: Where the group stands, C(subnet), C(nic) or both.
          type: list
          elements: str
        changed:
          description: Whether something was changed in this group, or would be.
          type: bool
        rule:
          description: The rule; null when there is none, as after O(state=absent), and for O(state=expired_absent).
          type: dict
          contains:
            id:
              description: The resource id of the rule.
              type: str
            name:
              description: The name of the rule.
              type: str
              sample: Port_3389
            priority:
              description: The priority.
              type: int
              sample: 1000
            access:
              description: Always C(Allow).
              type: str
            direction:
              description: Always C(Inbound).
              type: str
            protocol:
              description: The protocol.
              type: str
            sources:
              description: Source prefixes or tags, sorted; tags in lower case.
              type: list
              elements: str
            source_ports:
              description: Source ports, V(*) for any.
              type: list
              elements: str
            destinations:
              description: Destination prefixes, or ids of application security groups, sorted.
              type: list
              elements: str
            ports:
              description: Destination ports.
              type: list
              elements: str
            description:
              description: The text of the rule with the mark of its VM.
              type: str
            until:
              description: When its time is over, in UTC; null for a rule without an end.
              type: str
              sample: "2026-11-20T18:30:00Z"
        expired:
          description: The rules that were removed, or would be, each as in RV(rule.groups[].rule).
          type: list
          elements: dict
          returned: O(state=expired_absent)
failure:
  description: Why the task failed.
  type: dict
  returned: failure
  contains:
    code:
      description: Azure's error code, or one of this collection's.
      type: str
      sample: ShadowedByDeny
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
from ansible_collections.azvm.access.plugins.module_utils._operations import rdp_nsg_rule


def main() -> None:
    arguments = {
        **VM,
        **INTERFACE,
        "state": {"type": "str", "choices": ["present", "absent", "expired_absent"], "default": "present"},
        "port": {"type": "int", "default": 3389},
        "protocol": {"type": "str", "choices": ["Tcp", "Udp", "*"], "default": "Tcp"},
        "sources": {"type": "list", "elements": "str"},
        "allow_any_source": {"type": "bool", "default": False},
        "name": {"type": "str"},
        "priority": {"type": "int"},
        "description": {"type": "str"},
        "expires_after": {"type": "str"},
        "extend": {"type": "bool", "default": False},
        "allow_jit_override": {"type": "bool", "default": False},
        "public_address_follows": {"type": "bool", "default": False},
        "destination": {
            "type": "str",
            "choices": ["vm", "any", "application_security_groups"],
            "default": "vm",
        },
        "application_security_groups": {"type": "list", "elements": "str"},
    }
    run(
        arguments,
        options=rdp_nsg_rule.Options.from_parameters,
        operation=rdp_nsg_rule.run,
        **{
            **VM_RULES,
            "required_if": [("destination", "application_security_groups", ["application_security_groups"])],
        },
    )


if __name__ == "__main__":
    main()
