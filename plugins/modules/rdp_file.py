#!/usr/bin/python
# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rdp_file
short_description: Write a .rdp file for a VM, signed on request
version_added: 0.1.0
description:
  - Writes the file that people double-click to sign in to a Windows VM. It does what the portal's download and
    C(Get-AzRemoteDesktopFile) do, and also knows private addresses, other network interfaces, other ports, the account,
    and a publisher's signature.
  - The file is private (mode 0600), written whole or not at all, and as a client of Windows reads it - plain ASCII as
    UTF-8 without byte order mark, a signed file and anything else as UTF-16 with one.
  - Nothing of the client's machine is shared with the VM unless O(redirect) says so. There is never a password in it.
  - A file that somebody edited, or that comes from elsewhere, is kept, with a warning that names what is different.
    The module knows its own files by a line C(azvm access digest) with a checksum of the settings, which clients
    ignore. O(overwrite) replaces any file.
  - With O(sign_with), Windows shows the publisher's name instead of an unknown publisher once it trusts the publisher's
    certificate. A file that the same certificate has signed and whose settings are the wanted ones is not signed again.
author:
  - the azvm.access contributors (@azvm)
extends_documentation_fragment:
  - azvm.access.azure
  - azvm.access.vm
  - azvm.access.vm.interface
  - azvm.access.attributes
options:
  dest:
    description:
      - The file to write, or a folder (one that exists, or a name that ends with a slash), where it gets the name of
        the VM, or else of O(address), and the ending C(.rdp).
      - The folder must exist unless O(create_folder=true). A symbolic link is followed.
    type: path
    required: true
  create_folder:
    description:
      - Make the folders of O(dest) and O(publisher_folder) where they are missing, for their owner only (mode 0700).
    type: bool
    default: false
  address:
    description:
      - Host name or IP address to connect to. Then Azure is asked nothing about the VM, O(vm_name) only names the file,
        and O(address_type) and O(network_interface) have no effect.
      - Without it, the address of the VM is looked up. The VM need not run for that.
    type: str
  address_type:
    description:
      - Which address of the VM to connect to. V(auto) is the DNS name of its public address, or else the public
        address, or else the private one.
      - V(fqdn) is the DNS name of the public address.
      - Where the VM has no public address of its own but a load balancer's inbound NAT rule leads to O(port), the load
        balancer's address and port are taken.
    type: str
    choices: [auto, public, private, fqdn]
    default: auto
  port:
    description:
      - The port that Remote Desktop listens on in the VM, 1 to 65535. Without it, 3389.
      - With O(address), the port to connect to.
    type: int
  username:
    description:
      - The account that the client offers. Without it, people type one.
      - V(user) and V(.\\user) are written V(COMPUTER\\user), as an account of the VM itself.
    type: str
  account_type:
    description:
      - Where the account is known. V(local) is the VM itself, V(domain) an Active Directory domain.
      - V(entra) is Microsoft Entra ID - the account is written C(user@domain) (or left out), and the client signs in
        with Entra ID. The VM needs the extension for it, and the account one of the Virtual Machine Login roles.
      - With V(auto), an account of a name that is not the VM's computer name gives a warning, because of the error it
        may end in (C(The Local Security Authority cannot be contacted)); say V(domain) when it is a domain.
    type: str
    choices: [auto, local, domain, entra]
    default: auto
  computer_name:
    description:
      - What the VM's Windows calls itself. Without it, as Azure knows it; with O(address), not known.
    type: str
  prompt_for_credentials:
    description:
      - Ask for credentials even where the client has saved some.
    type: bool
    default: true
  administrative_session:
    description:
      - Connect to the administrative session, which a server without Remote Desktop licenses offers, too.
    type: bool
    default: false
  server_authentication:
    description:
      - What the client does when it can't verify the VM's own certificate. V(warn) lets people decide, V(require) does
        not connect.
    type: str
    choices: [warn, require]
    default: warn
  screen:
    description:
      - How the session is shown. What is not named is left to the client.
    type: dict
    suboptions:
      mode:
        description: Full screen or a window.
        type: str
        choices: [full, window]
      width:
        description: Width in pixels, 200 to 8192.
        type: int
      height:
        description: Height in pixels, 200 to 8192.
        type: int
      all_monitors:
        description: Use all monitors of the client.
        type: bool
      smart_sizing:
        description: Scale the picture to the size of the window.
        type: bool
      dynamic_resolution:
        description: Change the resolution of the session with the size of the window.
        type: bool
  redirect:
    description:
      - What of the client's machine the VM may use; nothing, by default.
      - Since April 2026 Windows switches everything off when it opens a file, and asks.
    type: dict
    suboptions:
      clipboard:
        description: The clipboard.
        type: bool
        default: false
      printers:
        description: Printers.
        type: bool
        default: false
      drives:
        description:
          - Drives by their letters; V(*) for all, V(DynamicDrives) for those plugged in later.
        type: list
        elements: str
        default: []
      smart_cards:
        description: Smart cards and Windows Hello for Business.
        type: bool
        default: false
      com_ports:
        description: Serial ports.
        type: bool
        default: false
      webauthn:
        description: WebAuthn requests of the session, such as security keys and passkeys.
        type: bool
        default: false
      devices:
        description: Devices that speak MTP or PTP, such as phones and cameras.
        type: bool
        default: false
      usb_devices:
        description: USB devices.
        type: bool
        default: false
      cameras:
        description: Cameras for video.
        type: bool
        default: false
      microphone:
        description: The microphone.
        type: bool
        default: false
      location:
        description: Where the client is.
        type: bool
        default: false
      audio:
        description: Where sounds are played - on the client, on the VM, or not at all.
        type: str
        choices: [local, remote, none]
        default: none
  gateway:
    description:
      - A Remote Desktop Gateway on the way.
    type: dict
    suboptions:
      host:
        description: Its host name or IP address.
        type: str
        required: true
      usage:
        description: Use it always, or as a fallback when there is no direct way.
        type: str
        choices: [always, fallback]
        default: always
      credentials:
        description: How to sign in to it. V(any) lets people choose.
        type: str
        choices: [any, password, smart_card, logged_on]
        default: any
      same_credentials:
        description: Use what is typed for the gateway for the VM, too.
        type: bool
        default: false
  overwrite:
    description:
      - Replace a file that was edited or comes from elsewhere.
    type: bool
    default: false
  sign_with:
    description:
      - The publisher - a certificate with an RSA key, in O(sign_with.file) or in the vault O(sign_with.vault_name).
      - It must be valid now and should be for code signing or server authentication.
    type: dict
    suboptions:
      file:
        description:
          - A PFX file, or a PEM file with the certificate, those that lead to its root, and the key.
        type: path
      key_file:
        description: The PEM file that holds the key, when O(sign_with.file) does not.
        type: path
      passphrase:
        description: What opens the PFX or the key.
        type: str
      chain_file:
        description:
          - A PEM file with the certificates that lead from the publisher's to its root, which clients need when they
            know the root only. They are in every signed file.
          - Needed for a certificate that an authority issued, if O(sign_with.file) has only itself, and with
            O(sign_with.vault_name) - a vault hands out the others together with the private key, which this module
            never reads.
        type: path
      vault_name:
        description:
          - A key vault that holds the certificate O(sign_with.certificate_name). Its key may be one that can't be
            exported - the vault signs, the key stays where it is.
        type: str
      certificate_name:
        description: The name of the certificate in the vault; its current version is used.
        type: str
  publisher_folder:
    description:
      - A folder for what the clients need to trust the publisher, with names made of its thumbprint -
        C(publisher-THUMBPRINT.cer), the certificate, and C(publisher-THUMBPRINT.reg), which enters its thumbprint into
        the policy C(TrustedCertThumbprints). The folder must exist.
    type: path
  expiry_warning_days:
    description:
      - Warn when the publisher's certificate ends in less than so many days. A signature ends with it.
    type: int
    default: 30
