# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The publisher's signature: its message and form, and what it notices."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._domain.publisher import (
    Publisher,
    doubts_about,
    has_signed,
    pkcs7,
    publisher_from_file,
    publisher_with,
    require_valid,
    with_chain,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_accounts import Account
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_file import Connection, Gateway
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_settings import (
    Setting,
    Settings,
    number,
    text,
    value_of,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_signature import (
    message_of,
    scope_of,
    signature_of,
    with_alternate_address,
    with_signature,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_state import FoundFile, WantedFile
from ansible_collections.azvm.access.tests.unit.domain.publishers import (
    NOW,
    certificate,
    pem_key,
    pem_of,
    verified_by_openssl,
)

PASSPHRASE = "open-sesame"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def published(key: rsa.RSAPrivateKey, *certificates: x509.Certificate) -> Publisher:
    return publisher_from_file(pem_of(*(certificates or (certificate(key),))) + pem_key(key), source="test.pem")


def settings(address: str = "192.0.2.1") -> Settings:
    connection = Connection(gateway=Gateway(host="gateway.example.com"))
    made = connection.settings(address, 3389, Account(username="WIN1\\jane"))
    return with_alternate_address(made)


def test_the_message_has_the_settings_in_their_order() -> None:
    """Not in that of the file; what is not in the list is not signed."""
    made = (
        number("prompt for credentials", 1),
        text("username", "jane"),
        text("full address", "vm:3389"),
        number("redirectclipboard", 0),
    )
    lines = message_of(with_alternate_address(made)).decode("utf-16-le").split("\r\n")
    assert lines == [
        "full address:s:vm:3389",
        "alternate full address:s:vm:3389",
        "prompt for credentials:i:1",
        "redirectclipboard:i:0",
        "signscope:s:Full Address,Alternate Full Address,Prompt For Credentials,RedirectClipboard",
        "\0",
    ]


def test_the_alternate_address_can_not_be_added_unnoticed() -> None:
    made = with_alternate_address((text("full address", "vm:3389"), text("username", "jane")))
    assert [str(each) for each in made] == [
        "full address:s:vm:3389",
        "alternate full address:s:vm:3389",
        "username:s:jane",
    ]
    assert with_alternate_address(made) == made
    assert "Alternate Full Address" in scope_of(made)


def test_the_line_begins_as_rdpsign_writes_it(key: rsa.RSAPrivateKey) -> None:
    made = with_signature(settings(), pkcs7(published(key), message_of(settings())))
    value = value_of(made, "signature") or ""
    assert value.startswith("AQABAAEAAA")
    content = base64.b64decode(value)
    assert int.from_bytes(content[8:12], "little") == len(content) - 12
    assert [each.name for each in made[-2:]] == ["signscope", "signature"]
    assert signature_of(made) == content[12:]


def test_intermediate_certificates_travel_along(key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey) -> None:
    root = certificate(other_key, name="Root", is_ca=True, usages=())
    middle = certificate(other_key, name="Middle", issuer=(root, other_key), is_ca=True, usages=())
    publisher = published(key, root, middle, certificate(key, issuer=(middle, other_key)))
    assert publisher.chain == (middle,)
    assert middle.public_bytes(serialization.Encoding.DER) in pkcs7(publisher, b"message")
    assert has_signed(publisher, pkcs7(publisher, b"message"), b"message")


@dataclass(frozen=True, kw_only=True)
class Authorities:
    """A root, two below it, and a publisher at the end whose key is elsewhere."""

    root: x509.Certificate
    upper: x509.Certificate
    lower: x509.Certificate
    publisher: Publisher


@pytest.fixture(scope="module")
def authorities(key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey) -> Authorities:
    keys = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _each in range(2)]
    root = certificate(other_key, name="Root", is_ca=True, usages=())
    upper = certificate(keys[0], name="Upper", issuer=(root, other_key), is_ca=True, usages=())
    lower = certificate(keys[1], name="Lower", issuer=(upper, keys[0]), is_ca=True, usages=())
    own = certificate(key, issuer=(lower, keys[1])).public_bytes(serialization.Encoding.DER)
    made = publisher_with(own, lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA256()), source="vault")
    return Authorities(root=root, upper=upper, lower=lower, publisher=made)


