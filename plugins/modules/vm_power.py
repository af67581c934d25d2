#!/usr/bin/python
# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_power
short_description: Start, restart, redeploy, reapply, stop or deallocate an Azure VM
version_added: 0.1.0
description:
  - Brings a VM into a power state, or carries out one of Azure's repairs on it, and waits until that is done.
  - After a start, restart or redeployment it also waits up to five minutes for the VM agent, without which scripts and
    extensions cannot run. If the agent does not report, the task succeeds with a warning.
  - A VM that shall run and whose provisioning state is C(Failed) gets a warning, too.
author:
  - the azvm.access contributors (@azvm)
extends_documentation_fragment:
  - azvm.access.azure
  - azvm.access.vm
  - azvm.access.libraries.compute
  - azvm.access.attributes
attributes:
  idempotent:
    support: partial
    details:
      - V(restarted), V(redeployed) and V(reapplied) are done each time, and reported as a change.
options:
  state:
    description:
      - V(started) starts a VM that does not run.
      - V(running) changes nothing. It waits for a VM that is starting, and fails with C(VmNotRunning) for one that is
        off.
      - V(restarted) restarts Windows. The VM must be running.
      - V(redeployed) moves a running VM to another host, which helps when the host is the trouble.
      - V(reapplied) makes Azure apply the VM's configuration once more, which helps a VM in a failed provisioning
        state.
      - V(stopped) shuts Windows down; the VM keeps its host and is still billed. A deallocated VM counts as stopped.
      - V(deallocated) shuts Windows down and gives up the host; the VM is not billed.
    type: str
    choices: [started, running, restarted, redeployed, reapplied, stopped, deallocated]
    default: started
  confirm:
    description:
      - Must be V(true) for V(redeployed) and V(deallocated), which lose the data on the temporary disk and may change
        dynamic addresses.
    type: bool
    default: false
notes:
  - "Azure actions needed: C(Microsoft.Compute/virtualMachines/read),
    C(Microsoft.Compute/virtualMachines/instanceView/read),
    and C(Microsoft.Compute/virtualMachines/start/action), C(.../restart/action), C(.../redeploy/action),
    C(.../reapply/action), C(.../powerOff/action) or C(.../deallocate/action)."
seealso:
  - module: azvm.access.access_probe
"""

EXAMPLES = r"""
- name: Start the VM if it does not run
  azvm.access.vm_power:
    resource_group: my-group
    vm_name: win1
  delegate_to: localhost

- name: Move the VM to another host
  azvm.access.vm_power:
    resource_group: my-group
    vm_name: win1
    state: redeployed
    confirm: true
  delegate_to: localhost
"""

RETURN = r"""
power:
  description: The VM, as it is now; in check mode, as it would be.
  type: dict
  returned: success
  contains:
    id:
      description: The resource id of the VM.
      type: str
    name:
      description: The name of the VM.
      type: str
      sample: win1
    power_state:
      description: The power state - C(running), C(stopped), C(deallocated), or C(unknown) when Azure does not say.
      type: str
      sample: running
    previous:
      description: The power state that was found.
      type: str
      sample: deallocated
    agent:
      description: The VM agent - C(ready), C(starting), C(unresponsive) or C(missing).
      type: str
      sample: ready
    provisioning_state:
      description: The state of the last change that Azure was asked for.
      type: str
      sample: Succeeded
failure:
  description: Why the task failed.
  type: dict
  returned: failure
  contains:
    code:
      description: Azure's error code, or a name of this collection's.
      type: str
      sample: OperationNotAllowed
    message:
      description: What happened.
      type: str
    hint:
      description: What to do next.
      type: str
    details:
      description: More, such as the HTTP status.
      type: dict
"""

from ansible_collections.azvm.access.plugins.module_utils._ansible.arguments import VM, VM_RULES
from ansible_collections.azvm.access.plugins.module_utils._ansible.runner import run
from ansible_collections.azvm.access.plugins.module_utils._domain.power import ACTIONS
from ansible_collections.azvm.access.plugins.module_utils._operations import vm_power


def main() -> None:
    run(
        {
            **VM,
            "state": {"type": "str", "choices": list(ACTIONS), "default": "started"},
            "confirm": {"type": "bool", "default": False},
        },
        options=vm_power.Options.from_parameters,
        operation=vm_power.run,
        **VM_RULES,
    )


if __name__ == "__main__":
    main()
