# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PUT replaces: of all that Azure's specification lets an interface or an address have, none is lost on the way."""

from __future__ import annotations

import copy
import json
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import sign_in
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.network import MARK
from ansible_collections.azvm.access.plugins.module_utils._operations import vm_public_ip
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from ansible_collections.azvm.access.tests.integration.support.middlebox import Middlebox, Reply
from ansible_collections.azvm.access.tests.integration.vm_public_ip.conftest import parameters

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.tests.integration.vm_public_ip.conftest import Json

TYPES = (
    Path(__file__).parents[4]
    / "shared/azure-specs/bicep-types/generated/network/microsoft.network/2025-09-01/types.json"
)

pytestmark = pytest.mark.skipif(not TYPES.is_file(), reason=f"the official types are not there: {TYPES}")

PRINCIPAL = {
    "AZURE_SUBSCRIPTION_ID": "0d5f3a52-8c1e-4b7a-9e46-2f1b7c9d8a30",
    "AZURE_TENANT": "a1c35f0e-6d2b-4f8e-9b57-3d0c2f6a7e11",
    "AZURE_CLIENT_ID": "1e9c0b12-e7ce-5bb6-8410-2653dc2385f4",
    "AZURE_SECRET": "secret",
}
GROUP = f"/subscriptions/{PRINCIPAL['AZURE_SUBSCRIPTION_ID']}/resourceGroups/access-addresses"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/win1"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
NIC, BALANCER = f"{NETWORK}/networkInterfaces/win1-nic", f"{NETWORK}/loadBalancers/front"
OWN, OTHER = f"{NETWORK}/publicIPAddresses/win1-ip", f"{NETWORK}/publicIPAddresses/other-ip"

# How a property of Bicep's types is marked.
_READ_ONLY, _PART_OF_THE_ID = 2, 8


@dataclass(frozen=True, kw_only=True)
class Official:
    """Azure's types, and resources that have each of their properties."""

    types: list[Json]

    def resource(self, name: str, *, writable: bool) -> Json:
        """A resource with everything there is, or with what a PUT may say of it. References are ids, as in answers."""
        found = next(each for each in self.types if each["$type"] == "ObjectType" and each["name"] == name)
        made = self._properties(found, writable=writable)
        made.pop("apiVersion", None)  # Bicep's own
        return made

    def _properties(self, found: Json, *, writable: bool) -> Json:
        hidden = _READ_ONLY | _PART_OF_THE_ID if writable else 0
        return {
            name: self._value(name, self._type(each), writable=writable)
            for name, each in found["properties"].items()
            if name == "id" or not each["flags"] & hidden
        }

    def _value(self, name: str, found: Json, *, writable: bool) -> t.Any:
        match found["$type"]:
            case "StringType":
                return f"a {name}"
            case "StringLiteralType":
                return found["value"]
            case "BooleanType":
                return True
            case "IntegerType":
                return 7
            case "ArrayType":
                return [self._value(name, self._type(found, "itemType"), writable=writable)]
            case "UnionType":
                choices = (self._value(name, self.types[_index(each)], writable=writable) for each in found["elements"])
                return next(each for each in choices if each != "None")
        if "id" in found["properties"] and found["name"] != "NetworkInterfaceIPConfiguration":
            return {"id": f"{BALANCER}/{name}/one"}
        return self._properties(found, writable=writable) or {"a key": "a value"}

    def _type(self, part: Json, name: str = "type") -> Json:
        return self.types[_index(part[name])]


def _index(reference: Json) -> int:
    return int(reference["$ref"].rpartition("/")[2])


@pytest.fixture(scope="module")
def official() -> Official:
    return Official(types=json.loads(TYPES.read_bytes()))


@dataclass(kw_only=True)
class Service:
    """Serves documents as they are and takes any PUT; ``written`` is what was sent, by path."""

    documents: dict[str, Json]
    written: dict[str, Json] = field(default_factory=dict)

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        id = path.partition("?")[0]
        if method == "PUT":
            sent = json.loads(body)
            self.written[id] = copy.deepcopy(sent)
            self.documents[id] = {**sent, "id": id}
        elif method == "DELETE":
            del self.documents[id]
            return Reply(status=204)
        if id not in self.documents:
            return Reply(status=404, body=json.dumps({"error": {"code": "ResourceNotFound", "message": "Not found."}}))
        return Reply(body=json.dumps(self.documents[id]))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    machine = {
        "id": VM,
        "location": "westeurope",
        "properties": {"networkProfile": {"networkInterfaces": [{"id": NIC}]}},
    }
    balancer = {"id": BALANCER, "location": "westeurope", "sku": {"name": "Standard"}}
    made = Service(documents={VM: machine, BALANCER: balancer})
    with Middlebox(tmp_path, made.answer) as box:
        for name, value in box.environment.items():
            monkeypatch.setenv(name, value)
        yield made


def run(home: Path, **wish: t.Any) -> None:
    azure = AzureClients(
        sign_in({}, environment=PRINCIPAL, home=home), subscription=None, poll_interval=0.1, timeout=20
    )
    options = vm_public_ip.Options.from_parameters(parameters("win1", **wish))
    assert vm_public_ip.run(options, Context(azure=azure, deadline=Deadline(20), check_mode=False)).changed
    azure.compute.close()
    azure.network.close()


def interface(official: Official, *, writable: bool, attached: str | None) -> Json:
    """Two configurations; the second one has an address of its own."""
    made = {**official.resource("Microsoft.Network/networkInterfaces", writable=writable), "id": NIC}
    (first,) = made["properties"]["ipConfigurations"]
    second = copy.deepcopy(first)
    second["name"] = "another"
    first["properties"].pop("publicIPAddress")
    if attached:
        first["properties"]["publicIPAddress"] = {"id": attached}
    second["properties"] |= {"primary": False, "publicIPAddress": {"id": OTHER}}
    made["properties"]["ipConfigurations"] = [first, second]
    return made


def address(official: Official, id: str, *, writable: bool) -> Json:
    made = {**official.resource("Microsoft.Network/publicIPAddresses", writable=writable), "id": id}
    made["sku"]["name"] = "Standard"
    made["tags"] = {"team": "web", MARK: "access-addresses/win1"}
    return made


def test_an_interface_keeps_all_it_has(official: Official, service: Service, tmp_path: Path) -> None:
    service.documents[NIC] = interface(official, writable=False, attached=None)
    service.documents[OTHER] = address(official, OTHER, writable=False)

    run(tmp_path)
    assert service.written.pop(OWN)
    assert service.written.pop(NIC) == interface(official, writable=True, attached=OWN)

    service.documents[NIC] = interface(official, writable=False, attached=OWN)
    run(tmp_path, state="absent")
    assert service.written == {NIC: interface(official, writable=True, attached=None)}


@pytest.mark.parametrize(("state", "wish"), [("Succeeded", {"domain_name_label": "win1-access"}), ("Failed", {})])
def test_an_address_keeps_all_it_has(
    official: Official, service: Service, tmp_path: Path, state: str, wish: Json
) -> None:
    service.documents[NIC] = interface(official, writable=False, attached=OWN)
    service.documents[NIC]["properties"]["provisioningState"] = "Succeeded"
    service.documents[OWN] = address(official, OWN, writable=False)
    service.documents[OWN]["properties"]["provisioningState"] = state
    expected = address(official, OWN, writable=True)
    if wish:
        expected["properties"]["dnsSettings"]["domainNameLabel"] = "win1-access"
        del expected["properties"]["dnsSettings"]["fqdn"]

    run(tmp_path, **wish)
    assert service.written == {OWN: expected}
