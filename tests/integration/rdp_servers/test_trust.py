# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real client's warning about a VM's identity: given with the certificate that Windows makes, gone with ours."""

from __future__ import annotations

import base64
import json
import typing as t

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import sign_in
from ansible_collections.azvm.access.tests.integration.enable_rdp.conftest import ROLE
from ansible_collections.azvm.access.tests.integration.rdp_servers.client import DONE, TLS_FAILED, TRANSPORT_FAILED
from ansible_collections.azvm.access.tests.integration.rdp_servers.servers import xrdp
from ansible_collections.azvm.access.tests.integration.support.controller import MARK, Controller
from ansible_collections.azvm.access.tests.integration.support.preloaded import Preloaded
from local_azure.testing import running

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.azvm.access.tests.integration.rdp_servers.client import Client
    from ansible_collections.azvm.access.tests.integration.rdp_servers.conftest import Xrdp
    from local_azure.testing import Running

# FreeRDP looks for names only, not for addresses, in a certificate; the VM's name is in it.
DENY = "/cert:deny,name:win1"


def test_the_role_on_a_vm_and_its_certificate_on_a_real_server(
    client: Client, real_xrdp: Xrdp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files that the role hands out are enough for a client that accepts no unknown certificate."""
    folder = tmp_path / "rdp"
    with (
        running("windows-vm", pace=0.002) as azure,
        Preloaded(MARK) as preloaded,
        Controller(folder=tmp_path / "controller", environment=azure.env, preloaded=preloaded) as controller,
    ):
        host = {
            "resource_group": "access-demo",
            "allowed_sources": ["127.0.0.1"],
            "enable_rdp_folder": str(folder),
            "enable_rdp_address_type": "public",
        }
        account = (azure.env["LOCAL_AZURE_VM_USER"], azure.env["LOCAL_AZURE_VM_PASSWORD"])
        result = controller.play(ROLE, hosts={"win1": host}).succeeded().fact("enable_rdp_result")
        file = result["rdp_file"]
        before, said = client.connect(file, DENY, account=account)
        with_own = controller.play(ROLE, hosts={"win1": {**host, "enable_rdp_server_certificate": True}})
        deployed = with_own.succeeded().fact("enable_rdp_result")
        certificate = folder / "win1.crt"
        unknown, _said = client.connect(file, DENY, account=account)
        after, then = client.connect(file, DENY, account=account, trusted=certificate)
        for key, value in azure.env.items():
            monkeypatch.setenv(key, value)
        identity = tmp_path / "deployed.pem"
        identity.write_bytes(given_to_the_vm(azure))

    assert result["warnings"] == ["CertificateNameMismatch", "CertificateSelfSigned"]
    assert deployed["warnings"] == []
    assert deployed["certificate_file"] == str(certificate)
    assert "certificate" in said
    assert (before, unknown) == (TLS_FAILED, TLS_FAILED)
    assert after == TRANSPORT_FAILED, then  # signed in, and then nothing comes: there is no desktop

    def at(port: int, **more: t.Any) -> int:
        code, _said = client.connect(f"/v:localhost:{port}", "/sec:tls", DENY, **more)
        return code

    assert at(real_xrdp("tls").port, trusted=certificate) == TLS_FAILED
    with xrdp("tls", certificate=identity, key=identity, folder=tmp_path) as server:
        assert at(server.port) == TLS_FAILED
        assert at(server.port, trusted=certificate) == DONE


def given_to_the_vm(azure: Running) -> bytes:
    """Certificate and key that the VM got from the vault, in PEM."""
    references = [
        certificate["certificateUrl"]
        for resource in azure.state()["resources"]
        if resource["name"] == "win1"
        for group in resource["properties"].get("osProfile", {}).get("secrets", [])
        for certificate in group["vaultCertificates"]
    ]
    assert len(references) == 1
    vault, _secrets, name, version = references[0].rsplit("/", 3)
    clients = AzureClients(sign_in({}, environment=azure.env), subscription=None, poll_interval=0.1, timeout=60)
    content = json.loads(base64.b64decode(clients.secrets(vault).get_secret(name, version).value or ""))
    key, certificate, _others = pkcs12.load_key_and_certificates(
        base64.b64decode(content["data"]), content["password"].encode()
    )
    assert key is not None
    assert certificate is not None
    return certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
