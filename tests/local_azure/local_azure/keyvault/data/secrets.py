# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets: set, read, update, list, delete (https://learn.microsoft.com/rest/api/keyvault/secrets)."""

from __future__ import annotations

from ...core.call import Answer
from ...core.wire import Json
from ..model import Secret, SecretVersion, new_version
from . import attributes, errors, lifecycle, paging
from .call import Permission, VaultCall, VaultRoute

KIND = "Secret"


def set_secret(call: VaultCall) -> Answer:
    """PUT /secrets/{name}: a new version, 200."""
    version = write_version(call, call.body)
    return Answer(status=200, body=bundle(call, call.contents.secrets[call.name.lower()], version, value=True))


def write_version(call: VaultCall, body: Json) -> SecretVersion:
    """Adds the version that `body` (value, contentType, attributes, tags) describes."""
    lifecycle.check_name(call.name, KIND)
    value = attributes.read_value(body.get("value"))
    given = attributes.read_attributes(body.get("attributes"))
    content_type = attributes.read_content_type(body.get("contentType"))
    tags = attributes.read_tags(body.get("tags"))
    secret = call.contents.secrets.get(call.name.lower())
    lifecycle.check_writable(call, secret, KIND)
    if secret is not None and secret.managed:
        raise errors.managed_secret("set")
    if secret is None:
        secret = call.contents.secrets.setdefault(call.name.lower(), Secret(name=call.name))
    version = SecretVersion(
        version=new_version(),
        value=value,
        content_type=content_type,
        enabled=given.enabled is not False,
        not_before=given.not_before,
        expires=given.expires,
        created=call.now,
        updated=call.now,
        tags=tags,
    )
    secret.versions.append(version)
    return version


def get_secret(call: VaultCall) -> Answer:
    """GET /secrets/{name}[/{version}]. Validity dates are told, not enforced (documentation "About secrets")."""
    secret, version = _require(call)
    if not version.enabled:
        raise errors.disabled(KIND, "get")
    return Answer(status=200, body=bundle(call, secret, version, value=True))


def update_secret(call: VaultCall) -> Answer:
    """PATCH /secrets/{name}[/{version}]: attributes, content type and tags; what isn't given stays."""
    secret, version = _require(call)
    lifecycle.check_writable(call, secret, KIND)
    given = attributes.read_attributes(call.body.get("attributes"))
    content_type = attributes.read_content_type(call.body.get("contentType"))
    tags = attributes.read_tags(call.body.get("tags"))
    apply_attributes(version, given)
    version.content_type = content_type if content_type is not None else version.content_type
    version.tags = tags if tags is not None else version.tags
    version.updated = call.now
    return Answer(status=200, body=bundle(call, secret, version))


def apply_attributes(version: SecretVersion, given: attributes.GivenAttributes) -> None:
    if given.enabled is not None:
        version.enabled = given.enabled
    if given.not_before is not None:
        version.not_before = given.not_before
    if given.expires is not None:
        version.expires = given.expires


def list_secrets(call: VaultCall) -> Answer:
    """GET /secrets: the current version of each, without values."""
    entries = [
        (key, _item(call, secret, secret.current, versioned=False))
        for key, secret in call.contents.secrets.items()
        if lifecycle.is_live(call, secret)
    ]
    return Answer(status=200, body=paging.page(entries, url=call.page_url("secrets"), query=call.query))


def list_versions(call: VaultCall) -> Answer:
    """GET /secrets/{name}/versions, ordered by version identifier (recorded), not by age."""
    secret = call.contents.secrets.get(call.name.lower())
    versions = secret.versions if secret is not None and lifecycle.is_live(call, secret) else []
    entries = [(one.version, _item(call, secret, one, versioned=True)) for one in versions if secret is not None]
    url = call.page_url(f"secrets/{call.name}/versions")
    return Answer(status=200, body=paging.page(entries, url=url, query=call.query))


def delete_secret(call: VaultCall) -> Answer:
    """DELETE /secrets/{name}: soft-deletes all versions."""
    secret = require_live(call)
    lifecycle.check_writable(call, secret, KIND)
    if secret.managed:
        raise errors.managed_secret("delete")
    secret.deletion = lifecycle.deletion(call)
    return Answer(status=200, body=deleted_bundle(call, secret))


def require_live(call: VaultCall) -> Secret:
    """The secret of the call's name. Raises 404 when there is none, or only a deleted one."""
    secret = call.contents.secrets.get(call.name.lower())
    if secret is None or secret.deletion is not None:
        raise errors.not_found(KIND, call.name)
    return secret


def list_deleted(call: VaultCall) -> Answer:
    """GET /deletedsecrets."""
    entries = [
        (
            key,
            lifecycle.write_deletion(call, secret, "deletedsecrets")
            | _item(call, secret, secret.current, versioned=False),
        )
        for key, secret in call.contents.secrets.items()
        if lifecycle.is_visible_as_deleted(call, secret)
    ]
    return Answer(status=200, body=paging.page(entries, url=call.page_url("deletedsecrets"), query=call.query))


