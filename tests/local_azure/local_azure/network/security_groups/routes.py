# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of networkSecurityGroups, securityRules and defaultSecurityRules."""

from __future__ import annotations

from collections.abc import Callable

from ...core.azure import Azure
from ...core.call import Answer, Call
from ...core.errors import AzureError
from ...core.operations import Operation, Style
from ...core.store import Resource
from ...core.wire import Json
from .. import errors, reading
from ..common import (
    DELETING,
    FAILED,
    SUCCEEDED,
    UPDATING,
    check_preconditions,
    etag_of,
    get_handler,
    listed,
    new_etag,
    tags_handler,
)
from ..names import check_name
from ..references import References
from ..types import DEFAULT_SECURITY_RULES, SECURITY_GROUPS, SECURITY_RULES
from . import records, shapes

#: Nominal length of the operations, in seconds of the real service.
_WRITE_SECONDS = 3.0
_DELETE_SECONDS = 10.0


def register(azure: Azure) -> None:
    route = azure.arm.route
    one, rule = f"{SECURITY_GROUPS}/{{nsg}}", f"{SECURITY_GROUPS}/{{nsg}}/securityRules/{{rule}}"
    default = f"{SECURITY_GROUPS}/{{nsg}}/defaultSecurityRules"
    read, write, delete = (f"{SECURITY_GROUPS}/{verb}" for verb in ("read", "write", "delete"))
    route("GET", SECURITY_GROUPS, _list, action=read, scope="subscription")
    route("GET", SECURITY_GROUPS, _list, action=read)
    route("GET", one, get_handler(_show), action=read)
    route("PUT", one, _put, action=write)
    route("PATCH", one, tags_handler(_show), action=write)
    route("DELETE", one, _delete, action=delete)
    route("GET", f"{one}/securityRules", _list_rules, action=f"{SECURITY_RULES}/read")
    route("GET", rule, _get_rule, action=f"{SECURITY_RULES}/read")
    route("PUT", rule, _put_rule, action=f"{SECURITY_RULES}/write")
    route("DELETE", rule, _delete_rule, action=f"{SECURITY_RULES}/delete")
    route("GET", default, _list_default_rules, action=f"{DEFAULT_SECURITY_RULES}/read")
    route("GET", f"{default}/{{rule}}", _get_default_rule, action=f"{DEFAULT_SECURITY_RULES}/read")


def _show(call: Call, group: Resource) -> Json:
    return shapes.security_group(group, References(call.azure.store))


def _list(call: Call) -> Answer:
    references = References(call.azure.store)
    groups = listed(call, SECURITY_GROUPS)
    return Answer(status=200, body={"value": [shapes.security_group(group, references) for group in groups]})


def _put(call: Call) -> Answer:
    store = call.azure.store
    existing = store.get(call.id)
    check_preconditions(call, existing)
    if existing is not None:
        _check_busy(call, existing)
    else:
        check_name(call.id.name)
    group = records.replaced(store, call.id, call.body)
    # New tags alone are there at once, with an operation all the same.
    state = SUCCEEDED if existing is not None and existing.properties == group.properties else UPDATING
    store.put(group)
    operation = _begin(call, group, Style.NETWORK_PUT, _WRITE_SECONDS, state=state)
    return operation.answer(200 if existing is not None else 201, _show(call, group))


def _delete(call: Call) -> Answer:
    store = call.azure.store
    group = store.get(call.id)
    if group is None:
        return Answer(status=204)
    check_preconditions(call, group)
    references = References(store)
    users = [*references.interfaces_of_group[call.id.key], *references.subnets_of_group[call.id.key]]
    if users:
        raise errors.group_in_use(str(group.id), users)
    _check_busy(call, group)
    group.properties["provisioningState"] = DELETING
    new_etag(group)
    operation = call.azure.operations.start(
        call, style=Style.NETWORK_DELETE, seconds=_DELETE_SECONDS, finish=lambda: store.delete(call.id)
    )
    return operation.answer(202)


