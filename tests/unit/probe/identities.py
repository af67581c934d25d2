# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates with keys for the servers of these tests, good and bad ones."""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if t.TYPE_CHECKING:
    from pathlib import Path

SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
REMOTE_DESKTOP = x509.ObjectIdentifier("1.3.6.1.4.1.311.54.1.2")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A certificate and where it and its key lie as one PEM file."""

    certificate: x509.Certificate
    file: Path

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def thumbprint(self) -> str:
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    @property
    def thumbprint_sha256(self) -> str:
        return hashlib.sha256(self.der).hexdigest().upper()

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context


class Issue(t.Protocol):
    def __call__(
        self,
        *names: str,
        valid_from: timedelta = ...,
        valid_for: timedelta = ...,
        usages: tuple[x509.ObjectIdentifier, ...] | None = ...,
        authority: bool = ...,
    ) -> Identity: ...


def issue_into(folder: Path) -> Issue:
    """A function that makes certificates; names that are IP addresses become IP SANs. The subject is always CN=win1."""

    def issue(
        *names: str,
        valid_from: timedelta = timedelta(days=-1),
        valid_for: timedelta = timedelta(days=30),
        usages: tuple[x509.ObjectIdentifier, ...] | None = (SERVER,),
        authority: bool = False,
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "win1")])
        issuer = subject
        signer = key
        if authority:
            issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority nobody has")])
            signer = ec.generate_private_key(ec.SECP256R1())
        start = datetime.now(UTC).replace(microsecond=0) + valid_from
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + valid_for)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(n) for n in names]), False)
        if usages is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
        certificate = builder.sign(signer, hashes.SHA256())
        file = folder / f"{certificate.serial_number:x}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return Identity(certificate=certificate, file=file)

    return issue


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
