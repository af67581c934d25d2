# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public IP addresses as the service returns them."""

from __future__ import annotations

from ...core.store import Resource
from ...core.wire import Json
from ..common import envelope
from ..references import References

#: What a PUT may state besides; absent again when the next one doesn't.
KEPT = (
    "ddosSettings",
    "publicIPPrefix",
    "servicePublicIPAddress",
    "natGateway",
    "migrationPhase",
    "linkedPublicIPAddress",
    "deleteOption",
)


#: Since when the service tells these (recorded: 2020-04-01 without and 2020-07-01 with the first, 2022-01-01 without
#: and 2022-05-01 with the second).
_TIER_SINCE, _DDOS_SINCE = "2020-07-01", "2022-05-01"


def public_address(resource: Resource, references: References, api_version: str) -> Json:
    """`ipAddress` is absent while a dynamic address isn't allocated, `ipConfiguration` while nothing uses it."""
    own = resource.properties
    properties: Json = {"provisioningState": own["provisioningState"], "resourceGuid": own["resourceGuid"]}
    if "ipAddress" in own:
        properties["ipAddress"] = own["ipAddress"]
    for name in ("publicIPAddressVersion", "publicIPAllocationMethod", "idleTimeoutInMinutes"):
        properties[name] = own[name]
    if "domainNameLabel" in own:
        properties["dnsSettings"] = {"domainNameLabel": own["domainNameLabel"], "fqdn": fqdn(resource)}
    if "reverseFqdn" in own:
        properties.setdefault("dnsSettings", {})["reverseFqdn"] = own["reverseFqdn"]
    properties["ipTags"] = own["ipTags"]
    kept = [name for name in KEPT if name != "ddosSettings" or api_version[:10] >= _DDOS_SINCE]
    properties |= {name: own[name] for name in kept if name in own}
    user = references.configuration_of_address.get(resource.id.key)
    if user is not None:
        properties["ipConfiguration"] = {"id": user}
    shown = envelope(resource, properties)
    if api_version[:10] < _TIER_SINCE:
        shown["sku"] = {"name": shown["sku"]["name"]}
    return shown


def fqdn(resource: Resource) -> str:
    """The full name of an address with a label. Raises KeyError without one."""
    return f"{resource.properties['domainNameLabel']}.{resource.location}.cloudapp.azure.com"
