# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Self-signed certificates, PFX and PEM."""

from __future__ import annotations

import base64
import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from local_azure.keyvault import issuance
from local_azure.keyvault.issuance import CertificateRequest, KeySpec, Upload

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
KEY = issuance.generate_key(KeySpec())


def made(**wishes: object) -> x509.Certificate:
    request = CertificateRequest(**({"subject": "CN=win1"} | wishes))  # type: ignore[arg-type]
    return issuance.self_signed(request, KEY, NOW)


def test_validity_starts_ten_minutes_early_and_lasts_whole_months() -> None:
    certificate = made(validity_months=13)
    assert certificate.not_valid_before_utc == NOW - timedelta(minutes=10)
    assert certificate.not_valid_after_utc == datetime(2027, 2, 28, 12, tzinfo=UTC)


def test_names_are_in_the_certificate() -> None:
    certificate = made(dns_names=("win1", "win1.example.com"), ip_addresses=("203.0.113.9", "2001:db8::1"))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["win1", "win1.example.com"]
    addresses = [ipaddress.ip_address("203.0.113.9"), ipaddress.ip_address("2001:db8::1")]
    assert names.get_values_for_type(x509.IPAddress) == addresses


def test_extensions_are_those_of_a_server_certificate() -> None:
    extensions = made(ekus=("1.3.6.1.5.5.7.3.1",)).extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.key_encipherment
    assert not usage.value.key_cert_sign
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    ekus = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [eku.dotted_string for eku in ekus] == ["1.3.6.1.5.5.7.3.1"]


def test_subject_is_encoded_in_reverse_order_as_key_vault_does() -> None:
    name = issuance.parse_subject('C=US, ST=WA, O="Contoso, Ltd", CN=www.example.com')
    assert [attribute.value for attribute in name] == ["www.example.com", "Contoso, Ltd", "WA", "US"]
    assert issuance.format_subject(name) == 'C=US, S=WA, O="Contoso, Ltd", CN=www.example.com'


@pytest.mark.parametrize("text", ["CN", "=x", "CN=", "XX=1", 'CN="open'])
def test_malformed_subjects(text: str) -> None:
    with pytest.raises(ValueError, match="distinguished name"):
        issuance.parse_subject(text)


@pytest.mark.parametrize("spec", [KeySpec(kty="RSA", size=3072), KeySpec(kty="EC", curve="P-384")])
def test_key_types(spec: KeySpec) -> None:
    key = issuance.generate_key(spec)
    expected = rsa.RSAPrivateKey if spec.kty == "RSA" else ec.EllipticCurvePrivateKey
    assert isinstance(key, expected)
    assert key.key_size in (3072, 384)


def test_pfx_has_no_password_and_holds_key_and_certificate() -> None:
    value = issuance.secret_value(Upload(certificate=made(), key=KEY), content_type=issuance.PKCS12, exportable=True)
    key, certificate, _chain = pkcs12.load_key_and_certificates(base64.b64decode(value), None)
    assert certificate is not None
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.public_key() == certificate.public_key() == KEY.public_key()


@pytest.mark.parametrize("content_type", [issuance.PKCS12, issuance.PEM])
def test_not_exportable_leaves_the_key_out(content_type: str) -> None:
    upload = Upload(certificate=made(), key=KEY)
    value = issuance.secret_value(upload, content_type=content_type, exportable=False)
    if content_type == issuance.PEM:
        assert "PRIVATE KEY" not in value
        assert "BEGIN CERTIFICATE" in value
    else:
        assert pkcs12.load_key_and_certificates(base64.b64decode(value), None)[0] is None


@pytest.mark.parametrize("content_type", [issuance.PKCS12, issuance.PEM])
def test_what_is_written_can_be_read(content_type: str) -> None:
    upload = Upload(certificate=made(), key=KEY)
    read = issuance.read_upload(issuance.secret_value(upload, content_type=content_type, exportable=True), None)
    assert read.certificate == upload.certificate
    assert read.from_pem is (content_type == issuance.PEM)


def test_upload_with_password() -> None:
    pfx = pkcs12.serialize_key_and_certificates(b"x", KEY, made(), None, BestAvailableEncryption(b"open sesame"))
    value = base64.b64encode(pfx).decode()
    assert issuance.read_upload(value, "open sesame").key.public_key() == KEY.public_key()
    with pytest.raises(ValueError, match=r"(?i)password"):
        issuance.read_upload(value, "wrong")


@pytest.mark.parametrize("value", ["not base64!", base64.b64encode(b"not a PFX").decode()])
def test_upload_of_something_else(value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        issuance.read_upload(value, None)


def test_months_between() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert issuance.months_between(start, datetime(2027, 1, 1, tzinfo=UTC)) == 12
    assert issuance.months_between(start, datetime(2027, 1, 1, 0, 10, tzinfo=UTC)) == 13
