# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_access_reset against a local Azure: one server a module, a fresh scenario a test, real clients throughout."""

from __future__ import annotations

import functools
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from azure.keyvault.secrets import SecretClient
from azure.mgmt.compute.models import VirtualMachineExtension
from azure.mgmt.keyvault.models import VaultCreateOrUpdateParameters

from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import sign_in
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError
from ansible_collections.azvm.access.plugins.module_utils._operations import vm_access_reset, vm_winrm_listener
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from ansible_collections.azvm.access.plugins.modules import vm_access_reset as module
from ansible_collections.azvm.access.plugins.modules import vm_winrm_listener as listener_module
from ansible_collections.azvm.access.tests.integration.compute.conftest import GROUP, NAME, Bench, make_secret
from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.integration.support.documented import defaults
from ansible_collections.azvm.access.tests.integration.support.stock_clients import signs_in
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome
    from local_azure.testing import Running

Json = dict[str, t.Any]

USER = "azureuser"
VAULT = "reset-vault"
SECRET = f"password-{NAME}"
_DEFAULTS = defaults(module)
_LISTENER = defaults(listener_module)
LOCKED: Json = {"rdp_enabled": False, "rdp_service_running": False, "rdp_firewall_rule": False}


def parameters(**changed: t.Any) -> Json:
    """The module's parameters with their documented defaults."""
    vm = {} if "vm_id" in changed else {"resource_group": GROUP, "vm_name": NAME}
    return {**_DEFAULTS, **vm, **changed}


def run(azure: AzureClients, *, seconds: float = 60, check_mode: bool = False, **changed: t.Any) -> Outcome:
    """Run the operation as the module does."""
    context = Context(azure=azure, deadline=Deadline(seconds), check_mode=check_mode)
    return vm_access_reset.run(vm_access_reset.Options.from_parameters(parameters(**changed)), context)


@dataclass(kw_only=True)
class Reset:
    """A scenario, and what a test does to it. ``azure`` are clients of the principal ``default``."""

    server: Running
    azure: AzureClients
    folder: Path
    control: Azure = field(init=False)

    def __post_init__(self) -> None:
        self.control = Azure(server=self.server)

    # What a test asks for

    def run(self, **changed: t.Any) -> Outcome:
        """Run it; requests are counted from here."""
        self.control.mark()
        return run(self.azure, **changed)

    def refused(self, **changed: t.Any) -> AccessError:
        """The failure of a run that must fail."""
        with pytest.raises(AccessError) as caught:
            self.run(**changed)
        return caught.value

    def vm(self, **vm: t.Any) -> None:
        """Begin ``windows-vm`` again with these changes to its VM."""
        self._bench.use(self.folder, **vm)

    def make_vault(self) -> None:
        """The vault :data:`VAULT`, without secrets."""
        self.azure.vaults.vaults.begin_create_or_update(
            GROUP,
            VAULT,
            VaultCreateOrUpdateParameters(
                {
                    "location": "westeurope",
                    "properties": {
                        "tenantId": self.azure.tenant,
                        "sku": {"family": "A", "name": "standard"},
                        "enableRbacAuthorization": True,
                    },
                }
            ),
        ).result()

    def enable_winrm(self) -> None:
        """A listener for HTTPS, and a way to it through both security groups."""
        listener = {
            **_LISTENER,
            "resource_group": GROUP,
            "vm_name": NAME,
            "certificate_thumbprint": self._bench.bring_in(*_made_secret(NAME, self.address)),
            "remote_addresses": ["127.0.0.1"],
            "verify": "guest",
        }
        self._bench.open(5986)
        vm_winrm_listener.run(
            vm_winrm_listener.Options.from_parameters(listener),
            Context(azure=self.azure, deadline=Deadline(60), check_mode=False),
        )

    def open_rdp(self) -> None:
        self._bench.open(3389)

    # What there is

    @property
    def writes(self) -> list[str]:
        """Method and last part of the path of each request of the last run that could change something."""
        return [line.partition(" ")[0] + " " + line.rpartition("/")[2] for line in self.control.writes()]

    @property
    def guest(self) -> Json:
        found: Json = next(iter(self.control.state()["guests"].values()))
        return found

    @property
    def accounts(self) -> dict[str, tuple[bool, bool]]:
        """By name: whether enabled, whether an administrator."""
        return {user["name"]: (user["enabled"], user["admin"]) for user in self.guest["users"]}

    @property
    def address(self) -> str:
        found = self.azure.network.public_ip_addresses.get(GROUP, f"{NAME}-ip").properties
        assert found is not None
        return found.ip_address or ""

    def extension(self, name: str = "enablevmaccess") -> VirtualMachineExtension:
        return self.azure.compute.virtual_machine_extensions.get(GROUP, NAME, name, expand="instanceView")

    def state_of_extension(self) -> str:
        properties = self.extension().properties
        return (properties.provisioning_state if properties else None) or ""

    def secret_client(self) -> SecretClient:
        return self.azure.secrets(f"https://{VAULT}.vault.azure.net/")

    def current(self) -> tuple[str, str]:
        """Value and version of the secret."""
        secret = self.secret_client().get_secret(SECRET)
        return secret.value or "", secret.properties.version or ""

    def enabled_versions(self) -> int:
        return sum(bool(one.enabled) for one in self.secret_client().list_properties_of_secret_versions(SECRET))

    def signs_in(self, password: str, user: str = USER) -> bool:
        """Whether the VM takes the password, over NTLM and WinRM HTTPS, from a client that nobody here wrote."""
        return signs_in(self.address, user, password)

    @property
    def _bench(self) -> Bench:
        return Bench(server=self.server, azure=self.azure)


@functools.cache
def _made_secret(*names: str) -> tuple[str, str]:
    """The same one each time, so that states can be compared."""
    return make_secret(names)


@pytest.fixture(scope="package")
def server() -> Iterator[Running]:
    with running("windows-vm", pace=0.001) as found:
        yield found


@contextmanager
def clients(environment: t.Mapping[str, str]) -> Iterator[AzureClients]:
    """Clients of their own for the principal of ``environment``, for as long as a test may take."""
    made = AzureClients(sign_in({}, environment=environment), subscription=None, poll_interval=0.1, timeout=600)
    try:
        yield made
    finally:
        for service in ("compute", "network", "vaults"):
            if service in vars(made):
                getattr(made, service).close()


@contextmanager
def fresh(server: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reset]:
    """The start of the scenario ``windows-vm``."""
    for key, value in server.env.items():
        monkeypatch.setenv(key, value)
    with clients(server.env) as azure:
        made = Reset(server=server, azure=azure, folder=folder)
        made.control.clear_faults()
        made.control.start_over("windows-vm")
        yield made


@pytest.fixture
def reset(server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reset]:
    with fresh(server, tmp_path, monkeypatch) as made:
        yield made
