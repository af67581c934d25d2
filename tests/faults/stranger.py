# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else who changes the same resources, at the worst moment and with good manners."""

from __future__ import annotations

import itertools
import time
import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ansible_collections.azvm.access.plugins.module_utils._domain.certificates import CertificateNames
from ansible_collections.azvm.access.plugins.module_utils._domain.issuance import issue

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx

    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
    from ansible_collections.azvm.access.tests.integration.support.controller import Json

TAG = {"stranger": "was here"}
RULE = "Stranger"

_NETWORK = {"api-version": "2024-05-01"}
_COMPUTE = {"api-version": "2024-07-01"}
_VAULT = {"api-version": "2023-07-01"}
_SECRETS = {"api-version": "7.4"}
_SECONDS = 60.0


def untagged(state: Json, ids: Iterable[str]) -> list[str]:
    """Those of the resources that lack the tag."""
    tagged = {one["id"].lower() for one in state["resources"] if TAG.items() <= (one.get("tags") or {}).items()}
    return [id for id in ids if id.lower() not in tagged]


def certificate() -> str:
    """A secret's value that a VM can install."""
    now = datetime.now(UTC).replace(microsecond=0)
    names = CertificateNames.of(["stranger.example.com"], [], fallback="stranger")
    return issue(names, key_size=2048, not_before=now, not_after=now + timedelta(days=30)).secret_value


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """``secret`` is the value of a secret with a certificate; ``priorities`` are its rules', by security group."""

    azure: Azure
    group: str
    vm: str
    secret: str
    priorities: dict[str, int]

    def change(self) -> list[str]:
        """Add a rule to each security group, a certificate to the VM, and a tag to everything: the ids of those."""
        tagged = [self._path(f"Microsoft.Compute/virtualMachines/{self.vm}")]
        url = self._deposited()
        with self.azure.client() as client:
            for name, priority in self.priorities.items():
                self._rule(client, name, priority)
            for kind in ("networkSecurityGroups", "networkInterfaces", "publicIPAddresses"):
                path = self._path(f"Microsoft.Network/{kind}")
                for one in client.get(path, params=_NETWORK).raise_for_status().json()["value"]:
                    tagged.append(one["id"])
                    self._send(client, "PATCH", one["id"], _NETWORK, {"tags": (one.get("tags") or {}) | TAG})
            path = self._path("Microsoft.KeyVault/vaults")
            for one in client.get(path, params=_VAULT).raise_for_status().json()["value"]:
                tagged.append(one["id"])
                self._send(client, "PATCH", one["id"], _VAULT, {"tags": (one.get("tags") or {}) | TAG})
            self._install(client, url)
        return tagged

    def _deposited(self) -> str:
        vault = f"{self.group}-passwords"
        with self.azure.client(f"https://{vault}.vault.azure.net") as client:
            answer = client.put(f"/secrets/{RULE}", params=_SECRETS, json={"value": self.secret}).raise_for_status()
        return str(answer.json()["id"])

    def _install(self, client: httpx.Client, url: str) -> None:
        """Read the VM, add to what it has, and write it with the entity tag; again when somebody was faster."""
        path = self._path(f"Microsoft.Compute/virtualMachines/{self.vm}")
        vault = {"id": self._path(f"Microsoft.KeyVault/vaults/{self.group}-passwords")}
        deadline = time.monotonic() + _SECONDS
        while True:
            vm = client.get(path, params=_COMPUTE).raise_for_status().json()
            mine = {"sourceVault": vault, "vaultCertificates": [{"certificateUrl": url, "certificateStore": "My"}]}
            secrets = [*vm["properties"]["osProfile"]["secrets"], mine]
            body = {"tags": (vm.get("tags") or {}) | TAG, "properties": {"osProfile": {"secrets": secrets}}}
            answer = client.patch(path, params=_COMPUTE, json=body, headers={"If-Match": vm["etag"]})
            if answer.status_code in (409, 412) and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            self._wait(client, answer.raise_for_status())
            return

    def _rule(self, client: httpx.Client, group: str, priority: int) -> None:
        """At that priority, or the next that is free."""
        path = self._path(f"Microsoft.Network/networkSecurityGroups/{group}/securityRules")
        rules = client.get(path, params=_NETWORK).raise_for_status().json()["value"]
        taken = {rule["properties"]["priority"] for rule in rules}
        properties = {
            "protocol": "Tcp",
            "sourceAddressPrefix": "198.51.100.7",
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRange": "22",
            "access": "Allow",
            "direction": "Inbound",
            "priority": next(each for each in itertools.count(priority) if each not in taken),
        }
        self._send(client, "PUT", f"{path}/{RULE}", _NETWORK, {"properties": properties})

    def _send(self, client: httpx.Client, method: str, path: str, version: dict[str, str], body: Json) -> None:
        self._wait(client, client.request(method, path, params=version, json=body).raise_for_status())

    def _wait(self, client: httpx.Client, answer: httpx.Response) -> None:
        status = answer.headers.get("Azure-AsyncOperation")
        deadline = time.monotonic() + _SECONDS
        while status and (found := client.get(status).raise_for_status().json()["status"]) != "Succeeded":
            assert found == "InProgress", found
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _path(self, rest: str) -> str:
        subscription = self.azure.server.env["AZURE_SUBSCRIPTION_ID"]
        return f"/subscriptions/{subscription}/resourceGroups/{self.group}/providers/{rest}"