def test_a_client_that_knows_the_root_only_needs_the_chain(authorities: Authorities, tmp_path: Path) -> None:
    def verified(publisher: Publisher) -> bool:
        message = message_of(settings())
        return verified_by_openssl(pkcs7(publisher, message), message, root=authorities.root, folder=tmp_path)

    given = authorities.publisher
    assert not verified(given)
    stranger = certificate(rsa.generate_private_key(public_exponent=65537, key_size=2048), name="Lower", is_ca=True)
    bundle = pem_of(stranger, authorities.root, authorities.upper, authorities.lower)
    complete = with_chain(given, bundle, source="c")
    assert complete.issuers == (authorities.lower, authorities.upper, authorities.root)
    assert complete.chain == (authorities.lower, authorities.upper)
    assert verified(complete)
    assert not verified(with_chain(given, pem_of(authorities.lower), source="c")), "one is missing"


def test_a_missing_chain_is_said(authorities: Authorities, key: rsa.RSAPrivateKey) -> None:
    def doubts(publisher: Publisher) -> tuple[str, ...]:
        return doubts_about(publisher, now=NOW, warn_before=timedelta(days=30))

    (warning,) = doubts(authorities.publisher)
    assert "its issuer, CN=Lower;" in warning
    assert "sign_with.chain_file" in warning
    assert doubts(with_chain(authorities.publisher, pem_of(authorities.lower), source="c")) == ()
    assert doubts(published(key)) == ()


@pytest.mark.parametrize(("other", "code"), [("upper", "PublisherChainUnrelated"), (None, "PublisherUnreadable")])
def test_a_chain_that_leads_nowhere_is_refused(authorities: Authorities, other: str | None, code: str) -> None:
    content = pem_of(getattr(authorities, other)) if other else b"none"
    with pytest.raises(InvalidInput) as caught:
        with_chain(authorities.publisher, content, source="/files/chain.pem")
    assert caught.value.code == code
    assert caught.value.message.startswith("/files/chain.pem ")


def test_a_signature_is_recognised_without_the_key(key: rsa.RSAPrivateKey) -> None:
    publisher = published(key)
    signature = pkcs7(publisher, b"message")

    def refuse(_message: bytes) -> bytes:
        raise AssertionError("the key was used")

    keyless = publisher_with(publisher.der, refuse, source="vault")
    assert has_signed(keyless, signature, b"message")
    assert not has_signed(keyless, signature, b"another message")
    assert not has_signed(keyless, signature[:-1], b"message")
    assert not has_signed(keyless, b"", b"message")


def test_every_changed_byte_of_a_signature_is_noticed(key: rsa.RSAPrivateKey, full: bool) -> None:
    publisher = published(key)
    signature = pkcs7(publisher, b"message")
    for index in range(0, len(signature), 1 if full else 41):
        changed = signature[:index] + bytes([signature[index] ^ 1]) + signature[index + 1 :]
        assert not has_signed(publisher, changed, b"message"), f"byte {index}"


def test_a_certificate_of_the_same_key_is_another_publisher(key: rsa.RSAPrivateKey) -> None:
    signature = pkcs7(published(key, certificate(key, days=10)), b"message")
    assert not has_signed(published(key, certificate(key, days=20)), signature, b"message")


@pytest.mark.parametrize(
    "change",
    [
        lambda made: (*made[:-1], Setting(name="signature", type="s", value="AQAB")),
        lambda made: (*made[:-1], Setting(name="signature", type="s", value="not base64")),
        lambda made: (*made[:-2], Setting(name="signscope", type="s", value="Full Address"), made[-1]),
        lambda made: (number("server port", 1), *made),
        lambda made: made[:-1],
    ],
)
def test_a_signature_that_does_not_fit_the_file_is_none(
    key: rsa.RSAPrivateKey, change: t.Callable[[Settings], Settings]
) -> None:
    made = with_signature(settings(), pkcs7(published(key), message_of(settings())))
    assert signature_of(change(made)) is None


