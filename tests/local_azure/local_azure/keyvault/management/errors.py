# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals of the Key Vault resource provider, with its codes and wording."""

from __future__ import annotations

from ...core.errors import AzureError

_IN_USE = (
    "The vault name '{name}' is already in use. Vault names are globally unique so it is possible that the name is "
    "already taken. If you are sure that the vault name was not taken then it is possible that a vault with the same "
    "name was recently deleted but not purged after being placed in a recoverable state. If the vault is in a "
    "recoverable state then the vault will need to be purged before reusing the name. For more information on soft "
    "delete and purging a vault follow this link https://go.microsoft.com/fwlink/?linkid=2147740."
)
INVALID_NAME = (
    "The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must "
    "begin with a letter, end with a letter or digit, and not contain consecutive hyphens. Follow this link for more "
    "information: https://go.microsoft.com/fwlink/?linkid=2147742"
)


def in_use_message(name: str) -> str:
    return _IN_USE.format(name=name)


def bad_request(message: str) -> AzureError:
    return AzureError(400, "BadRequest", message)


def missing(parameter: str) -> AzureError:
    return bad_request(f"The parameter {parameter} is not specified.")


def invalid(parameter: str, value: object) -> AzureError:
    return bad_request(f"An invalid value was provided for '{parameter}': {value}.")


def name_not_valid(name: str) -> AzureError:
    return AzureError(400, "VaultNameNotValid", INVALID_NAME.format(name=name))


def already_exists(name: str) -> AzureError:
    return AzureError(409, "VaultAlreadyExists", in_use_message(name))


def exists_deleted() -> AzureError:
    return AzureError(
        409,
        "ConflictError",
        "A vault with the same name already exists in deleted state. You need to either recover or purge existing key "
        "vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.",
    )


def nothing_to_recover() -> AzureError:
    return AzureError(
        404,
        "SoftDeletedVaultDoesNotExist",
        "A soft deleted vault with the given name does not exist. Ensure that the name for the vault that is being "
        "attempted to recover is in a recoverable state. For more information on soft delete please follow this link "
        "https://go.microsoft.com/fwlink/?linkid=2149745",
    )


def deleted_vault_not_found(name: str) -> AzureError:
    return AzureError(404, "DeletedVaultNotFound", f"The specified deleted vault '{name}' could not be found.")


def purge_not_allowed() -> AzureError:
    return AzureError(405, "MethodNotAllowed", "Operation 'DeletedVaultPurge' is not allowed.")


def location_required() -> AzureError:
    return AzureError(400, "LocationRequired", "The location property is required for this definition.", gateway=True)


def other_location(name: str, existing: str, group: str | None, wanted: str) -> AzureError:
    return AzureError(
        409,
        "InvalidResourceLocation",
        f"The resource '{name}' already exists in location '{existing}' in resource group '{group}'. A resource with "
        f"the same name cannot be created in location '{wanted}'. Please select a new resource name.",
        gateway=True,
    )
