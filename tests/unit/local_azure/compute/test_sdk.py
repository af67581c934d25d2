# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""azure-mgmt-compute, unchanged, against the compute provider."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import (
    OSProfile,
    RunCommandInput,
    RunCommandInputParameter,
    SubResource,
    VaultCertificate,
    VaultSecretGroup,
    VirtualMachineProperties,
    VirtualMachineRunCommand,
    VirtualMachineRunCommandProperties,
    VirtualMachineRunCommandScriptSource,
    VirtualMachineUpdate,
)

from .conftest import AnsweringMachine, Scene, SceneMaker, json_form

Sdk = Callable[[Scene], ComputeManagementClient]


def secrets_update(scene: Scene, url: str) -> VirtualMachineUpdate:
    certificate = VaultCertificate(certificate_url=url, certificate_store="My")
    group = VaultSecretGroup(
        source_vault=SubResource(id=scene.vault_id("certs-vault")), vault_certificates=[certificate]
    )
    profile = OSProfile(secrets=[group])
    return VirtualMachineUpdate(properties=VirtualMachineProperties(os_profile=profile))


def test_get_with_the_instance_view(scene: Scene, sdk: Sdk) -> None:
    vm = sdk(scene).virtual_machines.get("rg", "vm", expand="instanceView")
    assert vm.os_profile is not None
    assert vm.os_profile.computer_name == "vm"
    assert vm.instance_view is not None
    assert vm.instance_view.statuses is not None
    assert [status.code for status in vm.instance_view.statuses] == [
        "ProvisioningState/succeeded",
        "PowerState/running",
    ]
    assert vm.etag == '"1"'


def test_patch_of_secrets_with_the_etag_read_before(scene: Scene, sdk: Sdk, pfx: bytes) -> None:
    machines = sdk(scene).virtual_machines
    url = scene.store_secret("certs-vault", json_form(pfx))
    before = machines.get("rg", "vm")
    updated = machines.begin_update(
        "rg",
        "vm",
        secrets_update(scene, url),
        etag=before.etag,
        match_condition=MatchConditions.IfNotModified,
    ).result()
    assert updated.provisioning_state == "Succeeded"
    assert updated.os_profile is not None
    assert updated.os_profile.secrets is not None
    assert updated.os_profile.secrets[0].vault_certificates[0].certificate_url == url
    assert [installed.common_name for installed in scene.machine.certificates.values()] == ["win1"]
    with pytest.raises(ResourceModifiedError) as stale:
        machines.begin_update(
            "rg",
            "vm",
            secrets_update(scene, url),
            etag=before.etag,
            match_condition=MatchConditions.IfNotModified,
        )
    assert stale.value.status_code == 412


def test_a_failed_update_is_an_error_of_the_poller(scene: Scene, sdk: Sdk) -> None:
    url = "https://certs-vault.vault.azure.net/secrets/winrm/00000000000000000000000000000bad"
    poller = sdk(scene).virtual_machines.begin_update("rg", "vm", secrets_update(scene, url))
    with pytest.raises(HttpResponseError) as failure:
        poller.result()
    assert failure.value.error is not None
    assert failure.value.error.code == "KeyVaultSecretDoesNotExist"
    vm = sdk(scene).virtual_machines.get("rg", "vm")
    assert vm.provisioning_state == "Failed"
    assert vm.os_profile is not None
    assert not vm.os_profile.secrets


def test_put_of_the_whole_machine_as_az_vm_secret_add_sends_it(scene: Scene, sdk: Sdk, pfx: bytes) -> None:
    machines = sdk(scene).virtual_machines
    url = scene.store_secret("certs-vault", json_form(pfx))
    vm = machines.get("rg", "vm")
    assert vm.os_profile is not None
    assert vm.storage_profile is not None
    vm.storage_profile.image_reference = None
    vm.os_profile.secrets = secrets_update(scene, url).os_profile.secrets
    after = machines.begin_create_or_update("rg", "vm", vm).result()
    assert after.provisioning_state == "Succeeded"
    assert after.storage_profile is not None
    assert after.storage_profile.image_reference is not None
    assert len(scene.machine.certificates) == 1