requirements:
  - cryptography >= 43 (with O(sign_with))
  - azure-mgmt-compute >= 37 (without O(address))
  - azure-mgmt-network >= 30 (without O(address))
  - azure-keyvault-certificates >= 4.12 and azure-keyvault-keys >= 4.9 (with O(sign_with.vault_name))
notes:
  - "Azure actions needed without O(address): C(Microsoft.Compute/virtualMachines/read),
    C(Microsoft.Compute/virtualMachines/instanceView/read), C(Microsoft.Network/networkInterfaces/read) and
    C(Microsoft.Network/publicIPAddresses/read), and for VMs behind a load balancer
    C(Microsoft.Network/loadBalancers/read). With O(sign_with.vault_name), the data actions
    C(Microsoft.KeyVault/vaults/certificates/read) and C(Microsoft.KeyVault/vaults/keys/sign/action), as in the roles
    Key Vault Certificate User and Key Vault Crypto User."
  - The form of the signature has been compared with OpenSSL's, byte for byte, and signed files have been opened with
    FreeRDP; that Windows shows the publisher has not been tried for this module.
  - Two steps make a client trust a publisher. The certificate, or the authority that issued it, has to be among its
    trusted root certificates; the thumbprint in the policy C(TrustedCertThumbprints) then also ends the question before
    connecting.
seealso:
  - module: azvm.access.access_probe
  - module: azvm.access.rdp_nsg_rule
  - name: Supported RDP properties
    description: What the settings in a .rdp file mean.
    link: https://learn.microsoft.com/azure/virtual-desktop/rdp-properties
"""

EXAMPLES = r"""
- name: A file for signing in to the VM
  azvm.access.rdp_file:
    resource_group: my-group
    vm_name: win1
    username: azureuser
    dest: ~/Desktop/
  delegate_to: localhost

