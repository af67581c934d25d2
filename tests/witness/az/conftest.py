# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""az CLI against a local Azure: one server and one account a worker, the start of the scenario for each test."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.integration.support.controller import CLONE, Controller, Json
from ansible_collections.azvm.access.tests.witness.az.cli import Az
from local_azure.testing import read_env, running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

SCENARIO = Path(__file__).with_name("scenario.yml")
PROGRAM = CLONE / ".cache" / "witness-az" / "bin" / "az"
SIGN_IN = "login --service-principal --username {AZURE_CLIENT_ID} --password={AZURE_SECRET} --tenant {AZURE_TENANT}"


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """What there really is, whatever az says."""

    azure: Azure

    def groups(self) -> dict[str, Json]:
        """The resource groups by name."""
        return {group["name"]: group for group in self.azure.state()["groups"]}

    def find(self, name: str) -> Json | None:
        """The resource of that name."""
        return next((one for one in self.azure.state()["resources"] if one["name"] == name), None)

    def properties(self, name: str) -> Json:
        """The properties of the resource of that name, which has to be there."""
        found = self.find(name)
        assert found is not None, name
        properties: Json = found["properties"]
        return properties

    def rules(self, group: str) -> dict[str, Json]:
        """The rules of a security group by name."""
        return {rule["name"]: rule["properties"] for rule in self.properties(group)["securityRules"]}

    def guest(self, vm: str) -> Json:
        """What is inside a virtual machine."""
        found: list[Json] = [guest for id, guest in self.azure.state()["guests"].items() if id.endswith(f"/{vm}")]
        return found[0]

    def kept(self, vault: str, kind: str) -> dict[str, Json]:
        """The secrets or certificates of a vault by name, deleted ones with a minus sign in front of it."""
        (found,) = [one for one in self.azure.state()["vaults"] if one["vault"].endswith(f"/{vault}")]
        return {("-" if one["deleted"] else "") + one["name"]: one for one in found[kind]}


@pytest.fixture(scope="session")
def azure() -> Iterator[Azure]:
    assert PROGRAM.exists(), "there is no az CLI yet: make witness-az installs it"
    with running(str(SCENARIO), pace=0.002) as server:
        yield Azure(server=server)


@pytest.fixture
def cloud(azure: Azure) -> Cloud:
    return Cloud(azure=azure)


@pytest.fixture(scope="session")
def stranger(azure: Azure, tmp_path_factory: pytest.TempPathFactory) -> Az:
    """The same program without an account."""
    return Az(program=PROGRAM, folder=tmp_path_factory.mktemp("az"), variables=read_env(azure.server.dir / "env.sh"))


@pytest.fixture(scope="session")
def account(azure: Azure, tmp_path_factory: pytest.TempPathFactory) -> Az:
    """The program, signed in as the default service principal."""
    variables = read_env(azure.server.dir / "env.sh")
    az = Az(program=PROGRAM, folder=tmp_path_factory.mktemp("az"), variables=variables)
    az(SIGN_IN.format_map(variables))
    return az


@pytest.fixture
def az(azure: Azure, account: Az) -> Az:
    """The program with its account, at the start of the scenario."""
    azure.start_over()
    return account


@pytest.fixture
def vault(az: Az) -> str:
    """A vault that az has made with its defaults, from which VMs may take certificates."""
    az("keyvault create --resource-group access-demo --name witness-vault --enabled-for-deployment")
    return "witness-vault"


@pytest.fixture
def certificate(az: Az, vault: str, tmp_path: Path) -> str:
    """A certificate that Key Vault has made by the policy that az proposes."""
    policy = az.run("keyvault certificate get-default-policy").stdout
    (tmp_path / "policy.json").write_text(policy, encoding="utf-8")
    made = az(f"keyvault certificate create --vault-name {vault} --name web --policy @{tmp_path / 'policy.json'}")
    assert made["status"] == "completed"
    return "web"


@pytest.fixture
def controller(azure: Azure, tmp_path: Path) -> Iterator[Controller]:
    """Where our own roles and modules run."""
    with Controller(folder=tmp_path / "controller", environment=azure.server.env) as made:
        yield made
