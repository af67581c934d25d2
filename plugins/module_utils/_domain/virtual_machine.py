# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual machine as Azure describes it, and what has to be true of it before it can be worked on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from .errors import NotReady

if TYPE_CHECKING:
    from .resource_id import ResourceId


class PowerState(str, Enum):
    """The last word of the instance view's ``PowerState/...`` status."""

    RUNNING = "running"
    STARTING = "starting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DEALLOCATING = "deallocating"
    DEALLOCATED = "deallocated"
    UNKNOWN = "unknown"
    """The instance view names no power state, as happens while the VM is being updated."""


class AgentState(str, Enum):
    """Whether the VM agent, which runs scripts and extensions, reports to Azure."""

    READY = "ready"
    STARTING = "starting"
    """It has not reported since the VM started."""
    UNRESPONSIVE = "unresponsive"
    """It reported once and stopped doing so."""
    MISSING = "missing"
    """The VM was created without one (``provisionVMAgent`` is false)."""


@dataclass(frozen=True, kw_only=True)
class VaultCertificate:
    """One certificate that Azure installs in the VM: a versioned secret URL and the store under LocalMachine."""

    url: str
    store: str


@dataclass(frozen=True, kw_only=True)
class VaultSecretGroup:
    """The certificates that come from one vault; ``vault_id`` as Azure wrote it."""

    vault_id: str
    certificates: tuple[VaultCertificate, ...]


@dataclass(frozen=True, kw_only=True)
class NetworkInterfaceReference:
    """A NIC of a VM. Azure leaves ``primary`` out when there is only one."""

    id: ResourceId
    primary: bool


@dataclass(frozen=True, kw_only=True)
class VirtualMachine:
    """``secrets`` is ``osProfile.secrets`` in Azure's order; ``etag`` is None where the service does not give one.

    ``agent_message`` is the agent's own status text. ``computer_name`` is what Windows calls itself, when Azure knows.
    ``failure`` is the error code of the last update when that failed, else empty. ``admin_username`` is the account
    that Azure made with the VM.
    """

    id: ResourceId
    location: str
    os_type: str
    computer_name: str | None
    provisioning_state: str
    power_state: PowerState
    agent: AgentState
    agent_message: str
    has_os_profile: bool
    secrets: tuple[VaultSecretGroup, ...]
    network_interfaces: tuple[NetworkInterfaceReference, ...]
    etag: str | None
    failure: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    admin_username: str | None = None
    allows_extensions: bool = True

    @property
    def name(self) -> str:
        return self.id.name

    def __str__(self) -> str:
        return f"virtual machine {self.id.name} in resource group {self.id.resource_group}"


def certificates_missing(vm: VirtualMachine) -> bool:
    """Whether the last update failed over a certificate: the VM then refers to what it may not have installed."""
    return vm.failure.lower().startswith(("keyvault", "certificate"))


def require_windows(vm: VirtualMachine) -> None:
    """Raise :class:`NotReady` for anything but Windows."""
    if vm.os_type.lower() != "windows":
        raise NotReady(
            code="NotWindows",
            message=f"The {vm} runs {vm.os_type or 'an unknown system'}, not Windows.",
            hint="This collection manages access to Windows VMs only.",
            details={"os_type": vm.os_type},
        )


def require_running(vm: VirtualMachine) -> None:
    """Raise :class:`NotReady` unless the VM runs.

    An unknown power state passes: Azure leaves it out while it updates a VM that runs, and the next request tells.
    """
    if vm.power_state in (PowerState.RUNNING, PowerState.UNKNOWN):
        return
    raise NotReady(
        code="VmNotRunning",
        message=f"The {vm} is {vm.power_state.value}; it must be running.",
        hint="Start it with azvm.access.vm_power (state: started), or set the role's option that ends in start_vm.",
        details={"power_state": vm.power_state.value},
    )


def require_agent(vm: VirtualMachine) -> None:
    """Raise :class:`NotReady` unless the VM agent is ready."""
    if vm.agent is AgentState.READY:
        return
    hints = {
        AgentState.MISSING: "The VM was made without an agent: install the Azure VM agent inside it.",
        AgentState.STARTING: "It reports a minute or two after Windows has started: run the task again then.",
        AgentState.UNRESPONSIVE: "Restart the VM (azvm.access.vm_power, state: restarted); if that does not help, look"
        " at its boot diagnostics and at the service WindowsAzureGuestAgent inside it.",
    }
    raise NotReady(
        code="VmAgentNotReady",
        message=f"The agent of the {vm} is {vm.agent.value}"
        + (f": {vm.agent_message.rstrip('.')}." if vm.agent_message else "."),
        hint=hints[vm.agent],
        details={"agent": vm.agent.value, "agent_message": vm.agent_message},
    )


def require_os_profile(vm: VirtualMachine) -> None:
    """Raise :class:`NotReady` for a VM without osProfile, such as one made from a specialised disk."""
    if not vm.has_os_profile:
        raise NotReady(
            code="NoOsProfile",
            message=f"The {vm} has no osProfile, as VMs made from a specialised disk: Azure can't install a"
            " certificate from a vault in it.",
            hint="Bring the certificate into LocalMachine\\My in another way (the Key Vault VM extension, or by hand),"
            " then use azvm.access.vm_winrm_listener with its thumbprint.",
        )
