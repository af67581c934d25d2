# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just-in-time access: found for the VM and port that a policy guards, and for no other."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import Conflict
from ansible_collections.azvm.access.plugins.module_utils._operations.jit_guard import checked_against_jit

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.vm_public_ip.conftest import Bench


@pytest.mark.parametrize(("port", "longest"), [(3389, "PT3H"), (5986, "PT1H")])
def test_a_guarded_port_is_refused(bench: Bench, port: int, longest: str) -> None:
    with pytest.raises(Conflict) as caught:
        checked_against_jit(bench.clients(), bench.vm("plain"), port=port)
    assert caught.value.code == "JitPolicyCoversPort"
    assert longest in caught.value.message
    assert "allow_jit_override: true" in caught.value.hint
    assert caught.value.details["policy"].endswith("/westeurope/jitNetworkAccessPolicies/default")


def test_the_override_warns(bench: Bench) -> None:
    warnings = checked_against_jit(bench.clients(), bench.vm("plain"), port=3389, override=True)
    assert len(warnings) == 1
    assert "allow_jit_override" in warnings[0]


@pytest.mark.parametrize(
    ("vm", "port", "protocol"), [("kept", 3389, "Tcp"), ("plain", 5985, "Tcp"), ("plain", 5986, "Udp")]
)
def test_others_are_free(bench: Bench, vm: str, port: int, protocol: str) -> None:
    assert checked_against_jit(bench.clients(), bench.vm(vm), port=port, protocol=protocol) == ()


def test_who_may_only_read_the_group_asks_there(bench: Bench) -> None:
    bench.control.fault(
        "status", method="GET", path="^/subscriptions/[^/]+/providers/Microsoft.Security", status=403, times=1
    )
    with pytest.raises(Conflict):
        checked_against_jit(bench.clients(), bench.vm("plain"), port=3389)


def test_who_may_read_no_policies_is_warned(bench: Bench) -> None:
    bench.control.fault("status", method="GET", path="Microsoft.Security", status=403)
    (warning,) = checked_against_jit(bench.clients(), bench.vm("plain"), port=3389)
    assert "is not known" in warning
