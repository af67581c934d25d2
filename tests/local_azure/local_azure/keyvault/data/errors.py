# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the vault's plane: ``{"error": {"code", "message", "innererror": {"code"}}}``."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.errors import AzureError


def vault_error(
    status: int, code: str, message: str, *, inner: str | None = None, headers: Mapping[str, str] | None = None
) -> AzureError:
    return AzureError(status, code, message, inner={"code": inner} if inner else None, headers=headers)


def bad_parameter(message: str) -> AzureError:
    return vault_error(400, "BadParameter", message)


def not_found(kind: str, name: str) -> AzureError:
    """404; `kind` is Secret or Certificate, `name` the name with the version if one was asked for."""
    return vault_error(
        404,
        f"{kind}NotFound",
        f"A {kind.lower()} with (name/id) {name} was not found in this key vault. If you recently deleted this "
        f"{kind.lower()} you may be able to recover it using the correct recovery command. For help resolving this "
        "issue, please see https://go.microsoft.com/fwlink/?linkid=2125182",
    )


def deleted_not_found(kind: str, name: str) -> AzureError:
    return vault_error(404, f"{kind}NotFound", f"Deleted {kind} not found: {name}")


def deleted_but_recoverable(kind: str, name: str) -> AzureError:
    return vault_error(
        409,
        "Conflict",
        f"{kind} {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, "
        f"the {kind.lower()} can only be recovered or purged.",
        inner="ObjectIsDeletedButRecoverable",
    )


def being_deleted(kind: str, name: str) -> AzureError:
    return vault_error(409, "Conflict", f"{kind} {name} is currently being deleted.", inner="ObjectIsBeingDeleted")


def being_recovered(kind: str, name: str) -> AzureError:
    return vault_error(409, "Conflict", f"{kind} {name} is currently being recovered.", inner="ObjectIsBeingRecovered")


def not_deleted(kind: str, name: str) -> AzureError:
    """400 for a recovery of what isn't deleted."""
    return vault_error(
        400, "MethodNotAllowed", f"{kind} exists already: {name}", inner="RequestNotAllowedOnNonDeletedObject"
    )


def disabled(kind: str, operation: str) -> AzureError:
    return vault_error(
        403,
        "Forbidden",
        f"Operation {operation} is not allowed on a disabled {kind.lower()}.",
        inner=f"{kind}Disabled",
    )


def managed_secret(operation: str) -> AzureError:
    return vault_error(
        403,
        "Forbidden",
        f"Operation {operation} is not allowed on this secret, since it is managed by a Key Vault certificate.",
    )


def managed_key(operation: str) -> AzureError:
    return vault_error(
        403,
        "Forbidden",
        f"Operation {operation} is not allowed on this key, since it is managed by a Key Vault certificate.",
    )


def already_exists(kind: str, name: str) -> AzureError:
    """409 for a restore under a name that is in use."""
    return vault_error(409, "Conflict", f"{kind} {name} already exists.", inner="ObjectAlreadyExists")


def purge_protected() -> AzureError:
    return vault_error(
        403, "Forbidden", "Operation purge is not allowed because purge protection is enabled for this vault."
    )
