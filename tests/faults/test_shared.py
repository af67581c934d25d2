# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet that shares one security group and one vault, all at once and within Azure's limits: nothing is lost."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

from ansible_collections.azvm.access.tests.faults.jobs import PLAY, Json
from ansible_collections.azvm.access.tests.faults.trial import Tried
from ansible_collections.azvm.access.tests.integration.support.stock_clients import whoami

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.azvm.access.tests.faults.conftest import Extent, Note
    from ansible_collections.azvm.access.tests.faults.fleet import Fleet

GROUP = "access-fleet"
SECURITY_GROUP = "fleet-nsg"
FEW = 2
KIND = "one group and vault"


def test_a_fleet_all_at_once(
    fleet: Callable[[str, int], Fleet], extent: Extent, note: Note, record_property: Callable[[str, object], None]
) -> None:
    count = 3 if extent == "sample" else 50
    shared = fleet("enable_winrm", count)
    azure = shared.azure
    azure.start_over("fleet", count=count)
    azure.fault("throttle")
    names = [f"win{number}" for number in range(1, count + 1)]
    files = shared.controller.folder / "files"
    common = {"resource_group": GROUP, "allowed_sources": ["127.0.0.1"]}
    hosts: dict[str, Json] = {name: {**common, "role": "enable_winrm", "vm_name": name} for name in names}
    # Some of the VMs get their other way in at the same moment.
    hosts |= {
        f"rdp-{name}": {**common, "role": "enable_rdp", "vm_name": name, "enable_rdp_folder": str(files)}
        for name in names[:FEW]
    }

    started = time.monotonic()
    run = shared.controller.begin(PLAY, "--forks", str(len(hosts)), hosts=hosts).wait(1200)
    seconds = time.monotonic() - started
    journal = azure.journal()
    azure.clear_faults()

    run.succeeded()
    state = azure.state()
    group = next(one for one in state["resources"] if one["name"] == SECURITY_GROUP)
    rules = sorted(rule["name"] for rule in group["properties"]["securityRules"])
    secrets = {secret["name"]: secret["versions"] for vault in state["vaults"] for secret in vault["secrets"]}
    for name in names:
        result = run.fact("enable_winrm_result", name)
        assert result["thumbprint"] == secrets[f"winrm-{name}"][0]["tags"]["thumbprint"]
        assert whoami(result["address"], Path(result["trust_file"]), azure.server.env) == rf"{name}\azureuser"
    wanted = [*(f"Port_5986_{name}" for name in names), *(f"Port_3389_{name}" for name in names[:FEW])]
    assert rules == sorted(["AllowHttps", *wanted])
    assert {name: len(found) for name, found in secrets.items()} == {f"winrm-{name}": 1 for name in names}
    assert sorted(path.name for path in files.iterdir()) == [f"{name}.rdp" for name in names[:FEW]]
    note(Tried(job=one["role"], kind=KIND, met=name, went_on=True) for name, one in hosts.items())
    refused = len([one for one in journal if one["status"] == 429])
    record_property(
        "summary",
        f"{count} VMs, {len(hosts)} runs at once: {seconds:.0f} s, {len(journal)} requests, {refused} refused",
    )
