#!/usr/bin/python
# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_access_reset
short_description: Reset the Remote Desktop configuration or an administrator's password of an Azure Windows VM
version_added: 0.1.0
description:
  - Gets people back into a VM they are locked out of, by way of the VM agent and the extension VMAccess. No network
    access to the VM is needed.
  - A reset of the configuration enables Remote Desktop, starts its service and opens port 3389 in Windows Firewall.
    It can't help when a security group keeps people out; see M(azvm.access.rdp_nsg_rule).
  - A reset of a password sets it, enables the account if need be, makes it if there is none, and lets it in over
    Remote Desktop. The account is a local administrator.
  - Azure allows one VMAccess extension per VM. One that is there is used, whatever its name and state.
  - Everything that can be checked beforehand is - a VM that is off, an agent that does not report, user names and
    passwords that Windows would refuse.
author:
  - the azvm.access contributors (@azvm)
extends_documentation_fragment:
  - azvm.access.azure
  - azvm.access.vm
  - azvm.access.libraries.compute
  - azvm.access.libraries.network
  - azvm.access.libraries.secrets
  - azvm.access.libraries.cryptography
  - azvm.access.attributes
attributes:
  idempotent:
    support: partial
    details:
      - A reset of the configuration is an action. It is done each time, and reported as a change, unless
        O(only_if_unreachable=true) and Remote Desktop answers.
      - A password is set when it is not the one that this module set last on this VM. It keeps a marker in the
        extension for that, see the notes. A password that was changed inside Windows is not noticed; use O(force).
      - There is one marker per VM. Two tasks for two accounts of one VM set both passwords each time.
options:
  state:
    description:
      - V(present) resets.
      - V(absent) removes the extension. The VM keeps its configuration and passwords; the marker is lost with the
        extension, so the next run sets the password again.
    type: str
    choices: [present, absent]
    default: present
  mode:
    description:
      - What to reset. V(both) sets the password whenever it resets the configuration.
    type: str
    choices: [configuration, password, both]
    default: configuration
  username:
    description:
      - The account whose password is set, without a domain or computer name. Without it, the administrator that Azure
        made with the VM.
    type: str
  allow_other_user:
    description:
      - Must be V(true) when O(username) is not the administrator that Azure made with the VM. VMAccess makes a new
        local administrator of an unknown name, and changes the password of another administrator without asking.
    type: bool
    default: false
  password:
    description:
      - The new password. Prefer O(password_secret) or O(generate) - a password in a vault does not pass through
        playbooks, and its marker says nothing about it.
    type: str
  password_secret:
    description:
      - The vault's secret that holds the new password - its URL (with or without a version), or its name in
        O(vault_name).
      - With O(generate=true), the secret that is given new versions. Without it, C(password-<vm name>).
    type: str
  vault_name:
    description:
      - The key vault of O(password_secret).
    type: str
  generate:
    description:
      - Keep the password in the vault and make one when there is none. With O(force=true), always make a new one.
      - A new password is first written to the vault as a new version of the secret, then set in the VM. If the reset
        fails and the VM surely has its former password, that is written to the vault again as the current version, the
        new version is disabled, and the error says so. If the VM may have taken the new one (the agent fell silent,
        time ran out), the new version stays current, the error names both versions, and the next run sets the password
        that the secret holds.
      - The secret must have been made by this module for this VM and account.
    type: bool
    default: false
  password_length:
    description:
      - Characters of a generated password, 8 to 123.
    type: int
    default: 24
  only_if_unreachable:
    description:
      - Reset the configuration only if Remote Desktop does not answer where this task runs, as
        M(azvm.access.access_probe) would find. With O(mode=both), a password that is not set yet is set in any case.
    type: bool
    default: false
  rdp_port:
    description:
      - The port that O(only_if_unreachable) tries. VMAccess itself knows only 3389.
    type: int
    default: 3389
  force:
    description:
      - Set the password even if it was set before, and with O(generate=true) make a new one. Reset the configuration
        even if Remote Desktop answers.
      - Also tries again on a VM that the last reset found to be a domain controller.
    type: bool
    default: false
notes:
  - "Azure actions needed: C(Microsoft.Compute/virtualMachines/read),
    C(Microsoft.Compute/virtualMachines/instanceView/read), C(Microsoft.Compute/virtualMachines/extensions/read) and
    C(.../write), or C(.../delete) for O(state=absent). For O(only_if_unreachable) also
    C(Microsoft.Network/networkInterfaces/read) and C(Microsoft.Network/publicIPAddresses/read), and for a VM without a
    public address behind a load balancer C(Microsoft.Network/loadBalancers/read) and, for a NAT rule with a range of
    ports, C(Microsoft.Network/loadBalancers/backendAddressPools/queryInboundNatRulePortMapping/action)."
  - Of the packages, azure-mgmt-network and cryptography are needed for O(only_if_unreachable) only, and
    azure-keyvault-secrets for O(password_secret) and O(generate).
  - A password in a vault needs the role Key Vault Secrets User on the vault, a generated one Key Vault Secrets Officer.
    The vault's own endpoint is used.
  - "The marker is part of the extension's C(forceUpdateTag), which everybody can read who may read the VM. For a
    password from a vault it is a digest of the secret's versioned URL and says nothing about the password. For
    O(password) it is 32 bits of a salted scrypt digest - each guess costs a reader tens of milliseconds and one in four
    billion passwords fits, so a good password stays unknown, but one that is easily guessed can be confirmed."
  - A portal or Azure CLI reset replaces the marker, so the next run sets the password again.
  - The password reaches Azure in the extension's protected settings only, which Azure encrypts and never returns.
  - On its way to this module, O(password) is for a moment in a file of Ansible's that only its user can read. The
    variable C(ansible_pipelining=true) spares that.
  - VMAccess does not work on domain controllers. What else can go wrong is in RV(failure.details) as C(cause), with the
    next step in RV(failure.hint).
  - After a password reset, run the extension AADLoginForWindows again if people sign in with Entra accounts.
  - Two runs at once follow each other; the later password wins.
