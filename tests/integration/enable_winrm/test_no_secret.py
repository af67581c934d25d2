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
from ansible_collections.azvm.access.tests.integration.support.leaks import leaks
from ansible_collections.azvm.access.tests.integration.support.secrets_search import Secrets

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.enable_winrm.conftest import Job

LOUD = ("-vvvv", "--diff")


def test_the_whole_job_at_highest_verbosity_tells_no_secret(job: Job) -> None:
    # Module files with their arguments stay where Ansible put them, as if every clean-up had failed.
    job.controller.more["ANSIBLE_KEEP_REMOTE_FILES"] = "1"
    first = job.begin(*LOUD).watched()
    first.run.wait().succeeded()
    # Again with a new certificate, this time through Resource Manager, which has the secret in the body of a request.
    second = job.begin(*LOUD, enable_winrm_force_renew=True, enable_winrm_vault_channel="resource_manager").watched()
    second.run.wait().succeeded()

    runs = (first, second)
    assert len(job.versions()) == 2
    assert leaks(job.azure.secrets(), azure=job.azure, controller=job.controller, runs=runs) == []

    # The search has seen what it was meant to see.
    modules = list(job.controller.temporary.rglob("AnsiballZ_winrm_cert_keyvault.py"))
    assert len(modules) >= 2
    assert all("access-demo" in path.read_text(encoding="utf-8") for path in modules)
    assert all(b"AnsiballZ_winrm_cert_keyvault" in one.command_lines for one in runs)
    assert all("thumbprint_sha256" in one.run.results.read_text(encoding="utf-8") for one in runs)
    assert job.azure.home.journal.is_file()


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
