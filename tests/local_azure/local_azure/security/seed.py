# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `security` section of a scenario.

    security:
      jitNetworkAccessPolicies:
        - resourceGroup: access-demo
          virtualMachines:
            - {name: win1, ports: [{number: 3389}, {number: 5986, protocol: TCP, maxRequestAccessDuration: PT1H}]}

Policies are named default and lie in the location of their group unless they say otherwise. A virtual machine is named
in the policy's group, or by its whole `id`; `requests` may be given as on the wire. Ports default to any protocol from
any source for three hours, as the portal proposes.
"""

from __future__ import annotations

from ..core.azure import Azure
from ..core.resource_id import ResourceId
from ..core.store import Resource
from ..core.wire import Json
from .jit_policies import JIT_POLICIES

_VIRTUAL_MACHINES = "Microsoft.Compute/virtualMachines"
_PORT: Json = {"protocol": "*", "allowedSourceAddressPrefix": "*", "maxRequestAccessDuration": "PT3H"}


def seed(azure: Azure, section: Json) -> None:
    """Put the policies in place. Raises KeyError or ValueError for what is missing."""
    unknown = section.keys() - {"jitNetworkAccessPolicies"}
    if unknown:
        raise ValueError(f"unknown in the security section: {', '.join(sorted(unknown))}")
    for item in section["jitNetworkAccessPolicies"]:
        group = azure.store.require(ResourceId(azure.settings.subscription_id, item["resourceGroup"]))
        location = str(item.get("location") or group.location)
        namespace, parent, own = JIT_POLICIES.split("/")
        names = (location, str(item.get("name", "default")))
        # Ids of policies keep the spelling of whoever made them.
        policy = ResourceId(group.id.subscription, item["resourceGroup"], namespace, (parent, own), names)
        machines = [_machine(group.id, dict(one)) for one in item["virtualMachines"]]
        properties = {"virtualMachines": machines, "requests": item.get("requests", [])}
        azure.store.put(Resource(id=policy, location=location, properties=properties))


def _machine(group: ResourceId, item: Json) -> Json:
    id = item["id"] if "id" in item else str(group.child(_VIRTUAL_MACHINES, item["name"]))
    return {"id": id, "ports": [{"number": port["number"], **_PORT, **port} for port in item["ports"]]}
