# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Address prefixes, port ranges and service tags as security rules write them."""

from __future__ import annotations

import ipaddress
import re
import socket
from functools import lru_cache
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

ALL_PORTS: Final = (0, 65535)

#: The platform's own address: health probes, DNS, the agent. Belongs to VirtualNetwork and AzureLoadBalancer.
PLATFORM_ADDRESS: Final = ipaddress.IPv4Network("168.63.129.16/32")
LOAD_BALANCER_V6: Final = ipaddress.IPv6Network("fe80::1234:5678:9abc/128")

#: What is never "Internet". Loopback is missing on purpose: here loopback addresses stand for public ones.
NOT_INTERNET: Final = tuple(
    ipaddress.IPv4Network(prefix)
    for prefix in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
    )
)

VIRTUAL_NETWORK: Final = "virtualnetwork"
AZURE_LOAD_BALANCER: Final = "azureloadbalancer"
INTERNET: Final = "internet"

#: Tags that only a Deny rule may name (Microsoft: "Virtual network service tags", platform rules).
DENY_ONLY_TAGS: Final = frozenset({"azureplatformdns", "azureplatformimds", "azureplatformlkm"})

#: Known tags by lower case. All may carry a region (Storage.WestEurope). Only the first three have addresses here: the
#: address lists of the others are Microsoft's and change weekly, so a rule that names them matches no address.
TAGS: Final = {
    tag.lower(): tag
    for tag in (
        "VirtualNetwork",
        "AzureLoadBalancer",
        "Internet",
        "ActionGroup",
        "ApiManagement",
        "AppConfiguration",
        "AppService",
        "AppServiceManagement",
        "AzureActiveDirectory",
        "AzureActiveDirectoryDomainServices",
        "AzureBackup",
        "AzureBotService",
        "AzureCloud",
        "AzureContainerRegistry",
        "AzureCosmosDB",
        "AzureDatabricks",
        "AzureDevOps",
        "AzureEventGrid",
        "AzureFrontDoor.Backend",
        "AzureFrontDoor.FirstParty",
        "AzureFrontDoor.Frontend",
        "AzureKeyVault",
        "AzureMachineLearning",
        "AzureMonitor",
        "AzurePlatformDNS",
        "AzurePlatformIMDS",
        "AzurePlatformLKM",
        "AzurePortal",
        "AzureResourceManager",
        "CorpNetPublic",
        "CorpNetSaw",
        "AzureSiteRecovery",
        "AzureTrafficManager",
        "AzureUpdateDelivery",
        "BatchNodeManagement",
        "CognitiveServicesManagement",
        "DataFactory",
        "DataFactoryManagement",
        "Dynamics365ForMarketingEmail",
        "EventHub",
        "GatewayManager",
        "GuestAndHybridManagement",
        "HDInsight",
        "LogicApps",
        "LogicAppsManagement",
        "MicrosoftCloudAppSecurity",
        "MicrosoftContainerRegistry",
        "PowerBI",
        "ServiceBus",
        "ServiceFabric",
        "Sql",
        "SqlManagement",
        "Storage",
        "WindowsVirtualDesktop",
    )
}

_REGIONAL = re.compile(r"([A-Za-z0-9]+)\.([A-Za-z0-9]+)")
_LEGACY_V4 = re.compile(r"[0-9]+(\.[0-9]+){0,3}")
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


def tag_named(text: str) -> str | None:
    """The tag in its canonical spelling, or None when `text` isn't a service tag. The region keeps its spelling."""
    known = TAGS.get(text.lower())
    if known is not None:
        return known
    regional = _REGIONAL.fullmatch(text)
    if regional is not None and regional[1].lower() in TAGS:
        return f"{TAGS[regional[1].lower()]}.{regional[2]}"
    return None


@lru_cache(maxsize=8192)
def parse_prefix(text: str) -> Network:
    """An address or CIDR prefix; ValueError otherwise, also for set host bits.

    A bare number is an address too, as the service really takes it (recorded: "789" is accepted and kept).
    """
    if "/" not in text and _LEGACY_V4.fullmatch(text):
        try:
            return ipaddress.IPv4Network(socket.inet_aton(text))
        except OSError as error:
            raise ValueError(f"not an address: {text}") from error
    return ipaddress.ip_network(text)


def parse_ports(text: str) -> tuple[int, int]:
    """First and last port of "*", "3389" or "5985-5986"; ValueError otherwise."""
    if text == "*":
        return ALL_PORTS
    match = _PORTS.fullmatch(text)
    if match is None:
        raise ValueError(f"not a port range: {text}")
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last <= ALL_PORTS[1]:
        raise ValueError(f"not a port range: {text}")
    return first, last


def is_virtual_network(address: Address, space: tuple[Network, ...]) -> bool:
    """Whether the tag VirtualNetwork covers `address`; `space` is the address space of the virtual network."""
    return address in PLATFORM_ADDRESS or any(address in prefix for prefix in space)


def is_load_balancer(address: Address) -> bool:
    return address in PLATFORM_ADDRESS or address in LOAD_BALANCER_V6


def is_internet(address: Address, space: tuple[Network, ...]) -> bool:
    """Whether the tag Internet covers `address`: outside the virtual network, and not a private address."""
    if any(address in prefix for prefix in space):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        return address.is_global
    return not any(address in prefix for prefix in NOT_INTERNET)


@lru_cache(maxsize=64)
def internet_prefixes(space: tuple[Network, ...]) -> tuple[str, ...]:
    """The IPv4 prefixes that Internet stands for, ascending."""
    left = [ipaddress.IPv4Network("0.0.0.0/0")]
    excluded = [*NOT_INTERNET, *(prefix for prefix in space if isinstance(prefix, ipaddress.IPv4Network))]
    for hole in excluded:
        left = [piece for prefix in left for piece in _without(prefix, hole)]
    return tuple(str(prefix) for prefix in sorted(left))


def virtual_network_prefixes(space: tuple[Network, ...]) -> tuple[str, ...]:
    """What VirtualNetwork stands for: the address space, then the platform's address."""
    return (*(str(prefix) for prefix in space), str(PLATFORM_ADDRESS))


def load_balancer_prefixes() -> tuple[str, ...]:
    return (str(PLATFORM_ADDRESS), str(LOAD_BALANCER_V6))


def _without(prefix: ipaddress.IPv4Network, hole: ipaddress.IPv4Network) -> list[ipaddress.IPv4Network]:
    if not prefix.overlaps(hole):
        return [prefix]
    return list(prefix.address_exclude(hole)) if hole.subnet_of(prefix) else []
