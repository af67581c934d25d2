# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules for a listener inside a VM have in common."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  check_mode:
    details:
      - With O(verify=auto), check mode looks from outside only. If what is there does not answer as wanted, it reports
        that it would set it up, even where a look inside would find little or nothing to change. From outside nobody
        sees what is left to take back, so O(state=absent) is always reported as a change then.
      - With O(verify=guest), check mode runs the script that reads, for which a managed Run Command is made and
        removed. Nothing is changed in the VM.
options:
  address:
    description:
      - Where O(verify=auto) connects to. Without it, the VM's public address, else a load balancer's inbound NAT rule
        that leads to O(port), or else its private address.
    type: str
notes:
  - "Azure actions needed: C(Microsoft.Compute/virtualMachines/read),
    C(Microsoft.Compute/virtualMachines/instanceView/read),
    C(Microsoft.Compute/virtualMachines/runCommands/read), C(.../write) and C(.../delete); for O(verify=auto) without
    O(address), also C(Microsoft.Network/networkInterfaces/read) and C(Microsoft.Network/publicIPAddresses/read), and
    for a VM without a public address behind a load balancer C(Microsoft.Network/loadBalancers/read) and, for a NAT rule
    with a range of ports,
    C(Microsoft.Network/loadBalancers/backendAddressPools/queryInboundNatRulePortMapping/action)."
  - The VM must be running and its agent ready. An agent that has just started is waited for.
  - What was changed is noted in the VM's registry, in C(HKLM:\SOFTWARE\azvm.access), until O(state=absent).
"""
