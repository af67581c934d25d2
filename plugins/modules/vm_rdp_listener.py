#!/usr/bin/python
# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_rdp_listener
short_description: Configure Remote Desktop inside an Azure Windows VM
version_added: 0.1.0
description:
  - Looks after everything that Remote Desktop needs B(inside) a Windows VM - remote connections allowed
    (C(fDenyTSConnections)); the service C(TermService), running and started with Windows; the certificate that the
    listener C(RDP-Tcp) presents, and the right of C(NETWORK SERVICE) to read its private key; network level
    authentication; the security layer; the port; and one rule of the Windows Firewall named C(azvm-access-rdp).
  - With a certificate that clients know, the warning that the identity of the VM can't be verified disappears.
  - It reaches the VM through the Azure agent (managed Run Command), so no port has to be open. The Run Command resource
    is removed afterwards.
  - The certificate must already be in the store C(LocalMachine\My) of the VM, with its private key.
    M(azvm.access.winrm_cert_keyvault) brings it there.
  - What a Group Policy fixes is reported in RV(listener.fixed_by_policy), with a warning where it is not as wanted, and
    left alone. Only a policy that keeps Remote Desktop off is an error.
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
      - V(present) allows Remote Desktop and sets what belongs to it as the options say.
      - V(absent) takes back what this module made - Windows presents its own certificate again, the settings become
        what they were before, unless somebody changed them since, and the firewall rule and the right to read the key
        go. A certificate that somebody else bound stays, and so does the service.
    type: str
    choices: [present, absent]
    default: present
  certificate_thumbprint:
    description:
      - The SHA-1 thumbprint of the certificate, as Windows shows it. Spaces, colons and case do not matter.
      - Its extended key usage must be server authentication or Remote Desktop authentication.
      - Without it, Remote Desktop keeps the certificate it has.
    type: str
  network_level_authentication:
    description:
      - Whether clients must sign in before they get a session (NLA).
      - Without it, this stays as it is.
    type: bool
  security_layer:
    description:
      - What protects the connection - V(tls) only; V(negotiate), which means TLS for clients that have it; or V(rdp),
        RDP's own encryption, which presents no certificate and excludes network level authentication.
      - Without it, this stays as it is.
    type: str
    choices: [rdp, negotiate, tls]
  port:
    description:
      - The port of the listener, 1 to 65535. A change restarts C(TermService), which B(ends all sessions).
      - Without it, the port stays as it is, and O(verify=auto) asks at port 3389.
    type: int
  remote_addresses:
    description:
      - Who the rule C(azvm-access-rdp) of the Windows Firewall lets in - addresses and prefixes, V(LocalSubnet), or
        V(Any). At most 40.
      - Windows' own rules for port 3389 are left as they are, with a warning where they may let in more than these.
      - Azure's service tags, such as V(VirtualNetwork), are unknown to Windows. With one, which stands alone then, the
        rule admits any address, with a warning, and only the security groups filter.
    type: list
    elements: str
    default: [Any]
  verify:
    description:
      - V(auto) connects to Remote Desktop from where the task runs, without signing in. If it presents the wanted
        certificate and has the wanted network level authentication, the module is done, and nothing is run in the VM.
      - V(guest) always looks inside the VM. It takes about half a minute more.
      - From outside nobody sees O(remote_addresses) or the start type of the service, so use V(guest) after a change of
        them. O(security_layer) shows only where network level authentication is not required; elsewhere V(auto) looks
        inside as well.
    type: str
    choices: [auto, guest]
    default: auto
notes:
  - Inside, Windows PowerShell 5.1 and .NET Framework 4.6 or later are needed, which Windows Server 2016 has.
  - The security groups of the VM are the business of M(azvm.access.rdp_nsg_rule), also after a change of O(port).
  - New connections use a newly bound certificate. O(state=absent) restarts C(TermService) if it takes a certificate
    back, because its key may no longer be readable then; this B(ends all sessions).
  - When C(TermService) does not start with the new port, the former one is put back.
  - The scripts have been rehearsed on a model of Windows only.
seealso:
  - module: azvm.access.winrm_cert_keyvault
  - module: azvm.access.rdp_nsg_rule
  - module: azvm.access.access_probe
  - module: azvm.access.vm_access_reset
"""

EXAMPLES = r"""
- name: Let Remote Desktop present the certificate from the vault
  azvm.access.vm_rdp_listener:
    resource_group: my-group
    vm_name: win1
    certificate_thumbprint: "{{ deployed.certificate.thumbprint }}"
    network_level_authentication: true
  delegate_to: localhost

- name: Move Remote Desktop to another port
  azvm.access.vm_rdp_listener:
    resource_group: my-group
    vm_name: win1
    port: 3390
    remote_addresses:
      - 203.0.113.7
  delegate_to: localhost

- name: Look inside the VM, and change nothing
  azvm.access.vm_rdp_listener:
    resource_group: my-group
    vm_name: win1
    verify: guest
  delegate_to: localhost
  check_mode: true

- name: Go back to what was there before
  azvm.access.vm_rdp_listener:
    vm_id: "{{ id }}"
    state: absent
  delegate_to: localhost
"""

RETURN = r"""
listener:
  description:
    - Remote Desktop as it is now; in check mode, as it would be.
    - What was not looked at is null.
  type: dict
  returned: success
  contains:
    enabled:
      description: Whether remote connections are allowed.
      type: bool
    port:
      description: The port.
      type: int
      sample: 3389
    thumbprint:
      description: The SHA-1 thumbprint of the certificate that it presents, in upper case.
      type: str
      sample: 2FD4E1C67A2D28FCED849EE1BB76E7391B93EB12
    certificate_source:
      description:
        - Whose certificate that is - C(own) for the one that Windows made for itself, C(custom) for one that was bound,
          C(policy) for one that a Group Policy fixes, C(invalid) for none that works.
      type: str
      sample: custom
    network_level_authentication:
      description: Whether clients must sign in before they get a session.
      type: bool
    security_layer:
      description: What protects the connection.
      type: str
      sample: negotiate
    private_key_readable:
      description: Whether Remote Desktop may read the key of the wanted certificate; null when that can't be told.
      type: bool
    service:
      description: The service C(TermService).
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
    firewall:
      description: The rule of the Windows Firewall.
      type: dict
      contains:
        name:
          description: Its name, always the same.
          type: str
          sample: azvm-access-rdp
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
          sample: ['3389']
        remote_addresses:
          description: Who it lets in.
          type: list
          elements: str
          sample: [203.0.113.7]
    fixed_by_policy:
      description:
        - What a Group Policy fixes - C(certificate), C(enabled), C(network_level_authentication), C(security_layer).
      type: list
      elements: str
      sample: []
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
from ansible_collections.azvm.access.plugins.module_utils._operations import vm_rdp_listener


def main() -> None:
    run(
        {
            **VM,
            **INTERFACE,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "certificate_thumbprint": {"type": "str"},
            "network_level_authentication": {"type": "bool"},
            "security_layer": {"type": "str", "choices": ["rdp", "negotiate", "tls"]},
            "port": {"type": "int"},
            "remote_addresses": {"type": "list", "elements": "str", "default": ["Any"]},
            "verify": {"type": "str", "choices": ["auto", "guest"], "default": "auto"},
            "address": {"type": "str"},
        },
        options=vm_rdp_listener.Options.from_parameters,
        operation=vm_rdp_listener.run,
        **VM_RULES,
    )


if __name__ == "__main__":
    main()
