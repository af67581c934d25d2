# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Management locks: what nobody may delete or change, whatever rights they have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .authorization import encloses
from .errors import AzureError

Level = Literal["CanNotDelete", "ReadOnly", "NotSpecified"]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock on `scope` (an ARM id, as it was given) and on everything in it. `notes` None: there are none."""

    name: str
    scope: str
    level: Level
    notes: str | None = None


class Locks:
    """All locks, by scope and name."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], Lock] = {}

    def get(self, scope: str, name: str) -> Lock | None:
        return self._locks.get(_key(scope, name))

    def put(self, lock: Lock) -> bool:
        """Add a lock, or replace the one of that name; whether there was none."""
        new = _key(lock.scope, lock.name) not in self._locks
        self._locks[_key(lock.scope, lock.name)] = lock
        return new

    def remove(self, scope: str, name: str) -> Lock | None:
        return self._locks.pop(_key(scope, name), None)

    def at_and_below(self, scope: str) -> Iterator[Lock]:
        """The locks on `scope` and on what is in it."""
        return (lock for lock in list(self._locks.values()) if encloses(scope, lock.scope))

    def check(self, method: str, scope: str) -> None:
        """Raise 409 ScopeLocked where a lock forbids the request with that method on `scope`.

        Nothing is deleted that has a locked part.
        """
        deletes = method == "DELETE"
        levels = ("CanNotDelete", "ReadOnly") if deletes else ("ReadOnly",)
        found = [
            lock.scope
            for lock in self._locks.values()
            if lock.level in levels and (encloses(lock.scope, scope) or (deletes and encloses(scope, lock.scope)))
        ]
        if found:
            verb = "delete" if deletes else "write"
            raise AzureError(
                409,
                "ScopeLocked",
                f"The scope '{scope}' cannot perform {verb} operation because following scope(s) are locked: "
                f"'{','.join(dict.fromkeys(found))}'. Please remove the lock and try again.",
                gateway=True,
            )


def _key(scope: str, name: str) -> tuple[str, str]:
    return scope.rstrip("/").lower(), name.lower()
