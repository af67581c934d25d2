# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of jitNetworkAccessPolicies. They are read only: requesting access isn't rehearsed."""

from __future__ import annotations

from typing import Final

from ..core.azure import Azure
from ..core.call import Answer, Call
from ..core.store import Resource
from ..core.wire import Json

JIT_POLICIES: Final = "Microsoft.Security/locations/jitNetworkAccessPolicies"
_ANYWHERE = "Microsoft.Security/jitNetworkAccessPolicies"
_IN_LOCATION = "Microsoft.Security/locations/{location}/jitNetworkAccessPolicies"

#: The only api-version that has them, besides older ones.
_VERSIONS = ("2020-01-01",)


def register(azure: Azure) -> None:
    route = azure.arm.route
    read = f"{JIT_POLICIES}/read"
    for template in (_ANYWHERE, _IN_LOCATION):
        route("GET", template, _list, action=read, scope="subscription", api_versions=_VERSIONS)
        route("GET", template, _list, action=read, api_versions=_VERSIONS)
    route("GET", f"{_IN_LOCATION}/{{policy}}", _get, action=read, api_versions=_VERSIONS)


def _list(call: Call) -> Answer:
    location = call.params.get("location")
    found = call.azure.store.list(JIT_POLICIES, subscription=call.id.subscription, group=call.id.group)
    shown = [_show(one) for one in found if location is None or one.location == location.lower()]
    return Answer(status=200, body={"value": shown})


def _get(call: Call) -> Answer:
    return Answer(status=200, body=_show(call.azure.store.require(call.id)))


def _show(policy: Resource) -> Json:
    return {
        "kind": "Basic",
        "properties": {**policy.properties, "provisioningState": "Succeeded", "appendMode": False},
        "id": str(policy.id),
        "name": policy.id.name,
        "type": policy.id.type,
        "location": policy.location,
    }
