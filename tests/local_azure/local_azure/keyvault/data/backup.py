# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup and restore of secrets, keys and certificates: whole objects with all versions, as opaque texts."""

from __future__ import annotations

from ...core.call import Answer
from ...core.wire import Json
from ..backups import Kind, Saved
from ..model import Certificate, Key, Secret, VaultContents
from . import certificates, errors, keys, secrets
from .call import Permission, VaultCall, VaultRoute


def backup_secret(call: VaultCall) -> Answer:
    """POST /secrets/{name}/backup."""
    secret = secrets.require_live(call)
    if secret.managed:
        raise errors.managed_secret("backup")
    return _kept(call, Saved(kind="Secret", secret=secret))


def backup_key(call: VaultCall) -> Answer:
    """POST /keys/{name}/backup."""
    return _kept(call, Saved(kind="Key", key=keys.require_own(call, "backup")))


def backup_certificate(call: VaultCall) -> Answer:
    """POST /certificates/{name}/backup: with its key and secret."""
    certificate = certificates.require_live(call)
    secret = call.contents.secrets[certificate.name.lower()]
    return _kept(call, Saved(kind="Certificate", certificate=certificate, secret=secret))


def restore_secret(call: VaultCall) -> Answer:
    """POST /secrets/restore."""
    saved = _saved(call, "Secret")
    secret = saved.secret
    assert secret is not None, "a backup of a secret has a secret"
    _check_free(call.contents, "Secret", secret)
    call.contents.secrets[secret.name.lower()] = secret
    return Answer(status=200, body=secrets.bundle(call, secret, secret.current))


def restore_key(call: VaultCall) -> Answer:
    """POST /keys/restore."""
    saved = _saved(call, "Key")
    key = saved.key
    assert key is not None, "a backup of a key has a key"
    _check_free(call.contents, "Key", key)
    call.contents.keys[key.name.lower()] = key
    return Answer(status=200, body=keys.own_bundle(call, key))


def restore_certificate(call: VaultCall) -> Answer:
    """POST /certificates/restore: the key and the secret come back with it."""
    saved = _saved(call, "Certificate")
    certificate, secret = saved.certificate, saved.secret
    assert certificate is not None, "a backup of a certificate has a certificate"
    assert secret is not None, "and its secret"
    _check_free(call.contents, "Certificate", certificate)
    call.contents.certificates[certificate.name.lower()] = certificate
    call.contents.secrets[secret.name.lower()] = secret
    return Answer(status=200, body=certificates.bundle(call, certificate, certificate.current, whole=True))


def _kept(call: VaultCall, saved: Saved) -> Answer:
    return Answer(status=200, body={"value": call.azure.vaults.backups.keep(saved)})


def _saved(call: VaultCall, kind: Kind) -> Saved:
    text = call.body.get("value")
    saved = call.azure.vaults.backups.fetch(text, kind) if isinstance(text, str) else None
    if saved is None:
        raise errors.bad_parameter("Backup blob contains invalid or corrupt version.")
    return saved


def _check_free(contents: VaultContents, kind: Kind, wanted: Secret | Certificate | Key) -> None:
    """Raise 409 when the name is in use, also by a deleted object."""
    name = wanted.name.lower()
    held = contents.secrets.get(name) or contents.certificates.get(name) or contents.keys.get(name)
    if held is not None:
        if held.deletion is not None:
            raise errors.deleted_but_recoverable(kind, held.name)
        raise errors.already_exists(kind, held.name)


def _routes() -> tuple[VaultRoute, ...]:
    handlers: Json = {
        "secrets": (backup_secret, restore_secret),
        "keys": (backup_key, restore_key),
        "certificates": (backup_certificate, restore_certificate),
    }
    made: list[VaultRoute] = []
    for kind, (backup, restore) in handlers.items():
        for verb, template, handler in (("backup", "{name}/backup", backup), ("restore", "restore", restore)):
            right = Permission(kind=kind, action=f"{verb}/action", policy=verb)
            made.append(VaultRoute(method="POST", template=f"{kind}/{template}", handler=handler, permission=right))
    return tuple(made)


ROUTES = _routes()
