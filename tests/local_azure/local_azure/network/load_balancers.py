# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load balancers: only those a scenario put there are shown; writing them is refused as unknown."""

from __future__ import annotations

from ..core.azure import Azure
from ..core.call import Answer, Call
from ..core.store import Resource
from ..core.wire import Json
from .common import envelope, get_handler, listed
from .types import LOAD_BALANCERS


def register(azure: Azure) -> None:
    read = f"{LOAD_BALANCERS}/read"
    azure.arm.route("GET", LOAD_BALANCERS, _list, action=read, scope="subscription")
    azure.arm.route("GET", LOAD_BALANCERS, _list, action=read)
    azure.arm.route("GET", f"{LOAD_BALANCERS}/{{name}}", get_handler(_show), action=read)
    azure.arm.route("GET", f"{LOAD_BALANCERS}/{{name}}/inboundNatRules", _list_nat_rules, action=read)


def _show(call: Call, balancer: Resource) -> Json:
    return envelope(balancer, balancer.properties)


def _list(call: Call) -> Answer:
    return Answer(status=200, body={"value": [_show(call, one) for one in listed(call, LOAD_BALANCERS)]})


def _list_nat_rules(call: Call) -> Answer:
    balancer = call.azure.store.require(call.id)
    return Answer(status=200, body={"value": balancer.properties.get("inboundNatRules", [])})
