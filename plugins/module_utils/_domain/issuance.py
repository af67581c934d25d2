# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a self-signed server certificate; the private key exists in memory only, until the vault has it."""

from __future__ import annotations

import base64
import ipaddress
import json
import secrets
import typing as t
from dataclasses import dataclass, field

from .libraries import needs

if t.TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from .certificates import CertificateNames


@dataclass(frozen=True, kw_only=True)
class IssuedCertificate:
    """A new certificate. ``secret_value`` carries its private key and is never shown."""

    thumbprint: str
    thumbprint_sha256: str
    pem: str
    secret_value: str = field(repr=False)


def issue(names: CertificateNames, *, key_size: int, not_before: datetime, not_after: datetime) -> IssuedCertificate:
    """An RSA certificate for WinRM: server authentication, not a CA, the names as subject alternative names.

    ``secret_value`` has the form the compute provider reads from a vault: base64 of a JSON object with the PFX, its
    type and its password (Microsoft.Compute, VaultCertificate.certificateUrl). Raises :class:`MissingLibrary`.
    """
    # Imported here: a run that finds a good certificate needs none of it.
    with needs("cryptography"):
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
        from cryptography.hazmat.primitives.serialization import pkcs12

    key = rsa.generate_private_key(public_exponent=65537, key_size=key_size)
    certificate = _builder(names, key.public_key(), not_before, not_after).sign(key, hashes.SHA256())
    password = secrets.token_urlsafe(24)
    pfx = pkcs12.serialize_key_and_certificates(
        names.common_name.encode(),
        key,
        certificate,
        None,
        serialization.BestAvailableEncryption(password.encode()),
    )
    content = {"data": base64.b64encode(pfx).decode(), "dataType": "pfx", "password": password}
    return IssuedCertificate(
        # SHA-1 is what Windows calls the thumbprint of a certificate; nothing is secured by it.
        thumbprint=certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - see above
        thumbprint_sha256=certificate.fingerprint(hashes.SHA256()).hex().upper(),
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        secret_value=base64.b64encode(json.dumps(content).encode()).decode(),
    )


def _builder(
    names: CertificateNames, public_key: t.Any, not_before: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names.common_name)])
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names.dns]
    alternatives += [x509.IPAddress(ipaddress.ip_address(text)) for text in names.ip]
    usage = x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        # While a listener moves, a trust file holds two certificates of one name: OpenSSL tells them apart by these.
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder
