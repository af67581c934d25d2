# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The publisher of signed .rdp files: a certificate with an RSA key, on the controller or held by a vault."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from datetime import timedelta

from .errors import InvalidInput
from .libraries import needs

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_CODE_SIGNING = "1.3.6.1.5.5.7.3.3"
_SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1"
_ANY_USAGE = "2.5.29.37.0"


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """A certificate and the one thing that is done with its private key.

    ``issuers`` are those certificates that are known to lead from it to its root, the nearest first; the root may be
    among them. ``sign`` gives the RSASSA-PKCS1-v1_5 signature with SHA-256 of what it is handed; where the key is, only
    it knows.
    """

    certificate: x509.Certificate
    issuers: tuple[x509.Certificate, ...] = ()
    sign: Callable[[bytes], bytes] = field(repr=False)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """What goes with a signature: all issuers but the root, which a client has to know already."""
        return tuple(each for each in self.issuers if not _is_root(each))

    @property
    def thumbprint(self) -> str:
        """SHA-1, as Windows and its policy TrustedCertThumbprints name a certificate."""
        from cryptography.hazmat.primitives import hashes

        return self.certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - what Windows asks for

    @property
    def thumbprint_sha256(self) -> str:
        from cryptography.hazmat.primitives import hashes

        return self.certificate.fingerprint(hashes.SHA256()).hex().upper()

    @property
    def self_signed(self) -> bool:
        return _is_root(self.certificate)

    @property
    def der(self) -> bytes:
        from cryptography.hazmat.primitives import serialization

        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> str:
        from cryptography.hazmat.primitives import serialization

        return self.certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def publisher_from_file(
    content: bytes, *, key_content: bytes | None = None, passphrase: str | None = None, source: str
) -> Publisher:
    """The publisher in a PFX, or in PEM text with the key in the same file or in ``key_content``.

    Raises :class:`InvalidInput`, naming ``source``, for what can't be read or can't sign.
    """
    if b"-----BEGIN" in content:
        key, certificates = _read_pem(content, key_content or content, passphrase, source)
    else:
        key, certificates = _read_pfx(content, passphrase, source)
    return _with_key(key, certificates, source)


def publisher_with(certificate: bytes, sign: Callable[[bytes], bytes], *, source: str) -> Publisher:
    """The publisher whose private key is elsewhere; ``certificate`` is DER."""
    with needs("cryptography"):
        from cryptography import x509

    loaded = x509.load_der_x509_certificate(certificate)
    _require_rsa(loaded.public_key(), source)
    return Publisher(certificate=loaded, sign=sign)


def with_chain(publisher: Publisher, content: bytes, *, source: str) -> Publisher:
    """The publisher with the issuers that ``content``, PEM text, has of it.

    Raises :class:`InvalidInput`, naming ``source``, when none of the certificates there leads on from the publisher's.
    """
    from cryptography import x509

    try:
        given = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise _unreadable(source, "holds no certificates in PEM form") from error
    issuers = _issuers_of(publisher.certificate, (*publisher.issuers, *given))
    if not issuers:
        raise InvalidInput(
            code="PublisherChainUnrelated",
            message=f"{source} does not hold the certificate that issued the publisher certificate"
            f" {publisher.thumbprint}.",
            hint=f"It is that of {publisher.certificate.issuer.rfc4514_string()}.",
        )
    return replace(publisher, issuers=issuers)


def require_valid(publisher: Publisher, *, earliest: datetime, latest: datetime) -> None:
    """Raise :class:`InvalidInput` unless the certificate is valid; the clocks that count may differ."""
    begins, ends = publisher.certificate.not_valid_before_utc, publisher.certificate.not_valid_after_utc
    if earliest < begins:
        raise InvalidInput(
            code="PublisherNotYetValid",
            message=f"The publisher certificate {publisher.thumbprint} is valid from {begins:%Y-%m-%d %H:%M} UTC only.",
            hint="Check the clock of the controller.",
        )
    if latest > ends:
        raise InvalidInput(
            code="PublisherExpired",
            message=f"The publisher certificate {publisher.thumbprint} expired on {ends:%Y-%m-%d %H:%M} UTC.",
            hint="Renew it: Windows does not accept what an expired certificate signed.",
        )


def doubts_about(publisher: Publisher, *, now: datetime, warn_before: timedelta) -> tuple[str, ...]:
    """Warnings: an end that is near, a usage that Windows may not accept, or no way to the root."""
    found = []
    left = publisher.certificate.not_valid_after_utc - now
    if left < warn_before:
        found.append(
            f"The publisher certificate {publisher.thumbprint} ends in {max(left, timedelta(0)).days} days; files"
            " signed with it show an unknown publisher from then on. Renew it and run the task again."
        )
    usages = _extended_usages(publisher.certificate)
    if usages and not usages & {_CODE_SIGNING, _SERVER_AUTHENTICATION, _ANY_USAGE}:
        found.append(
            f"The publisher certificate {publisher.thumbprint} is neither for code signing nor for server"
            " authentication; Windows may not show its name."
        )
    if not publisher.self_signed and not publisher.issuers:
        found.append(
            f"The publisher certificate {publisher.thumbprint} goes without that of its issuer,"
            f" {publisher.certificate.issuer.rfc4514_string()}; clients that do not have that one show an unknown"
            " publisher. Name a file with it in sign_with.chain_file."
        )
    return tuple(found)


