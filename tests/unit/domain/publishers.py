# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys of publishers of .rdp files, good and bad ones."""

from __future__ import annotations

import subprocess
import typing as t
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if t.TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

NOW = datetime.now(UTC)


def certificate(
    key: CertificateIssuerPrivateKeyTypes,
    *,
    name: str = "Publisher",
    issuer: tuple[x509.Certificate, CertificateIssuerPrivateKeyTypes] | None = None,
    days: int = 90,
    usages: Iterable[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CODE_SIGNING,),
    is_ca: bool = False,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256())


def pem_of(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def pem_key(key: t.Any, passphrase: str | None = None) -> bytes:
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return pem


def openssl(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *arguments], cwd=cwd, capture_output=True, check=False, timeout=60)


def verified_by_openssl(signature: bytes, message: bytes, *, root: x509.Certificate, folder: Path) -> bool:
    """Whether openssl finds that the message is signed by somebody whom ``root`` vouches for."""
    for name, content in {"signature": signature, "message": message, "root.pem": pem_of(root)}.items():
        (folder / name).write_bytes(content)
    form = ("-verify", "-binary", "-inform", "DER", "-in", "signature", "-purpose", "any", "-out", "out")
    done = openssl("cms", *form, "-content", "message", "-CAfile", "root.pem", cwd=folder)
    said = b"Verification successful" in done.stderr
    assert said or b"Verification failure" in done.stderr, done.stderr
    return said
