# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking from this controller at a listener in a VM, so that nothing has to be run inside when all is as wanted."""

from __future__ import annotations

import typing as t

from .access_probe import Options, probe_access
from .vm_way import Way, interface_of, way_to

if t.TYPE_CHECKING:
    from .._domain.outcome import Document
    from .._domain.probe_observations import Expectation
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context
    from .listener_options import ListenerOptions

_CONNECT_SECONDS = 4.0


def way_from_here(options: ListenerOptions, port: int, vm: VirtualMachine, context: Context) -> Way | None:
    """The way to ``port``: at the address that is given, else the public one, or else the private one."""
    if options.address:
        return Way(address=options.address, port=port)
    return way_to(interface_of(vm, options.network_interface, context), kind="auto", port=port, context=context)


def probe_once(way: Way, expected: Expectation, context: Context) -> Document:
    """The ``probe`` result of access_probe; ``verified`` in it is the answer."""
    options = Options(
        expected=expected, address=way.address, connect_timeout=_CONNECT_SECONDS, wait=False, required=False
    )
    return probe_access(options, candidates=lambda: [way.address], deadline=context.deadline).thing
