#!/usr/bin/python
# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: winrm_cert_keyvault
short_description: A WinRM certificate in Key Vault, installed in an Azure Windows VM
version_added: 0.1.0
description:
  - Takes the five steps from no certificate to one that the VM has - a key vault, a self-signed certificate, its
    upload, its versioned secret URL, and the reference to that URL in the VM's configuration, which makes Azure install
    it in C(LocalMachine\My).
  - Run it daily - it does nothing until the certificate is within O(renew_before_days) of its end, or until the names
    people connect with change. Then it makes a new version and refers to it beside the old one, which goes on working.
  - The private key exists in the memory of this task and in the vault, nowhere else, and no later run reads it back.
  - The listener that uses the certificate is made by M(azvm.access.vm_winrm_listener) - Azure refuses to change
    the listeners of an existing VM.
author:
  - the azvm.access contributors (@azvm)
extends_documentation_fragment:
  - azvm.access.azure
  - azvm.access.vm
  - azvm.access.vm.interface
  - azvm.access.libraries.compute
  - azvm.access.libraries.network
  - azvm.access.libraries.keyvault
  - azvm.access.libraries.secrets
  - azvm.access.libraries.certificates
  - azvm.access.libraries.cryptography
  - azvm.access.attributes
attributes:
  idempotent:
    support: partial
    details:
      - With O(force_renew=true), each run makes a new version of the certificate.
options:
  state:
    description:
      - V(present) makes sure of vault, certificate and reference.
      - V(absent) takes the VM's reference back, and with O(remove_certificate=true) the certificate as well. Windows
        keeps what was installed; the vault stays.
    type: str
    choices: [present, absent]
    default: present
  vault_name:
    description:
      - The key vault. Without it, a name derived from subscription, resource group and region, always the same for
        them.
    type: str
  vault_resource_group:
    description:
      - The resource group of the vault. Without it, the VM's.
    type: str
  vault_sku:
    description:
      - The kind of a vault that is made.
    type: str
    choices: [standard, premium]
    default: standard
  create_vault:
    description:
      - Make the vault when there is none - in the VM's region, with Azure RBAC as permission model.
    type: bool
    default: true
  recover_deleted:
    description:
      - Bring a soft-deleted vault or certificate of that name back. A certificate that is still good is used again,
        any other renewed. Nothing is ever purged.
    type: bool
    default: true
  vault_channel:
    description:
      - How the certificate reaches the vault. V(data_plane) is the vault's own endpoint and needs a data role such as
        Key Vault Secrets Officer. V(resource_manager) needs Contributor only and passes the vault's firewall.
      - V(auto) uses the first, and the second where the first is closed to the caller.
    type: str
    choices: [auto, data_plane, resource_manager]
    default: auto
  rights_timeout:
    description:
      - Seconds to go on asking when the caller has no right on the vault, or its endpoint does not answer yet. A role
        that was granted moments ago takes a few minutes to act. What a firewall or an access policy refuses is told at
        once.
    type: int
    default: 60
  certificate_name:
    description:
      - The name in the vault. Without it, C(winrm-<vm name>).
      - Several VMs may share one certificate - give them the same name, O(include_vm_names=false) and the same
        O(dns_names) and O(ip_addresses). With the names of each VM in it, every run would renew it for the next.
    type: str
  key_source:
    description:
      - V(controller) makes key and certificate in this task and stores them as a secret.
      - V(vault) has Key Vault make them; the key is never outside the vault and the VM. It needs the data role
        Key Vault Certificates Officer.
    type: str
    choices: [controller, vault]
    default: controller
  key_size:
    description:
      - Bits of the RSA key.
    type: int
    choices: [2048, 3072, 4096]
    default: 2048
  dns_names:
    description:
      - DNS names people connect to, beside those Azure knows. A wildcard such as V(*.example.com) is possible.
    type: list
    elements: str
  ip_addresses:
    description:
      - IP addresses people connect to, beside those Azure knows.
    type: list
    elements: str
  include_vm_names:
    description:
      - Add what Azure knows of the VM - DNS name and address of its public address or, where it has none, of a load
        balancer whose inbound NAT rule leads to it; its private address; its computer name.
    type: bool
    default: true
  validity_days:
    description:
      - How long a new certificate is valid.
    type: int
    default: 365
  renew_before_days:
    description:
      - How many days before its end a certificate is replaced.
    type: int
    default: 30
  force_renew:
    description:
      - Make a new version now. Each run with it makes one.
    type: bool
    default: false
  certificate_store:
    description:
      - The store below C(LocalMachine) that Azure installs the certificate in. WinRM looks in V(My).
    type: str
    default: My
  reference:
    description:
      - Refer to the certificate in the VM's configuration, so that Azure installs it.
        With V(false) only vault and certificate are looked after.
    type: bool
    default: true
  previous_references:
    description:
      - V(keep) leaves the VM's references to older versions, so that a listener that still uses one can be moved first.
      - V(remove) takes them out; do so once the listener uses the new version.
    type: str
    choices: [keep, remove]
    default: keep
  remove_certificate:
    description:
      - With O(state=absent), delete the certificate in the vault as well. It can be recovered as long as the vault
        keeps deleted objects.
      - A VM that refers to a deleted certificate does not start any more. So the task fails with C(CertificateInUse)
        while other VMs of the VM's resource group refer to it; those of other groups, and scale sets, it does not see.
    type: bool
    default: false
