# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vault a certificate lives in: found, recovered or made, and open for deployment."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._azure import vaults
from .._domain.errors import Conflict, NotFound
from .._domain.resource_id import ResourceId
from .._domain.vaults import Vault, require_region

if t.TYPE_CHECKING:
    from .context import Context


# What a new vault meets when a soft-deleted one of the subscription has its name.
_NAME_DELETED = "ConflictError"


@dataclass(frozen=True, kw_only=True)
class WantedVault:
    """Which vault, where, and what may be done to have it.

    ``location`` is the region of the VM it serves, ``used_by`` what that VM is called in messages.
    """

    name: str
    resource_group: str
    location: str
    sku: str
    may_create: bool
    may_recover: bool
    for_deployment: bool
    used_by: str


def settled_vault(wanted: WantedVault, found: Vault | None, context: Context) -> Vault:
    """The vault as it must be; in check mode, as it would be (a vault that is not there yet has no ``uri`` then).

    Raises :class:`NotFound` or :class:`Conflict` when it is missing and may not, or can't, be made.
    """
    if found is None:
        return _made(wanted, context)
    if not wanted.for_deployment or (found.enabled_for_deployment and not found.failed):
        return found
    if context.check_mode:
        return replace(found, enabled_for_deployment=True, failed=False)
    return vaults.enable_for_deployment(context.azure, found)


def _made(wanted: WantedVault, context: Context) -> Vault:
    if not wanted.may_create:
        raise NotFound(
            code="VaultNotFound",
            message=f"There is no key vault {wanted.name} in resource group {wanted.resource_group}.",
            hint="Check vault_name and vault_resource_group, or set create_vault: true.",
        )
    deleted = vaults.find_deleted(context.azure, wanted.name, wanted.location)
    if deleted:
        _check_recoverable(wanted, deleted)
    if context.check_mode:
        return _predicted(wanted, context)
    try:
        vault = _created(wanted, context, recover=deleted is not None)
    except Conflict as error:
        vault = _after_conflict(wanted, context, error)
    if wanted.for_deployment:
        require_region(vault, wanted.location, vm=wanted.used_by)
    # A recovered vault has the switches it had when it was deleted.
    return settled_vault(wanted, vault, context)


def _created(wanted: WantedVault, context: Context, *, recover: bool) -> Vault:
    return vaults.create(
        context.azure,
        wanted.resource_group,
        wanted.name,
        location=wanted.location,
        sku=wanted.sku,
        recover=recover,
        deadline=context.deadline,
    )


def _check_recoverable(wanted: WantedVault, deleted: ResourceId) -> None:
    if not wanted.may_recover:
        raise Conflict(
            code="VaultIsDeleted",
            message=f"A deleted key vault {wanted.name} still holds the name.",
            hint="Set recover_deleted: true to bring it back, choose another vault_name, or purge it yourself.",
        )
    # Azure recovers a vault in the group it was in, and nowhere else.
    if deleted.resource_group.lower() != wanted.resource_group.lower():
        raise Conflict(
            code="VaultIsDeleted",
            message=f"A deleted key vault {wanted.name} still holds the name;"
            f" it belonged to resource group {deleted.resource_group}.",
            hint=f"Set vault_resource_group: {deleted.resource_group} to bring it back there,"
            " or choose another vault_name.",
        )


def _after_conflict(wanted: WantedVault, context: Context, error: Conflict) -> Vault:
    """Another run may have been faster by a moment; otherwise a deleted vault or somebody else has the name."""
    vault = vaults.find(context.azure, wanted.resource_group, wanted.name)
    if vault:
        return vault
    if error.code == _NAME_DELETED:
        return _recovered_unseen(wanted, context, error)
    elsewhere = vaults.find_anywhere(context.azure, wanted.name)
    hint = (
        f"It is in resource group {elsewhere.id.resource_group}: set vault_resource_group to that."
        if elsewhere
        else "Vault names are shared by all of Azure: choose another vault_name."
    )
    raise Conflict(code=error.code, message=error.message, hint=hint, details=error.details) from error


def _recovered_unseen(wanted: WantedVault, context: Context, error: Conflict) -> Vault:
    """Recover a deleted vault that could not be looked at: the caller's rights may end at the resource group."""
    refused = Conflict(
        code="VaultIsDeleted",
        message=f"A deleted key vault {wanted.name} still holds the name.",
        hint="Choose another vault_name, or have it recovered by somebody who may see the subscription's deleted vaults"
        " (recover_deleted: true brings back only one of this resource group and region).",
    )
    if not wanted.may_recover:
        raise refused from error
    try:
        return _created(wanted, context, recover=True)
    except (Conflict, NotFound) as gone:
        raise refused from gone


def _predicted(wanted: WantedVault, context: Context) -> Vault:
    return Vault(
        id=ResourceId(
            subscription=context.azure.subscription,
            resource_group=wanted.resource_group,
            namespace="Microsoft.KeyVault",
            types=("vaults",),
            names=(wanted.name,),
        ),
        location=wanted.location,
        uri="",
        enabled_for_deployment=True,
        rbac=True,
    )
