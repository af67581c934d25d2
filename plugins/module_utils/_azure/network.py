# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Network gateway: interfaces, addresses, subnets and security rules as domain values (Microsoft.Network)."""

from __future__ import annotations

import typing as t

from .._domain.errors import Conflict, NotFound
from .._domain.nat import BalancedConfiguration
from .._domain.network import MARK, IpConfiguration, NetworkInterface, PublicAddress, SecurityGroup, Subnet
from .._domain.resource_id import ResourceId
from .._domain.security_rules import ANY, PortRange, SecurityRule, normalised_prefix
from .errors import translated
from .libraries import needs
from .polling import finished, unless_busy
from .words import word

if t.TYPE_CHECKING:
    from azure.mgmt.network import models

    from .._domain.deadline import Deadline
    from .clients import AzureClients


@translated("read the network interface {nic.name}")
def network_interface(azure: AzureClients, nic: ResourceId) -> NetworkInterface:
    """GET one interface."""
    return interface_of(azure.network.network_interfaces.get(nic.resource_group, nic.name), nic)


@translated("read the public address {address.name}")
def public_address(azure: AzureClients, address: ResourceId) -> PublicAddress:
    """GET one public address."""
    return address_of(azure.network.public_ip_addresses.get(address.resource_group, address.name), address)


@translated("read the subnet {subnet.name}")
def subnet(azure: AzureClients, subnet: ResourceId) -> Subnet:
    """GET one subnet."""
    found = azure.network.subnets.get(subnet.resource_group, subnet.names[0], subnet.name)
    return Subnet(
        id=ResourceId.parse(found.id or str(subnet)),
        group_id=found.network_security_group.id if found.network_security_group else None,
        ip_configuration_ids=_ids(found.ip_configurations),
    )


@translated("read the security group {group.name}")
def security_group(azure: AzureClients, group: ResourceId) -> SecurityGroup:
    """GET one security group with its rules."""
    found = azure.network.network_security_groups.get(group.resource_group, group.name)
    return SecurityGroup(
        id=ResourceId.parse(found.id or str(group)),
        rules=tuple(_rule(each) for each in found.security_rules or ()),
        interface_ids=_ids(found.network_interfaces),
        subnet_ids=_ids(found.subnets),
    )


def put_rule(azure: AzureClients, group: ResourceId, rule: SecurityRule, *, deadline: Deadline) -> None:
    """PUT this one rule; the group's other rules are not part of the request.

    Raises :class:`Conflict` with code SecurityRuleConflict when the priority was taken meanwhile.
    """
    waiting_for = f"the rule {rule.name} of the security group {group.name}"

    @translated("write the rule {rule.name} of the security group {group.name}")
    def put(group: ResourceId, rule: SecurityRule) -> None:
        with needs("azure-mgmt-network"):
            from azure.mgmt.network.models import SecurityRule as Wire
        poller = azure.network.security_rules.begin_create_or_update(
            group.resource_group, group.name, rule.name, Wire({"properties": _wire(rule)})
        )
        finished(poller, deadline=deadline, waiting_for=waiting_for)

    unless_busy(lambda: put(group, rule), deadline=deadline, waiting_for=waiting_for)


def delete_rule(azure: AzureClients, group: ResourceId, name: str, *, deadline: Deadline) -> None:
    """DELETE one rule; fine when it is gone already."""
    waiting_for = f"the removal of the rule {name} from the security group {group.name}"

    @translated("remove the rule {name} from the security group {group.name}")
    def delete(group: ResourceId, name: str) -> None:
        poller = azure.network.security_rules.begin_delete(group.resource_group, group.name, name)
        finished(poller, deadline=deadline, waiting_for=waiting_for)

    try:
        unless_busy(lambda: delete(group, name), deadline=deadline, waiting_for=waiting_for)
    except NotFound:
        return


def is_priority_clash(error: Conflict) -> bool:
    """Whether a write failed because another rule of the group took the same priority."""
    return error.code == "SecurityRuleConflict"


def interface_of(found: models.NetworkInterface, id: ResourceId) -> NetworkInterface:
    """What was read of the interface ``id``."""
    return NetworkInterface(
        id=ResourceId.parse(found.id or str(id)),
        location=found.location or "",
        group_id=found.network_security_group.id if found.network_security_group else None,
        ip_configurations=tuple(_ip_configuration(each, id) for each in found.ip_configurations or ()),
        failed=_failed(found),
    )


