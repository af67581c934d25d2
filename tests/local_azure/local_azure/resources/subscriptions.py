# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tenants, subscriptions and their locations."""

from __future__ import annotations

from ..core.arm import Arm
from ..core.call import Answer, Call
from ..core.wire import Json

#: Region name, display name, geography group, paired region where it has one.
_LOCATIONS = (
    ("westeurope", "West Europe", "Europe", "northeurope"),
    ("northeurope", "North Europe", "Europe", "westeurope"),
    ("germanywestcentral", "Germany West Central", "Europe", "germanynorth"),
    ("swedencentral", "Sweden Central", "Europe", "swedensouth"),
    ("uksouth", "UK South", "Europe", "ukwest"),
    ("ukwest", "UK West", "Europe", "uksouth"),
    ("francecentral", "France Central", "Europe", "francesouth"),
    ("switzerlandnorth", "Switzerland North", "Europe", "switzerlandwest"),
    ("norwayeast", "Norway East", "Europe", "norwaywest"),
    ("eastus", "East US", "US", "westus"),
    ("eastus2", "East US 2", "US", "centralus"),
    ("westus", "West US", "US", "eastus"),
    ("westus2", "West US 2", "US", "westcentralus"),
    ("westus3", "West US 3", "US", "eastus"),
    ("centralus", "Central US", "US", "eastus2"),
    ("northcentralus", "North Central US", "US", "southcentralus"),
    ("southcentralus", "South Central US", "US", "northcentralus"),
    ("westcentralus", "West Central US", "US", "westus2"),
    ("eastus2euap", "East US 2 EUAP", "US", "centraluseuap"),
    ("centraluseuap", "Central US EUAP", "US", "eastus2euap"),
    ("canadacentral", "Canada Central", "Canada", "canadaeast"),
    ("brazilsouth", "Brazil South", "South America", "southcentralus"),
    ("southeastasia", "Southeast Asia", "Asia Pacific", "eastasia"),
    ("eastasia", "East Asia", "Asia Pacific", "southeastasia"),
    ("japaneast", "Japan East", "Asia Pacific", "japanwest"),
    ("koreacentral", "Korea Central", "Asia Pacific", "koreasouth"),
    ("australiaeast", "Australia East", "Asia Pacific", "australiasoutheast"),
    ("centralindia", "Central India", "Asia Pacific", "southindia"),
    ("francesouth", "France South", "Europe", "francecentral"),
    ("germanynorth", "Germany North", "Europe", "germanywestcentral"),
    ("italynorth", "Italy North", "Europe", None),
    ("norwaywest", "Norway West", "Europe", "norwayeast"),
    ("polandcentral", "Poland Central", "Europe", None),
    ("spaincentral", "Spain Central", "Europe", None),
    ("swedensouth", "Sweden South", "Europe", "swedencentral"),
    ("switzerlandwest", "Switzerland West", "Europe", "switzerlandnorth"),
    ("canadaeast", "Canada East", "Canada", "canadacentral"),
    ("mexicocentral", "Mexico Central", "Mexico", None),
    ("israelcentral", "Israel Central", "Middle East", None),
    ("qatarcentral", "Qatar Central", "Middle East", None),
    ("uaenorth", "UAE North", "Middle East", "uaecentral"),
    ("uaecentral", "UAE Central", "Middle East", "uaenorth"),
    ("southafricanorth", "South Africa North", "Africa", "southafricawest"),
    ("southafricawest", "South Africa West", "Africa", "southafricanorth"),
    ("australiacentral", "Australia Central", "Asia Pacific", "australiacentral2"),
    ("australiacentral2", "Australia Central 2", "Asia Pacific", "australiacentral"),
    ("australiasoutheast", "Australia Southeast", "Asia Pacific", "australiaeast"),
    ("japanwest", "Japan West", "Asia Pacific", "japaneast"),
    ("koreasouth", "Korea South", "Asia Pacific", "koreacentral"),
    ("newzealandnorth", "New Zealand North", "Asia Pacific", None),
    ("southindia", "South India", "Asia Pacific", "centralindia"),
    ("westindia", "West India", "Asia Pacific", "southindia"),
)

#: As the lists of providers name regions.
DISPLAY_NAMES = tuple(display for _name, display, *_rest in _LOCATIONS)
LOCATION_NAMES = frozenset(name for name, *_rest in _LOCATIONS)


def register(arm: Arm) -> None:
    arm.route("GET", "/tenants", _tenants, scope="root")
    arm.route("GET", "/subscriptions", _subscriptions, scope="root")
    one, right = "/subscriptions/{subscription}", "Microsoft.Resources/subscriptions/"
    arm.route("GET", one, _subscription, scope="root")
    arm.route("GET", one + "/locations", _locations, scope="root", action=right + "locations/read")


def _tenants(call: Call) -> Answer:
    tenant = call.azure.settings.tenant_id
    one = {
        "id": f"/tenants/{tenant}",
        "tenantId": tenant,
        "countryCode": "NL",
        "displayName": "Local Azure",
        "domains": ["local-azure.onmicrosoft.com"],
        "tenantCategory": "Home",
        "defaultDomain": "local-azure.onmicrosoft.com",
        "tenantType": "AAD",
    }
    return Answer(status=200, body={"value": [one]})


def _document(call: Call) -> Json:
    settings = call.azure.settings
    return {
        "id": f"/subscriptions/{settings.subscription_id}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": settings.subscription_id,
        "tenantId": settings.tenant_id,
        "displayName": "Local Azure",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
        **({"tags": call.azure.subscription_tags} if call.azure.subscription_tags else {}),
    }


def _subscriptions(call: Call) -> Answer:
    """Only what the caller has a role in, so possibly nothing."""
    scope = f"/subscriptions/{call.azure.settings.subscription_id}"
    seen = call.azure.authorization.has_any(call.principal, scope)
    count = {"type": "Total", "value": int(seen)}
    return Answer(status=200, body={"value": [_document(call)] if seen else [], "count": count})


def _subscription(call: Call) -> Answer:
    """For everybody who has a role anywhere in it."""
    scope = f"/subscriptions/{call.azure.settings.subscription_id}"
    if not call.azure.authorization.has_any(call.principal, scope):
        call.azure.authorization.require(call.principal, "Microsoft.Resources/subscriptions/read", scope)
    return Answer(status=200, body=_document(call))


def _locations(call: Call) -> Answer:
    root = f"/subscriptions/{call.azure.settings.subscription_id}/locations"
    value = [
        {
            "id": f"{root}/{name}",
            "name": name,
            "type": "Region",
            "displayName": display,
            "regionalDisplayName": f"({group}) {display}",
            "metadata": {
                "regionType": "Physical",
                "regionCategory": "Recommended",
                "geographyGroup": group,
                "pairedRegion": [{"name": paired, "id": f"{root}/{paired}"}] if paired else [],
            },
        }
        for name, display, group, paired in _LOCATIONS
    ]
    return Answer(status=200, body={"value": value})
