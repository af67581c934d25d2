# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ports just-in-time access guards."""

from __future__ import annotations

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.jit import JitPolicy, JitPort, covering, refusal
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId

VM = ResourceId.parse("/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/win1")
RDP = JitPort(number=3389, protocol="TCP", longest="PT3H")
ANY = JitPort(number=22, protocol="*", longest="PT1H")
OTHERS = JitPolicy(id="others", ports=((f"{VM}0", (RDP,)),))
OURS = JitPolicy(id="ours", ports=(("x", (ANY,)), (str(VM).upper(), (ANY, RDP))))


@pytest.mark.parametrize(
    ("port", "protocol", "found"),
    [(3389, "Tcp", RDP), (3389, "*", RDP), (3389, "Udp", None), (22, "Udp", ANY), (5986, "Tcp", None)],
)
def test_a_port_is_covered(port: int, protocol: str, found: JitPort | None) -> None:
    cover = covering([OTHERS, OURS], VM, port=port, protocol=protocol)
    assert (cover.port if cover else None) is found
    assert cover is None or cover.policy_id == "ours"


def test_another_vm_is_not() -> None:
    assert covering([OTHERS], VM, port=3389) is None


def test_the_refusal_names_the_option() -> None:
    cover = covering([OURS], VM, port=3389)
    assert cover is not None
    error = refusal(cover, vm_name="win1", override="allow_jit_override")
    assert "allow_jit_override: true" in error.hint
    assert error.details == {"policy": "ours"}