def test_a_file_in_64_character_pieces_is_read_too(key: rsa.RSAPrivateKey) -> None:
    """As Windows' rdpsign.exe writes it: two spaces after each piece."""
    made = with_signature(settings(), pkcs7(published(key), message_of(settings())))
    value = value_of(made, "signature") or ""
    pieces = "".join(f"{value[index : index + 64]}  " for index in range(0, len(value), 64))
    assert signature_of((*made[:-1], replace(made[-1], value=pieces))) == signature_of(made)


def test_a_signed_file_comes_back_as_it_was(key: rsa.RSAPrivateKey) -> None:
    publisher = published(key)
    wanted = WantedFile.of(settings(), publisher, mode=0o600)
    found = FoundFile.of(wanted.content(), publisher, mode=0o600)
    assert found.document == wanted.document
    assert found.own
    assert found.differences(wanted) == []
    assert wanted.document["signed_by"] == publisher.thumbprint
    assert wanted.document["encoding"] == "utf-16-le"


def test_a_changed_address_in_a_signed_file_is_noticed(key: rsa.RSAPrivateKey) -> None:
    publisher = published(key)
    wanted = WantedFile.of(settings(), publisher, mode=0o600)
    changed = wanted.content().replace("192.0.2.1".encode("utf-16-le"), "192.0.2.9".encode("utf-16-le"))
    found = FoundFile.of(changed, publisher, mode=0o600)
    assert not found.own
    assert found.document["signed_by"] == "another publisher, or not valid"
    assert found.differences(wanted) == ["alternate full address", "full address", "signature"]


def test_what_is_no_rdp_file_differs_in_everything() -> None:
    found = FoundFile.of(b"\x89PNG\r\n\x1a\n", None, mode=0o644)
    assert not found.own
    assert found.differences(WantedFile.of(settings(), None, mode=0o600)) == ["everything, as it is no .rdp file"]


def test_publishers_are_read_from_all_usual_files(key: rsa.RSAPrivateKey) -> None:
    own = certificate(key)
    pfx = pkcs12.serialize_key_and_certificates(
        b"publisher", key, own, None, serialization.BestAvailableEncryption(PASSPHRASE.encode())
    )
    bare = pkcs12.serialize_key_and_certificates(None, key, own, None, serialization.NoEncryption())
    found = [
        publisher_from_file(pfx, passphrase=PASSPHRASE, source="p"),
        publisher_from_file(bare, source="p"),
        publisher_from_file(pem_of(own) + pem_key(key), source="p"),
        publisher_from_file(pem_of(own) + pem_key(key), passphrase="not needed", source="p"),
        publisher_from_file(pem_key(key, PASSPHRASE) + pem_of(own), passphrase=PASSPHRASE, source="p"),
        publisher_from_file(pem_of(own), key_content=pem_key(key), source="p"),
    ]
    assert {each.thumbprint for each in found} == {own.fingerprint(hashes.SHA1()).hex().upper()}  # noqa: S303
    assert len({pkcs7(each, b"message") for each in found}) == 1
    assert PASSPHRASE not in repr(found)


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        ("garbage", "PublisherUnreadable", "neither PEM nor PFX"),
        ("empty", "PublisherUnreadable", "neither PEM nor PFX"),
        ("wrong passphrase", "PublisherUnreadable", "passphrase is wrong"),
        ("no passphrase", "PublisherUnreadable", "no passphrase is given"),
        ("wrong pfx passphrase", "PublisherUnreadable", "passphrase is wrong"),
        ("no key", "PublisherUnreadable", "no private key"),
        ("no certificate", "PublisherUnreadable", "no certificate"),
        ("foreign key", "PublisherUnreadable", "belongs to none"),
        ("elliptic curve", "PublisherKeyNotRsa", "only be signed with RSA"),
    ],
)
def test_what_can_not_sign_is_refused(
    key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey, wrong: str, code: str, words: str
) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    own = certificate(key)
    pfx = pkcs12.serialize_key_and_certificates(
        None, key, own, None, serialization.BestAvailableEncryption(PASSPHRASE.encode())
    )
    content, passphrase = {
        "garbage": (b"\x00\x01", None),
        "empty": (b"", None),
        "wrong passphrase": (pem_of(own) + pem_key(key, PASSPHRASE), "wrong-secret"),
        "no passphrase": (pem_of(own) + pem_key(key, PASSPHRASE), None),
        "wrong pfx passphrase": (pfx, "wrong-secret"),
        "no key": (pem_of(own), None),
        "no certificate": (pem_key(key), None),
        "foreign key": (pem_of(own) + pem_key(other_key), None),
        "elliptic curve": (pem_of(certificate(curve)) + pem_key(curve), None),
    }[wrong]
    with pytest.raises(InvalidInput) as caught:
        publisher_from_file(content, passphrase=passphrase, source="/files/publisher.pem")
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.message.startswith("/files/publisher.pem ")
    assert "wrong-secret" not in caught.value.message + caught.value.hint


