# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rdp_nsg_rule against a local Azure with a VM for each situation, by real SDK clients in this process."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from azure.mgmt.network.models import SecurityRule

from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import sign_in
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError
from ansible_collections.azvm.access.plugins.module_utils._operations import rdp_nsg_rule
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from ansible_collections.azvm.access.plugins.modules import rdp_nsg_rule as module
from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.integration.support.documented import defaults
from local_azure.testing import read_env, running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome

Json = dict[str, t.Any]

SCENARIO = Path(__file__).parents[1] / "scenarios" / "guarded-vms.yml"
GROUP = "access-guards"


def parameters(name: str | None, /, **changed: t.Any) -> Json:
    """The module's parameters with their documented defaults: RDP from one address."""
    target = {"resource_group": GROUP, "vm_name": name} if name else {}
    return {**defaults(module), "sources": ["203.0.113.7"], **target, **changed}


@dataclass(kw_only=True)
class Bench:
    """The scenario, and what a test does to it."""

    control: Azure
    folder: Path
    clients_made: list[AzureClients] = field(default_factory=list)

    def clients(
        self, principal: str | None = None, *, seconds: float = 60, subscription: str | None = None, **options: str
    ) -> AzureClients:
        """Clients of their own, for a principal of the scenario; ``options`` are those of a task."""
        file = f"principals/{principal}.sh" if principal else "env.sh"
        environment = read_env(self.control.server.dir / file)
        made = AzureClients(
            sign_in(options, environment=environment), subscription=subscription, poll_interval=0.1, timeout=seconds
        )
        self.clients_made.append(made)
        return made

    def run(
        self,
        name: str | None,
        /,
        *,
        check_mode: bool = False,
        seconds: float = 60,
        azure: AzureClients | None = None,
        **changed: t.Any,
    ) -> Outcome:
        """The operation as the module calls it."""
        options = rdp_nsg_rule.Options.from_parameters(parameters(name, **changed))
        clients = azure or self.clients(seconds=seconds, subscription=options.target.subscription)
        return rdp_nsg_rule.run(options, Context(azure=clients, deadline=Deadline(seconds), check_mode=check_mode))

    def refused(self, name: str | None, /, **changed: t.Any) -> AccessError:
        """The error of a run that fails, which has written nothing."""
        self.control.mark()
        before = self.all_rules()
        with pytest.raises(AccessError) as caught:
            self.run(name, **changed)
        assert self.all_rules() == before
        one_sentence(caught.value)
        return caught.value

    def all_rules(self) -> dict[str, dict[str, Json]]:
        """The rules of every security group: group -> rule -> properties, without what only the service cares for."""
        return {
            group["name"]: {
                rule["name"]: {key: value for key, value in rule["properties"].items() if key != "provisioningState"}
                for rule in group["properties"]["securityRules"]
            }
            for group in self.control.state()["resources"]
            if group["type"].lower() == "microsoft.network/networksecuritygroups"
        }

    def rules(self, group: str) -> dict[str, Json]:
        return self.all_rules()[group]

    def concurrent_writes(self, answer: str) -> None:
        """Begin again with an Azure that lets writers on one group in one by one."""
        content = yaml.safe_load(SCENARIO.read_text(encoding="utf-8"))
        content["network"]["concurrentWrites"] = answer
        changed = self.folder / "changed.yml"
        changed.write_text(yaml.safe_dump(content), encoding="utf-8")
        self.control.start_over(changed)

    def close(self) -> None:
        for each in self.clients_made:
            for name in ("compute", "network"):
                if name in vars(each):
                    getattr(each, name).close()

    def put(self, group: str, name: str, **changed: t.Any) -> None:
        """Write a rule as somebody else would, with the SDK."""
        properties = {
            "protocol": "Tcp",
            "sourcePortRange": "*",
            "destinationPortRange": "443",
            "sourceAddressPrefix": "*",
            "destinationAddressPrefix": "*",
            "access": "Allow",
            "direction": "Inbound",
            **changed,
        }
        rule = SecurityRule({"properties": properties})
        self.clients().network.security_rules.begin_create_or_update(GROUP, group, name, rule).result()


def one_sentence(error: AccessError) -> None:
    """What every message owes its reader: whole sentences, no line breaks, no Python."""
    for text in (error.message, error.hint):
        assert not text or text.endswith("."), text
        assert "\n" not in text
        assert "Traceback" not in text
        assert "<" not in text
    assert len(error.message) < 700
    assert error.code


@pytest.fixture(scope="module")
def control() -> Iterator[Azure]:
    with running(str(SCENARIO), pace=0.002) as server:
        yield Azure(server=server)


@pytest.fixture
def bench(control: Azure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bench]:
    control.clear_faults()
    control.start_over(SCENARIO)
    for key, value in control.server.env.items():
        monkeypatch.setenv(key, value)
    made = Bench(control=control, folder=tmp_path)
    yield made
    control.clear_faults()
    made.close()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bench]:
    """The same where every write takes half a minute."""
    with running(str(SCENARIO), pace=10) as server:
        for key, value in server.env.items():
            monkeypatch.setenv(key, value)
        made = Bench(control=Azure(server=server), folder=tmp_path)
        yield made
        made.close()