def test_start_and_deallocate(make_scene: SceneMaker, sdk: Sdk) -> None:
    scene = make_scene(power="stopped")
    machines = sdk(scene).virtual_machines
    machines.begin_start("rg", "vm").result()
    assert scene.power() == "PowerState/running"
    machines.begin_deallocate("rg", "vm").result()
    assert scene.power() == "PowerState/deallocated"
    view = machines.instance_view("rg", "vm")
    assert view.computer_name is None
    assert view.vm_agent is None
    with pytest.raises(ResourceExistsError) as refused:
        machines.begin_restart("rg", "vm")
    assert refused.value.error is not None
    assert refused.value.error.code == "OperationNotAllowed"


def test_managed_run_command_from_creation_to_deletion(
    scene: Scene, sdk: Sdk, answer_scripts: Callable[..., AnsweringMachine]
) -> None:
    machine = answer_scripts(scene, exit_code=3, output="said", error="complained")
    commands = sdk(scene).virtual_machine_run_commands
    made = commands.begin_create_or_update(
        "rg",
        "vm",
        "listener",
        VirtualMachineRunCommand(
            location="westeurope",
            properties=VirtualMachineRunCommandProperties(
                source=VirtualMachineRunCommandScriptSource(script="Get-Item WSMan:"),
                parameters=[RunCommandInputParameter(name="port", value="5986")],
                protected_parameters=[RunCommandInputParameter(name="word", value="hidden")],
            ),
        ),
    ).result()
    assert made.provisioning_state == "Succeeded"
    assert made.protected_parameters is None
    assert machine.scripts == [("Get-Item WSMan:", {"port": "5986", "word": "hidden"})]
    read = commands.get_by_virtual_machine("rg", "vm", "listener", expand="instanceView")
    assert read.instance_view is not None
    assert read.instance_view.execution_state == "Failed"
    assert (read.instance_view.exit_code, read.instance_view.output, read.instance_view.error) == (
        3,
        "said",
        "complained",
    )
    commands.begin_delete("rg", "vm", "listener").result()
    assert list(commands.list_by_virtual_machine("rg", "vm")) == []
    with pytest.raises(ResourceNotFoundError):
        commands.get_by_virtual_machine("rg", "vm", "listener")


def test_one_shot_run_command_returns_both_streams(
    scene: Scene, sdk: Sdk, answer_scripts: Callable[..., AnsweringMachine]
) -> None:
    answer_scripts(scene, exit_code=1, output="out", error="err")
    command = RunCommandInput(command_id="RunPowerShellScript", script=["one", "two"])
    result = sdk(scene).virtual_machines.begin_run_command("rg", "vm", command).result()
    assert result.value is not None
    assert [(status.code, status.message) for status in result.value] == [
        ("ComponentStatus/StdOut/succeeded", "out"),
        ("ComponentStatus/StdErr/succeeded", "err"),
    ]


def test_deleting_the_machine_frees_its_interface(scene: Scene, sdk: Sdk) -> None:
    machines = sdk(scene).virtual_machines
    machines.begin_delete("rg", "vm").result()
    assert list(machines.list_all()) == []
    nic = scene.client.get(
        scene.made.group("rg") + "/providers/Microsoft.Network/networkInterfaces/nic",
        params={"api-version": "2026-03-01"},
    ).json()
    assert "virtualMachine" not in nic["properties"]


def test_boot_diagnostics_addresses(scene: Scene, sdk: Sdk) -> None:
    data = sdk(scene).virtual_machines.retrieve_boot_diagnostics_data("rg", "vm")
    assert data.console_screenshot_blob_uri is not None
    assert ".screenshot.bmp?" in data.console_screenshot_blob_uri


def test_list_of_built_in_commands(scene: Scene, sdk: Sdk) -> None:
    found = {command.id for command in sdk(scene).virtual_machine_run_commands.list("westeurope")}
    assert "RunPowerShellScript" in found
