# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.KeyVault/vaults/accessPolicies/{add|replace|remove}: access policies without the rest of the vault."""

from __future__ import annotations

from ...core.call import Answer, Call
from ...core.wire import Json
from . import errors, properties
from .vaults import SERVICE_HEADERS


def change(call: Call) -> Answer:
    """PUT with policies: add merges permissions, replace exchanges the named principals' ones, remove takes away."""
    vault = call.azure.store.require(call.id.parent)
    kind = call.id.name.lower()
    if kind not in ("add", "replace", "remove"):
        raise errors.invalid("operationKind", call.id.name)
    given = (call.body.get("properties") or {}).get("accessPolicies")
    if not isinstance(given, list):
        raise errors.missing("accessPolicies")
    result = [dict(policy) for policy in vault.properties.get("accessPolicies") or []]
    for one in given:
        _apply(kind, result, properties.policy(one))
    vault.properties["accessPolicies"] = result
    call.azure.store.touch(vault)
    body: Json = {
        "id": f"{vault.id}/accessPolicies/",
        "type": "Microsoft.KeyVault/vaults/accessPolicies",
        "properties": {"accessPolicies": result},
    }
    return Answer(status=200, body=body, headers=dict(SERVICE_HEADERS))


def _apply(kind: str, policies: list[Json], wanted: Json) -> None:
    at = next((n for n, policy in enumerate(policies) if _same(policy, wanted)), None)
    if at is None:
        if kind != "remove":
            policies.append(wanted)
        return
    if kind == "replace":
        policies[at] = wanted
        return
    held = {name: list(words) for name, words in policies[at]["permissions"].items()}
    for name, words in wanted["permissions"].items():
        if kind == "add":
            held[name] = [*held.get(name, []), *(word for word in words if word not in held.get(name, []))]
        else:
            held[name] = [word for word in held.get(name, []) if word not in words]
    if any(held.values()):
        policies[at] = policies[at] | {"permissions": held}
    else:
        del policies[at]


def _same(one: Json, other: Json) -> bool:
    keys = ("objectId", "applicationId")
    return all(str(one.get(key, "")).lower() == str(other.get(key, "")).lower() for key in keys)
