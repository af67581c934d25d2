# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `network` section of a scenario: short forms of the bodies that a client would PUT, put in place at once.

    network:
      resourceGroup: access-demo            # for entries that don't name theirs
      networkSecurityGroups:
        - name: win1-nsg
          securityRules: [{name: AllowHttps, priority: 300, protocol: Tcp, destinationPortRange: "443"}]
      virtualNetworks:
        - name: access-vnet
          addressSpace: [10.0.0.0/16]
          subnets: [{name: default, addressPrefix: 10.0.0.0/24, networkSecurityGroup: subnet-nsg}]
      publicIPAddresses: [{name: win1-ip, domainNameLabel: win1-access}]
      networkInterfaces:
        - {name: win1-nic, subnet: access-vnet/default, networkSecurityGroup: win1-nsg, publicIPAddress: win1-ip}
        - {name: win2-nic, subnet: access-vnet/default, loadBalancerInboundNatRules: [front/win2-rdp]}
      loadBalancers:
        - name: front
          frontendIPConfigurations: [{name: public, publicIPAddress: front-ip}]   # or subnet: and privateIPAddress:
          backendAddressPools: [servers]
          inboundNatRules:
            - {name: win2-rdp, frontendPort: 50001, backendPort: 3389}
            - {name: each, frontendPortRangeStart: 50100, frontendPortRangeEnd: 50199, backendPort: 5986,
               backendAddressPool: servers}
      concurrentWrites: accept              # or retryable, conflict
      allowBasicPublicIPAddresses: false

References are names in the same resource group (a subnet is network/subnet, a NAT rule or pool is balancer/name), or
whole ids. Security rules default to an inbound Allow from and to anywhere, NAT rules to the first frontend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast, get_args

from ..core.azure import Azure
from ..core.errors import AzureError
from ..core.resource_id import ResourceId
from ..core.store import Resource
from ..core.wire import Json
from . import application_groups
from .interfaces import records as interfaces
from .load_balancers import records as balancers
from .provider import ConcurrentWrites
from .public_addresses import records as addresses
from .security_groups import records as groups
from .types import (
    APPLICATION_GROUPS,
    INTERFACES,
    LB_FRONTENDS,
    LB_NAT_RULES,
    LB_POOLS,
    LOAD_BALANCERS,
    PUBLIC_ADDRESSES,
    SECURITY_GROUPS,
    SUBNETS,
    VIRTUAL_NETWORKS,
)
from .virtual_networks import records as networks

_KNOWN = {
    "resourceGroup",
    "applicationSecurityGroups",
    "networkSecurityGroups",
    "virtualNetworks",
    "publicIPAddresses",
    "networkInterfaces",
    "loadBalancers",
    "concurrentWrites",
    "allowBasicPublicIPAddresses",
}
_RULE_DEFAULTS: Json = {
    "access": "Allow",
    "direction": "Inbound",
    "protocol": "*",
    "sourcePortRange": "*",
    "destinationPortRange": "*",
    "sourceAddressPrefix": "*",
    "destinationAddressPrefix": "*",
}


def seed(azure: Azure, section: Json) -> None:
    """Put the section's resources in place. Raises ValueError or KeyError for what can't be."""
    unknown = section.keys() - _KNOWN
    if unknown:
        raise ValueError(f"unknown in the network section: {', '.join(sorted(unknown))}")
    wish = section.get("concurrentWrites", "accept")
    if wish not in get_args(ConcurrentWrites):
        raise ValueError(f"concurrentWrites is one of {', '.join(get_args(ConcurrentWrites))}, not {wish!r}")
    azure.network.concurrent_writes = cast("ConcurrentWrites", wish)
    azure.network.basic_addresses_allowed = bool(section.get("allowBasicPublicIPAddresses", False))
    seeder = _Seeder(azure, section)
    try:
        seeder.put_everything()
    except AzureError as error:
        raise ValueError(f"the network section asks for what Azure refuses: {error}") from error
    azure.network.refresh_addresses()


