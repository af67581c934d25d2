# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The properties of a vault: read from requests, checked, merged."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ...core.wire import Json
from ..vaults import DEFAULT_RETENTION_DAYS
from . import errors

# From this version on a vault created without saying so uses RBAC instead of access policies.
RBAC_DEFAULT_SINCE = "2026-02-01"

#: The first api-version (of a preview) that has publicNetworkAccess.
_PUBLIC_ACCESS_SINCE = "2021-06-01"
_OPEN = {"bypass": "AzureServices", "defaultAction": "Allow", "ipRules": [], "virtualNetworkRules": []}

SKUS = ("standard", "premium")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FLAGS = (
    "enabledForDeployment",
    "enabledForDiskEncryption",
    "enabledForTemplateDeployment",
    "enableRbacAuthorization",
    "enableSoftDelete",
    "enablePurgeProtection",
)
_OPTIONAL = (
    "networkAcls",
    "accessPolicies",
    "enabledForDeployment",
    "enabledForDiskEncryption",
    "enabledForTemplateDeployment",
    "enableSoftDelete",
    "softDeleteRetentionInDays",
    "enableRbacAuthorization",
    "enablePurgeProtection",
)


def created(given: Json, *, tenant_id: str, api_version: str) -> Json:
    """The properties of a new vault. Raises 400 for what the provider refuses."""
    _check(given, tenant_id=tenant_id, current=None)
    for name in ("tenantId", "sku"):
        if given.get(name) is None:
            raise errors.missing(name)
    rbac = given.get("enableRbacAuthorization")
    if rbac is None and api_version[:10] >= RBAC_DEFAULT_SINCE:
        rbac = True
    if not rbac and given.get("accessPolicies") is None:
        raise errors.missing("accessPolicies")
    merged: Json = {
        "accessPolicies": [],
        "enabledForDeployment": False,
        "enableSoftDelete": True,
        "publicNetworkAccess": "Enabled",
    }
    if rbac is not None:
        merged["enableRbacAuthorization"] = rbac
    return _ordered(merged | _said(given))


def replaced(current: Json, given: Json, *, tenant_id: str) -> Json:
    """The properties after a PUT on an existing vault: what is left out keeps its value, as creation fixed it."""
    for name in ("tenantId", "sku"):
        if given.get(name) is None:
            raise errors.missing(name)
    rbac = given.get("enableRbacAuthorization", current.get("enableRbacAuthorization"))
    if not rbac and given.get("accessPolicies") is None:
        raise errors.missing("accessPolicies")
    return merged(current, given, tenant_id=tenant_id)


def merged(current: Json, given: Json, *, tenant_id: str) -> Json:
    """The properties after a PATCH: only what is said changes; access policies are replaced when given."""
    _check(given, tenant_id=tenant_id, current=current)
    return _ordered(current | _said(given))


def registering(properties: Json, *, vault_uri: str) -> Json:
    """Complete the properties of a new vault: its address, and that DNS doesn't know it yet."""
    return _ordered(properties | {"vaultUri": vault_uri, "provisioningState": "RegisteringDns"})


def _said(given: Json) -> Json:
    names = ("tenantId", "sku", "publicNetworkAccess", *_OPTIONAL)
    said: Json = {name: given[name] for name in names if given.get(name) is not None}
    if "sku" in said:
        said["sku"] = {"family": "A", "name": str(said["sku"]["name"])}
    if "accessPolicies" in said:
        said["accessPolicies"] = [policy(one) for one in said["accessPolicies"]]
    if "networkAcls" in said:
        said["networkAcls"] = _network_rules(said["networkAcls"])
    return said


def _ordered(properties: Json) -> Json:
    order = ("sku", "tenantId", *_OPTIONAL, "vaultUri", "provisioningState", "publicNetworkAccess")
    return {name: properties[name] for name in order if name in properties}


def shown(properties: Json, api_version: str) -> Json:
    """The properties as answers have them: rules that let everybody in are not told (recorded)."""
    told = dict(properties)
    if told.get("networkAcls") == _OPEN:
        del told["networkAcls"]
    if api_version < _PUBLIC_ACCESS_SINCE:
        del told["publicNetworkAccess"]
    return told


def policy(given: Any) -> Json:
    """One access policy. Raises 400 when its tenant, object or permissions are missing or malformed."""
    if not isinstance(given, dict) or not all(_is_guid(given.get(name)) for name in ("tenantId", "objectId")):
        raise errors.invalid("accessPolicies", given)
    permissions = given.get("permissions")
    if not isinstance(permissions, dict):
        raise errors.missing("accessPolicies.permissions")
    shown: Json = {"tenantId": given["tenantId"], "objectId": given["objectId"]}
    if given.get("applicationId"):
        shown["applicationId"] = given["applicationId"]
    return shown | {"permissions": {kind: list(words) for kind, words in permissions.items() if words is not None}}


def _network_rules(given: Json) -> Json:
    rules = [{"value": _prefix(rule.get("value"))} for rule in given.get("ipRules") or []]
    return {
        "bypass": given.get("bypass") or "AzureServices",
        "defaultAction": given.get("defaultAction") or "Allow",
        "ipRules": rules,
        "virtualNetworkRules": [
            {**rule, "id": str(rule.get("id")).lower()} for rule in given.get("virtualNetworkRules") or []
        ],
    }


def _prefix(value: object) -> str:
    try:
        network = ipaddress.ip_network(str(value), strict=False)
    except ValueError as error:
        raise errors.invalid("networkAcls.ipRules", value) from error
    return str(network)


def _check(given: Json, *, tenant_id: str, current: Json | None) -> None:
    for name in _FLAGS:
        if given.get(name) is not None and not isinstance(given[name], bool):
            raise errors.invalid(name, given[name])
    _check_identity(given, tenant_id)
    _check_protection(given, current)
    if len(given.get("accessPolicies") or []) > 1024:
        raise errors.bad_request("More than 1024 access policies.")
    access = given.get("publicNetworkAccess")
    if access is not None and str(access).lower() not in ("enabled", "disabled", ""):
        raise errors.invalid("publicNetworkAccess", access)


def _check_identity(given: Json, tenant_id: str) -> None:
    tenant, sku = given.get("tenantId"), given.get("sku")
    if tenant is not None and (not _is_guid(tenant) or str(tenant).lower() != tenant_id.lower()):
        raise errors.invalid("tenantId", tenant)
    if sku is None:
        return
    if not isinstance(sku, dict) or str(sku.get("family", "")).upper() != "A":
        raise errors.invalid("sku.family", sku)
    if str(sku.get("name", "")).lower() not in SKUS:
        raise errors.invalid("sku.name", sku.get("name"))


def _check_protection(given: Json, current: Json | None) -> None:
    if given.get("enableSoftDelete") is False:
        raise errors.bad_request(
            'The property "enableSoftDelete" cannot be set to false. Enabling the soft delete functionality is an '
            "irreversible action."
        )
    if given.get("enablePurgeProtection") is False:
        raise errors.bad_request(
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is '
            "an irreversible action."
        )
    days = given.get("softDeleteRetentionInDays")
    if days is None:
        return
    if isinstance(days, bool) or not isinstance(days, int) or not 7 <= days <= 90:
        raise errors.invalid("softDeleteRetentionInDays", days)
    if current is not None and days != current.get("softDeleteRetentionInDays", DEFAULT_RETENTION_DAYS):
        raise errors.bad_request(
            'The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.'
        )


def _is_guid(value: object) -> bool:
    return isinstance(value, str) and _GUID.fullmatch(value) is not None
