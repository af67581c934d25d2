# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server's certificate says, read with the cryptography package."""

from __future__ import annotations

import hashlib
import ssl
import typing as t

from .._domain.libraries import needs
from .._domain.probe_observations import Certificate

if t.TYPE_CHECKING:
    from cryptography import x509

# Microsoft's usage for certificates of Remote Desktop servers, and of nothing else.
_REMOTE_DESKTOP_AUTHENTICATION = "1.3.6.1.4.1.311.54.1.2"


def read_certificate(der: bytes) -> Certificate:
    """Raises ValueError when the bytes are not a certificate that can be read, MissingLibrary without cryptography."""
    with needs("cryptography"):
        from cryptography import x509
    try:
        return _read(der)
    except (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError(str(error)) from error


def _read(der: bytes) -> Certificate:
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(der)
    names = _alternative_names(certificate)
    return Certificate(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:X}",
        # SHA-1 is what Windows and Azure call the thumbprint; nothing but identity of text rests on it here.
        thumbprint=hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
        thumbprint_sha256=hashlib.sha256(der).hexdigest().upper(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        dns_names=tuple(names.get_values_for_type(x509.DNSName)) if names else (),
        ip_addresses=tuple(str(ip) for ip in names.get_values_for_type(x509.IPAddress)) if names else (),
        for_servers=_made_for(certificate),
        for_remote_desktop=_made_for(certificate, _REMOTE_DESKTOP_AUTHENTICATION),
        common_name=_common_name(certificate),
        pem=ssl.DER_cert_to_PEM_cert(der),
    )


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _common_name(certificate: x509.Certificate) -> str | None:
    from cryptography.x509.oid import NameOID

    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else None


def _made_for(certificate: x509.Certificate, *also: str) -> bool:
    """Whether its extended key usage, if it has one, includes servers or one of the object identifiers in ``also``."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    accepted = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    return any(usage in accepted or usage.dotted_string in also for usage in usages)
