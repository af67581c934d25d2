# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario section ``keyvault``: vaults with what they hold, soft-deleted ones, names that others have.

    keyvault:
      taken_names: [contoso-secrets]
      throttle: {requests: 20, seconds: 10}
      vaults:
        - name: ops-vault
          resource_group: access-demo       # default: the scenario's only group
          location: westeurope              # default: that of the resource group
          properties:                       # ARM names; enableRbacAuthorization is true unless said otherwise
            enableRbacAuthorization: false
            accessPolicies: [{principal: default, permissions: {secrets: [get, set]}}]
            networkAcls: {defaultAction: Deny}
          tags: {owner: ops}
          deleted: true                     # soft-deleted
          secrets:
            - {name: old-secret, value: anything, contentType: text/plain, enabled: false, tags: {}, deleted: true}

A principal is named as in the scenario; ``objectId`` can be given instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..core.errors import AzureError
from ..core.regions import region
from ..core.resource_id import GROUP_TYPE
from ..core.store import Resource
from ..core.wire import Json
from . import names
from .management import properties
from .management.vaults import system_data
from .model import Deletion, Secret, SecretVersion, new_version
from .vaults import DEFAULT_RETENTION_DAYS, Throttle

if TYPE_CHECKING:
    from ..core.azure import Azure

# Seeded objects are a little older than the scenario.
_AGE = timedelta(hours=1)
_API_VERSION = "2026-02-01"


def seed(azure: Azure, section: Mapping[str, Any]) -> None:
    """Put the section's vaults in place. Raises ValueError with a plain reason for what can't be."""
    unknown = section.keys() - {"taken_names", "throttle", "vaults"}
    if unknown:
        raise ValueError(f"keyvault: unknown keys {', '.join(sorted(unknown))}")
    azure.vaults.taken |= {str(name).lower() for name in section.get("taken_names") or ()}
    throttle = section.get("throttle")
    if throttle:
        azure.vaults.throttle = Throttle(**throttle)
    for wish in section.get("vaults") or ():
        _seed_vault(azure, wish)


def _seed_vault(azure: Azure, wish: Mapping[str, Any]) -> None:
    name = str(wish["name"])
    if not names.is_vault_name(name):
        raise ValueError(f"keyvault: '{name}' is not the name of a vault")
    group = _group(azure, name, wish.get("resource_group"))
    location = region(str(wish.get("location") or group.location))
    given: Json = {
        "tenantId": azure.settings.tenant_id,
        "sku": {"family": "A", "name": "standard"},
        "accessPolicies": [],
    } | dict(wish.get("properties") or {})
    given["accessPolicies"] = [_policy(azure, name, policy) for policy in given["accessPolicies"]]
    try:
        made = properties.created(given, tenant_id=azure.settings.tenant_id, api_version=_API_VERSION)
    except AzureError as error:
        raise ValueError(f"keyvault: vault {name}: {error.message}") from error
    now = azure.clock.now() - _AGE
    vault = Resource(
        id=group.id.child("Microsoft.KeyVault/vaults", name),
        location=location,
        tags=dict(wish.get("tags") or {}),
        properties=properties.registering(made, vault_uri=names.vault_uri(name)) | {"provisioningState": "Succeeded"},
        envelope={"systemData": system_data("scenario", now)},
    )
    azure.store.put(vault)
    contents = azure.vaults.contents(vault)
    for secret in wish.get("secrets") or ():
        days = int(made.get("softDeleteRetentionInDays", DEFAULT_RETENTION_DAYS))
        contents.secrets[str(secret["name"]).lower()] = _secret(secret, now, days)
    if wish.get("deleted"):
        azure.store.delete(vault.id)


def _group(azure: Azure, vault: str, wanted: object) -> Resource:
    groups = azure.store.list(GROUP_TYPE)
    if wanted is not None:
        groups = [group for group in groups if group.id.name.lower() == str(wanted).lower()]
    if len(groups) != 1:
        raise ValueError(
            f"keyvault: vault {vault}: resource_group must name one of the scenario's groups, not {wanted}"
        )
    return groups[0]


def _policy(azure: Azure, vault: str, wish: Mapping[str, Any]) -> Json:
    policy: Json = {"tenantId": azure.settings.tenant_id} | dict(wish)
    named = policy.pop("principal", None)
    if named is not None:
        principal = azure.authorization.principal_named(str(named))
        if principal is None:
            raise ValueError(f"keyvault: vault {vault}: there is no principal '{named}'")
        policy["objectId"] = principal.object_id
    return policy


def _secret(wish: Mapping[str, Any], now: datetime, retention_days: int) -> Secret:
    name = str(wish["name"])
    if not names.is_object_name(name):
        raise ValueError(f"keyvault: '{name}' is not the name of a secret")
    version = SecretVersion(
        version=new_version(),
        value=str(wish.get("value", "")),
        content_type=wish.get("contentType"),
        enabled=bool(wish.get("enabled", True)),
        not_before=None,
        expires=None,
        created=now,
        updated=now,
        tags=dict(wish["tags"]) if wish.get("tags") else None,
    )
    deletion = None
    if wish.get("deleted"):
        deletion = Deletion(deleted_at=now, purge_at=now + timedelta(days=retention_days), visible_at=now)
    return Secret(name=name, versions=[version], deletion=deletion)
