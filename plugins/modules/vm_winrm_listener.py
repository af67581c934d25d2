#!/usr/bin/python
# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_winrm_listener
short_description: Configure the WinRM HTTPS listener inside an Azure Windows VM
version_added: 0.1.0
description:
  - Looks after everything that WinRM over HTTPS needs B(inside) a Windows VM - the HTTPS listener on all addresses,
    bound to one certificate; the WinRM service, running and started with Windows; the session configuration that
    PowerShell remoting needs; Negotiate authentication on, Basic authentication and unencrypted traffic off; the policy
    C(LocalAccountTokenFilterPolicy), without which local administrators other than the built-in one have no rights over
    the network; and one rule of the Windows Firewall named C(azvm-access-winrm-https).
  - It reaches the VM through the Azure agent (managed Run Command), so no port has to be open. The Run Command resource
    is removed afterwards.
  - The certificate must already be in the store C(LocalMachine\My) of the VM, with its private key.
    M(azvm.access.winrm_cert_keyvault) brings it there.
  - Listeners on single addresses, HTTP listeners, and those made by a Group Policy are reported and never touched.
author:
  - the azvm.access contributors (@azvm)
extends_documentation_fragment:
  - azvm.access.azure
  - azvm.access.vm
  - azvm.access.vm.interface
  - azvm.access.listener
  - azvm.access.libraries.compute
  - azvm.access.libraries.network
  - azvm.access.libraries.cryptography
  - azvm.access.attributes
options:
  state:
    description:
      - V(present) makes the listener and what belongs to it as the options say.
      - V(absent) takes back what this module made - the listener if it was made by this module, the firewall rule, and
        the settings it changed, unless somebody changed them since. The service and the session configuration stay.
    type: str
    choices: [present, absent]
    default: present
  certificate_thumbprint:
    description:
      - The SHA-1 thumbprint of the certificate, as Windows shows it. Spaces, colons and case do not matter.
      - Needed for O(state=present), outside check mode.
    type: str
  port:
    description:
      - The port of the listener, 1 to 65535.
    type: int
    default: 5986
  hostname:
    description:
      - The host name of the listener. Windows takes none but the certificate's common name, which is the default.
    type: str
  remote_addresses:
    description:
      - Who the Windows Firewall lets in - addresses and prefixes, V(LocalSubnet), or V(Any). At most 40.
      - Azure's service tags, such as V(VirtualNetwork), are unknown to Windows. With one, which stands alone then, the
        rule admits any address, with a warning, and only the security groups filter.
    type: list
    elements: str
    default: [Any]
  verify:
    description:
      - V(auto) connects to the listener from where the task runs. If it presents the wanted certificate and offers
        Negotiate and not Basic, the module is done, and nothing is run in the VM.
      - V(guest) always looks inside the VM. It takes about half a minute more.
      - From outside nobody sees O(remote_addresses) or the start type of the service, so use V(guest) after a change of
        one of them.
    type: str
    choices: [auto, guest]
    default: auto
notes:
  - An HTTPS listener on all addresses that somebody else made is replaced if it differs - Windows has room for one
    only. It is not put back by O(state=absent).
  - When Windows refuses the new listener, the one that was there is put back.
  - Where the session configuration is missing, C(Enable-PSRemoting) makes it, which also makes the default HTTP
    listener on port 5985. The security groups of the VM decide whether anybody reaches that.
seealso:
  - module: azvm.access.winrm_cert_keyvault
  - module: azvm.access.rdp_nsg_rule
  - module: azvm.access.access_probe
"""

EXAMPLES = r"""
- name: Bind WinRM to the certificate from the vault
  azvm.access.vm_winrm_listener:
    resource_group: my-group
    vm_name: win1
    certificate_thumbprint: "{{ deployed.certificate.thumbprint }}"
    remote_addresses:
      - 203.0.113.7
      - 198.51.100.0/24
  delegate_to: localhost

