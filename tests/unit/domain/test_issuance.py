# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate made here: read back, opened as the compute provider does, and used by a TLS server."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import json
import socket
import ssl
import sys
import threading
import typing as t
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ansible_collections.azvm.access.plugins.module_utils._domain.certificates import CertificateNames
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import MissingLibrary
from ansible_collections.azvm.access.plugins.module_utils._domain.issuance import IssuedCertificate, issue
from ansible_collections.azvm.access.plugins.module_utils._domain.publisher import publisher_from_file

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DNS = ("win1.example.com", "*.example.org", "win1")
IP = ("127.0.0.1", "10.0.0.4", "2001:db8::1")
START = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=1)
END = START + timedelta(days=30)


@pytest.fixture(scope="module")
def issued() -> IssuedCertificate:
    return issue(CertificateNames.of(DNS, IP, fallback="win1"), key_size=2048, not_before=START, not_after=END)


@pytest.fixture(scope="module")
def certificate(issued: IssuedCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(issued.pem.encode())


def opened(issued: IssuedCertificate) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """Key and certificate of the secret's value, opened as the compute provider does it."""
    content = json.loads(base64.b64decode(issued.secret_value, validate=True))
    assert content.keys() == {"data", "dataType", "password"}
    assert content["dataType"] == "pfx"
    key, found, chain = pkcs12.load_key_and_certificates(
        base64.b64decode(content["data"], validate=True), content["password"].encode()
    )
    assert isinstance(key, rsa.RSAPrivateKey)
    assert found is not None
    assert chain == []
    return key, found


def test_holds_every_name_and_address(certificate: x509.Certificate) -> None:
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(alternatives.get_values_for_type(x509.DNSName)) == sorted(DNS)
    assert set(alternatives.get_values_for_type(x509.IPAddress)) == {ipaddress.ip_address(text) for text in IP}
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "win1.example.com"
    assert certificate.issuer == certificate.subject


def test_is_for_servers_only_and_no_authority(certificate: x509.Certificate) -> None:
    extensions = certificate.extensions
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment) == (True, True)
    assert not any((usage.key_cert_sign, usage.crl_sign, usage.key_agreement, usage.data_encipherment))


def test_is_valid_for_exactly_the_span(certificate: x509.Certificate) -> None:
    assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (START, END)


def test_the_value_opens_with_the_password_inside_and_holds_the_key(
    issued: IssuedCertificate, certificate: x509.Certificate
) -> None:
    key, found = opened(issued)
    assert found == certificate
    assert key.public_key() == certificate.public_key()
    assert key.key_size == 2048
    assert len(issued.secret_value) < 25_000


def test_thumbprints_are_those_of_the_certificate(issued: IssuedCertificate, certificate: x509.Certificate) -> None:
    assert issued.thumbprint == certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - Windows' thumbprint
    assert issued.thumbprint_sha256 == certificate.fingerprint(hashes.SHA256()).hex().upper()


def test_is_not_shown_by_accident(issued: IssuedCertificate) -> None:
    assert issued.secret_value not in repr(issued)
    assert "secret_value" not in repr(issued)


def test_each_has_its_own_key_password_and_serial_number(
    issued: IssuedCertificate, certificate: x509.Certificate
) -> None:
    other = issue(CertificateNames.of(DNS, IP, fallback="win1"), key_size=2048, not_before=START, not_after=END)
    assert x509.load_pem_x509_certificate(other.pem.encode()).serial_number != certificate.serial_number
    assert opened(other)[0].public_key() != opened(issued)[0].public_key()
    passwords = {json.loads(base64.b64decode(one.secret_value))["password"] for one in (issued, other)}
    assert len(passwords) == 2
    assert all(len(password) >= 32 for password in passwords)


@pytest.mark.parametrize("key_size", [3072, pytest.param(4096, marks=pytest.mark.full)])
def test_longer_keys(key_size: int) -> None:
    made = issue(CertificateNames.of(["win1"], [], fallback="win1"), key_size=key_size, not_before=START, not_after=END)
    assert opened(made)[0].key_size == key_size
    assert len(made.secret_value) < 25_000


def test_without_names_there_is_only_a_subject() -> None:
    made = issue(CertificateNames.of([], [], fallback="win1"), key_size=2048, not_before=START, not_after=END)
    alone = x509.load_pem_x509_certificate(made.pem.encode())
    assert [each.oid for each in alone.extensions].count(x509.SubjectAlternativeName.oid) == 0


# With the certificate as its own trust anchor, as connection plugins are given it


@contextlib.contextmanager
def served(issued: IssuedCertificate, folder: Path) -> Iterator[int]:
    """A TLS server with the certificate; its port on 127.0.0.1."""
    key, certificate = opened(issued)
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _address = listener.accept()
            with connection, contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
                secure.recv(1)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(10)


def handshake(issued: IssuedCertificate, port: int, server_name: str) -> str:
    context = ssl.create_default_context(cadata=issued.pem)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=server_name) as secure,
    ):
        return secure.version() or ""


@pytest.mark.parametrize("server_name", ["win1.example.com", "WIN1.example.com", "any.example.org", "win1", *IP])
def test_validates_for_every_name_and_address(issued: IssuedCertificate, tmp_path: Path, server_name: str) -> None:
    with served(issued, tmp_path) as port:
        assert handshake(issued, port, server_name).startswith("TLSv1.")


@pytest.mark.parametrize("server_name", ["win2.example.com", "a.b.example.org", "10.0.0.5"])
def test_does_not_validate_for_others(issued: IssuedCertificate, tmp_path: Path, server_name: str) -> None:
    with served(issued, tmp_path) as port, pytest.raises(ssl.SSLCertVerificationError, match=r"mismatch|not valid for"):
        handshake(issued, port, server_name)


def _issued() -> object:
    return issue(CertificateNames.of(DNS, IP, fallback="win1"), key_size=2048, not_before=START, not_after=END)


def _read() -> object:
    return publisher_from_file(b"", source="the file")


@pytest.mark.parametrize("use", [_issued, _read])
def test_without_the_package_it_is_named(use: t.Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingLibrary) as caught:
        use()
    assert "cryptography can't be imported" in caught.value.message
    assert "pip install cryptography" in caught.value.hint