class _Seeder:
    def __init__(self, azure: Azure, section: Json) -> None:
        self._azure = azure
        self._store = azure.store
        self._section = section

    def put_everything(self) -> None:
        self._put("applicationSecurityGroups", APPLICATION_GROUPS, self._application_group)
        self._put("networkSecurityGroups", SECURITY_GROUPS, self._security_group)
        self._put("virtualNetworks", VIRTUAL_NETWORKS, self._virtual_network)
        self._put("publicIPAddresses", PUBLIC_ADDRESSES, self._public_address)
        self._put("loadBalancers", LOAD_BALANCERS, self._load_balancer)
        self._put("networkInterfaces", INTERFACES, self._interface)

    def _put(self, name: str, type: str, make: Callable[[ResourceId, Json], Resource]) -> None:
        for given in self._section.get(name) or []:
            item = dict(given)
            group = self._group(item.pop("resourceGroup", None))
            item.setdefault("location", group.location)
            self._store.put(make(group.id.child(type, item.pop("name")), item))

    def _application_group(self, id: ResourceId, item: Json) -> Resource:
        return application_groups.replaced(self._store, id, _body(item, {}))

    def _security_group(self, id: ResourceId, item: Json) -> Resource:
        rules = [self._rule(id, dict(rule)) for rule in item.pop("securityRules", [])]
        group = groups.replaced(self._store, id, _body(item, {"securityRules": rules}))
        groups.accepted(group)()
        return group

    def _virtual_network(self, id: ResourceId, item: Json) -> Resource:
        subnets = []
        for given in item.pop("subnets", []):
            own = dict(given)
            if "networkSecurityGroup" in own:
                own["networkSecurityGroup"] = _reference(id, SECURITY_GROUPS, own["networkSecurityGroup"])
            subnets.append({"name": own.pop("name"), "properties": own})
        properties = {"addressSpace": {"addressPrefixes": item.pop("addressSpace")}, "subnets": subnets}
        network = networks.replaced(self._store, id, _body(item, properties))
        self._azure.network.ensure_watcher(network.location or "")
        return network

    def _public_address(self, id: ResourceId, item: Json) -> Resource:
        sku = item.pop("sku", "Standard")
        fixed = item.pop("ipAddress", None)
        method = item.pop("publicIPAllocationMethod", "Static" if sku == "Standard" else "Dynamic")
        properties: Json = {"publicIPAllocationMethod": method}
        if "domainNameLabel" in item:
            properties["dnsSettings"] = {"domainNameLabel": item.pop("domainNameLabel")}
        body = {**_body(item, properties), "sku": {"name": sku}}
        address = addresses.replaced(self._store, id, body, basic_allowed=True)
        if fixed is not None:
            address.properties["ipAddress"] = fixed
        return address

    def _interface(self, id: ResourceId, item: Json) -> Resource:
        own = dict(item)
        location, tags = own.pop("location"), own.pop("tags", None)
        properties: Json = {}
        if "networkSecurityGroup" in own:
            properties["networkSecurityGroup"] = _reference(id, SECURITY_GROUPS, own.pop("networkSecurityGroup"))
        for name in (*interfaces.SWITCHES, *interfaces.KEPT, "dnsSettings"):
            if name in own:
                properties[name] = own.pop(name)
        configurations = own.pop("ipConfigurations", None) or [{"name": "ipconfig1", **own}]
        properties["ipConfigurations"] = [_configuration(id, dict(one)) for one in configurations]
        body: Json = {"location": location, "tags": tags, "properties": properties}
        return interfaces.replaced(self._store, id, body)

    def _load_balancer(self, id: ResourceId, item: Json) -> Resource:
        frontends = [_frontend(id, dict(one)) for one in item.pop(balancers.FRONTENDS, [])]
        first = str(id.child(balancers.FRONTENDS, frontends[0]["name"])) if frontends else ""
        rules = []
        for given in item.pop(balancers.NAT_RULES, []):
            own = {"protocol": "Tcp", "frontendIPConfiguration": {"id": first}, **given}
            if "backendAddressPool" in own:
                pool = id.child(balancers.POOLS, own["backendAddressPool"])
                own["backendAddressPool"] = {"id": str(pool)}
            rules.append({"name": own.pop("name"), "properties": own})
        parts = {
            balancers.FRONTENDS: frontends,
            balancers.POOLS: [{"name": name} for name in item.pop(balancers.POOLS, [])],
            balancers.NAT_RULES: rules,
        }
        sku = {"name": item.pop("sku", "Standard")}
        return balancers.replaced(self._store, id, {**_body(item, parts), "sku": sku})

    def _rule(self, group: ResourceId, rule: Json) -> Json:
        for side in ("source", "destination"):
            name = f"{side}ApplicationSecurityGroups"
            if name in rule:
                rule[name] = [_reference(group, APPLICATION_GROUPS, one) for one in rule[name]]
        defaults = {
            name: value for name, value in _RULE_DEFAULTS.items() if not any(other in rule for other in _others(name))
        }
        return {"name": rule.pop("name"), "properties": {**defaults, **rule}}

    def _group(self, name: str | None) -> Resource:
        name = name or self._section.get("resourceGroup")
        if name is None:
            raise ValueError("the network section needs a resourceGroup, or each of its entries")
        return self._store.require(ResourceId(self._azure.settings.subscription_id, name))


