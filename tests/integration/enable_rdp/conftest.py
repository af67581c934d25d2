# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role enable_rdp against a local Azure: one server a module, one controller a test."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.integration.support.controller import Controller, Finished, Json, Run
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.tests.integration.support.preloaded import Preloaded

SCENARIO = Path(__file__).parents[1] / "scenarios" / "desks.yml"
ROLE = Path(__file__).parent / "plays" / "role.yml"
GROUP = "access-desks"


@dataclass(kw_only=True)
class Office:
    """Who hands out .rdp files: a controller, and the folder they end up in."""

    azure: Azure
    controller: Controller
    folder: Path

    def host(self, **variables: t.Any) -> Json:
        """The variables of an inventory host that is a VM of the scenario."""
        return {
            "resource_group": GROUP,
            "allowed_sources": ["127.0.0.1"],
            "enable_rdp_folder": str(self.folder),
            "enable_rdp_probe_timeout": 20,
            **variables,
        }

    def begin(self, hosts: t.Mapping[str, Json], *options: str) -> Run:
        """Start the role for these hosts, each with these variables on top."""
        return self.controller.begin(ROLE, *options, hosts={name: self.host(**given) for name, given in hosts.items()})

    def play(self, hosts: t.Mapping[str, Json], *options: str) -> Finished:
        """Run the role for these hosts to its end."""
        return self.begin(hosts, *options).wait()

    def run(self, name: str, *options: str, **variables: t.Any) -> Finished:
        return self.play({name: variables}, *options)

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.rdp"

    def rules(self, group: str) -> list[str]:
        """The names of the rules of a security group, sorted."""
        return sorted(rule["name"] for rule in self.resource(group)["securityRules"])

    def power_off(self, name: str) -> None:
        """As somebody does in the portal."""
        subscription = self.azure.server.env["AZURE_SUBSCRIPTION_ID"]
        vm = f"/subscriptions/{subscription}/resourceGroups/{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}"
        with self.azure.client() as client:
            client.post(f"{vm}/powerOff", params={"api-version": "2024-07-01"}).raise_for_status()
        self.azure.eventually(lambda: not self.azure.state()["guests"][vm]["running"])

    def resource(self, name: str) -> Json:
        """The properties of the resource of that name."""
        found: list[Json] = [one for one in self.azure.state()["resources"] if one["name"] == name]
        assert len(found) == 1, name
        properties: Json = found[0]["properties"]
        return properties


@pytest.fixture(scope="module")
def azure() -> Iterator[Azure]:
    with running(str(SCENARIO), pace=0.002) as server:
        yield Azure(server=server)


@pytest.fixture
def office(azure: Azure, preloaded: Preloaded, tmp_path: Path) -> Iterator[Office]:
    """The start of the scenario."""
    azure.start_over()
    environment = azure.server.env
    with Controller(folder=tmp_path / "controller", environment=environment, preloaded=preloaded) as controller:
        yield Office(azure=azure, controller=controller, folder=tmp_path / "rdp")
