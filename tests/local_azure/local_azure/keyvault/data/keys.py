# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys (https://learn.microsoft.com/rest/api/keyvault/keys): made, read, listed, updated, deleted, and used to sign.

A certificate's key comes and goes with it, under the same name and versions; other keys live on their own.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from ...core.call import Answer
from ...core.errors import AzureError
from ...core.wire import Json
from .. import issuance
from ..issuance import KeySpec, PrivateKey
from ..model import Certificate, CertificateVersion, Key, KeyVersion, new_version
from . import attributes, errors, lifecycle, paging
from .call import Permission, VaultCall, VaultRoute
from .policy import RSA_SIZES

KIND = "Key"

#: Since this version attributes tell the platform of the module that holds the key; 0 is the first one.
_PLATFORM_SINCE = "7.5"

#: Since this version a key that is read says whether it can be exported; lists and deletions always have.
_EXPORTABLE_SINCE = "7.3"

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
_OWN_OPERATIONS = {"RSA": ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"], "EC": ["sign", "verify"]}
_CURVE_NAMES = {"secp256r1": "P-256", "secp256k1": "P-256K", "secp384r1": "P-384", "secp521r1": "P-521"}


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A version of a key, of either kind."""

    name: str
    version: str
    key: PrivateKey = field(repr=False)
    operations: list[str]
    enabled: bool
    not_before: datetime | None
    expires: datetime | None
    created: datetime
    updated: datetime
    tags: dict[str, str] | None
    managed: bool


async def create_key(call: VaultCall) -> Answer:
    """POST /keys/{name}/create: a new key, or a new version of one, 200."""
    _check_free(call)
    spec, operations = _wanted(call.body)
    given = attributes.read_attributes(call.body.get("attributes"))
    tags = attributes.read_tags(call.body.get("tags"))
    made = await asyncio.to_thread(issuance.generate_key, spec)
    _check_free(call)  # others may have come in between
    key = call.contents.keys.setdefault(call.name.lower(), Key(name=call.name))
    key.versions.append(
        KeyVersion(
            version=new_version(),
            key=made,
            operations=operations,
            enabled=given.enabled is not False,
            not_before=given.not_before,
            expires=given.expires,
            created=call.now,
            updated=call.now,
            tags=tags,
        )
    )
    return Answer(status=200, body=own_bundle(call, key))


def get_key(call: VaultCall) -> Answer:
    """GET /keys/{name}[/{version}]: the public half."""
    return Answer(status=200, body=_bundle(call, _require(call)))


def update_key(call: VaultCall) -> Answer:
    """PATCH /keys/{name}[/{version}]: attributes, key_ops and tags; what isn't given stays."""
    key = require_own(call, "update")
    lifecycle.check_writable(call, key, KIND)
    version = key.find(call.params.get("version"))
    if version is None:
        raise _not_found(call)
    given = attributes.read_attributes(call.body.get("attributes"))
    tags = attributes.read_tags(call.body.get("tags"))
    version.operations = _read_operations(call.body, _kty(version.key), version.operations)
    version.enabled = given.enabled if given.enabled is not None else version.enabled
    version.not_before = given.not_before or version.not_before
    version.expires = given.expires or version.expires
    version.tags = tags if tags is not None else version.tags
    version.updated = call.now
    return Answer(status=200, body=_bundle(call, _own(key, version)))


def list_keys(call: VaultCall) -> Answer:
    """GET /keys: the current version of each, without its public half."""
    entries = [(one.name.lower(), _item(call, one, versioned=False)) for one in _current(call)]
    return Answer(status=200, body=paging.page(entries, url=call.page_url("keys"), query=call.query))


def list_versions(call: VaultCall) -> Answer:
    """GET /keys/{name}/versions."""
    entries = [(one.version, _item(call, one, versioned=True)) for one in _versions(call)]
    url = call.page_url(f"keys/{call.name}/versions")
    return Answer(status=200, body=paging.page(entries, url=url, query=call.query))


def delete_key(call: VaultCall) -> Answer:
    """DELETE /keys/{name}: soft-deletes all versions."""
    key = require_own(call, "delete")
    lifecycle.check_writable(call, key, KIND)
    key.deletion = lifecycle.deletion(call)
    return Answer(status=200, body=_deleted_bundle(call, key))


def list_deleted(call: VaultCall) -> Answer:
    """GET /deletedkeys."""
    deleted = [key for key in call.contents.keys.values() if lifecycle.is_visible_as_deleted(call, key)]
    entries = [(key.name.lower(), _deleted_item(call, key)) for key in deleted]
    return Answer(status=200, body=paging.page(entries, url=call.page_url("deletedkeys"), query=call.query))


def get_deleted(call: VaultCall) -> Answer:
    """GET /deletedkeys/{name}."""
    return Answer(status=200, body=_deleted_bundle(call, _require_deleted(call)))


def recover_deleted(call: VaultCall) -> Answer:
    """POST /deletedkeys/{name}/recover."""
    key = lifecycle.require_deleted(call, call.contents.keys, KIND)
    lifecycle.recover(call, key)
    return Answer(status=200, body=own_bundle(call, key))


def purge_deleted(call: VaultCall) -> Answer:
    """DELETE /deletedkeys/{name}: 204."""
    key = lifecycle.require_deleted(call, call.contents.keys, KIND)
    lifecycle.check_purge(call)
    del call.contents.keys[key.name.lower()]
    return Answer(status=204)


def import_key(_call: VaultCall) -> Answer:
    """PUT /keys/{name}."""
    raise AzureError(501, "NotModelled", "The local Azure makes keys, but imports none.")


def sign(call: VaultCall) -> Answer:
    """POST /keys/{name}/{version}/sign: signs a digest."""
    found = _require(call)
    _check_usable(call, found, "sign")
    algorithm = _RSA_HASHES.get(str(call.body.get("alg")))
    if algorithm is None:
        raise AzureError(501, "NotModelled", f"The local Azure doesn't sign with {call.body.get('alg')}.")
    if not isinstance(found.key, rsa.RSAPrivateKey):
        raise errors.bad_parameter(f"Key and signing algorithm are incompatible. Key type {_kty(found.key)}.")
    digest = _read_digest(call.body.get("value"), algorithm)
    value = found.key.sign(digest, padding.PKCS1v15(), utils.Prehashed(algorithm))
    return Answer(status=200, body={"kid": _kid(call, found), "value": _encoded(value)})


def require_own(call: VaultCall, operation: str) -> Key:
    """The live key of the call's name; raises 403 for a certificate's, which `operation` can't be done to."""
    lifecycle.check_name(call.name, KIND)
    certificate = call.contents.certificates.get(call.name.lower())
    if certificate is not None and certificate.deletion is None:
        raise errors.managed_key(operation)
    key = call.contents.keys.get(call.name.lower())
    if key is None or not lifecycle.is_live(call, key):
        raise _not_found(call)
    return key


def own_bundle(call: VaultCall, key: Key) -> Json:
    """The current version of a key on the wire."""
    return _bundle(call, _own(key, key.current))


def _check_free(call: VaultCall) -> None:
    """Raises 409 when the name can't take a new version now."""
    lifecycle.check_name(call.name, KIND)
    lifecycle.check_writable(call, call.contents.keys.get(call.name.lower()), KIND)
    certificate = call.contents.certificates.get(call.name.lower())
    if certificate is not None:
        lifecycle.check_writable(call, certificate, "Certificate")
        raise errors.managed_key("create")


def _wanted(body: Json) -> tuple[KeySpec, list[str]]:
    """What key a request wants, and what it may do."""
    kty = str(body.get("kty") or "")
    if kty.endswith("-HSM") or kty.startswith("oct"):
        raise AzureError(501, "NotModelled", f"The local Azure has no hardware for keys of type {kty}.")
    if kty not in _OWN_OPERATIONS:
        raise errors.bad_parameter("Property kty has invalid value" if kty else "Property kty is required")
    operations = _read_operations(body, kty, _OWN_OPERATIONS[kty])
    if kty == "EC":
        curve = str(body.get("crv") or "P-256")
        if curve not in issuance.CURVES:
            raise errors.bad_parameter(f"Property crv has invalid value: one of {', '.join(issuance.CURVES)}")
        return KeySpec(kty=kty, curve=curve), operations
    size = body.get("key_size") or RSA_SIZES[0]
    if size not in RSA_SIZES:
        raise errors.bad_parameter(f"Property key_size has invalid value: one of {', '.join(map(str, RSA_SIZES))}")
    return KeySpec(kty=kty, size=size), operations


def _read_operations(body: Json, kty: str, default: list[str]) -> list[str]:
    given = body.get("key_ops")
    if given is None:
        return list(default)
    if not isinstance(given, list) or not set(map(str, given)) <= {*_OWN_OPERATIONS[kty], "import", "export"}:
        raise errors.bad_parameter("Property key_ops has invalid value")
    return [str(one) for one in given]


def _require(call: VaultCall) -> _Found:
    lifecycle.check_name(call.name, KIND)
    wanted = call.params.get("version")
    found = [one for one in _versions(call) if wanted is None or one.version == wanted.lower()]
    if not found:
        raise _not_found(call)
    return found[-1]


def _not_found(call: VaultCall) -> AzureError:
    return errors.not_found(KIND, "/".join(filter(None, (call.name, call.params.get("version")))))


def _require_deleted(call: VaultCall) -> Key:
    key = call.contents.keys.get(call.name.lower())
    if key is None or not lifecycle.is_visible_as_deleted(call, key):
        raise errors.deleted_not_found(KIND, call.name)
    return key


def _current(call: VaultCall) -> Iterator[_Found]:
    """The current version of every live key."""
    for key in call.contents.keys.values():
        if lifecycle.is_live(call, key):
            yield _own(key, key.current)
    for certificate in call.contents.certificates.values():
        if lifecycle.is_live(call, certificate) and certificate.versions:
            yield _managed(certificate, certificate.current)


def _versions(call: VaultCall) -> Iterator[_Found]:
    """All versions of the key of the call's name, the newest last; none when there is no such key."""
    key = call.contents.keys.get(call.name.lower())
    if key is not None and lifecycle.is_live(call, key):
        yield from (_own(key, one) for one in key.versions)
    certificate = call.contents.certificates.get(call.name.lower())
    if certificate is not None and lifecycle.is_live(call, certificate):
        yield from (_managed(certificate, one) for one in certificate.versions)


def _own(key: Key, version: KeyVersion) -> _Found:
    return _Found(
        name=key.name,
        version=version.version,
        key=version.key,
        operations=version.operations,
        enabled=version.enabled,
        not_before=version.not_before,
        expires=version.expires,
        created=version.created,
        updated=version.updated,
        tags=version.tags,
        managed=False,
    )


def _managed(certificate: Certificate, version: CertificateVersion) -> _Found:
    return _Found(
        name=certificate.name,
        version=version.version,
        key=version.key,
        operations=_operations(version.certificate),
        enabled=version.enabled,
        not_before=version.certificate.not_valid_before_utc,
        expires=version.certificate.not_valid_after_utc,
        created=version.created,
        updated=version.updated,
        tags=version.tags,
        managed=True,
    )


def _bundle(call: VaultCall, found: _Found) -> Json:
    shown = _attributes(call, found)
    if not _is_since(call, _EXPORTABLE_SINCE):
        shown.pop("exportable", None)
    return _whole(call, found, shown)


def _whole(call: VaultCall, found: _Found, shown: Json) -> Json:
    key = {"kid": _kid(call, found), **_public_key(found.key), "key_ops": found.operations}
    return {"key": key, "attributes": shown, **_marks(found)}


def _deleted_bundle(call: VaultCall, key: Key) -> Json:
    found = _own(key, key.current)
    return lifecycle.write_deletion(call, key, "deletedkeys") | _whole(call, found, _attributes(call, found))


def _deleted_item(call: VaultCall, key: Key) -> Json:
    item = _item(call, _own(key, key.current), versioned=False)
    return lifecycle.write_deletion(call, key, "deletedkeys") | item


def _item(call: VaultCall, found: _Found, *, versioned: bool) -> Json:
    kid = _kid(call, found) if versioned else call.url(f"keys/{found.name}")
    return {"kid": kid, "attributes": _attributes(call, found), **_marks(found)}


def _marks(found: _Found) -> Json:
    marks: Json = {"tags": found.tags} if found.tags is not None else {}
    return marks | ({"managed": True} if found.managed else {})


def _attributes(call: VaultCall, found: _Found) -> Json:
    shown = attributes.write_attributes(
        enabled=found.enabled,
        not_before=found.not_before,
        expires=found.expires,
        created=found.created,
        updated=found.updated,
    ) | attributes.recovery(call.vault, call.api_version)
    if not found.managed:
        shown["exportable"] = False
    return shown | ({"hsmPlatform": "0"} if _is_since(call, _PLATFORM_SINCE) else {})


def _is_since(call: VaultCall, version: str) -> bool:
    """Whether the api-version is that or a later one; dates have followed the numbers."""
    return call.api_version >= version or call.api_version.startswith("20")


def _check_usable(call: VaultCall, found: _Found, operation: str) -> None:
    if not found.enabled:
        raise errors.disabled(KIND, operation)
    too_early = found.not_before is not None and call.now < found.not_before
    if too_early or (found.expires is not None and call.now > found.expires):
        raise errors.vault_error(
            403, "Forbidden", f"Operation {operation} is not allowed on a key that is not yet valid or has expired."
        )
    if operation not in found.operations:
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


def _kid(call: VaultCall, found: _Found) -> str:
    return call.url(f"keys/{found.name}/{found.version}")


def _permission(action: str, policy: str) -> Permission:
    return Permission(kind="keys", action=action, policy=policy)


_READ, _LIST = _permission("read", "get"), _permission("read", "list")
_CREATE, _UPDATE = _permission("create/action", "create"), _permission("update/action", "update")
_IMPORT = _permission("import/action", "import")
_DELETE, _PURGE = _permission("delete", "delete"), _permission("purge/action", "purge")
_RECOVER, _SIGN = _permission("recover/action", "recover"), _permission("sign/action", "sign")

ROUTES = (
    VaultRoute(method="GET", template="keys", handler=list_keys, permission=_LIST),
    VaultRoute(method="POST", template="keys/{name}/create", handler=create_key, permission=_CREATE),
    VaultRoute(method="GET", template="keys/{name}", handler=get_key, permission=_READ),
    VaultRoute(method="PUT", template="keys/{name}", handler=import_key, permission=_IMPORT),
    VaultRoute(method="PATCH", template="keys/{name}", handler=update_key, permission=_UPDATE),
    VaultRoute(method="DELETE", template="keys/{name}", handler=delete_key, permission=_DELETE),
    VaultRoute(method="GET", template="keys/{name}/versions", handler=list_versions, permission=_LIST),
    VaultRoute(method="GET", template="keys/{name}/{version}", handler=get_key, permission=_READ),
    VaultRoute(method="PATCH", template="keys/{name}/{version}", handler=update_key, permission=_UPDATE),
    VaultRoute(method="POST", template="keys/{name}/{version}/sign", handler=sign, permission=_SIGN),
    VaultRoute(method="GET", template="deletedkeys", handler=list_deleted, permission=_LIST),
    VaultRoute(method="GET", template="deletedkeys/{name}", handler=get_deleted, permission=_READ),
    VaultRoute(method="POST", template="deletedkeys/{name}/recover", handler=recover_deleted, permission=_RECOVER),
    VaultRoute(method="DELETE", template="deletedkeys/{name}", handler=purge_deleted, permission=_PURGE),
)
