# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of publicIPAddresses."""

from __future__ import annotations

from ...core.azure import Azure
from ...core.call import Answer, Call
from ...core.operations import Style
from ...core.store import Resource
from ...core.wire import Json
from .. import errors
from ..common import (
    DELETING,
    SUCCEEDED,
    UPDATING,
    check_preconditions,
    get_handler,
    listed,
    new_etag,
    tags_handler,
)
from ..references import References
from ..types import NAMESPACE, PUBLIC_ADDRESSES
from . import records, shapes

_WRITE_SECONDS = 1.0
_DELETE_SECONDS = 10.0


def register(azure: Azure) -> None:
    route = azure.arm.route
    one = f"{PUBLIC_ADDRESSES}/{{address}}"
    read, write, delete = (f"{PUBLIC_ADDRESSES}/{verb}" for verb in ("read", "write", "delete"))
    check = "locations/{location}/CheckDnsNameAvailability"
    right = f"{NAMESPACE}/locations/checkDnsNameAvailability/read"
    route("GET", f"{NAMESPACE}/{check}", _check_name, action=right, scope="subscription")
    route("GET", PUBLIC_ADDRESSES, _list, action=read, scope="subscription")
    route("GET", PUBLIC_ADDRESSES, _list, action=read)
    route("GET", one, get_handler(_show), action=read)
    route("PUT", one, _put, action=write)
    route("PATCH", one, tags_handler(_show), action=write)
    route("DELETE", one, _delete, action=delete)


def _show(call: Call, address: Resource) -> Json:
    return shapes.public_address(address, References(call.azure.store), call.api_version)


def _list(call: Call) -> Answer:
    references = References(call.azure.store)
    addresses = listed(call, PUBLIC_ADDRESSES)
    value = [shapes.public_address(one, references, call.api_version) for one in addresses]
    return Answer(status=200, body={"value": value})


def _check_name(call: Call) -> Answer:
    """Whether a DNS label is free in a region."""
    label = call.query.get("domainnamelabel", "")
    return Answer(status=200, body={"available": records.is_free(call.azure.store, call.params["location"], label)})


def _put(call: Call) -> Answer:
    """A static address has its number when the operation has ended."""
    store = call.azure.store
    existing = store.get(call.id)
    check_preconditions(call, existing)
    address = records.replaced(store, call.id, call.body, basic_allowed=call.azure.network.basic_addresses_allowed)
    address.properties["provisioningState"] = UPDATING
    store.put(address)

    def finish() -> None:
        call.azure.network.refresh_addresses()
        current = store.get(call.id)
        if current is not None:
            current.properties["provisioningState"] = SUCCEEDED
            new_etag(current)
            store.touch(current)

    operation = call.azure.operations.start(call, style=Style.NETWORK_PUT, seconds=_WRITE_SECONDS, finish=finish)
    return operation.answer(200 if existing is not None else 201, _show(call, address))


def _delete(call: Call) -> Answer:
    store = call.azure.store
    address = store.get(call.id)
    if address is None:
        return Answer(status=204)
    check_preconditions(call, address)
    user = References(store).configuration_of_address.get(call.id.key)
    if user is not None:
        raise errors.public_address_allocated(str(address.id), user)
    address.properties["provisioningState"] = DELETING
    operation = call.azure.operations.start(
        call, style=Style.NETWORK_DELETE, seconds=_DELETE_SECONDS, finish=lambda: store.delete(call.id)
    )
    return operation.answer(202)