seealso:
  - module: azvm.access.access_probe
  - module: azvm.access.vm_power
  - name: Reset Remote Desktop Services or its administrator password in a Windows VM
    description: What VMAccess does, by Microsoft.
    link: https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/reset-rdp
"""

EXAMPLES = r"""
- name: Switch Remote Desktop on again
  azvm.access.vm_access_reset:
    resource_group: my-group
    vm_name: win1
  delegate_to: localhost

- name: The same, but only if nobody gets in
  azvm.access.vm_access_reset:
    resource_group: my-group
    vm_name: win1
    only_if_unreachable: true
  delegate_to: localhost

- name: Give the administrator a new password that only the vault knows
  azvm.access.vm_access_reset:
    resource_group: my-group
    vm_name: win1
    mode: password
    generate: true
    force: true
    vault_name: my-vault
  delegate_to: localhost

- name: Set the password that a vault holds
  azvm.access.vm_access_reset:
    vm_id: "{{ id }}"
    mode: both
    password_secret: https://my-vault.vault.azure.net/secrets/win1-admin
  delegate_to: localhost

- name: Make a second administrator
  azvm.access.vm_access_reset:
    resource_group: my-group
    vm_name: win1
    mode: password
    username: rescue
    allow_other_user: true
    password: "{{ rescue_password }}"
  delegate_to: localhost

- name: Leave nothing behind
  azvm.access.vm_access_reset:
    resource_group: my-group
    vm_name: win1
    state: absent
  delegate_to: localhost
"""

RETURN = r"""
reset:
  description:
    - What was done; in check mode, what would be. Never a password.
    - With O(state=absent), RV(reset.extension.name), RV(reset.extension.existed) and RV(reset.removed) only.
  type: dict
  returned: success
  contains:
    mode:
      description: The option.
      type: str
      sample: both
    performed:
      description: The parts that were reset - C(configuration), C(password); empty when there was nothing to do.
      type: list
      elements: str
      sample: [password]
    reason:
      description: Why, or why not.
      type: str
      sample: this password was not set before
    user:
      description: The account; null when no password is concerned.
      type: str
      sample: azureuser
    message:
      description: What VMAccess reported; null when it said nothing.
      type: str
    extension:
      description: The extension.
      type: dict
      contains:
        name:
          description: Its name on the VM; null when there is none.
          type: str
          sample: enablevmaccess
        existed:
          description: Whether it was there before.
          type: bool
        version:
          description: The version in the VM, or the one asked for when the agent does not say.
          type: str
          sample: 2.4.10
        provisioning_state:
          description: Its state now; null when only a real run can know.
          type: str
          sample: Succeeded
        previous_state:
          description: Its state before; null when it was not there.
          type: str
          sample: Failed
    password:
      description: Where the password came from; null with O(mode=configuration).
      type: dict
      contains:
        source:
          description: C(option), C(vault) or C(generated).
          type: str
        generated:
          description: Whether a new password was made, or would be.
          type: bool
        secret:
          description: The secret in the vault; null for C(option).
          type: dict
          contains:
            vault_uri:
              description: The vault's endpoint.
              type: str
              sample: https://my-vault.vault.azure.net/
            name:
              description: The secret's name.
              type: str
            url:
              description: The URL of the version whose value is the password; null for one that is still to be made.
              type: str
            previous_url:
              description: The URL of the version that was current before a new one was made.
              type: str
            restored:
              description: After a failed reset (in RV(failure.details)), whether the former password is the current
                version again; null when that was not called for.
              type: bool
    probe:
      description: What M(azvm.access.access_probe) found; null without O(only_if_unreachable).
      type: dict
    removed:
      description: With O(state=absent), whether there was an extension to remove.
      type: bool
failure:
  description: Why the task failed.
  type: dict
  returned: failure
  contains:
    code:
      description: Azure's error code, or a name of this collection's.
      type: str
      sample: VMExtensionProvisioningError
    message:
      description: What happened, and what became of a password in a vault.
      type: str
    hint:
      description: What to do next.
      type: str
    details:
      description: More, such as C(cause) (for example C(PasswordPolicy)), C(report) (VMAccess's own words),
        C(extension) and C(password) (as RV(reset.password)).
      type: dict
"""

from ansible_collections.azvm.access.plugins.module_utils._ansible.arguments import VM, VM_RULES
from ansible_collections.azvm.access.plugins.module_utils._ansible.runner import run
from ansible_collections.azvm.access.plugins.module_utils._operations import vm_access_reset


def main() -> None:
    arguments = {
        **VM,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "mode": {"type": "str", "choices": ["configuration", "password", "both"], "default": "configuration"},
        "username": {"type": "str"},
        "allow_other_user": {"type": "bool", "default": False},
        "password": {"type": "str", "no_log": True},
        "password_secret": {"type": "str", "no_log": False},
        "vault_name": {"type": "str"},
        "generate": {"type": "bool", "default": False},
        "password_length": {"type": "int", "default": 24, "no_log": False},
        "only_if_unreachable": {"type": "bool", "default": False},
        "rdp_port": {"type": "int", "default": 3389},
        "force": {"type": "bool", "default": False},
    }
    run(arguments, options=vm_access_reset.Options.from_parameters, operation=vm_access_reset.run, **VM_RULES)


if __name__ == "__main__":
    main()