def address_of(found: models.PublicIPAddress, id: ResourceId) -> PublicAddress:
    """What was read of the public address ``id``."""
    return PublicAddress(
        id=ResourceId.parse(found.id or str(id)),
        location=found.location or "",
        address=found.ip_address,
        fqdn=found.dns_settings.fqdn if found.dns_settings else None,
        label=found.dns_settings.domain_name_label if found.dns_settings else None,
        sku=word(found.sku.name) if found.sku else "",
        method=word(found.public_ip_allocation_method),
        version=word(found.public_ip_address_version) or "IPv4",
        holder_id=found.ip_configuration.id if found.ip_configuration else None,
        owner=(found.tags or {}).get(MARK),
        failed=_failed(found),
    )


def _failed(found: models.PublicIPAddress | models.NetworkInterface | models.SecurityRule) -> bool:
    return word(found.provisioning_state).lower() == "failed"


def _ip_configuration(found: models.NetworkInterfaceIPConfiguration, nic: ResourceId) -> IpConfiguration:
    return IpConfiguration(
        name=found.name or "",
        primary=bool(found.primary),
        private_address=found.private_ip_address,
        public_address_id=found.public_ip_address.id if found.public_ip_address else None,
        subnet_id=found.subnet.id if found.subnet else None,
        version=word(found.private_ip_address_version) or "IPv4",
        application_security_group_ids=_ids(found.application_security_groups),
        balanced=_balanced(found, nic),
    )


def _balanced(found: models.NetworkInterfaceIPConfiguration, nic: ResourceId) -> BalancedConfiguration | None:
    rules = _ids(found.load_balancer_inbound_nat_rules)
    pools = _ids(found.load_balancer_backend_address_pools)
    if not rules and not pools:
        return None
    return BalancedConfiguration(id=nic.child("ipConfigurations", found.name or ""), rule_ids=rules, pool_ids=pools)


class _WithId(t.Protocol):
    id: str | None


def _ids(found: t.Iterable[_WithId] | None) -> tuple[str, ...]:
    return tuple(each.id for each in found or () if each.id)


def _rule(found: models.SecurityRule) -> SecurityRule:
    return SecurityRule(
        name=found.name or "",
        priority=int(found.priority or 0),
        access=word(found.access),
        direction=word(found.direction),
        protocol=word(found.protocol),
        sources=_prefixes(found.source_address_prefix, found.source_address_prefixes),
        destinations=_prefixes(found.destination_address_prefix, found.destination_address_prefixes),
        ports=_ports(found.destination_port_range, found.destination_port_ranges),
        source_ports=_ports(found.source_port_range, found.source_port_ranges),
        source_groups=_group_ids(found.source_application_security_groups),
        destination_groups=_group_ids(found.destination_application_security_groups),
        description=found.description or "",
        failed=_failed(found),
    )


def _prefixes(single: str | None, several: t.Iterable[str] | None) -> frozenset[str]:
    return frozenset(normalised_prefix(text) for text in (*([single] if single else []), *(several or ())))


def _ports(single: str | None, several: t.Iterable[str] | None) -> frozenset[PortRange]:
    return frozenset(PortRange.parse(text) for text in (*([single] if single else []), *(several or ())))


def _group_ids(groups: t.Iterable[models.ApplicationSecurityGroup] | None) -> frozenset[str]:
    return frozenset(each.id.lower() for each in groups or () if each.id)


def _wire(rule: SecurityRule) -> dict[str, t.Any]:
    """The rule's ``properties``: Azure wants the singular field for ``*`` and tags, and takes it for one value."""
    properties: dict[str, t.Any] = {
        "description": rule.description,
        "protocol": rule.protocol,
        "access": rule.access,
        "direction": rule.direction,
        "priority": rule.priority,
        "sourcePortRange": ANY,
    }
    properties |= _one_or_many("destinationPortRange", sorted(map(str, rule.ports)))
    properties |= _one_or_many_prefixes("source", {rule.source_tag} if rule.source_tag else rule.sources)
    if rule.destination_groups:
        properties["destinationApplicationSecurityGroups"] = [{"id": text} for text in sorted(rule.destination_groups)]
    else:
        properties |= _one_or_many_prefixes("destination", rule.destinations)
    return properties


def _one_or_many(field: str, values: list[str]) -> dict[str, t.Any]:
    return {field: values[0]} if len(values) == 1 else {f"{field}s": values}


def _one_or_many_prefixes(side: str, prefixes: t.Collection[str]) -> dict[str, t.Any]:
    values = sorted(prefixes)
    return {f"{side}AddressPrefix": values[0]} if len(values) == 1 else {f"{side}AddressPrefixes": values}