- name: Look inside the VM, and change nothing
  azvm.access.vm_winrm_listener:
    resource_group: my-group
    vm_name: win1
    certificate_thumbprint: "{{ deployed.certificate.thumbprint }}"
    verify: guest
  delegate_to: localhost
  check_mode: true

- name: Take the listener back
  azvm.access.vm_winrm_listener:
    vm_id: "{{ id }}"
    state: absent
  delegate_to: localhost
"""

RETURN = r"""
listener:
  description:
    - The HTTPS listener and what belongs to it, as it is now; in check mode, as it would be.
    - What was not looked at is null.
  type: dict
  returned: success
  contains:
    present:
      description: Whether there is an HTTPS listener on all addresses.
      type: bool
    address:
      description: The address the listener belongs to, always C(*).
      type: str
      sample: '*'
    transport:
      description: Always C(HTTPS).
      type: str
      sample: HTTPS
    port:
      description: The port.
      type: int
      sample: 5986
    hostname:
      description: The host name of the listener.
      type: str
      sample: win1
    thumbprint:
      description: The SHA-1 thumbprint of its certificate, in upper case.
      type: str
      sample: 2FD4E1C67A2D28FCED849EE1BB76E7391B93EB12
    enabled:
      description: Whether it is enabled.
      type: bool
    service:
      description: The WinRM service.
      type: dict
      contains:
        status:
          description: The status.
          type: str
          sample: Running
        start_type:
          description: How it is started.
          type: str
          sample: Automatic
    auth:
      description: Which ways to sign in the service offers.
      type: dict
      contains:
        basic:
          description: Name and password with every request.
          type: bool
        kerberos:
          description: Kerberos.
          type: bool
        negotiate:
          description: Negotiate, which includes NTLM.
          type: bool
        certificate:
          description: Client certificates.
          type: bool
        credssp:
          description: CredSSP.
          type: bool
    allow_unencrypted:
      description: Whether the service allows unencrypted traffic.
      type: bool
    firewall:
      description: The rule of the Windows Firewall.
      type: dict
      contains:
        name:
          description: Its name, always the same.
          type: str
          sample: azvm-access-winrm-https
        enabled:
          description: Whether it is enabled.
          type: bool
        profile:
          description: The network profiles it is for.
          type: str
          sample: Any
        local_ports:
          description: The ports.
          type: list
          elements: str
          sample: ['5986']
        remote_addresses:
          description: Who it lets in.
          type: list
          elements: str
          sample: [203.0.113.7]
    foreign:
      description: The other listeners - on single addresses, without TLS, or made by a Group Policy.
      type: list
      elements: dict
      sample:
        - address: '*'
          transport: HTTP
          port: 5985
          hostname: ''
          enabled: true
          thumbprint: ''
          source: ''
    verified_by:
      description: Where this is known from - V(probe), V(guest), or null in check mode without a look inside.
      type: str
      sample: probe
failure:
  description: Why the task failed.
  type: dict
  returned: failure
  contains:
    code:
      description: Azure's error code, or a name of this collection's.
      type: str
      sample: CertificateNotInstalled
    message:
      description: What happened.
      type: str
    hint:
      description: What to do next.
      type: str
    details:
      description: More, such as the answer of the script in the VM.
      type: dict
"""

from ansible_collections.azvm.access.plugins.module_utils._ansible.arguments import INTERFACE, VM, VM_RULES
from ansible_collections.azvm.access.plugins.module_utils._ansible.runner import run
from ansible_collections.azvm.access.plugins.module_utils._operations import vm_winrm_listener


def main() -> None:
    run(
        {
            **VM,
            **INTERFACE,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "certificate_thumbprint": {"type": "str"},
            "port": {"type": "int", "default": 5986},
            "hostname": {"type": "str"},
            "remote_addresses": {"type": "list", "elements": "str", "default": ["Any"]},
            "verify": {"type": "str", "choices": ["auto", "guest"], "default": "auto"},
            "address": {"type": "str"},
        },
        options=vm_winrm_listener.Options.from_parameters,
        operation=vm_winrm_listener.run,
        **VM_RULES,
    )


if __name__ == "__main__":
    main()
