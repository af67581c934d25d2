# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Remote Desktop answers from here, asked once."""

from __future__ import annotations

import typing as t

from .._domain.probe_causes import Protocol
from .._domain.probe_observations import Expectation
from .access_probe import Options, run

if t.TYPE_CHECKING:
    from .._domain.outcome import Document
    from .._domain.resource_id import VmTarget
    from .context import Context

_CONNECT_SECONDS = 5.0


def rdp_probe(vm: VmTarget, port: int, context: Context) -> Document:
    """The ``probe`` result of access_probe; ``verified`` in it is the answer."""
    options = Options(
        expected=Expectation(protocol=Protocol.RDP, port=port),
        target=vm,
        connect_timeout=_CONNECT_SECONDS,
        required=False,
    )
    return run(options, context).thing
