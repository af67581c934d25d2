# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaults of an Azure in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from local_azure.core.settings import Settings
from local_azure.core.wire import Json
from local_azure.testing import InProcess, in_process

VAULT = "demo-vault"


class Plane:
    """Short names for the requests that tests make; every method returns the response."""

    def __init__(self, world: InProcess) -> None:
        self.world = world
        self.azure = world.azure

    def id(self, name: str = VAULT) -> str:
        return f"{self.world.group('rg')}/providers/Microsoft.KeyVault/vaults/{name}"

    def arm(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        principal: str = "default",
        version: str = "2026-02-01",
    ) -> httpx.Response:
        client = self.world.as_principal(principal)
        return client.request(method, path, params={"api-version": version}, json=body)

    def data(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        vault: str = VAULT,
        principal: str | None = "default",
        version: str = "2026-04-01",
        **query: Any,
    ) -> httpx.Response:
        client = self.world.vault(vault, principal=principal)
        return client.request(method, path, params={"api-version": version, **query}, json=body)

    def create(self, name: str = VAULT, *, version: str = "2026-02-01", **properties: Any) -> httpx.Response:
        body = {"location": "West Europe", "properties": self.properties(**properties)}
        response = self.arm("PUT", self.id(name), body, version=version)
        self.world.settle()
        return response

    def properties(self, **changes: Any) -> Json:
        sku = {"family": "A", "name": "standard"}
        return {"tenantId": self.azure.settings.tenant_id, "sku": sku} | changes


@pytest.fixture
def start() -> Iterator[Callable[..., Plane]]:
    """Makes an Azure whose scenario has the given keyvault section; `pace` is the setting of that name."""
    worlds: list[InProcess] = []

    def make(keyvault: Json | None = None, *, pace: float = 0.0, **scenario: Any) -> Plane:
        content: Json = {"groups": [{"name": "rg", "location": "westeurope"}], **scenario}
        if keyvault is not None:
            content["keyvault"] = keyvault
        worlds.append(in_process(content, settings=Settings(pace=pace)))
        return Plane(worlds[-1])

    yield make
    for world in worlds:
        world.transport.close()


@pytest.fixture
def plane(start: Callable[..., Plane]) -> Plane:
    """An Azure with one RBAC vault, named as VAULT."""
    made = start()
    assert made.create().status_code == 200
    return made


def code(response: httpx.Response) -> tuple[int, str, str | None]:
    """Status, error code and inner code of a refusal."""
    error = response.json()["error"]
    return response.status_code, error["code"], (error.get("innererror") or {}).get("code")
