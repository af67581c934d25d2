# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A resource group with a network, vaults and virtual machines, in process, and the real compute SDK on top of it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from azure.mgmt.compute import ComputeManagementClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption, pkcs12
from cryptography.x509.oid import NameOID
from requests.adapters import BaseAdapter

from local_azure.compute.state import VirtualMachineState, state_of
from local_azure.core.resource_id import ResourceId
from local_azure.core.settings import Settings
from local_azure.core.store import Resource
from local_azure.guest.machine import Machine
from local_azure.guest.scripts import ScriptResult
from local_azure.keyvault.model import SecretVersion
from local_azure.testing import InProcess, in_process

API_VERSION = "2026-04-01"
RECORDINGS = Path(__file__).parents[4].parent / "shared" / "azure-traffic"

NETWORK: dict[str, Any] = {
    "resourceGroup": "rg",
    "virtualNetworks": [
        {
            "name": "vnet",
            "addressSpace": ["10.0.0.0/16"],
            "subnets": [{"name": "default", "addressPrefix": "10.0.0.0/24"}],
        }
    ],
    "networkSecurityGroups": [
        {
            "name": "nsg",
            "securityRules": [
                {"name": "Rdp", "priority": 300, "protocol": "Tcp", "destinationPortRange": "3389"},
            ],
        }
    ],
    "publicIPAddresses": [
        {"name": "fixed-ip"},
        {"name": "dynamic-ip", "sku": "Basic"},
    ],
    "networkInterfaces": [
        {"name": "nic", "subnet": "vnet/default", "publicIPAddress": "fixed-ip", "networkSecurityGroup": "nsg"},
        {"name": "nic2", "subnet": "vnet/default", "publicIPAddress": "dynamic-ip", "networkSecurityGroup": "nsg"},
    ],
    "allowBasicPublicIPAddresses": True,
}


@dataclass(kw_only=True)
class Scene:
    """One local Azure with the virtual machine ``vm`` in the group ``rg``, and requests about it."""

    made: InProcess
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.made.client

    @property
    def vm_id(self) -> str:
        return self.made.group("rg") + "/providers/Microsoft.Compute/virtualMachines/vm"

    @property
    def vm(self) -> Resource:
        return self.made.azure.store.require(ResourceId.parse(self.vm_id))

    @property
    def state(self) -> VirtualMachineState:
        return state_of(self.vm)

    @property
    def machine(self) -> Machine:
        machine = self.state.machine
        assert machine is not None
        return machine

    def vault_id(self, name: str) -> str:
        return self.made.group("rg") + f"/providers/Microsoft.KeyVault/vaults/{name}"

    def call(
        self,
        method: str,
        path: str = "",
        body: Mapping[str, object] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        principal: str | None = None,
        **query: str,
    ) -> httpx.Response:
        """A request on the VM, or on what lies under it at ``path``; ``expand=`` stands for ``$expand=``."""
        client = self.made.as_principal(principal) if principal is not None else self.client
        query.setdefault("api-version", query.pop("api_version", API_VERSION))
        if "expand" in query:
            query["$expand"] = query.pop("expand")
        return client.request(method, self.vm_id + path, params=query, headers=headers, json=body)

    def status(self, answer: httpx.Response) -> dict[str, Any]:
        """The status document of the operation that ``answer`` started, as it stands now."""
        document: dict[str, Any] = self.client.get(answer.headers["azure-asyncoperation"]).json()
        return document

    def ended(self, answer: httpx.Response) -> dict[str, Any]:
        """The status document of the operation that ``answer`` started, at its end."""
        self.made.settle()
        return self.status(answer)

    def succeed(self, answer: httpx.Response) -> None:
        assert answer.status_code in (200, 201, 202), answer.text
        assert self.ended(answer)["status"] == "Succeeded"

    def view(self) -> dict[str, Any]:
        view: dict[str, Any] = self.call("GET", "/instanceView").json()
        return view

    def power(self) -> str:
        """The code of the power state in the instance view."""
        return str(self.view()["statuses"][1]["code"])

    def refer(self, *references: tuple[str, str], store: str = "My") -> list[dict[str, Any]]:
        """osProfile.secrets for (vault name, secret URL) pairs, one group each."""
        return [
            {
                "sourceVault": {"id": self.vault_id(vault)},
                "vaultCertificates": [{"certificateUrl": url, "certificateStore": store}],
            }
            for vault, url in references
        ]

    def patch_secrets(self, secrets: object, **options: Any) -> httpx.Response:
        return self.call("PATCH", "", {"properties": {"osProfile": {"secrets": secrets}}}, **options)

    def store_secret(self, vault: str, value: str, content_type: str | None = None, **attributes: Any) -> str:
        """A new secret version, put straight into the vault; returns its URL."""
        resource = self.made.azure.store.require(ResourceId.parse(self.vault_id(vault)))
        secret = self.made.azure.vaults.contents(resource).secrets["winrm"]
        now = self.made.azure.clock.now()
        version = SecretVersion(
            version=f"{len(secret.versions):032x}",
            value=value,
            content_type=content_type,
            enabled=attributes.get("enabled", True),
            not_before=attributes.get("not_before"),
            expires=attributes.get("expires"),
            created=now,
            updated=now,
            tags=None,
        )
        secret.versions.append(version)
        return f"https://{vault}.vault.azure.net/secrets/winrm/{version.version}"


