# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making and reading certificates: self-signed issuance, PFX and PEM, thumbprints. Pure functions."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

PKCS12 = "application/x-pkcs12"
PEM = "application/x-pem-file"

# Key Vault back-dates certificates by ten minutes against clock skew (seen in recorded bundles: created - nbf = 600).
BACKDATED = timedelta(minutes=10)

DEFAULT_EKUS = (ExtendedKeyUsageOID.SERVER_AUTH.dotted_string, ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string)
DEFAULT_KEY_USAGE = ("digitalSignature", "keyEncipherment")

KEY_USAGE_FIELDS = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}

CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-256K": ec.SECP256K1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}

UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")

_ATTRIBUTES = {
    "CN": NameOID.COMMON_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "L": NameOID.LOCALITY_NAME,
    "S": NameOID.STATE_OR_PROVINCE_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "C": NameOID.COUNTRY_NAME,
    "E": NameOID.EMAIL_ADDRESS,
    "EMAILADDRESS": NameOID.EMAIL_ADDRESS,
    "DC": NameOID.DOMAIN_COMPONENT,
    "STREET": NameOID.STREET_ADDRESS,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
}
_SHORT_NAMES = {
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "S",
    NameOID.COUNTRY_NAME: "C",
    NameOID.EMAIL_ADDRESS: "E",
    NameOID.DOMAIN_COMPONENT: "DC",
}


@dataclass(frozen=True, kw_only=True)
class KeySpec:
    """``size`` is in bits and counts for RSA, ``curve`` (P-256, ...) for EC."""

    kty: str = "RSA"
    size: int = 2048
    curve: str = "P-256"


@dataclass(frozen=True, kw_only=True)
class CertificateRequest:
    """Everything that decides what a certificate looks like. ``ip_addresses`` are texts, IPv4 or IPv6."""

    subject: str
    dns_names: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    upns: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    ekus: tuple[str, ...] = DEFAULT_EKUS
    key_usage: tuple[str, ...] = DEFAULT_KEY_USAGE
    validity_months: int = 12
    is_ca: bool = False
    key: KeySpec = KeySpec()
    exportable: bool = True
    content_type: str = PKCS12


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What a PFX or PEM holds."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()
    from_pem: bool = False


def generate_key(spec: KeySpec) -> PrivateKey:
    """A fresh key. Takes up to a second for RSA 4096: call it outside the event loop."""
    if spec.kty.startswith("EC"):
        return ec.generate_private_key(CURVES[spec.curve])
    return rsa.generate_private_key(public_exponent=65537, key_size=spec.size)


def parse_subject(text: str) -> x509.Name:
    """A distinguished name such as ``C=US, O="Contoso, Ltd", CN=host``.

    The text is written most general part last to first as people like; Key Vault encodes it in reverse order
    (recorded certificates). Raises ValueError when it is malformed.
    """
    attributes = []
    for part in _split_subject(text):
        label, separator, value = part.partition("=")
        oid = _ATTRIBUTES.get(label.strip().upper())
        value = _unquote(value.strip())
        if not separator or oid is None or not value:
            raise ValueError(f"'{part.strip()}' is not a part of a distinguished name")
        attributes.append(x509.NameAttribute(oid, value))
    return x509.Name(list(reversed(attributes)))


def _split_subject(text: str) -> list[str]:
    parts, current, quoted, escaped = [], "", False, False
    for char in text:
        if escaped or char == "\\":
            escaped = not escaped
        elif char == '"':
            quoted = not quoted
        elif char in ",;" and not quoted:
            parts.append(current)
            current = ""
            continue
        current += char
    if quoted or escaped:
        raise ValueError("unbalanced quotation in distinguished name")
    parts.append(current)
    return parts if any(part.strip() for part in parts) else []


def _unquote(value: str) -> str:
    if len(value) > 1 and value.startswith('"') and value.endswith('"'):
        value = value[1:-1]
    return value.replace("\\", "")


def format_subject(name: x509.Name) -> str:
    """The text Key Vault shows for an imported certificate: ``C=US, S=WA, CN=host``."""
    parts = []
    for attribute in reversed(list(name)):
        label = _SHORT_NAMES.get(attribute.oid, attribute.oid.dotted_string)
        value = str(attribute.value)
        parts.append(f'{label}="{value}"' if "," in value else f"{label}={value}")
    return ", ".join(parts)


def alternative_names(request: CertificateRequest) -> list[x509.GeneralName]:
    """Raises ValueError for a name that can't be encoded (no IP address, not ASCII)."""
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in request.dns_names]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in request.ip_addresses]
    names += [x509.RFC822Name(mail) for mail in request.emails]
    names += [x509.UniformResourceIdentifier(uri) for uri in request.uris]
    names += [x509.OtherName(UPN, _der_utf8(upn)) for upn in request.upns]
    return names


def _der_utf8(text: str) -> bytes:
    data = text.encode()
    if len(data) > 127:
        raise ValueError("user principal name is too long")
    return bytes([0x0C, len(data)]) + data