def _others(name: str) -> Iterator[str]:
    """The fields that take the place of `name` in a rule."""
    yield name
    if name.endswith("PortRange"):
        yield name + "s"
    if name.endswith("AddressPrefix"):
        yield name + "es"
        yield name.removesuffix("AddressPrefix") + "ApplicationSecurityGroups"


def _configuration(interface: ResourceId, own: Json) -> Json:
    properties: Json = {"subnet": _reference(interface, SUBNETS, own.pop("subnet"))}
    for field, type in (("publicIPAddress", PUBLIC_ADDRESSES), ("gatewayLoadBalancer", LB_FRONTENDS)):
        if field in own:
            properties[field] = _reference(interface, type, own.pop(field))
    if "applicationSecurityGroups" in own:
        properties["applicationSecurityGroups"] = [
            _reference(interface, APPLICATION_GROUPS, one) for one in own.pop("applicationSecurityGroups")
        ]
    for field, type in (("loadBalancerBackendAddressPools", LB_POOLS), ("loadBalancerInboundNatRules", LB_NAT_RULES)):
        if field in own:
            properties[field] = [_reference(interface, type, one) for one in own.pop(field)]
    if "privateIPAddress" in own:
        properties |= {"privateIPAddress": own.pop("privateIPAddress"), "privateIPAllocationMethod": "Static"}
    return {"name": own.pop("name"), "properties": {**properties, **own}}


def _frontend(balancer: ResourceId, own: Json) -> Json:
    properties: Json = {}
    for field, type in (("publicIPAddress", PUBLIC_ADDRESSES), ("subnet", SUBNETS)):
        if field in own:
            properties[field] = _reference(balancer, type, own.pop(field))
    if "privateIPAddress" in own:
        properties |= {"privateIPAddress": own.pop("privateIPAddress"), "privateIPAllocationMethod": "Static"}
    return {"name": own.pop("name"), "properties": {**properties, **own}}


def _reference(near: ResourceId, type: str, text: str) -> Json:
    """A reference to a resource by name (network/subnet for a subnet) in the group of `near`, or by whole id."""
    if text.startswith("/"):
        return {"id": text}
    id = ResourceId(near.subscription, near.group)
    kinds = type.split("/")
    names = text.split("/")
    if len(names) != len(kinds) - 1:
        raise ValueError(f"not the name of a {type}: {text}")
    id = id.child("/".join(kinds[:2]), names[0])
    for kind, name in zip(kinds[2:], names[1:], strict=True):
        id = id.child(kind, name)
    return {"id": str(id)}


def _body(item: Json, properties: Json) -> Json:
    """A PUT body: location, tags and zones on top, the rest of the item among the properties."""
    top: Json = {name: item.pop(name) for name in ("location", "tags", "zones") if name in item}
    return {**top, "properties": {**properties, **item}}
