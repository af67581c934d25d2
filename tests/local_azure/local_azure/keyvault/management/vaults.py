# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.KeyVault/vaults: create, read, update, soft-delete, recover (Key Vault management API)."""

from __future__ import annotations

from datetime import UTC, datetime

from ...core.call import Answer, Call
from ...core.operations import Style
from ...core.regions import region
from ...core.store import Resource
from ...core.wire import Json
from .. import names
from ..vaults import VAULTS
from . import errors, properties

CREATE_SECONDS = 30
#: The first api-version (of a preview) that tells who made a vault.
_SYSTEM_DATA_SINCE = "2021-04-01"
SERVICE_HEADERS = {"x-ms-keyvault-service-version": "1.5.1361.0"}


def put(call: Call) -> Answer:
    """Create, replace, or with createMode "recover" bring back: always 200, as the service does it."""
    given = _properties(call.body)
    location = call.body.get("location")
    if not location:
        raise errors.location_required()
    if str(given.get("createMode") or "default").lower() == "recover":
        return _recover(call, given, str(location))
    existing = call.azure.store.get(call.id)
    if existing is not None:
        return _replace(call, existing, given, str(location))
    return _create(call, given, str(location))


def _create(call: Call, given: Json, location: str) -> Answer:
    name = call.id.name
    if not names.is_vault_name(name):
        raise errors.name_not_valid(name)
    deleted = call.azure.vaults.deleted(name)
    if deleted is not None:
        raise errors.exists_deleted()
    if call.azure.vaults.name_in_use(name):
        raise errors.already_exists(name)
    made = properties.created(given, tenant_id=call.azure.settings.tenant_id, api_version=call.api_version)
    made = properties.registering(made, vault_uri=names.vault_uri(name))
    vault = Resource(id=call.id, properties=made, location=location, tags=_tags(call.body) or {})
    vault.envelope["systemData"] = system_data(call.principal.client_id, call.azure.clock.now())
    call.azure.store.put(vault)
    return _start(call, vault)


def _replace(call: Call, vault: Resource, given: Json, location: str) -> Answer:
    if region(location) != region(vault.location):
        raise errors.other_location(vault.id.name, region(vault.location), vault.id.group, region(location))
    replaced = properties.replaced(vault.properties, given, tenant_id=call.azure.settings.tenant_id)
    vault.properties = replaced
    vault.tags = _tags(call.body) or {}
    _touch(call, vault)
    return Answer(status=200, body=to_json(vault, call.api_version), headers=dict(SERVICE_HEADERS))


def _recover(call: Call, given: Json, location: str) -> Answer:
    deleted = call.azure.vaults.deleted(call.id.name)
    if deleted is None:
        raise errors.nothing_to_recover()
    vault = deleted.private["vault"]
    if vault.id != call.id or region(vault.location) != region(location):
        raise errors.nothing_to_recover()
    for name in ("tenantId", "sku"):
        if given.get(name) is None:
            raise errors.missing(name)
    vault = call.azure.vaults.recover(deleted)
    _touch(call, vault)
    return Answer(status=200, body=to_json(vault, call.api_version), headers=dict(SERVICE_HEADERS))


def _start(call: Call, vault: Resource) -> Answer:
    """Answer at once with provisioningState RegisteringDns; clients poll the vault until it says Succeeded."""

    def finish() -> None:
        vault.properties["provisioningState"] = "Succeeded"
        call.azure.vaults.changed(vault)

    operation = call.azure.operations.start(call, style=Style.KEYVAULT_PUT, seconds=CREATE_SECONDS, finish=finish)
    return operation.answer(200, to_json(vault, call.api_version), dict(SERVICE_HEADERS))


def get(call: Call) -> Answer:
    vault = call.azure.store.require(call.id)
    return Answer(status=200, body=to_json(vault, call.api_version), headers=dict(SERVICE_HEADERS))


def patch(call: Call) -> Answer:
    """Change what is given. A flag leaves access policies alone; tags are replaced as a whole."""
    vault = call.azure.store.require(call.id)
    given = _properties(call.body)
    vault.properties = properties.merged(vault.properties, given, tenant_id=call.azure.settings.tenant_id)
    tags = _tags(call.body)
    vault.tags = tags if tags is not None else vault.tags
    _touch(call, vault)
    return Answer(status=200, body=to_json(vault, call.api_version), headers=dict(SERVICE_HEADERS))


def delete(call: Call) -> Answer:
    """Soft delete: 200, or 204 when there is no such vault."""
    if call.azure.store.get(call.id) is None:
        return Answer(status=204)
    call.azure.store.delete(call.id)
    return Answer(status=200, headers=dict(SERVICE_HEADERS))


def list_by_group(call: Call) -> Answer:
    found = call.azure.store.list(VAULTS, subscription=call.id.subscription, group=call.id.group)
    return _listed(call, found)


def list_by_subscription(call: Call) -> Answer:
    return _listed(call, call.azure.store.list(VAULTS, subscription=call.id.subscription))


def _listed(call: Call, found: list[Resource]) -> Answer:
    body = {"value": [to_json(vault, call.api_version) for vault in found]}
    return Answer(status=200, body=body, headers=dict(SERVICE_HEADERS))


def check_name_availability(call: Call) -> Answer:
    """POST checkNameAvailability: whether a vault of that name could be created by anybody."""
    name = call.body.get("name")
    if not isinstance(name, str) or not name:
        raise errors.missing("name")
    if str(call.body.get("type", "")).lower() != VAULTS.lower():
        raise errors.invalid("type", call.body.get("type"))
    body: Json = {"nameAvailable": True}
    if not names.is_vault_name(name):
        message = errors.INVALID_NAME.format(name=name)
        body = {"nameAvailable": False, "reason": "AccountNameInvalid", "message": message}
    elif call.azure.vaults.name_in_use(name):
        body = {"nameAvailable": False, "reason": "AlreadyExists", "message": errors.in_use_message(name)}
    return Answer(status=200, body=body, headers=dict(SERVICE_HEADERS))


def to_json(vault: Resource, api_version: str) -> Json:
    """A vault as this api-version shows it."""
    return {
        "id": str(vault.id),
        "name": vault.id.name,
        "type": VAULTS,
        "location": vault.location,
        "tags": vault.tags or {},
        **(vault.envelope if api_version >= _SYSTEM_DATA_SINCE else {}),
        "properties": properties.shown(vault.properties, api_version),
    }


def system_data(client_id: str, now: datetime) -> Json:
    """Who made and last changed a resource, and when, both being the same at its creation."""
    moment = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    by: Json = {"By": client_id, "ByType": "Application", "At": moment}
    return {f"{verb}{what}": value for verb in ("created", "lastModified") for what, value in by.items()}


def _touch(call: Call, vault: Resource) -> None:
    if vault.properties.get("provisioningState") == "Failed":
        vault.properties["provisioningState"] = "Succeeded"
    made = vault.envelope.get("systemData") or {}
    fresh = system_data(call.principal.client_id, call.azure.clock.now())
    kept = {name: value for name, value in made.items() if name.startswith("created")}
    vault.envelope["systemData"] = fresh | kept
    call.azure.store.touch(vault)


def _properties(body: Json) -> Json:
    given = body.get("properties")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise errors.invalid("properties", given)
    return given


def _tags(body: Json) -> dict[str, str] | None:
    tags = body.get("tags")
    if tags is not None and not isinstance(tags, dict):
        raise errors.invalid("tags", tags)
    return tags
