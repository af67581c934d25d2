# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The system routes of a network interface and the next hop they lead to."""

from __future__ import annotations

from typing import Final

from ...core.wire import Json
from ..addresses import Address, Network, is_internet

#: System routes that drop traffic to private space outside the virtual network. Azure drops 127.0.0.0/8 as well; here
#: loopback addresses stand for public ones.
_DROPPED: Final = (
    "10.0.0.0/8",
    "100.64.0.0/10",
    "172.16.0.0/12",
    "198.18.0.0/15",
    "192.168.0.0/16",
)


def report(space: tuple[Network, ...]) -> Json:
    """The result document: the virtual network, the Internet, then what is dropped."""
    routes = [(str(prefix), "VnetLocal") for prefix in space]
    routes.append(("0.0.0.0/0", "Internet"))
    local = {str(prefix) for prefix in space}
    routes += [(prefix, "None") for prefix in _DROPPED if prefix not in local]
    return {"value": [_route(prefix, hop) for prefix, hop in routes]}


def next_hop(destination: Address, space: tuple[Network, ...]) -> Json:
    """The answer of Network Watcher; without user-defined routes it is always a system route."""
    if any(destination in prefix for prefix in space):
        hop = "VirtualNetwork"
    else:
        hop = "Internet" if is_internet(destination, space) else "None"
    return {"nextHopType": hop, "routeTableId": "System Route"}


def _route(prefix: str, hop: str) -> Json:
    return {
        "disableBgpRoutePropagation": False,
        "source": "Default",
        "state": "Active",
        "hasBgpOverride": False,
        "addressPrefix": [prefix],
        "nextHopType": hop,
        "nextHopIpAddress": [],
        "destinationServiceTags": [],
        "tagMap": {},
    }