notes:
  - "Azure actions needed: C(Microsoft.Compute/virtualMachines/read), C(.../instanceView/read) and C(.../write),
    C(Microsoft.KeyVault/vaults/read), C(.../write) and C(.../deploy/action); unless O(include_vm_names=false),
    C(Microsoft.Network/networkInterfaces/read), C(Microsoft.Network/publicIPAddresses/read), and
    C(Microsoft.Network/loadBalancers/read) for a VM without a public address behind a load balancer; and either the
    role Key Vault Secrets Officer on the vault or C(Microsoft.KeyVault/vaults/secrets/read) and C(.../write).
    O(remove_certificate) also asks for C(Microsoft.Compute/virtualMachines/read) on the resource group.
    Contributor on the resource group is enough. With C(Microsoft.KeyVault/locations/deletedVaults/read) on the
    subscription, what is said about a deleted vault is more precise."
  - The package azure-keyvault-certificates is needed for O(key_source=vault) only.
  - A vault with access policies is used as it is; only C(enabledForDeployment) is switched on, by itself. The caller
    needs the secret permissions list and set (and get, recover and delete to bring back and remove).
  - A VM that Azure is updating is waited for. When its last update failed over a certificate, the update is made again.
seealso:
  - module: azvm.access.vm_winrm_listener
"""

EXAMPLES = r"""
- name: A certificate for WinRM, in a vault that is made on first use
  azvm.access.winrm_cert_keyvault:
    resource_group: my-group
    vm_name: win1
  delegate_to: localhost
  register: winrm

- name: One wildcard certificate for all VMs of a group, in a vault of our own
  azvm.access.winrm_cert_keyvault:
    vm_id: "{{ id }}"
    vault_name: contoso-certificates
    vault_resource_group: security
    certificate_name: winrm-shared
    include_vm_names: false
    dns_names: '*.westeurope.cloudapp.azure.com'
  delegate_to: localhost

- name: After the listener has moved, forget the older versions
  azvm.access.winrm_cert_keyvault:
    resource_group: my-group
    vm_name: win1
    previous_references: remove
  delegate_to: localhost
