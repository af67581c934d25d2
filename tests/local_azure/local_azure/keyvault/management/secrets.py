# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.KeyVault/vaults/secrets: secrets through Resource Manager.

Control-plane rights alone decide; the vault's firewall, data roles and access policies don't matter. Values go in and
never come out.
"""

from __future__ import annotations

from dataclasses import replace

from ...core.call import Answer, Call
from ...core.errors import AzureError, resource_not_found
from ...core.store import Resource
from ...core.wire import Json
from .. import names
from ..data import attributes, lifecycle
from ..data import secrets as data_secrets
from ..data.call import VaultCall
from ..model import Secret, SecretVersion
from . import errors


def put(call: Call) -> Answer:
    """Add a version: 201 for a new secret, 200 for a new version of a known one."""
    within = _within(call)
    known = call.id.name.lower() in within.contents.secrets
    version = _write_version(within, _body(call))
    call.azure.vaults.changed(within.vault)
    secret = within.contents.secrets[call.id.name.lower()]
    return Answer(status=200 if known else 201, body=to_json(within.vault, secret, version))


def patch(call: Call) -> Answer:
    """Change attributes, content type or tags of the current version; a value makes a new version."""
    within = _within(call)
    secret = _require(within, call)
    body = _body(call)
    if body.get("value") is not None:
        version = _write_version(within, body)
    else:
        data_secrets.update_secret(_with_body(within, body))
        version = secret.current
    call.azure.vaults.changed(within.vault)
    return Answer(status=200, body=to_json(within.vault, secret, version))


def get(call: Call) -> Answer:
    within = _within(call)
    secret = _require(within, call)
    return Answer(status=200, body=to_json(within.vault, secret, secret.current))


def list_secrets(call: Call) -> Answer:
    vault = call.azure.store.require(call.id)
    within = _vault_call(call, vault, "")
    found = [
        to_json(vault, secret, secret.current)
        for _name, secret in sorted(within.contents.secrets.items())
        if lifecycle.is_live(within, secret)
    ]
    return Answer(status=200, body={"value": found})


def _write_version(within: VaultCall, body: Json) -> SecretVersion:
    try:
        return data_secrets.write_version(within, body)
    except AzureError as error:
        error.inner = None  # errors of Resource Manager have no code within the code
        raise


def _within(call: Call) -> VaultCall:
    vault = call.azure.store.require_parent(call.id)
    assert vault is not None, f"not a nested resource: {call.id}"
    if not names.is_object_name(call.id.name):
        raise errors.invalid("secretName", call.id.name)
    return _vault_call(call, vault, call.id.name)


def _vault_call(call: Call, vault: Resource, name: str) -> VaultCall:
    return VaultCall(
        azure=call.azure,
        vault=vault,
        contents=call.azure.vaults.contents(vault),
        host=names.vault_host(vault.id.name),
        params={"name": name} if name else {},
        query=call.query,
        body={},
        api_version=call.api_version,
        principal=call.principal,
        now=call.azure.clock.now(),
    )


def _with_body(within: VaultCall, body: Json) -> VaultCall:
    return replace(within, body=body)


def _body(call: Call) -> Json:
    given = call.body.get("properties")
    if not isinstance(given, dict):
        raise errors.missing("properties")
    return {
        "value": given.get("value"),
        "contentType": given.get("contentType"),
        "attributes": given.get("attributes"),
        "tags": call.body.get("tags"),
    }


def _require(within: VaultCall, call: Call) -> Secret:
    secret = within.contents.secrets.get(call.id.name.lower())
    if secret is None or not lifecycle.is_live(within, secret):
        raise resource_not_found(call.id.type, call.id.names, call.id.group)
    return secret


def to_json(vault: Resource, secret: Secret, version: SecretVersion) -> Json:
    """A secret as Resource Manager shows it: where it is, never what it is."""
    uri = f"{vault.properties['vaultUri']}secrets/{secret.name}"
    properties: Json = {
        "attributes": attributes.write_attributes(
            enabled=version.enabled,
            not_before=version.not_before,
            expires=version.expires,
            created=version.created,
            updated=version.updated,
        ),
        "secretUri": uri,
        "secretUriWithVersion": f"{uri}/{version.version}",
    }
    if version.content_type is not None:
        properties["contentType"] = version.content_type
    return {
        "id": f"{vault.id}/secrets/{secret.name}",
        "name": secret.name,
        "type": "Microsoft.KeyVault/vaults/secrets",
        "location": vault.location,
        "tags": version.tags or {},
        "properties": properties,
    }
