# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replays what a real client did to the real service and compares answers: status, fields, their order, values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.azvm.access.tests.unit.local_azure.network.clouds import Cloud, NewCloud

RECORDINGS = Path(__file__).parents[5] / "shared" / "azure-traffic"

pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason=f"the recordings of real traffic are not there: {RECORDINGS}"
)

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: Values that differ from one run to the next, by field name.
_VARIABLE = {"etag", "resourceGuid", "internalDomainNameSuffix", "macAddress", "ipAddress"}

Json = dict[str, Any]


def exchanges(name: str) -> Iterator[Json]:
    for line in (RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def exchange(name: str, number: int) -> Json:
    return next(one for one in exchanges(name) if one["n"] == number)


def comparable(value: object, *, field: str = "") -> object:
    """The value with everything variable taken out; lists of pairs keep the order of fields visible."""
    if field in _VARIABLE:
        return "..."
    if isinstance(value, dict):
        return {name: comparable(item, field=name) for name, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return _GUID.sub("GUID", value) if isinstance(value, str) else value


def field_order(value: object) -> object:
    """The names of properties in order, all the way down."""
    if isinstance(value, dict):
        return [(name, field_order(item)) for name, item in value.items()]
    return [field_order(item) for item in value] if isinstance(value, list) else None


def send(cloud: Cloud, recorded: Json) -> tuple[int, Any]:
    """Send a recorded request, for this subscription; status and body of the answer."""
    subscription = cloud.made.azure.settings.subscription_id
    path = _GUID.sub(subscription, recorded["path"], count=1)
    body = recorded["request"]
    if body is not None:
        body = json.loads(_GUID.sub(subscription, json.dumps(body)))
    answer = cloud.made.client.request(recorded["method"], f"{path}?{recorded['query']}", json=body)
    return answer.status_code, answer.json() if answer.content else None


def group_of(recorded: Json) -> str:
    return str(recorded["path"].split("/")[4])


def test_the_life_of_groups_and_rules(new_cloud: NewCloud) -> None:
    name = "test_network_nsg"
    group = group_of(exchange(name, 1))
    cloud = new_cloud(
        {
            "groups": [{"name": group, "location": "westus"}],
            "network": {
                "resourceGroup": group,
                "applicationSecurityGroups": [{"name": f"test-asg{number}"} for number in (1, 2, 3)],
            },
        },
        pace=1.0,
    )
    compared = 0
    for recorded in exchanges(name):
        if "/locations/" in recorded["path"]:
            cloud.settle()
            continue
        if "resourceGroups" not in recorded["path"]:
            # The subscription of the recording had groups of others, too.
            value = recorded["response"]["value"]
            value[:] = [one for one in value if f"/{group}/" in one["id"]]
        status, body = send(cloud, recorded)
        assert status == recorded["status"], (recorded["n"], recorded["method"], recorded["path"])
        assert comparable(body) == comparable(recorded["response"]), recorded["n"]
        assert field_order(body) == field_order(recorded["response"]), recorded["n"]
        compared += 1
    assert compared > 25


@pytest.fixture
def open_port(new_cloud: NewCloud) -> Cloud:
    group = group_of(exchange("test_vm_open_port", 12))
    made = new_cloud(
        {
            "groups": [{"name": group, "location": "westus"}],
            "network": {
                "resourceGroup": group,
                "allowBasicPublicIPAddresses": True,
                "networkSecurityGroups": [{"name": "vm1NSG", "tags": {}}],
                "virtualNetworks": [
                    {
                        "name": "vm1VNET",
                        "addressSpace": ["10.0.0.0/16"],
                        "subnets": [{"name": "vm1Subnet", "addressPrefix": "10.0.0.0/24"}],
                    }
                ],
                "publicIPAddresses": [{"name": "vm1PublicIP", "sku": "Basic", "tags": {}}],
                "networkInterfaces": [
                    {
                        "name": "vm1VMNic",
                        "tags": {},
                        "networkSecurityGroup": "vm1NSG",
                        "ipConfigurations": [
                            {"name": "ipconfigvm1", "subnet": "vm1VNET/vm1Subnet", "publicIPAddress": "vm1PublicIP"}
                        ],
                    }
                ],
            },
        },
        pace=1.0,
    )
    root = f"{made.made.subscription}/resourceGroups/{group}/providers"
    network = made.made.azure.network
    nic = made.id("networkInterfaces/vm1VMNic")
    assert nic.group == "rg"
    network.associate(
        type(nic).parse(f"{root}/Microsoft.Network/networkInterfaces/vm1VMNic"),
        f"{root}/Microsoft.Compute/virtualMachines/vm1",
    )
    return made


def test_opening_a_port(open_port: Cloud) -> None:
    compared = 0
    for recorded in exchanges("test_vm_open_port"):
        if "/locations/" in recorded["path"]:
            open_port.settle()
        elif "Microsoft.Network" in recorded["path"] and recorded["n"] > 2:
            status, body = send(open_port, recorded)
            assert status == recorded["status"], recorded["n"]
            real = comparable(recorded["response"])
            mine = comparable(body)
            assert isinstance(real, dict)
            assert isinstance(mine, dict)
            # Newer api-versions than the recorded one say more about an interface.
            mine["properties"].pop("auxiliaryMode", None)
            # Whether a write that is over at once still says Updating differs from one run to the next.
            for one in (mine, real):
                one["properties"].pop("provisioningState")
            assert mine == real, recorded["n"]
            compared += 1
    assert compared > 15


def test_effective_rules_and_routes(new_cloud: NewCloud) -> None:
    name = "test_network_nic_convenience_commands"
    group = group_of(exchange(name, 17))
    cloud = new_cloud(
        {
            "groups": [{"name": group, "location": "westus"}],
            "network": {
                "resourceGroup": group,
                "networkSecurityGroups": [{"name": "conveniencevm1NSG"}],
                "virtualNetworks": [
                    {
                        "name": "vnet1",
                        "addressSpace": ["10.0.0.0/16"],
                        "subnets": [{"name": "subnet1", "addressPrefix": "10.0.0.0/24"}],
                    }
                ],
                "networkInterfaces": [
                    {
                        "name": "conveniencevm1VMNic",
                        "subnet": "vnet1/subnet1",
                        "networkSecurityGroup": "conveniencevm1NSG",
                    }
                ],
            },
        }
    )
    root = f"{cloud.made.subscription}/resourceGroups/{group}/providers"
    nic = type(cloud.id("a/b")).parse(f"{root}/Microsoft.Network/networkInterfaces/conveniencevm1VMNic")
    cloud.made.azure.network.associate(nic, f"{root}/Microsoft.Compute/virtualMachines/conveniencevm1")

    def report(tail: str) -> Any:
        started = cloud.post(f"{nic}/{tail}")
        cloud.settle()
        return cloud.made.client.get(started.headers["location"]).json()

    mine = report("effectiveNetworkSecurityGroups")
    real = json.loads(_GUID.sub(cloud.made.azure.settings.subscription_id, json.dumps(exchange(name, 26)["response"])))
    for document in (mine, real):
        # Microsoft's list of what isn't Internet changes from month to month.
        document["value"][0]["tagMap"]["Internet"] = "..."
        for rule in document["value"][0]["effectiveSecurityRules"]:
            if rule["destinationAddressPrefix"] == "Internet":
                rule["expandedDestinationAddressPrefix"] = "..."
    assert mine == real
    assert field_order(mine) == field_order(real)

    routes, recorded = report("effectiveRouteTable"), exchange(name, 29)["response"]
    assert field_order(routes["value"][:2]) == field_order(recorded["value"][:2])
    assert all(route in recorded["value"] for route in routes["value"])


def test_network_watcher_answers(new_cloud: NewCloud) -> None:
    name = "test_network_watcher_vm"
    group = group_of(exchange(name, 18))
    cloud = new_cloud(
        {
            "groups": [{"name": group, "location": "westcentralus"}],
            "network": {
                "resourceGroup": group,
                "networkSecurityGroups": [{"name": "nsg1"}],
                "virtualNetworks": [
                    {
                        "name": "vnet1",
                        "addressSpace": ["10.0.0.0/16"],
                        "subnets": [{"name": "subnet1", "addressPrefix": "10.0.0.0/24"}],
                    }
                ],
                "networkInterfaces": [
                    {
                        "name": "vm1VMNic",
                        "subnet": "vnet1/subnet1",
                        "networkSecurityGroup": "nsg1",
                        "privateIPAddress": "10.0.0.9",
                    }
                ],
            },
        }
    )
    nic = f"{cloud.made.subscription}/resourceGroups/{group}/providers/Microsoft.Network/networkInterfaces/vm1VMNic"
    for asked, answered in ((42, 44), (50, 52), (55, 57), (65, 67)):
        question = exchange(name, asked)
        question["request"]["targetResourceId"] = nic
        path = _GUID.sub(cloud.made.azure.settings.subscription_id, question["path"], count=1)
        started = cloud.post(path, question["request"])
        assert started.status_code == question["status"]
        cloud.settle()
        mine = cloud.made.client.get(started.headers["location"]).json()
        real = exchange(name, answered)["response"]
        assert comparable(mine) == comparable(real), asked
        assert field_order(mine) == field_order(real), asked


def test_missing_resources(new_cloud: NewCloud) -> None:
    name = "test_network_watcher_vm"
    group = group_of(exchange(name, 4))
    cloud = new_cloud({"groups": [{"name": group, "location": "westcentralus"}]})

    for number in (4, 6, 12):
        recorded = exchange(name, number)
        assert send(cloud, recorded) == (recorded["status"], recorded["response"])
