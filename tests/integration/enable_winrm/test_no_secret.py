# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret of the job turns up anywhere: output, results, journal, temporary files, command lines."""

from __future__ import annotations

import base64
import json
import typing as t
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from ansible_collections.azvm.access.plugins.module_utils._domain.certificates import CertificateNames
from ansible_collections.azvm.access.plugins.module_utils._domain.issuance import issue
from ansible_collections.azvm.access.tests.integration.enable_winrm.conftest import ROLE
from ansible_collections.azvm.access.tests.integration.support.controller import Controller, Json
from ansible_collections.azvm.access.tests.integration.support.leaks import leaks
from ansible_collections.azvm.access.tests.integration.support.secrets_search import Secrets

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure

HOSTS: dict[str, Json] = {
    "win1": {},
    # The secret is in the body of a request to Resource Manager.
    "win2": {"enable_winrm_vault_channel": "resource_manager"},
    # Key Vault has made key and password itself.
    "win3": {"enable_winrm_key_source": "vault"},
    # Stopped by Azure half-way, with all that Ansible says then.
    "win4": {},
}


def test_the_whole_job_at_highest_verbosity_tells_no_secret(azure: Azure, tmp_path: Path) -> None:
    """As people run it: each module in a process of its own."""
    azure.start_over("fleet", count=len(HOSTS))
    azure.fault("status", method="PATCH", path="/virtualMachines/win4$", status=400, code="BadRequest")
    common = {"resource_group": "access-fleet", "allowed_sources": ["127.0.0.1"]}
    # Module files with their arguments stay where Ansible put them, as if every clean-up had failed.
    kept = {"ANSIBLE_KEEP_REMOTE_FILES": "1"}
    with Controller(folder=tmp_path, environment=azure.server.env, more=kept) as controller:
        hosts = {name: {**common, **own} for name, own in HOSTS.items()}
        watched = controller.begin(ROLE, "-vvvv", "--diff", hosts=hosts).watched()
        finished = watched.run.wait()

    assert {one.host: one.result["failure"]["code"] for one in finished.failures()} == {"win4": "BadRequest"}
    channels = [finished.fact("enable_winrm_result", name)["channel"] for name in ("win1", "win2", "win3")]
    assert channels == ["data_plane", "resource_manager", "data_plane"]
    secrets = azure.secrets()
    assert "a password in the vault" not in secrets.needles, "each of them is known as a PFX with its key"
    assert leaks(secrets, azure=azure, controller=controller, runs=[watched]) == []

    # The search has seen what it was meant to see.
    modules = list(controller.temporary.rglob("AnsiballZ_winrm_cert_keyvault.py"))
    assert len(modules) >= len(HOSTS)
    assert all("access-fleet" in path.read_text(encoding="utf-8") for path in modules)
    assert b"AnsiballZ_winrm_cert_keyvault" in watched.command_lines
    assert "thumbprint_sha256" in watched.run.results.read_text(encoding="utf-8")
    assert azure.home.journal.is_file()


def test_the_search_finds_each_secret_in_each_form() -> None:
    names = CertificateNames.of(["win1.example.com"], ["192.0.2.10"], fallback="win1")
    now = datetime.now(UTC).replace(microsecond=0)
    issued = issue(names, key_size=2048, not_before=now, not_after=now + timedelta(days=1))
    content = json.loads(base64.b64decode(issued.secret_value))
    key, certificate, _others = pkcs12.load_key_and_certificates(
        base64.b64decode(content["data"]), content["password"].encode()
    )
    assert key is not None
    assert certificate is not None
    secrets = Secrets.of(words={"the client secret": "s3cret-of-the-client"}, values=[issued.secret_value])
    private = "the private key"
    token = "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJodHRwcyJ9.c2lnbmF0dXJlLW9mLWl0"

    for encoding in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        der = key.private_bytes(Encoding.DER, encoding, NoEncryption())
        pem = key.private_bytes(Encoding.PEM, encoding, NoEncryption())
        assert secrets.found_in(der) == [private]
        assert secrets.found_in(der.hex().encode()) == [private]
        assert secrets.found_in(b'"' + base64.b64encode(b"?" + der) + b'"') == [private]
        assert secrets.found_in(pem) == [private, "a private key in PEM form"]
        assert secrets.found_in(json.dumps(pem.decode()).encode()) == [private, "a private key in PEM form"]
    assert secrets.found_in(issued.secret_value.encode()) == ["the secret's value"]
    assert secrets.found_in(issued.secret_value[700:900].encode()) == ["the secret's value"]
    assert secrets.found_in(json.dumps(content).encode()) == ["the password of the PFX", "the PFX"]
    assert secrets.found_in(b"secret=s3cret-of-the-client&") == ["the client secret"]
    assert secrets.found_in(f"Authorization: Bearer {token}".encode()) == ["a token"]
    # What everybody may know.
    assert secrets.found_in(certificate.public_bytes(Encoding.PEM) + certificate.public_bytes(Encoding.DER)) == []