def _extensions(request: CertificateRequest) -> list[tuple[x509.ExtensionType, bool]]:
    usage = dict.fromkeys(KEY_USAGE_FIELDS.values(), False)
    usage.update({KEY_USAGE_FIELDS[name]: True for name in request.key_usage})
    extensions: list[tuple[x509.ExtensionType, bool]] = []
    if request.key_usage:
        extensions.append((x509.KeyUsage(**usage), True))
    extensions.append((x509.BasicConstraints(ca=request.is_ca, path_length=None), False))
    if request.ekus:
        extensions.append((x509.ExtendedKeyUsage([ObjectIdentifier(eku) for eku in request.ekus]), False))
    names = alternative_names(request)
    if names:
        extensions.append((x509.SubjectAlternativeName(names), False))
    return extensions


def self_signed(request: CertificateRequest, key: PrivateKey, now: datetime) -> x509.Certificate:
    """What the issuer "Self" makes: valid from ten minutes before `now` for whole calendar months after it."""
    subject = parse_subject(request.subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(add_months(now, request.validity_months))
    )
    for extension, critical in _extensions(request):
        builder = builder.add_extension(extension, critical)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
    ).add_extension(identifier, critical=False)
    return builder.sign(key, hashes.SHA256())


def signing_request(request: CertificateRequest, key: PrivateKey) -> bytes:
    """The DER certificate signing request that a pending certificate shows."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(parse_subject(request.subject))
    for extension, critical in _extensions(request):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def add_months(moment: datetime, months: int) -> datetime:
    """Calendar months; a day that the target month lacks becomes its last day."""
    index = moment.month - 1 + months
    year, month = moment.year + index // 12, index % 12 + 1
    for day in range(moment.day, 27, -1):
        try:
            return moment.replace(year=year, month=month, day=day)
        except ValueError:
            continue
    return moment.replace(year=year, month=month)


def months_between(start: datetime, end: datetime) -> int:
    """Months a validity spans, a started month counted as a whole one (as imports show it)."""
    months = (end.year - start.year) * 12 + end.month - start.month
    return months + 1 if add_months(start, months) < end else months


def secret_value(upload: Upload, *, content_type: str, exportable: bool) -> str:
    """The value of the secret behind a certificate: base64 of a PFX without password, or PEM text.

    Without `exportable` the private key is left out.
    """
    key = upload.key if exportable else None
    if content_type == PEM:
        private = b""
        if key is not None:
            private = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        chain = [one.public_bytes(serialization.Encoding.PEM) for one in (upload.certificate, *upload.chain)]
        return b"".join([private, *chain]).decode()
    pfx = pkcs12.serialize_key_and_certificates(
        None, key, upload.certificate, list(upload.chain) or None, serialization.NoEncryption()
    )
    return base64.b64encode(pfx).decode()


def read_upload(value: str, password: str | None) -> Upload:
    """Reads the value of a certificate import: base64 of a PFX, PEM text, or base64 of PEM text (az CLI).

    Raises ValueError when it is none of them, the password doesn't open it, or the private key is missing.
    """
    secret = password.encode() if password else None
    data = value.encode()
    if b"-----BEGIN" not in data:
        try:
            data = base64.b64decode("".join(value.split()), validate=True)
        except binascii.Error as error:
            raise ValueError("the value is neither base64 nor PEM") from error
    if b"-----BEGIN" in data:
        return _read_pem(data, secret)
    key, certificate, chain = pkcs12.load_key_and_certificates(data, secret)
    return _upload(key, certificate, chain, from_pem=False)


def read_signed(x5c: object, key: PrivateKey) -> Upload | None:
    """The certificate for `key` among base64 texts of DER, with the others as its chain; None when it isn't there."""
    try:
        certificates = [x509.load_der_x509_certificate(base64.b64decode(one)) for one in x5c]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return None
    leaf = next((one for one in certificates if one.public_key() == key.public_key()), None)
    if leaf is None:
        return None
    return Upload(certificate=leaf, key=key, chain=tuple(one for one in certificates if one is not leaf))


def _read_pem(data: bytes, password: bytes | None) -> Upload:
    certificates = x509.load_pem_x509_certificates(data)
    try:
        key = serialization.load_pem_private_key(data, password)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from error
    return _upload(key, certificates[0], certificates[1:], from_pem=True)


def _upload(
    key: object, certificate: x509.Certificate | None, chain: list[x509.Certificate], *, from_pem: bool
) -> Upload:
    if certificate is None or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError("the certificate or its private key (RSA or EC) is missing")
    if key.public_key() != certificate.public_key():
        raise ValueError("the private key does not belong to the certificate")
    return Upload(certificate=certificate, key=key, chain=tuple(chain), from_pem=from_pem)


def thumbprint(certificate: x509.Certificate) -> str:
    """``x5t``: base64url SHA-1 of the DER certificate, without padding."""
    digest = certificate.fingerprint(hashes.SHA1())  # noqa: S303 - the format asks for SHA-1
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def der(certificate: x509.Certificate) -> str:
    """``cer``: base64 of the DER certificate."""
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