SceneMaker = Callable[..., Scene]


@pytest.fixture
def make_scene() -> Iterator[SceneMaker]:
    """A Scene; ``pace`` 0 ends operations with the next request, keywords describe the VM as in a scenario."""
    scenes: list[Scene] = []

    def make(*, pace: float = 0.0, principals: list[dict[str, Any]] | None = None, **vm: Any) -> Scene:
        vault = {"resource_group": "rg", "secrets": [{"name": "winrm", "value": "not a certificate"}]}
        enabled = {"enabledForDeployment": True}
        content: dict[str, Any] = {
            "groups": [{"name": "rg", "location": "westeurope"}],
            "network": NETWORK,
            "compute": {"virtual_machines": [{"name": "vm", "network_interfaces": ["nic"], **vm}]},
            "keyvault": {
                "vaults": [
                    {"name": "certs-vault", "properties": enabled, **vault},
                    {"name": "other-vault", "properties": enabled, **vault},
                    {"name": "closed-vault", "properties": {}, **vault},
                    {"name": "far-vault", "location": "eastus", "properties": enabled, **vault},
                ]
            },
        }
        if principals is not None:
            content["principals"] = principals
        scenes.append(Scene(made=in_process(content, settings=Settings(pace=pace, vm_password="In-process-1"))))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.made.transport.close()


@pytest.fixture
def scene(make_scene: SceneMaker) -> Scene:
    return make_scene()


# Certificates


def make_pfx(name: str = "win1", password: bytes | None = b"pfx password", *, with_key: bool = True) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(
        name.encode(), key if with_key else None, certificate, None, protection
    )


def json_form(pfx: bytes, **changes: object) -> str:
    """The classic value of a certificate secret: base64 of JSON around a base64 PFX."""
    data = base64.b64encode(pfx).decode()
    document = {"data": data, "dataType": "pfx", "password": "pfx password", **changes}
    return base64.b64encode(json.dumps(document).encode()).decode()


@pytest.fixture(scope="session")
def pfx() -> bytes:
    return make_pfx()


# Scripts


class AnsweringMachine(Machine):
    """A machine on which every script ends with the same result, and which remembers what it was given."""

    def __init__(self, result: ScriptResult) -> None:
        super().__init__(computer_name="vm")
        self.result = result
        self.scripts: list[tuple[str, dict[str, str]]] = []

    def run_script(self, text: str, parameters: Mapping[str, str]) -> ScriptResult:
        self.scripts.append((text, dict(parameters)))
        return self.result


@pytest.fixture
def answer_scripts() -> Callable[..., AnsweringMachine]:
    """Gives a Scene's VM a machine whose scripts all end as said."""

    def answer(scene: Scene, *, exit_code: int = 0, output: str = "", error: str = "") -> AnsweringMachine:
        machine = AnsweringMachine(ScriptResult(exit_code=exit_code, output=output, error=error))
        scene.state.machine = machine
        return machine

    return answer


# The real SDK


class _Adapter(BaseAdapter):
    """Hands what requests would send to an in-process client."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__()
        self._client = client

    def send(self, request: requests.PreparedRequest, *_positional: Any, **_options: Any) -> requests.Response:
        body = request.body
        assert body is None or isinstance(body, (str, bytes))
        headers = {name: str(value) for name, value in request.headers.items()}
        answer = self._client.request(request.method or "GET", str(request.url), headers=headers, content=body)
        response = requests.Response()
        response.status_code = answer.status_code
        response.headers.update(answer.headers)
        response.raw = BytesIO(answer.content)
        response.url = str(request.url)
        response.request = request
        return response

    def close(self) -> None:
        return None


class _Credential:
    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken(self._token, int(time.time()) + 3600)


@pytest.fixture
def sdk() -> Iterator[Callable[[Scene], ComputeManagementClient]]:
    """azure-mgmt-compute as it is, on top of a Scene: only its last hop, the socket, is shorter."""
    clients: list[ComputeManagementClient] = []

    def make(scene: Scene) -> ComputeManagementClient:
        session = requests.Session()
        session.mount("https://", _Adapter(httpx.Client(transport=scene.made.transport)))
        azure = scene.made.azure
        principal = azure.authorization.principal_named("default")
        assert principal is not None
        token = azure.identity.issue(principal, "https://management.azure.com")
        client = ComputeManagementClient(
            _Credential(token),
            azure.settings.subscription_id,
            transport=RequestsTransport(session=session, session_owner=False),
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def recording() -> Callable[[str], list[dict[str, Any]]]:
    """The exchanges of a recording of real Azure; the test is skipped where the recordings are not at hand."""

    def load(name: str) -> list[dict[str, Any]]:
        path = RECORDINGS / f"{name}.jsonl"
        if not path.is_file():
            pytest.skip("the recordings of real Azure are not at hand")
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    return load
