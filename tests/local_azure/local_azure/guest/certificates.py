# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of a machine: reading a PFX, thumbprints, and the TLS a certificate can serve."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True, kw_only=True, eq=False)
class InstalledCertificate:
    """A certificate in a store of the machine; `key` is None when it was installed without its private key."""

    certificate: x509.Certificate
    key: PrivateKeyTypes | None = None

    @cached_property
    def thumbprint(self) -> str:
        """SHA-1 of the DER form in upper-case hexadecimal, as Windows shows it."""
        return self.certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - an identifier, not a protection

    @property
    def subject(self) -> str:
        """The subject as Windows writes it, e.g. `CN=win1, O=Example`."""
        return ", ".join(attribute.rfc4514_string() for attribute in self.certificate.subject)

    @property
    def common_name(self) -> str:
        """The first common name of the subject; empty when there is none."""
        names = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else ""

    @property
    def dns_names(self) -> tuple[str, ...]:
        """The DNS names of the subject alternative name."""
        try:
            extension = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return ()
        return tuple(extension.value.get_values_for_type(x509.DNSName))

    @property
    def ip_addresses(self) -> tuple[str, ...]:
        """The IP addresses of the subject alternative name."""
        try:
            extension = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return ()
        return tuple(str(address) for address in extension.value.get_values_for_type(x509.IPAddress))

    @property
    def not_before(self) -> datetime:
        return self.certificate.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        return self.certificate.not_valid_after_utc

    @cached_property
    def pem(self) -> bytes:
        """The certificate, without its key."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def serves_tls(self) -> bool:
        """Whether Windows would use it for a server: no extended key usage, or one with server authentication."""
        try:
            usage = self.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except x509.ExtensionNotFound:
            return True
        return ExtendedKeyUsageOID.SERVER_AUTH in usage or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage

    @cached_property
    def channel_binding(self) -> bytes:
        """The `tls-server-end-point` application data of RFC 5929 section 4."""
        algorithm = self.certificate.signature_hash_algorithm
        if algorithm is None or algorithm.name in {"md5", "sha1"}:
            algorithm = hashes.SHA256()
        return b"tls-server-end-point:" + self.certificate.fingerprint(algorithm)

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """A server context that presents exactly this certificate. Raises ValueError without a private key."""
        if self.key is None:
            raise ValueError(f"certificate {self.thumbprint} has no private key")
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with in_memory_file(key + self.pem) as path:
            context.load_cert_chain(path)
        return context


def thumbprint(text: str) -> str:
    """The canonical form of a thumbprint: upper case, without the blanks and marks people copy along with it."""
    return "".join(character for character in text if character.isalnum()).upper()


def read_pfx(pfx: bytes, password: bytes | None) -> InstalledCertificate:
    """Read certificate and key from PKCS #12, with modern or legacy encryption.

    No password and an empty one are tried alike, as Windows does. Raises ValueError for anything that is not a
    readable PFX with a certificate in it.
    """
    problem: ValueError | None = None
    for candidate in (password,) if password else (b"", None):
        try:
            key, certificate, _chain = pkcs12.load_key_and_certificates(pfx, candidate)
        except ValueError as error:
            problem = error
            continue
        if certificate is None:
            raise ValueError("the PFX holds no certificate")
        return InstalledCertificate(certificate=certificate, key=key)
    raise ValueError(f"not a PFX that can be read: {problem}")


def self_signed(common_name: str, *, now: datetime, validity: timedelta) -> InstalledCertificate:
    """A certificate as a Windows service makes one for itself: RSA 2048, the computer name, server authentication."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + validity)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return InstalledCertificate(certificate=certificate, key=key)


@contextmanager
def in_memory_file(content: bytes) -> Iterator[str]:
    """The path of a file that holds a secret and exists only in memory, for interfaces that insist on a path."""
    descriptor = os.memfd_create("secret", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
