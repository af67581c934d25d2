# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How this instance behaves: speed, addresses, the account of its VMs."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

TENANT_ID = "a1c35f0e-6d2b-4f8e-9b57-3d0c2f6a7e11"
SUBSCRIPTION_ID = "0d5f3a52-8c1e-4b7a-9e46-2f1b7c9d8a30"


@dataclass(kw_only=True)
class Settings:
    """`pace` multiplies the real length of operations, `latency` (seconds) is added to each request.

    `retry_after` is how long clients shall wait between polls, in seconds as text; azure-core ignores "0".
    `address_block` is where public addresses come from: a /16 of loopback that no other instance uses.
    `vm_user` and `vm_password` are the administrator account of the scenario's VMs.
    """

    tenant_id: str = TENANT_ID
    subscription_id: str = SUBSCRIPTION_ID
    pace: float = 0.01
    latency: float = 0.0
    retry_after: str = "0.05"
    address_block: ipaddress.IPv4Network = field(default_factory=lambda: ipaddress.IPv4Network("127.127.0.0/16"))
    vm_user: str = "azureuser"
    vm_password: str = ""
