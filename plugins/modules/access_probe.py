#!/usr/bin/python
# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: access_probe
short_description: Check from the controller whether a Windows VM really answers WinRM or RDP
version_added: 0.1.0
description:
  - Goes the way a client goes, one stage after the other, and says where it stops, why, and what to do next.
  - For WinRM - C(resolve) the name, open a C(tcp) connection, read the certificate of the C(tls) service, and let WinRM
    C(identify) itself.
  - For RDP - C(resolve) the name, open a C(tcp) connection, C(negotiate) how the connection is to be secured, and read
    the certificate of the C(tls) service behind it.
  - The certificate is read without verifying anything and judged then - its thumbprint, its names, its dates and its
    usage. The WinRM service is asked over a second connection, which, with O(expected_thumbprint), trusts that one
    certificate only.
  - An RDP client warns of a certificate that it can't verify, and lets people go on. So does this module - without
    O(expected_thumbprint), what is wrong with the certificate of an RDP service is among the RV(probe.warnings), as is
    network level authentication that is off or not required.
  - No credentials are sent to the VM unless O(username) and O(password) are given, which is for RDP only. Then comes a
    last stage, C(authenticate) - one sign-in by network level authentication (CredSSP with NTLM), which ends when the
    VM has accepted the account and has proved to own the key of its certificate. The password itself never leaves the
    controller, and no session is opened.
  - Proxy settings in the environment are not used for the VM; connections are direct.
author:
  - the azvm.access contributors (@azvm)
extends_documentation_fragment:
  - azvm.access.azure
  - azvm.access.vm
  - azvm.access.vm.interface
  - azvm.access.attributes.info
options:
  protocol:
    description:
      - What to probe. V(winrm) is WinRM over HTTPS, V(rdp) is Remote Desktop.
    type: str
    choices: [winrm, rdp]
    default: winrm
  address:
    description:
      - Host name or IP address to probe. Then Azure is asked nothing, no credentials are needed, and
        O(vm_name), O(vm_id), O(address_type) and O(network_interface) have no effect.
      - Without it, the address of the VM is looked up.
    type: str
  address_type:
    description:
      - Which address of the VM to probe. V(auto) is the public address, or the private one where there is none.
      - V(fqdn) is the DNS name of the public address.
      - Where the VM has no public address of its own, and an inbound NAT rule of a load balancer leads to O(port), it
        is probed through that, at the address and the port of the load balancer.
    type: str
    choices: [auto, public, private, fqdn]
    default: auto
  port:
    description:
      - The port of the VM to probe, 1 to 65535. Without it, 5986 for V(winrm) and 3389 for V(rdp).
    type: int
  expected_thumbprint:
    description:
      - SHA-1 or SHA-256 thumbprint of the certificate that the service must present. Case, colons and white space do
        not matter.
      - Without it, it is not known who answers, and RV(probe.tls.trusted) is V(false).
      - With it, an RDP service must speak TLS with a certificate of which clients do not warn.
    type: str
  server_name:
    description:
      - The name or IP address that the certificate must carry as subject alternative name. Its common name does not
        count, except with O(protocol=rdp) where there is no subject alternative name at all. It is also the name sent
        in the TLS handshake.
      - Without it, the address that is probed.
    type: str
  connect_timeout:
    description:
      - Seconds to wait for one thing, such as a TCP connection or the answer to one request; and for all answers
        together that tell which protocols an RDP service takes besides the one it prefers. Never more than O(timeout).
    type: float
    default: 5.0
  username:
    description:
      - The account to check with O(protocol=rdp), such as V(azureuser), V(WIN1\\azureuser) for one of the VM, or
        V(CORP\\jane) for one of a domain. Microsoft Entra accounts can't be checked.
      - B(Each wrong try counts towards a lock-out.) So there is one try only, whatever O(wait) says, and none where the
        certificate is not the expected one. Leave it out of what runs regularly.
      - Without O(expected_thumbprint), it is not known who is asked. Whoever answers can guess at the password
        afterwards, from what NTLM makes of it.
    type: str
  password:
    description:
      - The password of O(username). It is in no result, message or command line.
    type: str
  wait:
    description:
      - Try again, with growing pauses, until everything is verified or O(timeout) has passed. A try that has begun is
        finished. Credentials that were sent end it, too.
    type: bool
    default: false
  required:
    description:
      - Fail when the access is not verified. The code of the failure is the cause, and its details are the probe.
    type: bool
    default: true
