# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaults as Azure Resource Manager manages them (Microsoft.KeyVault)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import access_policies, deleted_vaults, managed_hsms, secrets, vaults

if TYPE_CHECKING:
    from ...core.azure import Azure

_VAULT = "Microsoft.KeyVault/vaults/{vault}"
_SECRET = _VAULT + "/secrets/{secret}"
_DELETED = "Microsoft.KeyVault/locations/{location}/deletedVaults/{vault}"
_CHECK = "Microsoft.KeyVault/checkNameAvailability"
_HSMS = "Microsoft.KeyVault/managedHSMs"
_RIGHT = "Microsoft.KeyVault/"


def register(azure: Azure) -> None:
    """Add the provider's routes, each with the right its caller needs."""
    azure.operations.headers_of["Microsoft.KeyVault"] = lambda _id: dict(vaults.SERVICE_HEADERS)
    route = azure.arm.route
    route("PUT", _VAULT, vaults.put, action=_RIGHT + "vaults/write")
    route("GET", _VAULT, vaults.get, action=_RIGHT + "vaults/read")
    route("PATCH", _VAULT, vaults.patch, action=_RIGHT + "vaults/write")
    route("DELETE", _VAULT, vaults.delete, action=_RIGHT + "vaults/delete")
    route("GET", "Microsoft.KeyVault/vaults", vaults.list_by_group, action=_RIGHT + "vaults/read")
    route(
        "GET",
        "Microsoft.KeyVault/vaults",
        vaults.list_by_subscription,
        action=_RIGHT + "vaults/read",
        scope="subscription",
    )
    route(
        "PUT",
        _VAULT + "/accessPolicies/{kind}",
        access_policies.change,
        action=_RIGHT + "vaults/accessPolicies/write",
    )
    route("PUT", _SECRET, secrets.put, action=_RIGHT + "vaults/secrets/write")
    route("PATCH", _SECRET, secrets.patch, action=_RIGHT + "vaults/secrets/write")
    route("GET", _SECRET, secrets.get, action=_RIGHT + "vaults/secrets/read")
    route("GET", _VAULT + "/secrets", secrets.list_secrets, action=_RIGHT + "vaults/secrets/read")
    route("GET", _HSMS, managed_hsms.list_none, action=_RIGHT + "managedHSMs/read")
    for method, template, handler, action in (
        ("GET", _HSMS, managed_hsms.list_none, "managedHSMs/read"),
        ("GET", "Microsoft.KeyVault/deletedManagedHSMs", managed_hsms.list_none, "deletedManagedHsms/read"),
        ("POST", _CHECK, vaults.check_name_availability, "checkNameAvailability/read"),
        ("GET", "Microsoft.KeyVault/deletedVaults", deleted_vaults.list_deleted, "deletedVaults/read"),
        ("GET", _DELETED, deleted_vaults.get, "locations/deletedVaults/read"),
        ("POST", _DELETED + "/purge", deleted_vaults.purge, "locations/deletedVaults/purge/action"),
    ):
        route(method, template, handler, action=_RIGHT + action, scope="subscription")