"""

RETURN = r"""
certificate:
  description:
    - The certificate as it is now; in check mode, as it would be. What only a real run can know is null then.
    - With O(state=absent), RV(certificate.name), RV(certificate.vault), RV(certificate.removed) and
      RV(certificate.references_removed) only.
  type: dict
  returned: success
  contains:
    name:
      description: The name in the vault.
      type: str
      sample: winrm-win1
    common_name:
      description:
        - The subject's common name, which the listener gets as its host name. Where all names are wildcards, it is that
          of the certificate.
      type: str
      sample: win1.westeurope.cloudapp.azure.com
    dns_names:
      description: The DNS names in the certificate.
      type: list
      elements: str
    ip_addresses:
      description: The IP addresses in the certificate.
      type: list
      elements: str
    secret_url:
      description: The versioned URL that the VM refers to.
      type: str
      sample: https://azvm-access-abc.vault.azure.net/secrets/winrm-win1/0123456789abcdef0123456789abcdef
    thumbprint:
      description: SHA-1 thumbprint, as Windows shows it.
      type: str
      sample: 0B5C8C8DD6F4D3E5F4F1B6C0A8A0E6E1D2C3B4A5
    thumbprint_sha256:
      description: SHA-256 thumbprint.
      type: str
    pem:
      description: The public certificate; null where the vault does not tell it.
      type: str
    not_before:
      description: Start of validity, ISO 8601.
      type: str
    not_after:
      description: End of validity, ISO 8601.
      type: str
      sample: '2027-11-20T17:00:00+00:00'
    vault:
      description: The key vault.
      type: dict
      contains:
        id:
          description: Its resource id.
          type: str
        name:
          description: Its name.
          type: str
        uri:
          description: Its endpoint; null in check mode while it does not exist.
          type: str
        location:
          description: Its region.
          type: str
    channel:
      description: The way to the vault that was used, C(data_plane) or C(resource_manager).
      type: str
    renewed:
      description: Whether a new version was made, or would be.
      type: bool
    reason:
      description: Why; null when the current version is good.
      type: str
      sample: it ends on 2026-12-10
    previous:
      description: Secret URLs of older versions that the VM still refers to.
      type: list
      elements: str
    removed:
      description: With O(state=absent), whether the certificate was deleted in the vault.
      type: bool
    references_removed:
      description: With O(state=absent), the secret URLs the VM no longer refers to.
      type: list
      elements: str
failure:
  description: Why the task failed.
  type: dict
  returned: failure
  contains:
    code:
      description: Azure's error code, or one of this collection's.
      type: str
      sample: ForbiddenByRbac
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
from ansible_collections.azvm.access.plugins.module_utils._operations import winrm_cert_keyvault


def main() -> None:
    arguments = {
        **VM,
        **INTERFACE,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "vault_name": {"type": "str"},
        "vault_resource_group": {"type": "str"},
        "vault_sku": {"type": "str", "choices": ["standard", "premium"], "default": "standard"},
        "create_vault": {"type": "bool", "default": True},
        "recover_deleted": {"type": "bool", "default": True},
        "vault_channel": {"type": "str", "choices": ["auto", "data_plane", "resource_manager"], "default": "auto"},
        "rights_timeout": {"type": "int", "default": 60},
        "certificate_name": {"type": "str"},
        "key_source": {"type": "str", "choices": ["controller", "vault"], "default": "controller", "no_log": False},
        "key_size": {"type": "int", "choices": [2048, 3072, 4096], "default": 2048, "no_log": False},
        "dns_names": {"type": "list", "elements": "str"},
        "ip_addresses": {"type": "list", "elements": "str"},
        "include_vm_names": {"type": "bool", "default": True},
        "validity_days": {"type": "int", "default": 365},
        "renew_before_days": {"type": "int", "default": 30},
        "force_renew": {"type": "bool", "default": False},
        "certificate_store": {"type": "str", "default": "My"},
        "reference": {"type": "bool", "default": True},
        "previous_references": {"type": "str", "choices": ["keep", "remove"], "default": "keep"},
        "remove_certificate": {"type": "bool", "default": False},
    }
    run(
        arguments,
        options=winrm_cert_keyvault.Options.from_parameters,
        operation=winrm_cert_keyvault.run,
        **VM_RULES,
    )


if __name__ == "__main__":
    main()
