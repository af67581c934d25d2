# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Authorization/locks on subscriptions, groups and resources."""

from __future__ import annotations

from typing import get_args

from ..core.arm import Arm
from ..core.call import Answer, Call
from ..core.errors import AzureError
from ..core.locks import Level, Lock
from ..core.wire import Json
from .scopes import require

TYPE = "Microsoft.Authorization/locks"


def register(arm: Arm) -> None:
    one = TYPE + "/{lock}"
    arm.route("GET", TYPE, _list, scope="extension", action=TYPE + "/read")
    arm.route("GET", one, _get, scope="extension", action=TYPE + "/read")
    arm.route("PUT", one, _put, scope="extension", action=TYPE + "/write")
    arm.route("DELETE", one, _delete, scope="extension", action=TYPE + "/delete")


def _document(lock: Lock) -> Json:
    notes = {"notes": lock.notes} if lock.notes is not None else {}
    return {
        "properties": {"level": lock.level, **notes},
        "id": f"{lock.scope}/providers/{TYPE}/{lock.name}",
        "type": TYPE,
        "name": lock.name,
    }


def _list(call: Call) -> Answer:
    locks = call.azure.locks.at_and_below(call.params["scope"])
    return Answer(status=200, body={"value": [_document(lock) for lock in locks]})


def _get(call: Call) -> Answer:
    lock = call.azure.locks.get(call.params["scope"], call.params["lock"])
    if lock is None:
        # That there is none is known by its status, the wording isn't recorded.
        raise AzureError(404, "LockNotFound", f"The lock '{call.params['lock']}' could not be found.", gateway=True)
    return Answer(status=200, body=_document(lock))


def _put(call: Call) -> Answer:
    require(call)
    properties = call.body.get("properties")
    given = properties if isinstance(properties, dict) else {}
    wanted = str(given.get("level") or "").lower()
    level: Level | None = next((one for one in get_args(Level) if one.lower() == wanted), None)
    if level is None:
        raise AzureError(
            400,
            "InvalidLockLevel",
            f"The level '{given.get('level')}' of lock '{call.params['lock']}' is not one of "
            f"{', '.join(get_args(Level))}.",
            gateway=True,
        )
    notes = given.get("notes")
    lock = Lock(
        name=call.params["lock"],
        scope=call.params["scope"].rstrip("/"),
        level=level,
        notes=None if notes is None else str(notes),
    )
    new = call.azure.locks.put(lock)
    return Answer(status=201 if new else 200, body=_document(lock))


def _delete(call: Call) -> Answer:
    removed = call.azure.locks.remove(call.params["scope"], call.params["lock"])
    return Answer(status=204 if removed is None else 200)