requirements:
  - cryptography >= 43
  - pyspnego >= 0.11.2 (with O(username))
  - azure-mgmt-compute >= 37 (without O(address))
  - azure-mgmt-network >= 30 (without O(address))
notes:
  - "Azure actions needed without O(address): C(Microsoft.Compute/virtualMachines/read),
    C(Microsoft.Compute/virtualMachines/instanceView/read), C(Microsoft.Network/networkInterfaces/read) and
    C(Microsoft.Network/publicIPAddresses/read); for a VM without a public address behind a load balancer, also
    C(Microsoft.Network/loadBalancers/read) and, for a NAT rule with a range of ports,
    C(Microsoft.Network/loadBalancers/backendAddressPools/queryInboundNatRulePortMapping/action)."
  - What only shows after the sign-in can't be seen from outside - missing licences, a missing right to use Remote
    Desktop.
seealso:
  - module: azvm.access.rdp_nsg_rule
  - module: azvm.access.vm_winrm_listener
  - module: azvm.access.winrm_cert_keyvault
"""

EXAMPLES = r"""
- name: Check that the VM answers WinRM with the certificate from the vault
  azvm.access.access_probe:
    resource_group: my-group
    vm_name: win1
    expected_thumbprint: "{{ made.certificate.thumbprint_sha256 }}"
    wait: true
    timeout: 300
  delegate_to: localhost

- name: Look why the VM does not answer, without failing
  azvm.access.access_probe:
    address: 192.0.2.10
    required: false
  delegate_to: localhost
  register: seen

- name: Say where it stops and what to do
  ansible.builtin.debug:
    msg: "{{ seen.probe.message }} {{ seen.probe.hint }}"
  when: not seen.probe.verified

- name: Check that the VM answers RDP
  azvm.access.access_probe:
    resource_group: my-group
    vm_name: win1
    protocol: rdp
  delegate_to: localhost
  register: desktop

- name: Insist on network level authentication
  ansible.builtin.assert:
    that: desktop.probe.rdp.nla == "required"

- name: Check once that an account may sign in
  azvm.access.access_probe:
    resource_group: my-group
    vm_name: win1
    protocol: rdp
    expected_thumbprint: "{{ desktop.probe.tls.certificate.thumbprint_sha256 }}"
    server_name: win1
    username: WIN1\azureuser
    password: "{{ vault_azureuser_password }}"
  delegate_to: localhost

- name: Probe over the private network, by a name of the certificate
  azvm.access.access_probe:
    resource_group: my-group
    vm_name: win1
    address_type: private
    server_name: win1.corp.example.com
    expected_thumbprint: 3A:5F:0C:9B:11:D2:48:7E:60:A4:33:C8:95:1B:F7:02:6D:EE:84:59
  delegate_to: localhost
