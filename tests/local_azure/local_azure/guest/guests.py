# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All machines of this Azure, and their ports kept in step with networks, firewalls and services."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from .machine import Machine, Service
from .ports import FilteredPort, OpenPort, PortState, Serve
from .rdp import server as rdp
from .wsman.server import HttpConnection
from .wsman.service import WsmanService

log = logging.getLogger(__name__)
CONTROLLER = "127.0.0.1"  # whoever works with this Azure comes from here
USUAL_PORTS = frozenset({3389, 5985, 5986})


class Face(Protocol):
    """An address of a virtual machine as the controller sees it, and what the network lets through to it."""

    @property
    def address(self) -> str:
        """A loopback address."""

    @property
    def forward(self) -> tuple[int, int] | None:
        """The port here and the one of the machine that it leads to, where only that one does; None: every port."""

    def allows(self, port: int) -> bool:
        """Whether the machine runs and both security groups let the controller reach this TCP port of the machine."""


Reachability = Callable[[str], Iterable[Face]]
Endpoint = tuple[str, int]
Target = Service | PortState


@dataclass(kw_only=True)
class _Guest:
    machine: Machine
    service: WsmanService
    wanted: dict[Endpoint, Target] = field(default_factory=dict)
    ports: dict[Endpoint, tuple[OpenPort | FilteredPort, Target]] = field(default_factory=dict)
    blocked: dict[Endpoint, str] = field(default_factory=dict)
    connections: set[asyncio.Task[None]] = field(default_factory=set)
    winrm_ran: bool = True


class Guests:
    """Machines by the key of their virtual machine's id, and their sockets.

    `reachability` gives the faces of a virtual machine; without it there are machines but no sockets. The running event
    loop serves the sockets: where none runs, reconciling does nothing, and the next time it does everything.
    """

    def __init__(self, reachability: Reachability | None = None) -> None:
        self._guests: dict[str, _Guest] = {}
        self._reachability = reachability
        self._pending: asyncio.Handle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def add(self, vm_key: str, machine: Machine) -> None:
        """Put a machine into this Azure; an older one under the same key goes away."""
        self.remove(vm_key)
        self._guests[vm_key] = _Guest(machine=machine, service=WsmanService(machine))
        machine.on_change(self.reconcile)
        self.reconcile()

    def get(self, vm_key: str) -> Machine | None:
        """The machine of a virtual machine; None when it has none (not Windows, not created yet, deleted)."""
        guest = self._guests.get(vm_key)
        return guest.machine if guest is not None else None

    def remove(self, vm_key: str) -> None:
        """Take a machine away, with its connections and ports; nothing happens when it is not there."""
        guest = self._guests.pop(vm_key, None)
        if guest is not None:
            _power_off(guest)
            _apply(guest, {})

    def close(self) -> None:
        """Close all sockets and connections for good; the machines stay. Can be repeated."""
        self._reachability = None
        self._cancel_pending()
        for guest in self._guests.values():
            self._ending |= guest.connections
            _power_off(guest)
            _apply(guest, {})

    async def wait_closed(self) -> None:
        """After `close`: wait until the last connection has let go of its socket."""
        await asyncio.gather(*self._ending, return_exceptions=True)
        await asyncio.sleep(0)  # aborted transports close their sockets in the next turn of the loop

    def reconcile(self) -> None:
        """Bring the ports in step before this event loop goes to sleep again.

        Many changes in a row, as when a fleet is made, cost one pass.
        """
        if self._reachability is None or self._pending is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # nobody could serve a connection yet
        self._pending = loop.call_soon(self.settle)

    def settle(self) -> None:
        """Bring the ports in step now, within the running event loop; only differences are touched."""
        self._cancel_pending()
        if self._reachability is None:
            return
        wanted = {key: _wanted(guest.machine, self._reachability(key)) for key, guest in self._guests.items()}
        # First all closing, then all opening: an address may move from one machine to another.
        for key, guest in self._guests.items():
            _settle_service(guest)
            _release(guest, wanted[key])
        for key, guest in self._guests.items():
            _apply(guest, wanted[key])

    def ports(self, vm_key: str) -> dict[Endpoint, PortState]:
        """The ports of interest by address and port, as they were last brought in step."""
        guest = self._guests.get(vm_key)
        if guest is None:
            return {}
        return {
            endpoint: PortState.OPEN if isinstance(target, Service) else target
            for endpoint, target in guest.wanted.items()
            if endpoint not in guest.blocked
        }

    def blocked(self, vm_key: str) -> dict[Endpoint, str]:
        """The ports that cannot be realised, for instance because another process has them, and why."""
        guest = self._guests.get(vm_key)
        return dict(guest.blocked) if guest is not None else {}

    def _cancel_pending(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None


def _wanted(machine: Machine, faces: Iterable[Face]) -> dict[Endpoint, Target]:
    """How every port of interest is to look, or which service is behind it."""
    services = machine.listening()
    of_interest = sorted(USUAL_PORTS | services.keys() | machine.firewall.ports())
    wanted: dict[Endpoint, Target] = {}
    for face in faces:
        ways = [(port, port) for port in of_interest] if face.forward is None else [face.forward]
        for outside, port in ways:
            if machine.running and face.allows(port) and machine.admits(port, CONTROLLER):
                wanted[face.address, outside] = services.get(port, PortState.CLOSED)
            else:
                wanted[face.address, outside] = PortState.FILTERED
    return wanted


def _settle_service(guest: _Guest) -> None:
    """Shells and connections do not survive the machine's power off, nor shells a stop of WinRM."""
    if not guest.machine.running:
        _power_off(guest)
    elif guest.winrm_ran and not guest.machine.winrm.running:
        guest.service.reset()
    guest.winrm_ran = guest.machine.winrm.running


def _power_off(guest: _Guest) -> None:
    guest.service.reset()
    for task in list(guest.connections):
        task.cancel()


def _release(guest: _Guest, wanted: dict[Endpoint, Target]) -> None:
    for endpoint, (port, target) in list(guest.ports.items()):
        if wanted.get(endpoint) != target:
            port.close()
            del guest.ports[endpoint]


def _apply(guest: _Guest, wanted: dict[Endpoint, Target]) -> None:
    _release(guest, wanted)
    guest.wanted = wanted
    before, guest.blocked = guest.blocked, {}
    for endpoint, target in wanted.items():
        if endpoint in guest.ports or target is PortState.CLOSED:
            continue
        try:
            guest.ports[endpoint] = (_realise(guest, endpoint, target), target)
        except OSError as error:
            guest.blocked[endpoint] = str(error)
            if endpoint not in before:
                log.warning(
                    "%s: port %d of %s cannot be made %s: %s",
                    guest.machine.computer_name,
                    endpoint[1],
                    endpoint[0],
                    "open" if isinstance(target, Service) else target.value,
                    error,
                )


def _realise(guest: _Guest, endpoint: Endpoint, target: Target) -> OpenPort | FilteredPort:
    address, port = endpoint
    if isinstance(target, Service):
        return OpenPort(address, port, _server(guest, target), guest.connections)
    return FilteredPort(address, port)


def _server(guest: _Guest, service: Service) -> Serve:
    async def serve(connection: socket.socket) -> None:
        if service.kind == "rdp":
            await rdp.serve(guest.machine, connection)
        else:
            http = HttpConnection(guest.service, port=service.port, secure=service.kind == "winrm-https")
            await http.serve(connection)

    return serve