def _list_rules(call: Call) -> Answer:
    group = call.azure.store.require(call.id)
    value = [shapes.rule(group, stored) for stored in group.properties["securityRules"]]
    return Answer(status=200, body={"value": value})


def _get_rule(call: Call) -> Answer:
    group = call.azure.store.require(call.id.parent)
    stored = records.find_rule(group, call.id.name)
    if stored is None:
        raise errors.child_not_found(str(call.id))
    return Answer(status=200, body=shapes.rule(group, stored), headers={"ETag": etag_of(group)})


def _put_rule(call: Call) -> Answer:
    store = call.azure.store
    group = _parent_for_write(call)
    existing = records.find_rule(group, call.id.name)
    new, stored = records.with_rule(store, group, call.id.name, reading.section(call.body, "properties"))
    _check_busy(call, group)
    group.properties["securityRules"] = new

    def fail() -> None:
        stored["failed"] = True

    operation = _begin(call, group, Style.NETWORK_PUT, _WRITE_SECONDS, undo=fail)
    return operation.answer(200 if existing is not None else 201, shapes.rule(group, stored))


def _delete_rule(call: Call) -> Answer:
    group = _parent_for_write(call)
    doomed = records.find_rule(group, call.id.name)
    if doomed is None:
        return Answer(status=204)
    _check_busy(call, group)
    doomed["deleting"] = True

    def remove(current: Resource) -> None:
        current.properties["securityRules"] = records.without_rule(current, doomed)

    def keep() -> None:
        del doomed["deleting"]
        doomed["failed"] = True

    return _begin(call, group, Style.NETWORK_DELETE, _DELETE_SECONDS, remove, keep).answer(202)


def _list_default_rules(call: Call) -> Answer:
    return Answer(status=200, body={"value": shapes.default_rules(call.azure.store.require(call.id))})


def _get_default_rule(call: Call) -> Answer:
    group = call.azure.store.require(call.id.parent)
    for rule in shapes.default_rules(group):
        if rule["name"].lower() == call.id.name.lower():
            return Answer(status=200, body=rule, headers={"ETag": etag_of(group)})
    raise errors.child_not_found(str(call.id))


def _parent_for_write(call: Call) -> Resource:
    group = call.azure.store.require_parent(call.id)
    assert group is not None, "a security rule always has a parent"
    return group


def _check_busy(call: Call, group: Resource) -> None:
    """Refuse a write while the group is being deleted, or while any other write runs if the instance was told so."""
    running = call.azure.operations.running(group.id, nested=True)
    if running:
        call.azure.network.check_concurrent(group, running[0], always=group.properties["provisioningState"] == DELETING)


def _begin(
    call: Call,
    group: Resource,
    style: Style,
    seconds: float,
    at_end: Callable[[Resource], None] = lambda current: None,
    undo: Callable[[], None] = lambda: None,
    state: str = UPDATING,
) -> Operation:
    """Mark the group as updating and start the operation that makes the write take effect.

    Writes on one group are accepted one after the other (a handler never waits), and take effect in that order.
    """
    store = call.azure.store
    group.properties["provisioningState"] = state
    new_etag(group)
    take_effect = records.accepted(group)
    store.touch(group)

    def finish() -> None:
        current = store.get(group.id)
        if current is None or current.properties["resourceGuid"] != group.properties["resourceGuid"]:
            return
        at_end(current)
        take_effect()
        for rule in current.properties["securityRules"]:
            rule.pop("failed", None)  # the whole group is carried to where it counts each time
        if not call.azure.operations.running(group.id, nested=True):
            current.properties["provisioningState"] = SUCCEEDED
        new_etag(current)
        store.touch(current)

    def fail(_error: AzureError) -> None:
        undo()
        group.properties["provisioningState"] = FAILED

    return call.azure.operations.start(call, style=style, seconds=seconds, finish=finish, on_failure=fail)
