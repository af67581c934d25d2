# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios of virtual machines: defaults, every word, and mistakes."""

from __future__ import annotations

import pytest

from local_azure.compute.images import IMAGES
from local_azure.scenarios import ScenarioError
from local_azure.testing import in_process

from .conftest import Scene, SceneMaker


def test_a_name_and_an_interface_are_enough(scene: Scene) -> None:
    properties = scene.call("GET").json()["properties"]
    assert properties["provisioningState"] == "Succeeded"
    assert properties["osProfile"]["adminUsername"] == scene.made.azure.settings.vm_user
    assert properties["networkProfile"] == {
        "networkInterfaces": [{"id": scene.made.group("rg") + "/providers/Microsoft.Network/networkInterfaces/nic"}]
    }
    administrator = scene.machine.user("AZUREUSER")
    assert administrator is not None
    assert administrator.built_in
    assert administrator.password == "In-process-1"
    assert scene.machine.addresses == ("10.0.0.4",)
    assert scene.machine.running
    assert scene.machine.rdp.enabled


def test_several_interfaces_say_which_is_primary(make_scene: SceneMaker) -> None:
    scene = make_scene(network_interfaces=["nic2", "nic"])
    references = scene.call("GET").json()["properties"]["networkProfile"]["networkInterfaces"]
    assert [(one["id"].rpartition("/")[2], one["properties"]["primary"]) for one in references] == [
        ("nic2", True),
        ("nic", False),
    ]
    nic = scene.client.get(references[1]["id"], params={"api-version": "2026-03-01"}).json()["properties"]
    assert (nic["virtualMachine"]["id"], nic["primary"]) == (scene.vm_id, False)


def test_a_specialised_disk_leaves_no_os_profile(make_scene: SceneMaker) -> None:
    properties = make_scene(os_profile=False).call("GET").json()["properties"]
    assert "osProfile" not in properties
    assert "imageReference" not in properties["storageProfile"]


@pytest.mark.parametrize("image", sorted(IMAGES))
def test_every_image_makes_a_machine(make_scene: SceneMaker, image: str) -> None:
    scene = make_scene(image=image)
    view = scene.view()
    assert (view["osName"], view["vmAgent"]["vmAgentVersion"]) == (
        IMAGES[image].system_name,
        IMAGES[image].agent_version,
    )
    assert (scene.state.machine is None) == image.startswith("ubuntu")


def test_what_windows_was_set_to(make_scene: SceneMaker) -> None:
    user = {"name": "operator", "password": "Operator-1", "admin": False}
    scene = make_scene(
        computer_name="ACCESS01",
        guest={"rdp_enabled": False, "rdp_port": 3390, "network_level_authentication": False, "users": [user]},
    )
    machine = scene.machine
    assert (machine.computer_name, machine.rdp.enabled, machine.rdp.port) == ("ACCESS01", False, 3390)
    operator = machine.user("operator")
    assert operator is not None
    assert not operator.admin
    assert "Operator-1" not in scene.call("GET", expand="instanceView").text


def test_remote_desktop_out_of_order(make_scene: SceneMaker) -> None:
    machine = make_scene(
        guest={
            "rdp_port": 3390,
            "open_ports": [3390],
            "rdp_security_layer": "tls",
            "rdp_trouble": "no_certificate",
        }
    ).machine
    assert machine.admits(3390, "127.0.0.1")
    assert machine.rdp.security_layer == "tls"
    assert not machine.has_rdp_certificate


def test_long_names_are_cut_for_windows(make_scene: SceneMaker) -> None:
    scene = make_scene(name="vm", computer_name=None)
    assert scene.machine.computer_name == "vm"
    content = {
        "groups": [{"name": "rg", "location": "westeurope"}],
        "compute": {"virtual_machines": [{"name": "a-rather-long-name", "network_interfaces": ["nic"]}]},
    }
    with pytest.raises(ScenarioError, match="no such network interface"):
        in_process(content)


@pytest.mark.parametrize(
    ("vm", "words"),
    [
        ({"power": "sleeping"}, "power: 'sleeping' is none of running, stopped, deallocated"),
        ({"image": "windows-95"}, "image: 'windows-95'"),
        ({"agent": "tired"}, "agent: 'tired'"),
        ({"sise": "large"}, "unknown: sise"),
        ({"guest": {"rpd": True}}, "guest: unknown: rpd"),
        ({"network_interfaces": []}, "network_interfaces is missing"),
        ({"resource_group": "other"}, "resource_group must name"),
    ],
)
def test_mistakes_are_named(make_scene: SceneMaker, vm: dict[str, object], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        make_scene(**vm)
