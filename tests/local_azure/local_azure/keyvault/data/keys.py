# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys behind certificates: read and sign (https://learn.microsoft.com/rest/api/keyvault/keys).

A key comes and goes with its certificate, under the same name and versions; other keys are not modelled.
"""

from __future__ import annotations

import base64
import binascii

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from ...core.call import Answer
from ...core.errors import AzureError
from ...core.wire import Json
from ..issuance import PrivateKey
from ..model import Certificate, CertificateVersion
from . import attributes, errors, lifecycle
from .call import Permission, VaultCall, VaultRoute

KIND = "Key"

_RSA_HASHES: dict[str, hashes.HashAlgorithm] = {
    "RS256": hashes.SHA256(),
    "RS384": hashes.SHA384(),
    "RS512": hashes.SHA512(),
}
# What a key may do follows from the usage of its certificate ("About Azure Key Vault certificates").
_OPERATIONS = {
    "digital_signature": ("sign", "verify"),
    "data_encipherment": ("encrypt", "decrypt"),
    "key_encipherment": ("wrapKey", "unwrapKey"),
}
_CURVE_NAMES = {"secp256r1": "P-256", "secp256k1": "P-256K", "secp384r1": "P-384", "secp521r1": "P-521"}


def get_key(call: VaultCall) -> Answer:
    """GET /keys/{name}[/{version}]: the public half."""
    certificate, version = _require(call)
    body: Json = {
        "key": _public_key(version.key)
        | {"kid": _kid(call, certificate, version), "key_ops": _operations(version.certificate)},
        "attributes": attributes.write_attributes(
            enabled=version.enabled,
            not_before=version.certificate.not_valid_before_utc,
            expires=version.certificate.not_valid_after_utc,
            created=version.created,
            updated=version.updated,
        )
        | attributes.recovery(call.vault),
        "managed": True,
    }
    if version.tags is not None:
        body["tags"] = version.tags
    return Answer(status=200, body=body)


def sign(call: VaultCall) -> Answer:
    """POST /keys/{name}/{version}/sign: signs a digest."""
    certificate, version = _require(call)
    _check_usable(call, version, "sign")
    algorithm = _RSA_HASHES.get(str(call.body.get("alg")))
    if algorithm is None:
        raise AzureError(501, "NotModelled", f"The local Azure doesn't sign with {call.body.get('alg')}.")
    if not isinstance(version.key, rsa.RSAPrivateKey):
        raise errors.bad_parameter(f"Key and signing algorithm are incompatible. Key type {_kty(version.key)}.")
    digest = _read_digest(call.body.get("value"), algorithm)
    value = version.key.sign(digest, padding.PKCS1v15(), utils.Prehashed(algorithm))
    return Answer(status=200, body={"kid": _kid(call, certificate, version), "value": _encoded(value)})


def _require(call: VaultCall) -> tuple[Certificate, CertificateVersion]:
    lifecycle.check_name(call.name, KIND)
    certificate = call.contents.certificates.get(call.name.lower())
    version = None
    if certificate is not None and lifecycle.is_live(call, certificate):
        version = certificate.find(call.params.get("version"))
    if certificate is None or version is None:
        raise errors.not_found(KIND, "/".join(filter(None, (call.name, call.params.get("version")))))
    return certificate, version


def _check_usable(call: VaultCall, version: CertificateVersion, operation: str) -> None:
    if not version.enabled:
        raise errors.disabled(KIND, operation)
    begins, ends = version.certificate.not_valid_before_utc, version.certificate.not_valid_after_utc
    if not begins <= call.now <= ends:
        raise errors.vault_error(
            403, "Forbidden", f"Operation {operation} is not allowed on a key that is not yet valid or has expired."
        )
    if operation not in _operations(version.certificate):
        raise errors.vault_error(403, "Forbidden", f"Operation {operation} is not permitted on this key.")


def _operations(certificate: x509.Certificate) -> list[str]:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return [word for words in _OPERATIONS.values() for word in words]
    return [word for field, words in _OPERATIONS.items() if getattr(usage, field) for word in words]


def _read_digest(given: object, algorithm: hashes.HashAlgorithm) -> bytes:
    if not isinstance(given, str):
        raise errors.bad_parameter("The request body doesn't contain the parameter value.")
    try:
        digest = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise errors.bad_parameter("Property value has invalid value: it is not base64url") from error
    if len(digest) != algorithm.digest_size:
        raise errors.bad_parameter(
            f"Invalid length of 'value': {len(digest)} bytes. The algorithm needs a digest of {algorithm.digest_size}."
        )
    return digest


def _public_key(key: PrivateKey) -> Json:
    """RFC 7517."""
    public = key.public_key().public_numbers()
    if isinstance(public, ec.EllipticCurvePublicNumbers):
        size = (public.curve.key_size + 7) // 8
        point = {"x": _number(public.x, size), "y": _number(public.y, size)}
        return {"kty": "EC", "crv": _CURVE_NAMES[public.curve.name]} | point
    return {"kty": "RSA", "n": _number(public.n), "e": _number(public.e)}


def _kty(key: PrivateKey) -> str:
    return "RSA" if isinstance(key, rsa.RSAPrivateKey) else "EC"


def _number(value: int, size: int | None = None) -> str:
    return _encoded(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _kid(call: VaultCall, certificate: Certificate, version: CertificateVersion) -> str:
    return call.url(f"keys/{certificate.name}/{version.version}")


_READ = Permission(kind="keys", action="read", policy="get")
_SIGN = Permission(kind="keys", action="sign/action", policy="sign")

ROUTES = (
    VaultRoute(method="GET", template="keys/{name}", handler=get_key, permission=_READ),
    VaultRoute(method="GET", template="keys/{name}/{version}", handler=get_key, permission=_READ),
    VaultRoute(method="POST", template="keys/{name}/{version}/sign", handler=sign, permission=_SIGN),
)
