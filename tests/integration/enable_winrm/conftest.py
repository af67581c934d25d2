# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole job against a local Azure: one server a module, one controller a test."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.integration.support.controller import (
    CLONE,
    Controller,
    Finished,
    Json,
    Run,
)
from ansible_collections.azvm.access.tests.integration.support.stock_clients import presented, whoami
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.tests.integration.support.preloaded import Preloaded

PLAYBOOK = CLONE / "playbooks" / "enable_winrm.yml"
PLAYS = Path(__file__).parent / "plays"
ROLE = PLAYS / "role.yml"
GROUP = "access-demo"
NAME = "win1"
INVENTORY_MARK = "# Kept by the role azvm.access.enable_winrm:"


@dataclass(kw_only=True)
class Job:
    """``enable_winrm`` for the VM win1 of the scenario windows-vm, on a fresh controller."""

    azure: Azure
    controller: Controller

    @property
    def environment(self) -> t.Mapping[str, str]:
        return self.controller.environment

    @property
    def account(self) -> dict[str, str]:
        """The administrator of the scenario's VMs, as Ansible variables."""
        return {
            "ansible_user": self.environment["LOCAL_AZURE_VM_USER"],
            "ansible_password": self.environment["LOCAL_AZURE_VM_PASSWORD"],
        }

    @property
    def trust(self) -> Path:
        """The one trust file that the role has written."""
        (found,) = self.controller.trust.iterdir()
        return found

    def host(self, **variables: t.Any) -> dict[str, Json]:
        """The VM as an inventory host."""
        return {NAME: {"resource_group": GROUP, "allowed_sources": ["127.0.0.1"], **variables}}

    def begin(self, *options: str, **variables: t.Any) -> Run:
        """Start the role in a play of its own."""
        return self.controller.begin(ROLE, *options, hosts=self.host(), variables=variables)

    def run(self, *options: str, **variables: t.Any) -> Finished:
        """Run the role in a play of its own."""
        return self.begin(*options, **variables).wait()

    def address(self) -> str:
        """The VM's public address."""
        addresses = self.resources("Microsoft.Network/publicIPAddresses")
        return str(addresses[0]["properties"]["ipAddress"])

    def resources(self, type: str) -> list[Json]:
        return [one for one in self.azure.state()["resources"] if one["type"].lower() == type.lower()]

    def rules(self, group: str) -> list[str]:
        """The names of the rules of a security group, sorted."""
        groups = self.resources("Microsoft.Network/networkSecurityGroups")
        found = next(one for one in groups if one["name"] == group)
        return sorted(rule["name"] for rule in found["properties"]["securityRules"])

    def versions(self) -> list[Json]:
        """The versions of the certificate's secret, oldest first."""
        secrets = [secret for vault in self.azure.state()["vaults"] for secret in vault["secrets"]]
        return [version for secret in secrets for version in secret["versions"]]

    def references(self) -> list[str]:
        """The secret versions that the VM refers to."""
        vm = self.resources("Microsoft.Compute/virtualMachines")[0]
        groups = vm["properties"]["osProfile"]["secrets"]
        return [entry["certificateUrl"].rpartition("/")[2] for group in groups for entry in group["vaultCertificates"]]

    def guest(self) -> Json:
        found: Json = next(iter(self.azure.state()["guests"].values()))
        return found

    def https_listeners(self) -> list[Json]:
        return [one for one in self.guest()["winrm"]["listeners"] if one["transport"] == "HTTPS"]

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
def controller(azure: Azure, preloaded: Preloaded, tmp_path: Path) -> Iterator[Controller]:
    with Controller(folder=tmp_path, environment=azure.server.env, preloaded=preloaded) as made:
        yield made


@pytest.fixture
def job(azure: Azure, controller: Controller) -> Job:
    """The start of the scenario windows-vm."""
    azure.start_over("windows-vm")
    return Job(azure=azure, controller=controller)
