# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines: read them, switch them, and replace the certificates they refer to."""

from __future__ import annotations

import typing as t

from .._domain.errors import NotReady
from .._domain.resource_id import ResourceId
from .._domain.virtual_machine import (
    AgentState,
    NetworkInterfaceReference,
    PowerState,
    VaultCertificate,
    VaultSecretGroup,
    VirtualMachine,
)
from .errors import translated
from .libraries import needs
from .polling import awaited, finished, unless_busy
from .retries import LIKE_PUT
from .words import word

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from azure.core.polling import LROPoller
    from azure.mgmt.compute import models

    from .._domain.deadline import Deadline
    from .._domain.power import PowerAction
    from .._domain.resource_id import VmTarget
    from .clients import AzureClients


@translated("read the {vm}")
def read_vm(azure: AzureClients, vm: VmTarget) -> VirtualMachine:
    """One GET with the instance view. Raises :class:`NotFound` for a wrong name, group or subscription."""
    return _virtual_machine(azure.compute.virtual_machines.get(vm.resource_group, vm.name, expand="instanceView"))


@translated("list the virtual machines of resource group {resource_group}")
def vms_of(azure: AzureClients, resource_group: str) -> list[VirtualMachine]:
    """The VMs of one group, without what only an instance view tells."""
    return [_virtual_machine(each) for each in azure.compute.virtual_machines.list(resource_group)]


def switch_vm(azure: AzureClients, vm: VirtualMachine, action: PowerAction, *, deadline: Deadline) -> None:
    """Do ``action`` and wait until Azure says it is done. Raises :class:`Conflict` when the VM's state forbids it."""
    doing = action.replace("_", " ")
    waiting_for = f"the {vm} to {doing}"

    @translated(f"{doing} the {{vm}}")
    def begin(vm: VirtualMachine) -> LROPoller[None]:
        return _begin(azure, vm, action)

    @translated(f"{doing} the {{vm}}")
    def finish(vm: VirtualMachine, poller: LROPoller[None]) -> None:
        finished(poller, deadline=deadline, waiting_for=waiting_for)

    finish(vm, unless_busy(lambda: begin(vm), deadline=deadline, waiting_for=waiting_for))


def _begin(azure: AzureClients, vm: VirtualMachine, action: PowerAction) -> LROPoller[None]:
    machines = azure.compute.virtual_machines
    begin: dict[str, Callable[[str, str], LROPoller[None]]] = {
        "start": machines.begin_start,
        "restart": machines.begin_restart,
        "redeploy": machines.begin_redeploy,
        "reapply": machines.begin_reapply,
        "deallocate": machines.begin_deallocate,
        "power_off": machines.begin_power_off,
    }
    return begin[action](vm.id.resource_group, vm.name)


@translated("set the certificates of the {vm}")
def update_secrets(
    azure: AzureClients,
    vm: VirtualMachine,
    secrets: Sequence[VaultSecretGroup],
    *,
    etag: str | None,
    deadline: Deadline,
) -> VirtualMachine:
    """Replace ``osProfile.secrets`` as a whole (Azure does not merge the list) and wait until they are installed.

    With ``etag``, raises :class:`Conflict` (412) when the VM was changed since it was read: read again and plan anew.
    """
    with needs("azure-core"):
        from azure.core import MatchConditions
    with needs("azure-mgmt-compute"):
        from azure.mgmt.compute import models
    poller = azure.compute.virtual_machines.begin_update(
        vm.id.resource_group,
        vm.name,
        models.VirtualMachineUpdate(
            properties=models.VirtualMachineProperties(
                os_profile=models.OSProfile(secrets=[_wire_group(group) for group in secrets])
            )
        ),
        etag=etag,
        match_condition=MatchConditions.IfNotModified if etag else None,
        **LIKE_PUT,
    )
    waiting_for = f"the certificates of the {vm} to be installed"
    return _virtual_machine(finished(poller, deadline=deadline, waiting_for=waiting_for))


