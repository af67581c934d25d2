# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stock clients need to sign in to a VM, whether that lets them in, and what they see of its certificate."""

from __future__ import annotations

import hashlib
import socket
import ssl
import typing as t
import warnings

from pypsrp.client import Client
from winrm.exceptions import InvalidCredentialsError
from winrm.protocol import Protocol

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PORT = 5986


def whoami(address: str, trust: Path, environment: Mapping[str, str]) -> str:
    """Sign in with pypsrp as the ``psrp`` plugin does - NTLM over TLS, validation on - and ask who one is."""
    with Client(
        address,
        port=PORT,
        username=environment["LOCAL_AZURE_VM_USER"],
        password=environment["LOCAL_AZURE_VM_PASSWORD"],
        auth="ntlm",
        ssl=True,
        cert_validation=str(trust),
        no_proxy=True,
    ) as client:
        output, streams, failed = client.execute_ps("whoami")
    assert not failed, streams.error
    return str(output)


def signs_in(address: str, user: str, password: str) -> bool:
    """Whether the VM takes the password from pywinrm, as the ``winrm`` plugin gives it: NTLM over TLS.

    Whose certificate it presents is not looked at.
    """
    protocol = Protocol(
        f"https://{address}:{PORT}/wsman",
        transport="ntlm",
        username=user,
        password=password,
        server_cert_validation="ignore",
        proxy=None,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the certificate
        try:
            shell = protocol.open_shell()
        except InvalidCredentialsError:
            return False
        protocol.close_shell(shell)
    return True


def presented(address: str) -> str:
    """The SHA-256 thumbprint of the certificate that the VM presents at this moment."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((address, PORT), timeout=10) as plain, context.wrap_socket(plain) as secured:
        certificate = secured.getpeercert(binary_form=True)
    return hashlib.sha256(certificate or b"").hexdigest().upper()


def plugin_variables(plugin: str, address: str, trust: Path, environment: Mapping[str, str]) -> dict[str, t.Any]:
    """The variables of an inventory host for the connection plugin ``psrp`` or ``winrm``."""
    ways: dict[str, dict[str, t.Any]] = {
        "psrp": {
            "ansible_psrp_protocol": "https",
            "ansible_psrp_auth": "ntlm",
            "ansible_psrp_cert_validation": "validate",
            "ansible_psrp_ca_cert": str(trust),
        },
        "winrm": {
            "ansible_winrm_scheme": "https",
            "ansible_winrm_transport": "ntlm",
            "ansible_winrm_server_cert_validation": "validate",
            "ansible_winrm_ca_trust_path": str(trust),
        },
    }
    return {
        "ansible_connection": f"ansible.builtin.{plugin}",
        "ansible_host": address,
        "ansible_port": PORT,
        "ansible_user": environment["LOCAL_AZURE_VM_USER"],
        "ansible_password": environment["LOCAL_AZURE_VM_PASSWORD"],
        **ways[plugin],
    }