def pkcs7(publisher: Publisher, message: bytes) -> bytes:
    """DER of a detached PKCS #7 signature without signed attributes, with the certificates in it."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

    builder = (
        PKCS7SignatureBuilder()
        .set_data(message)
        .add_signer(publisher.certificate, _as_private_key(publisher.sign), hashes.SHA256())
    )
    for certificate in publisher.chain:
        builder = builder.add_certificate(certificate)
    options = [PKCS7Options.DetachedSignature, PKCS7Options.Binary, PKCS7Options.NoAttributes]
    return builder.sign(serialization.Encoding.DER, options)


def has_signed(publisher: Publisher, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` is, byte for byte, what :func:`pkcs7` gives; the private key is not used."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    public = publisher.certificate.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        return False
    # Without attributes, the RSA signature stands at the end; everything before it follows from the certificates.
    value = signature[-(public.key_size // 8) :]
    try:
        public.verify(value, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return pkcs7(replace(publisher, sign=lambda _message: value), message) == signature


def _as_private_key(sign: Callable[[bytes], bytes]) -> t.Any:
    """An object that ``cryptography`` takes for an RSA private key and asks for one signature."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    class _SignsElsewhere:
        def sign(self, data: bytes, _padding: object, _algorithm: object) -> bytes:
            return sign(data)

    # Registered instead of derived: which other methods the abstract class asks for depends on the release.
    rsa.RSAPrivateKey.register(_SignsElsewhere)
    return _SignsElsewhere()


def _read_pem(
    content: bytes, key_content: bytes, passphrase: str | None, source: str
) -> tuple[PrivateKeyTypes | None, list[x509.Certificate]]:
    with needs("cryptography"):
        from cryptography import x509
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization

    try:
        certificates = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise _unreadable(source, "holds no certificate") from error
    if b"PRIVATE KEY-----" not in key_content:
        return None, certificates
    secret = passphrase.encode() if passphrase and b"ENCRYPTED" in key_content else None
    try:
        return serialization.load_pem_private_key(key_content, secret), certificates
    except TypeError as error:
        raise _unreadable(source, "has an encrypted key, and no passphrase is given", hint="Set passphrase.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unreadable(source, "has a key that can't be read: the passphrase is wrong or it is damaged") from error


def _read_pfx(
    content: bytes, passphrase: str | None, source: str
) -> tuple[PrivateKeyTypes | None, list[x509.Certificate]]:
    with needs("cryptography"):
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        key, certificate, others = pkcs12.load_key_and_certificates(
            content, passphrase.encode() if passphrase else None
        )
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unreadable(source, "can't be read: it is neither PEM nor PFX, or the passphrase is wrong") from error
    return key, [each for each in (certificate, *others) if each is not None]


def _with_key(key: PrivateKeyTypes | None, certificates: Iterable[x509.Certificate], source: str) -> Publisher:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    if key is None:
        raise _unreadable(source, "holds no private key", hint="Name the file that has it in key_file.")
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _not_rsa(source)
    private = key
    certificates = list(certificates)
    own = next((each for each in certificates if each.public_key() == private.public_key()), None)
    if own is None:
        raise _unreadable(source, "has a private key that belongs to none of its certificates")
    return Publisher(
        certificate=own,
        issuers=_issuers_of(own, certificates),
        sign=lambda message: private.sign(message, padding.PKCS1v15(), hashes.SHA256()),
    )


def _is_root(certificate: x509.Certificate) -> bool:
    return certificate.issuer == certificate.subject


def _issuers_of(certificate: x509.Certificate, given: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Those of the certificates that lead on from one, in this order; what has nothing to do with it is left out."""
    left, found, last = list(given), [], certificate
    while not _is_root(last):
        issuer = next((each for each in left if _issued(each, last)), None)
        if issuer is None:
            break
        left.remove(issuer)
        found.append(issuer)
        last = issuer
    return tuple(found)


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _require_rsa(public: object, source: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    if not isinstance(public, rsa.RSAPublicKey):
        raise _not_rsa(source)


def _not_rsa(source: str) -> InvalidInput:
    return InvalidInput(
        code="PublisherKeyNotRsa",
        message=f"{source} has a key that is not RSA; .rdp files can only be signed with RSA.",
        hint="Use a certificate with an RSA key of 2048 bits or more.",
    )


def _unreadable(source: str, problem: str, *, hint: str = "") -> InvalidInput:
    return InvalidInput(code="PublisherUnreadable", message=f"{source} {problem}.", hint=hint)


def _extended_usages(certificate: x509.Certificate) -> set[str]:
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return set()
    return {usage.dotted_string for usage in extension.value}
