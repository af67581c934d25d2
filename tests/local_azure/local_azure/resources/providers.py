# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource provider registration of the subscription."""

from __future__ import annotations

from datetime import timedelta

from ..core import errors
from ..core.arm import Arm
from ..core.azure import Azure
from ..core.call import Answer, Call
from ..core.wire import Json
from .subscriptions import DISPLAY_NAMES

_PROVIDERS = "/subscriptions/{subscription}/providers"
_REGISTER_SECONDS = 30.0

#: The newest api-version of each provider; clients that know nothing of a type take one from here.
_NEWEST = {
    "Microsoft.Authorization": "2022-04-01",
    "Microsoft.Compute": "2026-04-01",
    "Microsoft.KeyVault": "2026-02-01",
    "Microsoft.Network": "2025-09-01",
    "Microsoft.Resources": "2024-07-01",
    "Microsoft.Security": "2020-01-01",
}

_MOVABLE = "CrossResourceGroupResourceMove, CrossSubscriptionResourceMove, SupportsTags, SupportsLocation"
#: Types that are not resources of a region.
_WITHOUT_REGION = {"deletedvaults", "locations", "locks", "permissions", "roleassignments", "roledefinitions", "tags"}


def register(arm: Arm) -> None:
    read = "Microsoft.Resources/subscriptions/providers/read"
    arm.route("GET", _PROVIDERS, _list, scope="root", action=read)
    arm.route("GET", _PROVIDERS + "/{namespace}", _get, scope="root", action=read)
    arm.route("POST", _PROVIDERS + "/{namespace}/register", _register, scope="root")
    arm.route("POST", _PROVIDERS + "/{namespace}/unregister", _unregister, scope="root")


def document(azure: Azure, namespace: str) -> Json:
    """The provider with its types; other plausible api-versions are accepted, too."""
    state = azure.registration(namespace)
    types = [_type(name, _NEWEST.get(namespace)) for name in azure.arm.types(namespace) if name]
    return {
        "id": f"/subscriptions/{azure.settings.subscription_id}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": types,
        "registrationState": state,
    }


def _type(name: str, newest: str | None) -> Json:
    shown: Json = {
        "resourceType": name,
        "locations": [] if name == "locations" else list(DISPLAY_NAMES),
        "apiVersions": [newest] if newest is not None else [],
    }
    if "/" in name or name.lower() in _WITHOUT_REGION:
        return {**shown, "capabilities": "None"}
    shown |= {"defaultApiVersion": newest} if newest is not None else {}
    return {**shown, "capabilities": _MOVABLE}


def _list(call: Call) -> Answer:
    return Answer(status=200, body={"value": [document(call.azure, name) for name in call.azure.arm.namespaces]})


def _canonical(call: Call) -> str:
    wanted = call.params["namespace"]
    for name in call.azure.arm.namespaces:
        if name.lower() == wanted.lower():
            return name
    raise errors.invalid_resource_namespace(wanted)


def _get(call: Call) -> Answer:
    return Answer(status=200, body=document(call.azure, _canonical(call)))


def _register(call: Call) -> Answer:
    namespace = _canonical(call)
    call.azure.authorization.require(call.principal, namespace + "/register/action", str(call.id))
    if call.azure.registration(namespace) == "NotRegistered":
        wait = timedelta(seconds=_REGISTER_SECONDS * call.azure.settings.pace)
        call.azure.unregistered[namespace.lower()] = call.azure.clock.now() + wait
    return Answer(status=200, body=document(call.azure, namespace))


def _unregister(call: Call) -> Answer:
    """Until it is registered again, nothing of the provider can be written; what is there stays."""
    namespace = _canonical(call)
    call.azure.authorization.require(call.principal, namespace + "/unregister/action", str(call.id))
    call.azure.unregistered[namespace.lower()] = None
    return Answer(status=200, body={**document(call.azure, namespace), "registrationState": "Unregistering"})
