# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An in-process Azure with the network of one VM, and short ways to address it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import httpx

from local_azure.core.resource_id import ResourceId
from local_azure.core.settings import Settings
from local_azure.network.models import Verdict
from local_azure.testing import InProcess, in_process

Json: TypeAlias = dict[str, Any]

API_VERSION = "2026-03-01"

SCENARIO: Json = {
    "groups": [{"name": "rg", "location": "westeurope"}],
    "network": {
        "resourceGroup": "rg",
        "applicationSecurityGroups": [{"name": "servers"}],
        "networkSecurityGroups": [
            {
                "name": "win1-nsg",
                "securityRules": [
                    {"name": "AllowHttps", "priority": 300, "protocol": "Tcp", "destinationPortRange": "443"}
                ],
            },
            {
                "name": "subnet-nsg",
                "securityRules": [
                    {"name": "AllowHttps", "priority": 300, "protocol": "Tcp", "destinationPortRange": "443"}
                ],
            },
            {"name": "unused-nsg"},
        ],
        "virtualNetworks": [
            {
                "name": "access-vnet",
                "addressSpace": ["10.0.0.0/16"],
                "subnets": [
                    {"name": "default", "addressPrefix": "10.0.0.0/24", "networkSecurityGroup": "subnet-nsg"},
                    {"name": "open", "addressPrefix": "10.0.1.0/24"},
                ],
            }
        ],
        "publicIPAddresses": [{"name": "win1-ip", "domainNameLabel": "win1-access"}],
        "networkInterfaces": [
            {
                "name": "win1-nic",
                "subnet": "access-vnet/default",
                "networkSecurityGroup": "win1-nsg",
                "publicIPAddress": "win1-ip",
            }
        ],
    },
}


@dataclass(kw_only=True)
class Cloud:
    """An in-process Azure with the scenario above (or one like it), addressed by short paths."""

    made: InProcess

    def path(self, tail: str) -> str:
        """`tail` is relative to the provider in resource group rg, or a whole path."""
        path = tail if tail.startswith("/") else f"{self.made.group('rg')}/providers/Microsoft.Network/{tail}"
        return f"{path}{'&' if '?' in path else '?'}api-version={API_VERSION}"

    def get(self, tail: str) -> httpx.Response:
        return self.made.client.get(self.path(tail))

    def put(self, tail: str, body: Json, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.made.client.put(self.path(tail), json=body, headers=headers)

    def patch(self, tail: str, body: Json) -> httpx.Response:
        return self.made.client.patch(self.path(tail), json=body)

    def post(self, tail: str, body: Json | None = None) -> httpx.Response:
        return self.made.client.post(self.path(tail), json=body or {})

    def delete(self, tail: str, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.made.client.delete(self.path(tail), headers=headers)

    def id(self, tail: str) -> ResourceId:
        return ResourceId.parse(f"{self.made.group('rg')}/providers/Microsoft.Network/{tail}")

    def admits(self, port: int, *, source: str = "127.0.0.1", nic: str = "win1-nic") -> Verdict:
        return self.made.azure.network.admits(self.id(f"networkInterfaces/{nic}"), port=port, source=source)

    def attach(self, nic: str = "win1-nic", vm: str = "win1") -> None:
        vm_id = f"{self.made.group('rg')}/providers/Microsoft.Compute/virtualMachines/{vm}"
        self.made.azure.network.associate(self.id(f"networkInterfaces/{nic}"), vm_id)

    def settle(self) -> None:
        self.made.settle()

    def close(self) -> None:
        self.made.client.close()
        self.made.transport.close()


class NewCloud(Protocol):
    """The fixture `new_cloud`."""

    def __call__(self, scenario: Json, *, pace: float = 0.0, judged: bool = True) -> Cloud: ...


def make_cloud(scenario: Json, *, pace: float = 0.0, judged: bool = True) -> Cloud:
    """With pace 0 operations end at the next request, with 1 only when settled. `judged` as for `in_process`."""
    settings = Settings(pace=pace, vm_password="In-process-1")
    return Cloud(made=in_process(scenario, settings=settings, judged=judged))


def rule_body(**properties: object) -> Json:
    """The body of a rule that is fine in itself: inbound 3389 from and to anywhere, priority 1000."""
    fine: Json = {
        "protocol": "Tcp",
        "access": "Allow",
        "direction": "Inbound",
        "priority": 1000,
        "sourcePortRange": "*",
        "destinationPortRange": "3389",
        "sourceAddressPrefix": "*",
        "destinationAddressPrefix": "*",
    }
    return {"properties": {name: value for name, value in {**fine, **properties}.items() if value is not None}}
