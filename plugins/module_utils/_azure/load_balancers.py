# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load balancers and who is behind them (Microsoft.Network)."""

from __future__ import annotations

import typing as t

from .._domain.nat import Frontend, LoadBalancer, NatRule
from .._domain.resource_id import ResourceId
from .errors import translated
from .libraries import needs
from .polling import finished
from .words import word

if t.TYPE_CHECKING:
    from azure.mgmt.network import models

    from .._domain.deadline import Deadline
    from .clients import AzureClients


@translated("read the load balancer {balancer.name}")
def load_balancer(azure: AzureClients, balancer: ResourceId) -> LoadBalancer:
    """GET one load balancer."""
    found = azure.network.load_balancers.get(balancer.resource_group, balancer.name)
    return LoadBalancer(
        id=ResourceId.parse(found.id or str(balancer)),
        sku=word(found.sku.name) if found.sku else "",
        frontends=tuple(_frontend(each) for each in found.frontend_ip_configurations or ()),
        rules=tuple(_rule(each) for each in found.inbound_nat_rules or () if each.id),
    )


@translated("ask which ports of the load balancer {pool.names[0]} lead to {configuration.name}")
def mapped_port(
    azure: AzureClients, pool: ResourceId, configuration: ResourceId, rule: str, *, deadline: Deadline
) -> int | None:
    """The frontend port that a rule with a range gave to one member of its pool; ``None`` when it gave none."""
    with needs("azure-mgmt-network"):
        from azure.mgmt.network.models import QueryInboundNatRulePortMappingRequest as Query
    poller = azure.network.load_balancers.begin_list_inbound_nat_rule_port_mappings(
        pool.resource_group, pool.names[0], pool.name, Query({"ipConfiguration": {"id": str(configuration)}})
    )
    found = finished(poller, deadline=deadline, waiting_for=f"the port mappings of the backend pool {pool.name}")
    return next(
        (
            each.frontend_port
            for each in found.inbound_nat_rule_port_mappings or ()
            if (each.inbound_nat_rule_name or "").lower() == rule.lower()
        ),
        None,
    )


def _frontend(found: models.FrontendIPConfiguration) -> Frontend:
    return Frontend(
        id=found.id or "",
        public_address_id=found.public_ip_address.id if found.public_ip_address else None,
        private_address=found.private_ip_address,
    )


def _rule(found: models.InboundNatRule) -> NatRule:
    return NatRule(
        id=ResourceId.parse(found.id or ""),
        frontend_id=(found.frontend_ip_configuration.id if found.frontend_ip_configuration else None) or "",
        protocol=word(found.protocol),
        frontend_port=found.frontend_port,
        backend_port=found.backend_port or 0,
        floating=bool(found.enable_floating_ip),
        target_id=found.backend_ip_configuration.id if found.backend_ip_configuration else None,
        pool_id=found.backend_address_pool.id if found.backend_address_pool else None,
    )
