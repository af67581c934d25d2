# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Resources/tags/default: the tags of a subscription, group or resource without the rest of it."""

from __future__ import annotations

from ..core.arm import Arm
from ..core.call import Answer, Call
from ..core.errors import AzureError
from ..core.wire import Json
from .scopes import require

TYPE = "Microsoft.Resources/tags"


def register(arm: Arm) -> None:
    one = TYPE + "/default"
    arm.route("GET", one, _get, scope="extension", action=TYPE + "/read")
    arm.route("PUT", one, _put, scope="extension", action=TYPE + "/write")
    arm.route("PATCH", one, _patch, scope="extension", action=TYPE + "/write")
    arm.route("DELETE", one, _delete, scope="extension", action=TYPE + "/delete")


def _answer(call: Call) -> Answer:
    body: Json = {
        "id": f"{call.params['scope'].rstrip('/')}/providers/{TYPE}/default",
        "name": "default",
        "type": TYPE,
        "properties": {"tags": _tags(call)},
    }
    return Answer(status=200, body=body)


def _tags(call: Call) -> dict[str, str]:
    resource = require(call)
    return dict((call.azure.subscription_tags if resource is None else resource.tags) or {})


def _write(call: Call, tags: dict[str, str]) -> None:
    resource = require(call)
    if resource is None:
        call.azure.subscription_tags = tags
    else:
        resource.tags = tags
        call.azure.store.touch(resource)


def _get(call: Call) -> Answer:
    return _answer(call)


def _put(call: Call) -> Answer:
    _write(call, _given(call))
    return _answer(call)


def _patch(call: Call) -> Answer:
    operation = str(call.body.get("operation") or "").lower()
    given = _given(call)
    if operation == "merge":
        tags = {**_tags(call), **given}
    elif operation == "replace":
        tags = given
    elif operation == "delete":
        # A value leaves a tag with another one alone; without a value the name is enough.
        tags = {name: value for name, value in _tags(call).items() if given.get(name) not in ("", value)}
    else:
        raise AzureError(
            400,
            "InvalidTagPatchOperation",
            f"The operation '{call.body.get('operation')}' is not one of Merge, Replace, Delete.",
            gateway=True,
        )
    _write(call, tags)
    return _answer(call)


def _delete(call: Call) -> Answer:
    _write(call, {})
    return Answer(status=200)


def _given(call: Call) -> dict[str, str]:
    properties = call.body.get("properties")
    tags = properties.get("tags") if isinstance(properties, dict) else None
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise AzureError(400, "InvalidTags", "The tags must be an object of strings.", gateway=True)
    return dict(tags)
