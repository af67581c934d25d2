# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_public_ip against a local Azure with a VM for each situation, by real SDK clients in this process."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import sign_in
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId
from ansible_collections.azvm.access.plugins.module_utils._operations import vm_public_ip
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from ansible_collections.azvm.access.plugins.modules import vm_public_ip as module
from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.integration.support.documented import defaults
from local_azure.testing import read_env, running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome

Json = dict[str, t.Any]

SCENARIO = Path(__file__).parents[1] / "scenarios" / "addressed-vms.yml"
GROUP = "access-addresses"


def parameters(name: str, /, **changed: t.Any) -> Json:
    """The module's parameters with their documented defaults."""
    return {**defaults(module), "resource_group": GROUP, "vm_name": name, **changed}


@dataclass(kw_only=True)
class Bench:
    """The scenario, and what a test does to it."""

    control: Azure
    clients_made: list[AzureClients] = field(default_factory=list)

    def clients(self, principal: str | None = None, *, seconds: float = 60) -> AzureClients:
        """Clients of their own, for a principal of the scenario."""
        file = f"principals/{principal}.sh" if principal else "env.sh"
        environment = read_env(self.control.server.dir / file)
        made = AzureClients(sign_in({}, environment=environment), subscription=None, poll_interval=0.1, timeout=seconds)
        self.clients_made.append(made)
        return made

    def run(self, name: str, /, *, check_mode: bool = False, seconds: float = 60, **changed: t.Any) -> Outcome:
        """The operation as the module calls it."""
        options = vm_public_ip.Options.from_parameters(parameters(name, **changed))
        context = Context(azure=self.clients(seconds=seconds), deadline=Deadline(seconds), check_mode=check_mode)
        return vm_public_ip.run(options, context)

    def refused(self, name: str, /, **changed: t.Any) -> AccessError:
        """The error of a run that fails, which has written nothing."""
        self.control.mark()
        with pytest.raises(AccessError) as caught:
            self.run(name, **changed)
        assert self.control.writes() == []
        for text in (caught.value.message, caught.value.hint):
            assert not text or text.endswith("."), text
        return caught.value

    def id(self, type: str, name: str) -> ResourceId:
        return ResourceId(
            subscription=self.control.server.env["AZURE_SUBSCRIPTION_ID"],
            resource_group=GROUP,
            namespace="Microsoft.Network",
            types=(type,),
            names=(name,),
        )

    def vm(self, name: str) -> ResourceId:
        return ResourceId(
            subscription=self.control.server.env["AZURE_SUBSCRIPTION_ID"],
            resource_group=GROUP,
            namespace="Microsoft.Compute",
            types=("virtualMachines",),
            names=(name,),
        )

    def wire(self, type: str, name: str) -> Json:
        """A resource as the service writes it."""
        operations = {"networkInterfaces": "network_interfaces", "publicIPAddresses": "public_ip_addresses"}
        found = getattr(self.clients().network, operations[type]).get(GROUP, name)
        return t.cast("Json", found.as_dict())

    def addresses(self) -> set[str]:
        """The names of all public addresses."""
        return {each.name or "" for each in self.clients().network.public_ip_addresses.list(GROUP)}

    def close(self) -> None:
        for each in self.clients_made:
            for name in ("compute", "network"):
                if name in vars(each):
                    getattr(each, name).close()


@pytest.fixture(scope="package")
def control() -> Iterator[Azure]:
    with running(str(SCENARIO), pace=0.002) as server:
        yield Azure(server=server)


@pytest.fixture
def bench(control: Azure, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    control.clear_faults()
    control.start_over(SCENARIO)
    for key, value in control.server.env.items():
        monkeypatch.setenv(key, value)
    made = Bench(control=control)
    yield made
    control.clear_faults()
    made.close()
