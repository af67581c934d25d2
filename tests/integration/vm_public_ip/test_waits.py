# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes that never end: a sentence about it, and a next run that goes on."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._operations import vm_public_ip
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from ansible_collections.azvm.access.tests.integration.support.waits import gives_up
from ansible_collections.azvm.access.tests.integration.vm_public_ip.conftest import parameters

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
    from ansible_collections.azvm.access.tests.integration.vm_public_ip.conftest import Bench, Json

ADDRESS = "publicIPAddresses/plain-ip$"
INTERFACE = "networkInterfaces/plain-nic$"
GONE = {"state": "absent"}
LABELLED = {"domain_name_label": "plain-access"}


@pytest.mark.parametrize(
    ("there", "wish", "method", "path", "waiting_for"),
    [
        (False, {}, "PUT", ADDRESS, "the public address plain-ip"),
        (False, {}, "PUT", INTERFACE, "the network interface plain-nic"),
        (True, LABELLED, "PUT", ADDRESS, "the public address plain-ip"),
        (True, GONE, "PUT", INTERFACE, "the network interface plain-nic"),
        (True, GONE, "DELETE", ADDRESS, "the removal of the public address plain-ip"),
    ],
    ids=["made", "attached", "labelled", "detached", "removed"],
)
def test_a_write_that_never_ends(
    bench: Bench, *, there: bool, wish: Json, method: str, path: str, waiting_for: str
) -> None:
    if there:
        bench.run("plain")
    fault = bench.control.fault("hang-operation", method=method, path=path)
    options = vm_public_ip.Options.from_parameters(parameters("plain", **wish))

    def run(deadline: Deadline) -> None:
        vm_public_ip.run(options, Context(azure=bench.clients(), deadline=deadline, check_mode=False))

    assert gives_up(bench.control, fault, run) == f"{waiting_for}; last seen: operation InProgress."

    bench.control.clear_faults()
    bench.run("plain", **wish)
    assert ("plain-ip" in bench.addresses()) == (wish != GONE)
    again = bench.run("plain", **wish)
    assert not again.changed
    assert again.thing["attached"] == (wish != GONE)
