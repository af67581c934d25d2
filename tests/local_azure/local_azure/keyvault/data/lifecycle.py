# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What secrets, certificates and keys share: found, soft-deleted, recovered, purged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeVar

from ...core.operations import NEVER, fate
from ...core.wire import Json
from .. import names
from ..model import Certificate, Deletion, Held, Key, Secret
from . import errors
from .attributes import epoch, retention_days
from .call import VaultCall

# How long these take in Azure, in seconds.
DELETION_SECONDS = 5
RECOVERY_SECONDS = 5
SETTLING_SECONDS = 15

HeldObject = TypeVar("HeldObject", Secret, Certificate, Key)


def check_name(name: str, kind: str) -> None:
    """Raises BadParameter unless `name` is an object name; `kind` is Secret, Certificate or Key."""
    if not names.is_object_name(name):
        raise errors.bad_parameter(
            f"The request URI contains an invalid name: {name}; a {kind.lower()} name has 1-127 letters, digits and "
            "hyphens"
        )


def is_live(call: VaultCall, found: Held) -> bool:
    """Neither deleted nor still on its way back."""
    return found.deletion is None and (found.recovered_at is None or found.recovered_at <= call.now)


def check_writable(call: VaultCall, found: Held | None, kind: str) -> None:
    """Raises the 409 of an object that is deleted, being deleted or being recovered."""
    if found is None:
        return
    if found.deletion is not None:
        if found.deletion.visible_at > call.now:
            raise errors.being_deleted(kind, found.name)
        raise errors.deleted_but_recoverable(kind, found.name)
    if found.settled_at is not None and found.settled_at > call.now:
        raise errors.being_recovered(kind, found.name)


def deletion(call: VaultCall) -> Deletion:
    found = Deletion(
        deleted_at=call.now,
        purge_at=call.now + timedelta(days=retention_days(call.vault)),
        visible_at=call.now + call.azure.vaults.moment(DELETION_SECONDS),
    )

    def end() -> None:
        found.visible_at = call.now

    if _never_ends(end):
        found.visible_at = NEVER
    return found


def is_visible_as_deleted(call: VaultCall, found: Held | None) -> bool:
    """Whether the deleted collection shows it yet."""
    return found is not None and found.deletion is not None and found.deletion.visible_at <= call.now


def require_deleted(call: VaultCall, objects: Mapping[str, HeldObject], kind: str) -> HeldObject:
    """The deleted object of the call's name, to be recovered or purged.

    Raises 404 when there is none of that name, 400 for a live one, 409 while it is being deleted (all recorded).
    """
    found = objects.get(call.name.lower())
    if found is None:
        raise errors.deleted_not_found(kind, call.name)
    if found.deletion is None:
        raise errors.not_deleted(kind, found.name)
    if found.deletion.visible_at > call.now:
        raise errors.being_deleted(kind, found.name)
    return found


def recover(call: VaultCall, found: Held) -> None:
    """Takes the deletion back; reads see the object after a moment, writes after a further one."""
    found.deletion = None
    found.recovered_at = call.now + call.azure.vaults.moment(RECOVERY_SECONDS)
    found.settled_at = found.recovered_at + call.azure.vaults.moment(SETTLING_SECONDS)

    def end() -> None:
        found.recovered_at = found.settled_at = call.now

    if _never_ends(end):
        found.recovered_at = found.settled_at = NEVER


def _never_ends(end: Callable[[], None]) -> bool:
    """Whether a fault keeps what the present request begins from ending; `end` is called when the fault is over."""
    found = fate.get()
    if found is None or found.error is not None:
        return False
    found.at_end(end)
    return True


def check_purge(call: VaultCall) -> None:
    if call.vault.properties.get("enablePurgeProtection"):
        raise errors.purge_protected()


def write_deletion(call: VaultCall, found: Held, collection: str) -> Json:
    """The fields that a deleted object has in front of its own; `collection` is deletedsecrets or the like."""
    assert found.deletion is not None, f"{found.name} is not deleted"
    return {
        "recoveryId": call.url(f"{collection}/{found.name}"),
        "deletedDate": epoch(found.deletion.deleted_at),
        "scheduledPurgeDate": epoch(found.deletion.purge_at),
    }
