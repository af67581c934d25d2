# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key vaults through Resource Manager: find, make, recover, and switch on deployment (Microsoft.KeyVault)."""

from __future__ import annotations

import re
import typing as t

from .._domain.errors import Denied, NotFound, Refused
from .._domain.resource_id import ResourceId
from .._domain.vaults import Vault
from .errors import translated
from .libraries import needs
from .polling import finished
from .retries import LIKE_PUT
from .words import word

if t.TYPE_CHECKING:
    from azure.mgmt.keyvault import models

    from .._domain.deadline import Deadline
    from .clients import AzureClients

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def find(azure: AzureClients, resource_group: str, name: str) -> Vault | None:
    """The vault of that name in that group, ``None`` when there is none."""
    try:
        return _read(azure, resource_group, name)
    except NotFound as error:
        if error.code == "ResourceNotFound":
            return None
        raise


def find_deleted(azure: AzureClients, name: str, location: str) -> ResourceId | None:
    """The id that a soft-deleted vault had, when the subscription holds one of that name in that region.

    ``None`` also for callers who may not ask: deleted vaults belong to the subscription, rights may end at a group.
    """
    try:
        return _read_deleted(azure, name, location)
    except (NotFound, Denied):
        return None


def find_anywhere(azure: AzureClients, name: str) -> Vault | None:
    """The vault of that name in any group of the subscription; ``None`` also for callers who may not list them."""
    try:
        return next((vault for vault in _all(azure) if vault.id.name.lower() == name.lower()), None)
    except Denied:
        return None


def create(
    azure: AzureClients, resource_group: str, name: str, *, location: str, sku: str, recover: bool, deadline: Deadline
) -> Vault:
    """Make a vault, or recover the soft-deleted one of that name.

    The permission model is always stated: what Azure assumes without it depends on the api-version.
    """
    waiting_for = f"the key vault {name}"
    properties: dict[str, t.Any] = {
        "tenantId": tenant_id(azure),
        "sku": {"family": "A", "name": sku},
        "accessPolicies": [],
    }
    if recover:
        properties["createMode"] = "recover"
    else:
        properties |= {"enableRbacAuthorization": True, "enabledForDeployment": True}

    @translated("recover the key vault {name}" if recover else "create the key vault {name}")
    def put(name: str) -> Vault:
        with needs("azure-mgmt-keyvault"):
            from azure.mgmt.keyvault.models import VaultCreateOrUpdateParameters
        body = VaultCreateOrUpdateParameters({"location": location, "properties": properties})
        poller = azure.vaults.vaults.begin_create_or_update(resource_group, name, body)
        return _vault(finished(poller, deadline=deadline, waiting_for=waiting_for))

    return put(name)


@translated("let the platform read the key vault {vault.id.name} (enabledForDeployment)")
def enable_for_deployment(azure: AzureClients, vault: Vault) -> Vault:
    """PATCH this one switch; access policies and everything else stay as they are."""
    with needs("azure-mgmt-keyvault"):
        from azure.mgmt.keyvault.models import VaultPatchParameters
    body = VaultPatchParameters({"properties": {"enabledForDeployment": True}})
    return _vault(azure.vaults.vaults.update(vault.id.resource_group, vault.id.name, body, **LIKE_PUT))


def tenant_id(azure: AzureClients) -> str:
    """The tenant's GUID: a new vault must name it, and a sign-in may know its tenant by a domain name or not at all."""
    known = azure.tenant or ""
    return known if _GUID.fullmatch(known) else _tenant_of_subscription(azure)


@translated("read the subscription")
def _tenant_of_subscription(azure: AzureClients) -> str:
    with needs("azure-core"):
        from azure.core.rest import HttpRequest
    url = f"/subscriptions/{azure.subscription}?api-version=2022-12-01"
    response = azure.vaults.send_request(HttpRequest("GET", url))
    response.raise_for_status()
    tenant = response.json().get("tenantId")
    if not tenant:
        raise Refused(code="TenantUnknown", message="Azure does not name the tenant of the subscription.")
    return str(tenant)


@translated("list the key vaults of the subscription")
def _all(azure: AzureClients) -> list[Vault]:
    return [_vault(each) for each in azure.vaults.vaults.list_by_subscription()]


@translated("read the key vault {name}")
def _read(azure: AzureClients, resource_group: str, name: str) -> Vault:
    return _vault(azure.vaults.vaults.get(resource_group, name))


@translated("look for a deleted key vault {name}")
def _read_deleted(azure: AzureClients, name: str, location: str) -> ResourceId | None:
    found = azure.vaults.vaults.get_deleted(name, location)
    text = found.properties.vault_id if found.properties else None
    return ResourceId.parse(text) if text else None


def _vault(found: models.Vault) -> Vault:
    return Vault(
        id=ResourceId.parse(found.id or ""),
        location=found.location or "",
        uri=found.properties.vault_uri or "",
        enabled_for_deployment=bool(found.properties.enabled_for_deployment),
        rbac=found.properties.enable_rbac_authorization,
        failed=word(found.properties.provisioning_state).lower() == "failed",
    )
