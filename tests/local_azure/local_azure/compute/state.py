# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the platform knows of a virtual machine beside its ARM properties: power, agent, and the machine behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from ..core.errors import AzureError
from ..core.store import Resource
from ..core.wire import Json

if TYPE_CHECKING:
    from ..guest.machine import Agent, Machine
    from .images import Image

#: The part of an instance view's PowerState code after the slash.
Power = Literal["running", "stopped", "deallocated", "starting", "stopping", "deallocating"]

_KEY = "virtual machine"


@dataclass(kw_only=True, eq=False)
class VirtualMachineState:
    """Lives in the private part of a virtual machine's resource.

    ``machine`` is what is inside; None for systems the local Azure doesn't model (Linux), of which only ``bare_agent``,
    what their agent last told, is known. ``agent_ready_at`` is when a guest agent that is starting will report, None
    when nothing is under way; ``agent_after_boot`` is what it becomes then. ``created`` and ``provisioned`` are the
    times shown in the instance view, ``failure`` is why the provisioning state is Failed. ``script_seconds`` is how
    long a script takes inside, before the pace is applied. ``one_shot_running`` is true while a v1 run command occupies
    the VM. ``generalized`` VMs never start again.

    ``applied_secrets`` is the osProfile.secrets of the last update that succeeded and ``fetched`` the keys of its
    references; ``install_at_start`` says that some of them have not reached the machine because it was off.
    """

    image: Image
    power: Power
    created: datetime
    provisioned: datetime
    machine: Machine | None
    bare_agent: Agent = "ready"
    agent_ready_at: datetime | None = None
    agent_after_boot: Agent = "ready"
    failure: AzureError | None = None
    user_data: str | None = None
    script_seconds: float = 10.0
    one_shot_running: bool = False
    being_deleted: bool = False
    generalized: bool = False
    applied_secrets: list[Json] = field(default_factory=list)
    fetched: set[tuple[str, str]] = field(default_factory=set)
    install_at_start: bool = False

    @property
    def is_running(self) -> bool:
        """Whether the platform counts the VM as running: what extensions and run commands need."""
        return self.power == "running"

    @property
    def agent(self) -> Agent:
        """What the guest agent last told."""
        return self.bare_agent if self.machine is None else self.machine.agent

    def agent_starts(self, ready_at: datetime) -> None:
        """The agent is silent until ``ready_at``."""
        if self.machine is None:
            self.bare_agent = "starting"
        else:
            self.machine.agent = "starting"
        self.agent_ready_at = ready_at

    def refresh(self, now: datetime) -> None:
        """Lets a starting agent report when its time has come."""
        if self.agent_ready_at is None or now < self.agent_ready_at:
            return
        self.agent_ready_at = None
        if self.agent != "starting":
            return
        if self.machine is None:
            self.bare_agent = self.agent_after_boot
        else:
            self.machine.agent = self.agent_after_boot
            self.machine.changed()


def state_of(vm: Resource) -> VirtualMachineState:
    """The state of a virtual machine's resource."""
    state = vm.private[_KEY]
    assert isinstance(state, VirtualMachineState)
    return state


def attach(vm: Resource, state: VirtualMachineState) -> None:
    """Makes ``state`` the state of ``vm``."""
    vm.private[_KEY] = state