def get_deleted(call: VaultCall) -> Answer:
    return Answer(status=200, body=deleted_bundle(call, _require_deleted(call)))


def recover_deleted(call: VaultCall) -> Answer:
    """POST /deletedsecrets/{name}/recover."""
    secret = lifecycle.require_deleted(call, call.contents.secrets, KIND)
    if secret.managed:
        raise errors.managed_secret("recover")
    lifecycle.recover(call, secret)
    return Answer(status=200, body=bundle(call, secret, secret.current))


def purge_deleted(call: VaultCall) -> Answer:
    """DELETE /deletedsecrets/{name}: 204."""
    secret = lifecycle.require_deleted(call, call.contents.secrets, KIND)
    if secret.managed:
        raise errors.managed_secret("purge")
    lifecycle.check_purge(call)
    del call.contents.secrets[secret.name.lower()]
    return Answer(status=204)


def _require(call: VaultCall) -> tuple[Secret, SecretVersion]:
    lifecycle.check_name(call.name, KIND)
    version = call.params.get("version")
    secret = call.contents.secrets.get(call.name.lower())
    if secret is not None and lifecycle.is_live(call, secret):
        found = secret.find(version)
        if found is not None:
            return secret, found
    raise errors.not_found(KIND, f"{call.name}/{version}" if version else call.name)


def _require_deleted(call: VaultCall) -> Secret:
    secret = call.contents.secrets.get(call.name.lower())
    if secret is None or not lifecycle.is_visible_as_deleted(call, secret):
        raise errors.deleted_not_found(KIND, call.name)
    return secret


def bundle(call: VaultCall, secret: Secret, version: SecretVersion, *, value: bool = False) -> Json:
    """A secret version on the wire; only answers to set and get carry the value."""
    shown: Json = {"value": version.value} if value else {}
    shown |= _item(call, secret, version, versioned=True)
    if version.managed:
        shown["kid"] = call.url(f"keys/{secret.name}/{version.version}")
    return shown


def deleted_bundle(call: VaultCall, secret: Secret) -> Json:
    return lifecycle.write_deletion(call, secret, "deletedsecrets") | bundle(call, secret, secret.current)


def _item(call: VaultCall, secret: Secret, version: SecretVersion, *, versioned: bool) -> Json:
    shown: Json = {}
    if version.content_type is not None:
        shown["contentType"] = version.content_type
    shown["id"] = call.url(f"secrets/{secret.name}" + (f"/{version.version}" if versioned else ""))
    if version.managed:
        shown["managed"] = True
    shown["attributes"] = attributes.write_attributes(
        enabled=version.enabled,
        not_before=version.not_before,
        expires=version.expires,
        created=version.created,
        updated=version.updated,
    ) | attributes.recovery(call.vault, call.api_version)
    if version.tags is not None:
        shown["tags"] = version.tags
    return shown


_GET = Permission(kind="secrets", action="getSecret/action", policy="get")
_SET = Permission(kind="secrets", action="setSecret/action", policy="set")
_UPDATE = Permission(kind="secrets", action="update/action", policy="set")
_LIST = Permission(kind="secrets", action="readMetadata/action", policy="list")
_READ_DELETED = Permission(kind="secrets", action="readMetadata/action", policy="get")
_DELETE = Permission(kind="secrets", action="delete", policy="delete")
_RECOVER = Permission(kind="secrets", action="recover/action", policy="recover")
_PURGE = Permission(kind="secrets", action="purge/action", policy="purge")

ROUTES = (
    VaultRoute(method="GET", template="secrets", handler=list_secrets, permission=_LIST),
    VaultRoute(method="PUT", template="secrets/{name}", handler=set_secret, permission=_SET),
    VaultRoute(method="GET", template="secrets/{name}", handler=get_secret, permission=_GET),
    VaultRoute(method="PATCH", template="secrets/{name}", handler=update_secret, permission=_UPDATE),
    VaultRoute(method="DELETE", template="secrets/{name}", handler=delete_secret, permission=_DELETE),
    VaultRoute(method="GET", template="secrets/{name}/versions", handler=list_versions, permission=_LIST),
    VaultRoute(method="GET", template="secrets/{name}/{version}", handler=get_secret, permission=_GET),
    VaultRoute(method="PATCH", template="secrets/{name}/{version}", handler=update_secret, permission=_UPDATE),
    VaultRoute(method="GET", template="deletedsecrets", handler=list_deleted, permission=_LIST),
    VaultRoute(method="GET", template="deletedsecrets/{name}", handler=get_deleted, permission=_READ_DELETED),
    VaultRoute(method="POST", template="deletedsecrets/{name}/recover", handler=recover_deleted, permission=_RECOVER),
    VaultRoute(method="DELETE", template="deletedsecrets/{name}", handler=purge_deleted, permission=_PURGE),
)