"""

RETURN = r"""
probe:
  description:
    - What was seen in the last try. On failure it is RV(failure.details).
  type: dict
  returned: success
  contains:
    verified:
      description:
        - Whether every stage was passed and the certificate is what it has to be.
          Without O(expected_thumbprint) this does not say who answers.
      type: bool
    stage:
      description:
        - The last stage that was reached, C(resolve), C(tcp), C(tls) or C(identify) for WinRM, C(resolve), C(tcp),
          C(negotiate), C(tls) or C(authenticate) for RDP.
      type: str
      sample: tcp
    cause:
      description:
        - Why it stopped there; null when verified.
        - At C(resolve) C(VmNotRunning), C(NoAddress) or C(NameNotResolved).
        - At C(tcp) C(TcpFiltered), C(TcpClosed) or C(TcpUnreachable).
        - At C(negotiate) C(NegotiationSilent), C(NegotiationClosed), C(NegotiationUnexpected) or C(NotRdp); and when
          the service refuses C(TlsRequired), C(TlsNotAllowed), C(NoServerCertificate), C(InconsistentRequest),
          C(NlaRequired), C(ClientCertificateRequired), C(EntraSignInRequired) or C(NegotiationRefused).
        - At C(tls) C(TlsNotOffered), C(NotTls), C(TlsSilent), C(TlsClosed), C(TlsRefused), C(TlsOutdated),
          C(CertificateUnreadable), C(CertificateMismatch), C(CertificateExpired), C(CertificateNotYetValid),
          C(CertificateWrongUsage), C(CertificateNameMismatch), C(CertificateChanged) or C(CertificateRejected). A cause
          of C(negotiate), when the RDP service has changed its mind meanwhile.
        - At C(identify) C(IdentifySilent), C(IdentifyClosed), C(IdentifyRefused), C(IdentifyNotFound),
          C(ServiceUnavailable) or C(NotWsman).
        - At C(authenticate) C(NlaNotOffered), when nothing was tried; C(AuthenticationSilent), C(AuthenticationClosed)
          (without a reason; servers other than Windows do so for wrong credentials), C(AuthenticationUnexpected) or
          C(ServerNotProven). When the VM refuses C(CredentialsRejected), C(NoSuchUser), C(AccountLockedOut),
          C(AccountDisabled), C(AccountExpired), C(PasswordExpired), C(PasswordMustChange), C(OutsideLogonHours),
          C(WorkstationNotAllowed), C(AccountRestricted), C(LogonTypeNotGranted), C(NoLogonServers), C(NtlmBlocked) or
          C(AuthenticationRefused). A cause of an earlier stage, when the VM has changed meanwhile.
      type: str
      sample: TcpFiltered
    message:
      description: What was seen, as one sentence.
      type: str
      sample: "WinRM at 192.0.2.10 port 5986: no answer in 5.0 seconds, packets are dropped."
    hint:
      description: What to do next; null when there is nothing to do.
      type: str
    warnings:
      description: What does not stop clients and should still be known. Always empty for WinRM.
      type: list
      elements: dict
      contains:
        cause:
          description:
            - C(NlaOff), C(NlaNotRequired), C(TlsNotOffered), C(TlsOutdated), C(CertificateSelfSigned),
              C(CertificateExpired), C(CertificateNotYetValid), C(CertificateWrongUsage) or C(CertificateNameMismatch).
          type: str
          sample: NlaOff
        message:
          description: What was seen, as one sentence.
          type: str
          sample: "RDP at 192.0.2.10 port 3389: network level authentication is off."
        hint:
          description: What to do about it.
          type: str
    protocol:
      description: What was probed.
      type: str
      sample: winrm
    address:
      description: The name or address that was probed; null when the VM has none of the wanted kind.
      type: str
      sample: 192.0.2.10
    port:
      description: The port that was connected to - the VM's, or that of RV(probe.nat_rule).
      type: int
      sample: 5986
    nat_rule:
      description: The id of the load balancer's inbound NAT rule that leads to the VM; null without one.
      type: str
    server_name:
      description: The name or address that the certificate has to carry; null when there is no address.
      type: str
      sample: 192.0.2.10
    tries:
      description: How many tries were made; more than one only with O(wait=true).
      type: int
      sample: 1
    resolve:
      description: The name resolution; an IP address resolves to itself.
      type: dict
      contains:
        addresses:
          description: The IP addresses found.
          type: list
          elements: str
          sample: [192.0.2.10]
        seconds:
          description: How long it took.
          type: float
    tcp:
      description: The TCP connection; null when it was not tried. With several addresses, the one that tells most.
      type: dict
      contains:
        state:
          description:
            - C(open); C(closed), when the machine refuses; C(filtered), when nothing answers; C(unreachable), when
              there is no route from here.
          type: str
          sample: open
        address:
          description: The IP address.
          type: str
          sample: 192.0.2.10
        seconds:
          description: How long it took.
          type: float
    rdp:
      description: How the RDP service wants connections secured; null when it was not asked.
      type: dict
      contains:
        selected_protocol:
          description:
            - What it selects from RV(probe.rdp.offered_protocols); null when it did not answer. C(RDP) is RDP's own
              security, without TLS; C(SSL) is TLS; C(HYBRID) and C(HYBRID_EX) are network level authentication
              (CredSSP) over TLS; C(RDSTLS) is for redirected sessions; C(RDSAAD) is Microsoft Entra.
            - Where it refuses them all, what it takes instead.
          type: str
          sample: HYBRID_EX
        offered_protocols:
          description: What was offered at first, as Microsoft's client does.
          type: list
          elements: str
          sample: [SSL, HYBRID, HYBRID_EX]
        accepted_protocols:
          description:
            - Every protocol that it selected, also when asked for that one alone. What it did not answer in time is
              missing.
          type: list
          elements: str
          sample: [HYBRID, RDSTLS, HYBRID_EX]
        nla:
          description:
            - Network level authentication, C(required), C(supported) when it goes without, too, or C(off); null when it
              could not be found out.
          type: str
          sample: required
        legacy:
          description: Whether it confirmed without any negotiation, as servers do that know RDP's own security only.
          type: bool
        failure:
          description: The failure code with which it refused, and Microsoft's name for it; null when it did not.
          type: dict
          sample: {code: 3, name: SSL_CERT_NOT_ON_SERVER}
          contains:
            code:
              description: The number.
              type: int
              sample: 3
            name:
              description: The name in MS-RDPBCGR, section 2.2.1.2.2, or C(unknown).
              type: str
              sample: SSL_CERT_NOT_ON_SERVER
        seconds:
          description: How long all questions took.
          type: float
    tls:
      description: The TLS service; null when it was not tried, or when the RDP service takes no TLS.
      type: dict
      contains:
        version:
          description: The version agreed on; null when the handshake failed.
          type: str
          sample: TLSv1.3
        cipher:
          description: The cipher suite agreed on, by its OpenSSL name; null when the handshake failed.
          type: str
          sample: TLS_AES_256_GCM_SHA384
        seconds:
          description: How long the handshake took.
          type: float
        trusted:
          description:
            - Whether WinRM was asked over a connection verified against the expected certificate; for RDP, whether the
              service has shown that it holds the key of the expected certificate.
          type: bool
        thumbprint_matches:
          description: Whether the certificate is the expected one; null without O(expected_thumbprint).
          type: bool
        name_matches:
          description:
            - Whether the certificate carries RV(probe.server_name), see O(server_name); null when the handshake failed.
          type: bool
        certificate:
          description: The certificate the service presents; null when the handshake failed.
          type: dict
          contains:
            subject:
              description: The subject.
              type: str
              sample: CN=win1
            issuer:
              description: The issuer.
              type: str
              sample: CN=win1
            serial:
              description: The serial number, in hexadecimal digits.
              type: str
              sample: 5D2C3A90F1
            thumbprint:
              description: The SHA-1 thumbprint, as Windows shows it.
              type: str
              sample: 3A5F0C9B11D2487E60A433C8951BF7026DEE8459
            thumbprint_sha256:
              description: The SHA-256 thumbprint.
              type: str
            not_before:
              description: Valid from, in UTC.
              type: str
              sample: "2026-11-01T08:00:00Z"
            not_after:
              description: Valid until, in UTC.
              type: str
              sample: "2027-11-01T08:00:00Z"
            days_left:
              description: Whole days until it expires; negative when it has.
              type: int
              sample: 346
            dns_names:
              description: The DNS names it is made out for.
              type: list
              elements: str
              sample: [win1, win1.westeurope.cloudapp.azure.com]
            ip_addresses:
              description: The IP addresses it is made out for.
              type: list
              elements: str
              sample: [192.0.2.10]
            pem:
              description: The certificate itself, to be kept as a trust file.
              type: str
    wsman:
      description: The WinRM service; null when it was not asked.
      type: dict
      contains:
        product_vendor:
          description: The vendor it names; null when it did not answer.
          type: str
          sample: Microsoft Corporation
        product_version:
          description:
            - The version it names; null when it did not answer. Windows hides its own from callers who do not sign in.
          type: str
          sample: "OS: 0.0.0 SP: 0.0 Stack: 3.0"
        protocol_version:
          description: The protocol it names; null when it did not answer.
          type: str
          sample: http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd
        auth_methods:
          description: The ways to sign in that it offers. Null when it did not ask for a sign-in.
          type: list
          elements: str
          sample: [Negotiate, Kerberos]
        seconds:
          description: How long both requests took.
          type: float
    authentication:
      description: The sign-in with O(username) and O(password); null when it was not tried.
      type: dict
      contains:
        accepted:
          description: Whether the VM accepted the credentials, and proved to own the key of its certificate.
          type: bool
        sent:
          description:
            - Whether the answer that is made with the password was sent; if so, a refusal counts towards a lock-out.
          type: bool
        credssp_version:
          description: The version of CredSSP agreed on; null when the VM did not say its own.
          type: int
          sample: 6
        status:
          description: The NTSTATUS code with which the VM refused; null when it did not, or gave none.
          type: dict
          sample: {code: "0xC0000072", name: STATUS_ACCOUNT_DISABLED}
          contains:
            code:
              description: The number, in hexadecimal digits.
              type: str
              sample: "0xC0000072"
            name:
              description: The name in MS-ERREF, section 2.3.1, or C(unknown).
              type: str
              sample: STATUS_ACCOUNT_DISABLED
        seconds:
          description: How long it took.
          type: float
