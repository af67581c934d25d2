# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load balancers as the service returns them, with what refers to their parts."""

from __future__ import annotations

from ...core.store import Resource, Store
from ...core.wire import Json
from ..common import child, envelope
from .forwards import members, target_of
from .records import FRONTENDS, NAT_RULES, POOLS

#: What a load balancer has besides, empty here.
_EMPTY = ("loadBalancingRules", "outboundRules", "inboundNatPools")


def load_balancer(balancer: Resource, store: Store) -> Json:
    own = balancer.properties
    properties: Json = {
        "provisioningState": own["provisioningState"],
        "resourceGuid": own["resourceGuid"],
        FRONTENDS: [frontend(balancer, one) for one in own[FRONTENDS]],
        POOLS: [pool(balancer, one, store) for one in own[POOLS]],
        "probes": own["probes"],
        NAT_RULES: [nat_rule(balancer, one, store) for one in own[NAT_RULES]],
        **{name: [] for name in _EMPTY},
    }
    return envelope(balancer, properties)


def frontend(balancer: Resource, stored: Json) -> Json:
    id = balancer.id.child(FRONTENDS, stored["name"])
    properties: Json = {"provisioningState": balancer.properties["provisioningState"], **stored["properties"]}
    rules = _rules_with(balancer, "frontendIPConfiguration", str(id))
    if rules:
        properties[NAT_RULES] = rules
    return child(balancer, id, properties)


def pool(balancer: Resource, stored: Json, store: Store) -> Json:
    id = balancer.id.child(POOLS, stored["name"])
    properties: Json = {"provisioningState": balancer.properties["provisioningState"]}
    found = members(store, id.key)
    if found:
        properties["backendIPConfigurations"] = [{"id": one} for one in found]
    rules = _rules_with(balancer, "backendAddressPool", str(id))
    if rules:
        properties[NAT_RULES] = rules
    return child(balancer, id, properties)


def nat_rule(balancer: Resource, stored: Json, store: Store) -> Json:
    """`backendIPConfiguration` is there once an interface names the rule; clients can't write it."""
    id = balancer.id.child(NAT_RULES, stored["name"])
    properties: Json = {"provisioningState": balancer.properties["provisioningState"], **stored["properties"]}
    target = target_of(store, id.key)
    if target is not None:
        properties["backendIPConfiguration"] = {"id": target}
    return child(balancer, id, properties)


def _rules_with(balancer: Resource, field: str, id: str) -> list[Json]:
    return [
        {"id": str(balancer.id.child(NAT_RULES, one["name"]))}
        for one in balancer.properties[NAT_RULES]
        if one["properties"].get(field, {}).get("id") == id
    ]
