# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just-in-time access policies, by plain requests: azure-mgmt-security is no dependency (Microsoft.Security)."""

from __future__ import annotations

import typing as t

from .._domain.errors import Denied
from .._domain.jit import JitPolicy, JitPort
from .errors import translated
from .libraries import needs

if t.TYPE_CHECKING:
    from .._domain.resource_id import ResourceId
    from .clients import AzureClients

_LIST = "/providers/Microsoft.Security/jitNetworkAccessPolicies?api-version=2020-01-01"


def policies(azure: AzureClients, vm: ResourceId) -> tuple[JitPolicy, ...]:
    """Every policy that may name ``vm``: the subscription's, or its group's where the caller may read no more."""
    subscription = f"/subscriptions/{vm.subscription}"
    try:
        return _listed(azure, subscription + _LIST)
    except Denied:
        return _listed(azure, f"{subscription}/resourceGroups/{vm.resource_group}{_LIST}")


@translated("read the just-in-time access policies")
def _listed(azure: AzureClients, url: str) -> tuple[JitPolicy, ...]:
    with needs("azure-core"):
        from azure.core.rest import HttpRequest
    found: list[JitPolicy] = []
    page: str | None = url
    while page:
        response = azure.network.send_request(HttpRequest("GET", page))
        response.raise_for_status()
        answer = response.json()
        found += [_policy(each) for each in answer.get("value") or ()]
        page = answer.get("nextLink")
    return tuple(found)


def _policy(found: dict[str, t.Any]) -> JitPolicy:
    machines = (found.get("properties") or {}).get("virtualMachines") or ()
    return JitPolicy(
        id=str(found.get("id") or ""),
        ports=tuple(
            (str(machine.get("id") or ""), tuple(_port(each) for each in machine.get("ports") or ()))
            for machine in machines
        ),
    )


def _port(found: dict[str, t.Any]) -> JitPort:
    return JitPort(
        number=int(found.get("number") or 0),
        protocol=str(found.get("protocol") or "*"),
        longest=str(found.get("maxRequestAccessDuration") or ""),
    )
