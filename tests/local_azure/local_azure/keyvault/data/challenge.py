# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls a vault: the challenge for requests without a token, and the check of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...core.authorization import Principal
from ...core.errors import AzureError
from ...identity.tokens import REVOKED, TokenProblem
from .. import names
from .errors import vault_error

if TYPE_CHECKING:
    from ...core.azure import Azure

# The tenant of vaults that belong to somebody else.
FOREIGN_TENANT = "7c2f1d6e-0f3b-4a55-8d3c-5b1e9a4f6c02"


def authenticate(azure: Azure, host: str, headers: Mapping[str, str], *, foreign: bool) -> Principal:
    """The caller, or the 401 that tells a client where to get a token and for what.

    `foreign` is true for a vault of another tenant, which accepts no token of this one.
    """
    token = azure.identity.bearer(headers)
    resource = names.resource_of_host(host)
    tenant = FOREIGN_TENANT if foreign else azure.settings.tenant_id
    if token is None:
        raise _unauthorized(tenant, resource, "AKV10000: Request is missing a Bearer or PoP token.")
    if foreign:
        issuer = f"https://sts.windows.net/{azure.settings.tenant_id}/"
        raise _unauthorized(
            tenant,
            resource,
            f"AKV10032: Invalid issuer. Expected one of https://sts.windows.net/{FOREIGN_TENANT}/, found {issuer}.",
        )
    try:
        return azure.identity.verify(token, (resource,)).principal
    except TokenProblem as problem:
        if problem.code == "revoked":
            headers = {"WWW-Authenticate": azure.identity.claims_challenge()}
            raise vault_error(401, "Unauthorized", f"Error validating token: {REVOKED}.", headers=headers) from problem
        raise _unauthorized(tenant, resource, _reason(problem)) from problem


def _reason(problem: TokenProblem) -> str:
    if problem.code == "audience":
        return f"AKV10022: Invalid audience. Expected https://vault.azure.net, found: {problem.detail}."
    if problem.code == "expired":
        return "Error validating token: S2S12005: The token has expired."
    return "Error validating token: S2S12000: The token is not valid."


def _unauthorized(tenant: str, resource: str, message: str) -> AzureError:
    challenge = f'Bearer authorization="https://login.microsoftonline.com/{tenant}", resource="{resource}"'
    return vault_error(401, "Unauthorized", message, headers={"WWW-Authenticate": challenge})