failure:
  description: Why the task failed.
  type: dict
  returned: failure
  contains:
    code:
      description: The cause, as in RV(probe.cause); or Azure's error code, or another one of this collection's.
      type: str
      sample: TcpFiltered
    message:
      description: What was seen, as one sentence.
      type: str
    hint:
      description: What to do next.
      type: str
    details:
      description: The probe, with all the keys of RV(probe), when there was one.
      type: dict
"""

from ansible_collections.azvm.access.plugins.module_utils._ansible.arguments import INTERFACE, VM
from ansible_collections.azvm.access.plugins.module_utils._ansible.runner import run
from ansible_collections.azvm.access.plugins.module_utils._operations import access_probe


def main() -> None:
    arguments = {
        **VM,
        **INTERFACE,
        "protocol": {"type": "str", "choices": ["winrm", "rdp"], "default": "winrm"},
        "address": {"type": "str"},
        "address_type": {"type": "str", "choices": ["auto", "public", "private", "fqdn"], "default": "auto"},
        "port": {"type": "int"},
        "expected_thumbprint": {"type": "str"},
        "server_name": {"type": "str"},
        "connect_timeout": {"type": "float", "default": 5.0},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "wait": {"type": "bool", "default": False},
        "required": {"type": "bool", "default": True},
    }
    run(
        arguments,
        options=access_probe.Options.from_parameters,
        operation=access_probe.run,
        required_one_of=[("address", "vm_id", "vm_name")],
        required_by={"vm_name": ["resource_group"]},
        mutually_exclusive=[("vm_id", "vm_name")],
    )


if __name__ == "__main__":
    main()
