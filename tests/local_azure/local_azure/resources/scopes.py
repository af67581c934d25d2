# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an extension of Resource Manager is about: the resource, group or subscription before its last /providers/."""

from __future__ import annotations

from ..core.call import Call
from ..core.resource_id import ResourceId
from ..core.store import Resource


def require(call: Call) -> Resource | None:
    """The resource or group that is meant; None for the subscription, or a part that is no resource of its own.

    Raises 404 for what isn't there.
    """
    id = ResourceId.parse(call.params["scope"])
    id = ResourceId(call.azure.canonical_subscription(id.subscription), id.group, id.namespace, id.types, id.names)
    if id.group is None:
        return None
    if len(id.types) > 1 and call.azure.store.get(id) is None:
        call.azure.store.require_parent(id)
        return None
    return call.azure.store.require(id)
