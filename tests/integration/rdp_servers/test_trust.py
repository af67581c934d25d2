# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real client's warning about a VM's identity: given with the certificate that Windows makes, gone with ours."""

from __future__ import annotations

import base64
import json
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from ansible_collections.azvm.access.plugins.module_utils._domain.certificates import CertificateNames
from ansible_collections.azvm.access.plugins.module_utils._domain.issuance import issue
from ansible_collections.azvm.access.tests.integration.enable_rdp.conftest import ROLE
from ansible_collections.azvm.access.tests.integration.rdp_servers.client import (
    DONE,
    TLS_FAILED,
    TRANSPORT_FAILED,
    connect,
)
from ansible_collections.azvm.access.tests.integration.rdp_servers.servers import xrdp
from ansible_collections.azvm.access.tests.integration.support.controller import Controller
from ansible_collections.azvm.access.tests.unit.probe.identities import issue_into
from local_azure.testing import running

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def issued(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate as winrm_cert_keyvault makes it, for ``localhost``: with its key, and alone."""
    now = datetime.now(UTC).replace(microsecond=0)
    names = CertificateNames(common_name="localhost", dns=("localhost",), ip=("127.0.0.1",))
    made = issue(names, key_size=2048, not_before=now - timedelta(hours=1), not_after=now + timedelta(days=365))
    content = json.loads(base64.b64decode(made.secret_value))
    key, _certificate, _others = pkcs12.load_key_and_certificates(
        base64.b64decode(content["data"]), content["password"].encode()
    )
    assert key is not None
    alone, whole = tmp_path / "localhost.crt", tmp_path / "localhost.pem"
    alone.write_text(made.pem)
    pem_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    whole.write_bytes(made.pem.encode() + pem_key)
    return whole, alone


def test_a_server_before_and_after(issued: tuple[Path, Path], display: str, tmp_path: Path) -> None:
    whole, alone = issued
    own = issue_into(tmp_path)().file
    options = ("/sec:tls", "/cert:deny")

    with xrdp("tls", certificate=own, key=own, folder=tmp_path) as server:
        to = f"/v:localhost:{server.port}"
        before, said = connect(to, *options, display=display, home=tmp_path, trusted=alone)
    with xrdp("tls", certificate=whole, key=whole, folder=tmp_path) as server:
        to = f"/v:localhost:{server.port}"
        unknown, _said = connect(to, *options, display=display, home=tmp_path)
        after, _said = connect(to, *options, display=display, home=tmp_path, trusted=alone)

    assert "CN = win1" in said
    assert (before, unknown, after) == (TLS_FAILED, TLS_FAILED, DONE)


def test_the_role_on_a_vm(display: str, tmp_path: Path) -> None:
    """The files that the role hands out are enough for a client that accepts no unknown certificate."""
    folder = tmp_path / "rdp"
    # FreeRDP looks for names only, not for addresses, in a certificate; the VM's name is in it.
    options = ("/cert:deny,name:win1",)
    with (
        running("windows-vm", pace=0.002) as server,
        Controller(folder=tmp_path / "controller", environment=server.env) as controller,
    ):
        host = {
            "resource_group": "access-demo",
            "allowed_sources": ["127.0.0.1"],
            "enable_rdp_folder": str(folder),
            "enable_rdp_address_type": "public",
        }
        result = controller.play(ROLE, hosts={"win1": host}).succeeded().fact("enable_rdp_result")
        file = result["rdp_file"]
        before, said = connect(file, *options, display=display, home=tmp_path)
        with_own = controller.play(ROLE, hosts={"win1": {**host, "enable_rdp_server_certificate": True}})
        deployed = with_own.succeeded().fact("enable_rdp_result")
        unknown, _said = connect(file, *options, display=display, home=tmp_path)
        after, then = connect(file, *options, display=display, home=tmp_path, trusted=folder / "win1.crt")

    assert result["warnings"] == ["CertificateNameMismatch", "CertificateSelfSigned"]
    assert deployed["warnings"] == []
    assert deployed["certificate_file"] == str(folder / "win1.crt")
    assert "certificate" in said
    assert (before, unknown) == (TLS_FAILED, TLS_FAILED)
    assert after == TRANSPORT_FAILED, then  # behind TLS nothing comes: the local Azure's guests take no sign-in
