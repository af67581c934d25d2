# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which inbound NAT rule leads to a port."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.nat import (
    BalancedConfiguration,
    Frontend,
    LoadBalancer,
    NatRule,
    chosen_rule,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId

NETWORK = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network"
BALANCER = ResourceId.parse(f"{NETWORK}/loadBalancers/lb")
CONFIGURATION = ResourceId.parse(f"{NETWORK}/networkInterfaces/nic/ipConfigurations/main")
PUBLIC = Frontend(id=f"{BALANCER}/frontendIPConfigurations/public", public_address_id="ip", private_address=None)
PRIVATE = Frontend(id=f"{BALANCER}/frontendIPConfigurations/inside", public_address_id=None, private_address="10.0.0.9")
RULE = NatRule(
    id=BALANCER.child("inboundNatRules", "rdp"),
    frontend_id=PUBLIC.id,
    protocol="Tcp",
    frontend_port=50001,
    backend_port=3389,
)
NAMED = BalancedConfiguration(id=CONFIGURATION, rule_ids=(str(RULE.id).upper(),), pool_ids=("POOL",))
UNNAMED = replace(NAMED, rule_ids=(), pool_ids=())


def balancer(*rules: NatRule) -> LoadBalancer:
    return LoadBalancer(id=BALANCER, sku="Standard", frontends=(PUBLIC, PRIVATE), rules=rules)


@pytest.mark.parametrize(
    ("rule", "configuration", "found"),
    [
        (RULE, NAMED, True),
        (RULE, UNNAMED, False),
        (replace(RULE, target_id=str(CONFIGURATION).lower()), UNNAMED, True),
        (replace(RULE, target_id="another"), UNNAMED, False),
        (replace(RULE, pool_id="pool", frontend_port=None), NAMED, True),
        (replace(RULE, pool_id="pool", frontend_port=None), UNNAMED, False),
        (replace(RULE, protocol="All"), NAMED, True),
        (replace(RULE, protocol="Udp"), NAMED, False),
        (replace(RULE, backend_port=22), NAMED, False),
        (replace(RULE, floating=True), NAMED, False),
        (replace(RULE, floating=True, frontend_port=3389, backend_port=1), NAMED, True),
    ],
)
def test_a_rule_leads_to_the_port(rule: NatRule, configuration: BalancedConfiguration, found: bool) -> None:
    assert (chosen_rule(configuration, [balancer(rule)], port=3389) is not None) is found


def test_a_public_frontend_comes_first() -> None:
    inside = replace(RULE, id=BALANCER.child("inboundNatRules", "inside"), frontend_id=PRIVATE.id)
    both = replace(NAMED, rule_ids=(str(inside.id), str(RULE.id)))
    way = chosen_rule(both, [balancer(inside, RULE)], port=3389)
    assert way is not None
    assert way[1] is RULE
    assert way[0].frontend_of(inside) is PRIVATE


def test_each_load_balancer_once() -> None:
    pool = str(BALANCER.child("backendAddressPools", "servers"))
    several = replace(NAMED, rule_ids=(str(RULE.id),), pool_ids=(pool,))
    assert several.balancer_ids == (BALANCER,)
