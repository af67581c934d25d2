# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.KeyVault/deletedVaults: list, read, purge."""

from __future__ import annotations

from ...core.call import Answer, Call
from ...core.operations import Style
from ...core.regions import region
from ...core.store import Resource
from ...core.wire import Json
from . import errors
from .vaults import SERVICE_HEADERS

PURGE_SECONDS = 10


def list_deleted(call: Call) -> Answer:
    found = call.azure.vaults.list_deleted(call.id.subscription)
    return Answer(status=200, body={"value": [to_json(vault) for vault in found]})


def get(call: Call) -> Answer:
    return Answer(status=200, body=to_json(_require(call)), headers=dict(SERVICE_HEADERS))


def purge(call: Call) -> Answer:
    """202, then gone for good; refused under purge protection."""
    deleted = _require(call)
    if deleted.properties.get("purgeProtectionEnabled"):
        raise errors.purge_not_allowed()
    operation = call.azure.operations.start(
        call,
        style=Style.KEYVAULT_POST,
        seconds=PURGE_SECONDS,
        finish=lambda: call.azure.vaults.purge(deleted),
    )
    return operation.answer(202, headers=SERVICE_HEADERS)


def _require(call: Call) -> Resource:
    """The deleted vault, when it was in the location that the path names."""
    name, location = call.id.name, call.id.names[0]
    deleted = call.azure.vaults.deleted(name)
    if deleted is None or deleted.id.names[0].lower() != region(location):
        raise errors.deleted_vault_not_found(name)
    return deleted


def to_json(deleted: Resource) -> Json:
    return {
        "id": str(deleted.id),
        "name": deleted.id.name,
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": dict(deleted.properties),
    }
