# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Remote Desktop answers from here, asked once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import access_probe

if TYPE_CHECKING:
    from .._domain.outcome import Document
    from .._domain.resource_id import VmTarget
    from .context import Context

_CONNECT_SECONDS = 5.0


def rdp_probe(vm: VmTarget, port: int, context: Context) -> Document:
    """The ``probe`` result of access_probe; ``verified`` in it is the answer."""
    options = access_probe.Options.from_parameters(
        {
            "protocol": "rdp",
            "port": port,
            "address": None,
            "address_type": "auto",
            "network_interface": None,
            "expected_thumbprint": None,
            "server_name": None,
            "connect_timeout": _CONNECT_SECONDS,
            "wait": False,
            "required": False,
            "subscription_id": vm.subscription,
            "resource_group": vm.resource_group,
            "vm_name": vm.name,
            "vm_id": None,
        }
    )
    return access_probe.run(options, context).thing