def wait_for_agent(azure: AzureClients, vm: VirtualMachine, target: VmTarget, *, deadline: Deadline) -> VirtualMachine:
    """Read the VM until its agent is no longer starting; returns what was read last.

    Raises :class:`TimedOut` when ``deadline`` passes first.
    """
    return awaited(
        vm,
        lambda: read_vm(azure, target),
        over=lambda vm: vm.power_state is not PowerState.RUNNING or vm.agent is not AgentState.STARTING,
        seen=lambda vm: vm.agent_message or "no report from the agent",
        waiting_for=f"the agent of the {vm}",
        deadline=deadline,
        pause=azure.poll_interval,
    )


def _virtual_machine(vm: models.VirtualMachine) -> VirtualMachine:
    properties = vm.properties
    if not vm.id or properties is None:
        raise NotReady(code="VmWithoutProperties", message="Azure describes the virtual machine without properties.")
    profile = properties.os_profile
    disk = properties.storage_profile.os_disk if properties.storage_profile else None
    view = properties.instance_view
    agent, message = _agent(profile, view)
    return VirtualMachine(
        id=ResourceId.parse(vm.id),
        location=vm.location,
        os_type=word(disk.os_type) if disk else "",
        computer_name=(profile.computer_name if profile else None) or (view.computer_name if view else None),
        provisioning_state=properties.provisioning_state or "",
        power_state=_power_state(view),
        agent=agent,
        agent_message=message,
        has_os_profile=profile is not None,
        secrets=tuple(_group(group) for group in (profile.secrets if profile else None) or []),
        network_interfaces=_network_interfaces(properties.network_profile),
        etag=vm.etag,
        failure=_status(view, "provisioningstate/failed"),
        tags=tuple(sorted((vm.tags or {}).items())),
        admin_username=(profile.admin_username if profile else None) or None,
        allows_extensions=profile is None or profile.allow_extension_operations is not False,
    )


def _power_state(view: models.VirtualMachineInstanceView | None) -> PowerState:
    word = _status(view, "powerstate").lower()
    return next((state for state in PowerState if state.value == word), PowerState.UNKNOWN)


def _status(view: models.VirtualMachineInstanceView | None, kind: str) -> str:
    """What follows ``kind`` in the instance view's status codes ("PowerState/running"); "" when none begins with it."""
    codes = (status.code or "" for status in (view.statuses if view else None) or [])
    return next((code[len(kind) + 1 :] for code in codes if code.lower().startswith(f"{kind}/")), "")


def _agent(profile: models.OSProfile | None, view: models.VirtualMachineInstanceView | None) -> tuple[AgentState, str]:
    windows = profile.windows_configuration if profile else None
    if windows and windows.provision_vm_agent is False:
        return AgentState.MISSING, ""
    agent = view.vm_agent if view else None
    statuses = (agent.statuses if agent else None) or []
    if not statuses:
        return AgentState.STARTING, ""
    message = statuses[0].message or ""
    if (statuses[0].display_status or "").lower() == "ready":
        return AgentState.READY, message
    # The two texts Azure has for an agent that is not ready tell a VM that just booted from one that fell silent.
    return (AgentState.UNRESPONSIVE if "unresponsive" in message.lower() else AgentState.STARTING), message


def _network_interfaces(profile: models.NetworkProfile | None) -> tuple[NetworkInterfaceReference, ...]:
    found = [nic for nic in (profile.network_interfaces if profile else None) or [] if nic.id]
    return tuple(
        NetworkInterfaceReference(
            id=ResourceId.parse(nic.id or ""),
            primary=bool(nic.properties and nic.properties.primary) or len(found) == 1,
        )
        for nic in found
    )


def _group(group: models.VaultSecretGroup) -> VaultSecretGroup:
    return VaultSecretGroup(
        vault_id=(group.source_vault.id if group.source_vault else None) or "",
        certificates=tuple(
            VaultCertificate(url=entry.certificate_url or "", store=entry.certificate_store or "")
            for entry in group.vault_certificates or []
        ),
    )


def _wire_group(group: VaultSecretGroup) -> models.VaultSecretGroup:
    from azure.mgmt.compute import models

    return models.VaultSecretGroup(
        source_vault=models.SubResource(id=group.vault_id),
        vault_certificates=[
            models.VaultCertificate(certificate_url=entry.url, certificate_store=entry.store)
            for entry in group.certificates
        ],
    )
