# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures of .rdp files as openssl sees them: the bytes it makes itself, and written files that it verifies."""

from __future__ import annotations

import base64
import typing as t
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.azvm.access.plugins.module_utils._domain.publisher import pkcs7, publisher_from_file
from ansible_collections.azvm.access.tests.unit.domain.publishers import (
    certificate,
    openssl,
    pem_key,
    pem_of,
    verified_by_openssl,
)

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import Desk

PREFIX = 12  # bytes before the PKCS #7: two version numbers and the length


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def root_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_openssl_makes_the_same_bytes(key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    pem = pem_of(certificate(key)) + pem_key(key)
    message = "full address:s:192.0.2.1\r\nsignscope:s:Full Address\r\n\0".encode("utf-16-le")
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "publisher.pem").write_bytes(pem)
    options = ("-sign", "-binary", "-noattr", "-nosmimecap", "-outform", "DER", "-signer", "publisher.pem")
    made = openssl("smime", *options, "-in", "message", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout == pkcs7(publisher_from_file(pem, source="publisher.pem"), message)


def test_openssl_verifies_a_written_file_and_notices_one_changed_byte(
    key: rsa.RSAPrivateKey, root_key: rsa.RSAPrivateKey, desk: Desk, tmp_path: Path
) -> None:
    root = certificate(root_key, name="Authority", is_ca=True, usages=())
    stranger = certificate(root_key, name="Stranger", is_ca=True, usages=())
    signer = tmp_path / "publisher.pem"
    signer.write_bytes(pem_of(certificate(key, issuer=(root, root_key))) + pem_key(key))
    written = desk.run(address="192.0.2.1", username="win1\\jane", sign_with={"file": str(signer)}).thing
    content = Path(written["path"]).read_bytes()

    message, signature = signed_parts(content)
    assert verified_by_openssl(signature, message, root=root, folder=tmp_path)
    assert not verified_by_openssl(signature, message, root=stranger, folder=tmp_path)

    lines = content.decode("utf-16").split("\r\n")
    line = next(line for line in lines if line.startswith("full address:s:192.0.2.1"))
    other = line.replace("192.0.2.1", "192.0.2.2")
    changed = content.replace(f"\ufeff{line}".encode("utf-16-le"), f"\ufeff{other}".encode("utf-16-le"))
    assert [old != new for old, new in zip(content, changed, strict=True)].count(True) == 1
    message, same = signed_parts(changed)
    assert same == signature
    assert not verified_by_openssl(same, message, root=root, folder=tmp_path)


def signed_parts(content: bytes) -> tuple[bytes, bytes]:
    """The message that a signed file is about, put together by what its own ``signscope`` names, and the signature."""
    lines = content.decode("utf-16").split("\r\n")
    settings = {line.partition(":")[0].lower(): line for line in lines if line}
    scope = settings["signscope"]
    names = scope.removeprefix("signscope:s:").split(",")
    signed = [settings[name.lower()] for name in names]
    message = "\r\n".join([*signed, scope, "\0"]).encode("utf-16-le")
    return message, base64.b64decode(settings["signature"].removeprefix("signature:s:"))[PREFIX:]