- name: The same over the private network, signed by a publisher whose key never leaves its vault
  azvm.access.rdp_file:
    resource_group: my-group
    vm_name: win1
    address_type: private
    username: CONTOSO\jane
    account_type: domain
    dest: files/win1.rdp
    sign_with:
      vault_name: my-vault
      certificate_name: rdp-publisher
      chain_file: authorities.pem
    publisher_folder: files
  delegate_to: localhost

- name: Sign in with Entra ID through a gateway, with the clipboard
  azvm.access.rdp_file:
    address: win1.corp.example.com
    username: jane@example.com
    account_type: entra
    gateway:
      host: gateway.example.com
    redirect:
      clipboard: true
    dest: files/
  delegate_to: localhost

- name: A file for every VM of the inventory, signed with a PFX
  azvm.access.rdp_file:
    resource_group: my-group
    vm_name: "{{ inventory_hostname }}"
    dest: "{{ playbook_dir }}/rdp/"
    sign_with:
      file: publisher.pfx
      passphrase: "{{ publisher_passphrase }}"
  delegate_to: localhost
"""

RETURN = r"""
rdp_file:
  description: The file; in check mode, as it would be.
  type: dict
  returned: success
  contains:
    path:
      description: Where it is.
      type: str
      sample: desktops/win1.rdp
    address:
      description: The host name or IP address to connect to, also when another file was kept.
      type: str
      sample: win1.westeurope.cloudapp.azure.com
    port:
      description: The port to connect to.
      type: int
      sample: 3389
    nat_rule:
      description: The id of the load balancer's inbound NAT rule that leads to the VM; null without one.
      type: str
    username:
      description: The account as it is written; null without one.
      type: str
      sample: win1\azureuser
    computer_name:
      description: What Windows calls itself; null when it is not known.
      type: str
      sample: win1
    encoding:
      description: How the file is encoded, C(utf-8), or C(utf-16-le) with a byte order mark.
      type: str
      sample: utf-8
    kept:
      description: Whether an edited or foreign file that says something else was left as it is.
      type: bool
    signed:
      description: The publisher who signed the file; null when it is not signed or another file was kept.
      type: dict
      contains:
        key_source:
          description: Where the key is, C(controller) or C(vault).
          type: str
          sample: vault
        thumbprint:
          description: The SHA-1 thumbprint of the certificate, as Windows shows it.
          type: str
          sample: 3A5F0C9B11D2487E60A433C8951BF7026DEE8459
        thumbprint_sha256:
          description: The SHA-256 thumbprint.
          type: str
        subject:
          description: The subject.
          type: str
          sample: CN=Contoso Remote Access
        issuer:
          description: The issuer.
          type: str
          sample: CN=Contoso Remote Access
        self_signed:
          description: Whether the certificate is its own issuer, so that it has to be trusted itself.
          type: bool
        not_before:
          description: Valid from, in UTC.
          type: str
          sample: "2026-11-01T08:00:00+00:00"
        not_after:
          description: Valid until, in UTC; so is the signature.
          type: str
          sample: "2027-11-01T08:00:00+00:00"
        days_left:
          description: Whole days until then.
          type: int
          sample: 346
        pem:
          description: The certificate, without the key.
          type: str
        client_trust:
          description:
            - The registry value that tells Remote Desktop on a client to trust the publisher, below HKEY_LOCAL_MACHINE
              or HKEY_CURRENT_USER. Where there is a value already, the thumbprint is added to it after a comma.
          type: dict
          contains:
            key:
              description: The key.
              type: str
              sample: SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services
            name:
              description: The name of the value.
              type: str
              sample: TrustedCertThumbprints
            type:
              description: The type of the value.
              type: str
              sample: REG_SZ
            data:
              description: The thumbprint.
              type: str
        certificate_file:
          description: The certificate in O(publisher_folder); null without it.
          type: str
        trust_file:
          description: The registry file in O(publisher_folder); null without it.
          type: str
failure:
  description: Why the task failed.
  type: dict
  returned: failure
  contains:
    code:
      description: Azure's error code, or a name of this collection's.
      type: str
      sample: NoAddress
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

from ansible_collections.azvm.access.plugins.module_utils._ansible.arguments import VM
from ansible_collections.azvm.access.plugins.module_utils._ansible.rdp_arguments import RDP_FILE
from ansible_collections.azvm.access.plugins.module_utils._ansible.runner import run
from ansible_collections.azvm.access.plugins.module_utils._operations import rdp_file


def main() -> None:
    run(
        {**VM, **RDP_FILE},
        options=rdp_file.Options.from_parameters,
        operation=rdp_file.run,
        required_one_of=[("address", "vm_id", "vm_name")],
        required_by={"vm_name": ["resource_group"]},
        mutually_exclusive=[("vm_id", "vm_name")],
    )


if __name__ == "__main__":
    main()
