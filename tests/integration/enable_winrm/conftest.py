# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole job against a local Azure: one server a module, one controller a test."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.integration.support.controller import CLONE, Controller, Finished, Json, Run
from ansible_collections.azvm.access.tests.integration.support.stock_clients import presented, whoami
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

PLAYBOOK = CLONE / "playbooks" / "enable_winrm.yml"
PLAYS = Path(__file__).parent / "plays"
ROLE = PLAYS / "role.yml"
GROUP = "access-demo"
NAME = "win1"


@dataclass(kw_only=True)
class Job:
    """``enable_winrm`` for the VM win1 of the scenario windows-vm, on a fresh controller."""

    azure: Azure
    controller: Controller

    @property
    def environment(self) -> t.Mapping[str, str]:
        return self.controller.environment

    @property
    def trust(self) -> Path:
        """The trust file of win1."""
        return self.controller.trust / f"{NAME}.pem"

    def host(self, **variables: t.Any) -> dict[str, Json]:
        """win1 as an inventory host."""
        return {NAME: {"resource_group": GROUP, "allowed_sources": ["127.0.0.1"], **variables}}

    def begin(self, *options: str, **variables: t.Any) -> Run:
        """Start the role in a play of its own."""
        return self.controller.begin(ROLE, *options, hosts=self.host(), variables=variables)

    def run(self, *options: str, **variables: t.Any) -> Finished:
        return self.begin(*options, **variables).wait()

    def address(self) -> str:
        """The VM's public address."""
        addresses = self.resources("Microsoft.Network/publicIPAddresses")
        return str(addresses[0]["properties"]["ipAddress"])

    def resources(self, type: str) -> list[Json]:
        return [one for one in self.azure.state()["resources"] if one["type"].lower() == type.lower()]

    def versions(self) -> list[Json]:
        """The versions of the certificate's secret, oldest first."""
        secrets = [secret for vault in self.azure.state()["vaults"] for secret in vault["secrets"]]
        return [version for secret in secrets for version in secret["versions"]]

    def references(self) -> list[str]:
        """The secret versions that the VM refers to."""
        vm = self.resources("Microsoft.Compute/virtualMachines")[0]
        groups = vm["properties"]["osProfile"]["secrets"]
        return [
            entry["certificateUrl"].rpartition("/")[2] for group in groups for entry in group["vaultCertificates"]
        ]

    def guest(self) -> Json:
        found: Json = next(iter(self.azure.state()["guests"].values()))
        return found

    def connects(self) -> str:
        """Sign in with the trust file as it is now: the account's name."""
        return whoami(self.address(), self.trust, self.environment)

    def presents(self) -> str:
        return presented(self.address())


@pytest.fixture(scope="module")
def azure() -> Iterator[Azure]:
    with running("windows-vm", pace=0.002) as server:
        yield Azure(server=server)


@pytest.fixture
def controller(azure: Azure, tmp_path: Path) -> Controller:
    return Controller(folder=tmp_path, environment=azure.server.env)


@pytest.fixture
def job(azure: Azure, controller: Controller) -> Job:
    """The start of the scenario windows-vm."""
    azure.start_over("windows-vm")
    return Job(azure=azure, controller=controller)


def text_of(value: object) -> str:
    return json.dumps(value)
