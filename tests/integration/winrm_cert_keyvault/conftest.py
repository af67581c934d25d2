# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""winrm_cert_keyvault against a local Azure: one server a module, a fresh scenario a test, real SDK clients."""

from __future__ import annotations

import typing as t
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from azure.keyvault.secrets import SecretClient

from ansible_collections.azvm.access.plugins.module_utils._azure import compute
from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import sign_in
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError
from ansible_collections.azvm.access.plugins.module_utils._domain.references import all_urls
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId, VmTarget
from ansible_collections.azvm.access.plugins.module_utils._domain.vaults import default_vault_name
from ansible_collections.azvm.access.plugins.module_utils._domain.virtual_machine import VaultCertificate
from ansible_collections.azvm.access.plugins.module_utils._operations import winrm_cert_keyvault
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from ansible_collections.azvm.access.plugins.modules import winrm_cert_keyvault as module
from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.integration.support.documented import defaults
from local_azure.testing import read_env, running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome
    from ansible_collections.azvm.access.plugins.module_utils._domain.virtual_machine import VirtualMachine
    from local_azure.testing import Running

Json = dict[str, t.Any]

GROUP = "access-demo"
NAME = "win1"
SECRET = f"winrm-{NAME}"
SCENARIOS = Path(__file__).parents[1] / "scenarios"
_DEFAULTS = defaults(module)


def parameters(**changed: t.Any) -> Json:
    """The module's parameters with their documented defaults."""
    vm = {} if "vm_id" in changed else {"resource_group": GROUP, "vm_name": NAME}
    return {**_DEFAULTS, **vm, **changed}


@dataclass(kw_only=True)
class Bench:
    """A scenario, and what a test does to it. ``azure`` are clients of the principal ``default``."""

    control: Azure
    azure: AzureClients
    folder: Path
    closing: ExitStack = field(repr=False)

    # The scenario

    def scenario(self, *, vm: Json | None = None, **sections: t.Any) -> None:
        """Begin ``windows-vm`` again, with these sections, and these changes to its VM."""
        path = files("local_azure") / "scenarios" / "windows-vm.yml"
        content = {**yaml.safe_load(path.read_text(encoding="utf-8")), **sections}
        content["compute"]["virtual_machines"][0].update(vm or {})
        changed = self.folder / "changed.yml"
        changed.write_text(yaml.safe_dump(content), encoding="utf-8")
        self.use(changed)

    def use(self, path: Path) -> None:
        """Begin the scenario of this file."""
        self.control.start_over(path)

    # The module's operation

    def clients(self, principal: str = "default", *, vm_id: str | None = None) -> AzureClients:
        """Clients of their own for a principal of the scenario, in the subscription of ``vm_id``."""
        name = "env.sh" if principal == "default" else f"principals/{principal}.sh"
        subscription = ResourceId.parse(vm_id).subscription if vm_id else None
        environment = read_env(self.control.server.dir / name)
        made = AzureClients(
            sign_in({}, environment=environment), subscription=subscription, poll_interval=0.1, timeout=60
        )

        def close() -> None:
            for service in ("compute", "network", "vaults"):
                if service in vars(made):
                    getattr(made, service).close()

        self.closing.callback(close)
        return made

    def run(
        self, *, check_mode: bool = False, seconds: float = 60, principal: str = "default", **changed: t.Any
    ) -> Outcome:
        """Run the operation as the module does; requests are counted from here."""
        return self.run_until(Deadline(seconds), check_mode=check_mode, principal=principal, **changed)

    def run_until(
        self, deadline: Deadline, *, check_mode: bool = False, principal: str = "default", **changed: t.Any
    ) -> Outcome:
        """:meth:`run` with a deadline of the caller's."""
        # Key Vault dates versions in whole seconds; two runs are minutes apart in life.
        self.control.forward(seconds=1)
        options = winrm_cert_keyvault.Options.from_parameters(parameters(**changed))
        azure = self.clients(principal, vm_id=changed.get("vm_id"))
        self.control.mark()
        return winrm_cert_keyvault.run(options, Context(azure=azure, deadline=deadline, check_mode=check_mode))

    def refused(self, **changed: t.Any) -> AccessError:
        """The failure of a run that must fail."""
        with pytest.raises(AccessError) as caught:
            self.run(**changed)
        return caught.value

    def forward(self, **by: float) -> None:
        """Move Azure's clock; tokens expire with it."""
        self.control.forward(**by)
        self.azure = self.clients()

    # What is there

    @property
    def vault_name(self) -> str:
        """The vault that is taken when none is named."""
        return default_vault_name(self.azure.subscription, GROUP, "westeurope")

    def vm(self, name: str = NAME) -> VirtualMachine:
        return compute.read_vm(self.azure, VmTarget(subscription=None, resource_group=GROUP, name=name))

    def references(self, name: str = NAME) -> list[str]:
        """The secret URLs that the VM refers to."""
        return all_urls(self.vm(name).secrets)

    def refer(self, urls: list[str], name: str = NAME) -> None:
        """Have the VM refer to these URLs of its first vault, as somebody else would."""
        vm = self.vm(name)
        group = replace(vm.secrets[0], certificates=tuple(VaultCertificate(url=url, store="My") for url in urls))
        compute.update_secrets(self.azure, vm, (group,), etag=None, deadline=Deadline(30))

    def vault(self, name: str) -> Json:
        """A vault as Resource Manager gives it, with nothing left out."""
        response = self.arm("GET", f"{GROUP}/providers/Microsoft.KeyVault/vaults/{name}", version="2026-02-01")
        return t.cast("Json", response)

    def arm(self, method: str, path: str, *, version: str, body: Json | None = None) -> t.Any:
        """One request to Resource Manager below ``resourceGroups/``, beside the SDK's models."""
        from azure.core.rest import HttpRequest

        url = f"/subscriptions/{self.azure.subscription}/resourceGroups/{path}?api-version={version}"
        response = self.azure.vaults.send_request(HttpRequest(method, url, json=body))
        response.raise_for_status()
        return response.json() if response.content else None

    def secrets(self, vault_name: str | None = None) -> SecretClient:
        """The data plane of a vault, with the right to read values: what the module never does."""
        client = self.azure.secrets(f"https://{vault_name or self.vault_name}.vault.azure.net/")
        self.closing.callback(client.close)
        return client

    def guest(self, name: str = NAME) -> Json:
        """What is inside the VM."""
        state = self.control.state()
        return next(guest for vm, guest in state["guests"].items() if vm.lower().endswith(f"/{name}"))


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running("windows-vm", pace=0.002) as found:
        yield found


@pytest.fixture
def bench(server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with bench_on(server, tmp_path, monkeypatch) as found:
        yield found


@contextmanager
def bench_on(server: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The scenario windows-vm, begun again."""
    control = Azure(server=server)
    control.clear_faults()
    control.start_over("windows-vm")
    for key, value in server.env.items():
        monkeypatch.setenv(key, value)
    with ExitStack() as closing:
        found = Bench(control=control, azure=t.cast("AzureClients", None), folder=folder, closing=closing)
        found.azure = found.clients()
        yield found
