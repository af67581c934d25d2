# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a caller may do something in a vault: request rate, firewall, RBAC or access policies."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from ...core.authorization import Principal
from ...core.errors import AzureError
from ...core.regions import region
from ...core.store import Resource
from .call import Permission
from .errors import vault_error

if TYPE_CHECKING:
    from ...core.azure import Azure

_PROPAGATION = (
    "If role assignments, deny assignments or role definitions were changed recently, please observe propagation time."
)

# Purging is never part of "all" (Key Vault access policies).
_ALL_EXCEPT = "purge"


def check_rate(azure: Azure, vault: Resource) -> None:
    """Raises 429 when this instance limits requests and the vault has had its share."""
    throttle = azure.vaults.throttle
    if throttle is not None and not throttle.admits(vault.id.name, azure.clock.now()):
        raise vault_error(
            429,
            "Throttled",
            "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached",
            headers={"Retry-After": throttle.retry_after},
        )


def check_firewall(azure: Azure, vault: Resource, principal: Principal, address: str) -> None:
    """Raises 403 ForbiddenByFirewall or ForbiddenByConnection for a caller from `address`."""
    caller = _caller(azure, principal)
    if str(vault.properties.get("publicNetworkAccess", "Enabled")).lower() == "disabled":
        raise vault_error(
            403,
            "Forbidden",
            "Public network access is disabled and request is not from a trusted service nor via an approved private "
            f"link.\r\nCaller: {caller}\r\nVault: {_place(vault)}",
            inner="ForbiddenByConnection",
        )
    rules = vault.properties.get("networkAcls") or {}
    if str(rules.get("defaultAction", "Allow")).lower() == "allow":
        return
    if any(_covers(str(rule.get("value", "")), address) for rule in rules.get("ipRules") or []):
        return
    raise vault_error(
        403,
        "Forbidden",
        "Client address is not authorized and caller is not a trusted service.\r\n"
        f"Client address: {address}\r\nCaller: {caller}\r\nVault: {_place(vault)}",
        inner="ForbiddenByFirewall",
    )


def _covers(rule: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return False


def check_permission(
    azure: Azure, vault: Resource, principal: Principal, permission: Permission, name: str | None
) -> None:
    """Raises 403 ForbiddenByRbac or ForbiddenByPolicy; `name` is the object's, None for collections."""
    if vault.properties.get("enableRbacAuthorization"):
        scope = f"{vault.id}/{permission.kind}/{name}" if name else str(vault.id)
        if not azure.authorization.allows_data(principal, permission.data_action, scope):
            raise _forbidden_by_rbac(azure, vault, principal, permission, scope)
    elif not _allowed_by_policy(vault, principal, permission):
        raise vault_error(
            403,
            "Forbidden",
            f"The user, group or application '{_caller(azure, principal)}' does not have {permission.kind} "
            f"{permission.policy} permission on key vault '{_place(vault)}'. For help resolving this issue, please see "
            "https://go.microsoft.com/fwlink/?linkid=2125287",
            inner="ForbiddenByPolicy",
        )


def _allowed_by_policy(vault: Resource, principal: Principal, permission: Permission) -> bool:
    for policy in vault.properties.get("accessPolicies") or []:
        if str(policy.get("objectId", "")).lower() != principal.object_id.lower():
            continue
        granted = {str(word).lower() for word in (policy.get("permissions") or {}).get(permission.kind) or []}
        if permission.policy in granted or ("all" in granted and permission.policy != _ALL_EXCEPT):
            return True
    return False


def _forbidden_by_rbac(
    azure: Azure, vault: Resource, principal: Principal, permission: Permission, scope: str
) -> AzureError:
    lines = (
        "Caller is not authorized to perform action on resource.",
        _PROPAGATION,
        f"Caller: {_caller(azure, principal)}",
        f"Action: '{permission.data_action}'",
        f"Resource: '{scope.lower()}'",
        "Assignment: (not found)",
        "DenyAssignmentId: null",
        "DecisionReason: null ",
        f"Vault: {_place(vault)}",
        "",
    )
    return vault_error(403, "Forbidden", "\r\n".join(lines), inner="ForbiddenByRbac")


def _caller(azure: Azure, principal: Principal) -> str:
    issuer = f"https://sts.windows.net/{azure.settings.tenant_id}/"
    return f"appid={principal.client_id};oid={principal.object_id};iss={issuer}"


def _place(vault: Resource) -> str:
    return f"{vault.id.name};location={region(vault.location)}"
