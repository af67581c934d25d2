# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network Watcher's connection check: from a virtual machine to an address or another machine.

Reachable is what the security groups on both ends let through; nothing is sent.
"""

from __future__ import annotations

import ipaddress
import uuid
from dataclasses import dataclass

from ...core.resource_id import ResourceId
from ...core.wire import Json
from ..models import Verdict

_PROBES = 66
_LATENCY = 27


#: What is wrong with the way to where no route leads.
_UNROUTED: list[Json] = [
    {"origin": "Local", "severity": "Error", "type": "RouteMissing", "context": []},
    {
        "origin": "Outbound",
        "severity": "Error",
        "type": "UserDefinedRoute",
        "context": [{"key": "RouteType", "value": "Default"}],
    },
]


@dataclass(frozen=True, kw_only=True)
class End:
    """One end of the check; `resource` is None for an address outside of Azure."""

    address: str
    resource: ResourceId | None = None


def stand_in(name: str) -> str:
    """An address for a host name that nobody resolves here: one that is reserved for documentation."""
    return str(ipaddress.IPv4Address("198.51.100.0") + 1 + uuid.uuid5(uuid.NAMESPACE_DNS, name).int % 254)


def report(source: End, destination: End, outbound: Verdict, inbound: Verdict | None, *, routed: bool) -> Json:
    """The result document. `inbound` is what the destination's groups say, None where it isn't in Azure.

    `routed` is False for a private address outside of the network: no route leads there.
    """
    kind = "Internet" if routed and destination.resource is None else "VirtualNetwork"
    first, last = str(uuid.uuid4()), str(uuid.uuid4())
    reached = routed and outbound.allowed and (inbound is None or inbound.allowed)
    hops = [
        {
            "type": "Source",
            "id": first,
            **_place(source),
            "nextHopIds": [last],
            "links": [_link(last, kind, timed=reached)],
            "previousHopIds": [],
            "previousLinks": [],
            "issues": [*([] if routed else _UNROUTED), *_issues(outbound, "Outbound")],
        },
        {
            "type": kind if routed else "Destination",
            "id": last,
            **_place(destination),
            "nextHopIds": [],
            "links": [],
            "previousHopIds": [first],
            "previousLinks": [_link(first, kind, timed=False)],
            "issues": _issues(inbound, "Inbound"),
        },
    ]
    latency: Json = {f"{name}LatencyInMs": _LATENCY for name in ("avg", "min", "max")} if reached else {}
    return {
        "hops": hops,
        "connectionStatus": "Reachable" if reached else "Unreachable",
        **latency,
        "probesSent": _PROBES,
        "probesFailed": 0 if reached else _PROBES,
        "errors": {},
    }


def _place(end: End) -> Json:
    return {"address": end.address, **({"resourceId": str(end.resource)} if end.resource is not None else {})}


def _link(to: str, kind: str, *, timed: bool) -> Json:
    times: Json = {f"roundTripTime{name}": _LATENCY + 1 for name in ("Min", "Avg", "Max")} if timed else {}
    return {"nextHopId": to, "linkType": kind, "properties": times, "context": {}, "issues": [], "resourceId": ""}


def _issues(verdict: Verdict | None, origin: str) -> list[Json]:
    """The rule that is in the way, as Microsoft's pages on connection troubleshooting show it."""
    if verdict is None or verdict.allowed:
        return []
    kind, _slash, name = (verdict.rule_path or "/").partition("/")
    prefix = "DefaultRule" if kind == "defaultSecurityRules" else "UserRule"
    context = [{"key": "RuleName", "value": f"{prefix}_{name}"}]
    return [{"origin": origin, "severity": "Error", "type": "NetworkSecurityRule", "context": context}]