def test_a_vaults_certificate_without_rsa_is_refused() -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    der = certificate(curve).public_bytes(serialization.Encoding.DER)
    with pytest.raises(InvalidInput) as caught:
        publisher_with(der, lambda message: message, source="The certificate c of the key vault v")
    assert caught.value.code == "PublisherKeyNotRsa"


def test_the_key_may_be_anywhere(key: rsa.RSAPrivateKey) -> None:
    """What the vault gives for the digest ends up in the same bytes."""
    asked: list[bytes] = []

    def elsewhere(message: bytes) -> bytes:
        asked.append(message)
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())

    near = published(key)
    far = publisher_with(near.der, elsewhere, source="vault")
    assert pkcs7(far, b"message") == pkcs7(near, b"message")
    assert asked == [b"message"]


def test_validity_is_needed_on_every_clock(key: rsa.RSAPrivateKey) -> None:
    publisher = published(key, certificate(key, days=5))
    require_valid(publisher, earliest=NOW, latest=NOW)
    with pytest.raises(InvalidInput) as early:
        require_valid(publisher, earliest=NOW - timedelta(days=2), latest=NOW)
    with pytest.raises(InvalidInput) as late:
        require_valid(publisher, earliest=NOW, latest=NOW + timedelta(days=6))
    assert (early.value.code, late.value.code) == ("PublisherNotYetValid", "PublisherExpired")


@pytest.mark.parametrize(("days", "warned"), [(40, False), (20, True)])
def test_an_end_that_is_near_is_said(key: rsa.RSAPrivateKey, days: int, warned: bool) -> None:
    publisher = published(key, certificate(key, days=days))
    found = doubts_about(publisher, now=NOW, warn_before=timedelta(days=30))
    assert any("ends in 19 days" in each or "ends in 20 days" in each for each in found) == warned
    assert bool(found) == warned


@pytest.mark.parametrize(
    ("usages", "warned"),
    [
        ((ExtendedKeyUsageOID.CODE_SIGNING,), False),
        ((ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH), False),
        ((), False),
        ((ExtendedKeyUsageOID.EMAIL_PROTECTION,), True),
    ],
)
def test_a_certificate_for_something_else_gives_a_warning(
    key: rsa.RSAPrivateKey, usages: tuple[x509.ObjectIdentifier, ...], warned: bool
) -> None:
    publisher = published(key, certificate(key, usages=usages))
    found = doubts_about(publisher, now=NOW, warn_before=timedelta(days=30))
    assert any("neither for code signing" in each for each in found) == warned
