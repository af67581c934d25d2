# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people run: each role with all that it can do for a VM, on an island of the scenario, and what takes it back."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.azvm.access.plugins.module_utils._domain.password_marker import Marker
from ansible_collections.azvm.access.tests.integration.support.stock_clients import whoami

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
    from ansible_collections.azvm.access.tests.integration.support.controller import Finished

Json = dict[str, t.Any]
Proof = t.Callable[["Azure", "Finished"], bool]

ISLANDS = Path(__file__).parent / "scenarios" / "islands.yml"
PLAY = Path(__file__).parent / "plays" / "role.yml"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One role for one VM. ``own`` gives its variables for an island and the folder where it may write.

    ``works`` says, after a run that went well on one island, whether people can use what they were given.
    ``after`` is the job that is done on an island before this one.
    """

    role: str
    vm: str
    own: Callable[[str, Path], Json]
    works: Proof
    after: Job | None = None

    @property
    def name(self) -> str:
        return f"{self.role} absent" if self.after else self.role

    def variables(self, island: str, folder: Path) -> Json:
        return {"role": self.role, "resource_group": island, "vm_name": self.vm, **self.own(island, folder)}


def _winrm(island: str, folder: Path) -> Json:
    return {"allowed_sources": ["127.0.0.1"], "enable_winrm_trust_dir": str(folder)}


def _rdp(island: str, folder: Path) -> Json:
    return {
        "allowed_sources": ["127.0.0.1"],
        "enable_rdp_folder": str(folder),
        "enable_rdp_public_ip": True,
        "enable_rdp_server_certificate": True,
    }


def _reset(island: str, folder: Path) -> Json:
    return {
        "reset_access_mode": "both",
        "reset_access_only_if_unreachable": True,
        "reset_access_generate": True,
        "reset_access_vault_name": f"{island}-passwords",
    }


def _signs_in(azure: Azure, run: Finished) -> bool:
    result = run.fact("enable_winrm_result")
    return whoami(result["address"], Path(result["trust_file"]), azure.server.env) == r"locked\azureuser"


def _opens(azure: Azure, run: Finished) -> bool:
    result = run.fact("enable_rdp_result")
    lines = Path(result["rdp_file"]).read_text(encoding="utf-8-sig").splitlines()
    return f"full address:s:{result['address']}:{result['port']}" in lines and bool(result["thumbprint"])


def _has_the_password_of_the_vault(azure: Azure, run: Finished) -> bool:
    """The VM's extension says which version of the secret it has set."""
    result = run.fact("reset_access_result")
    group = result["secret"]["vault_uri"].removeprefix("https://").partition("-passwords")[0]
    inside = f"/resourceGroups/{group}/"
    (extension,) = [
        one
        for one in azure.state()["resources"]
        if inside in one["id"] and one["type"] == "Microsoft.Compute/virtualMachines/extensions"
    ]
    marker = Marker.parse(extension["properties"]["forceUpdateTag"])
    account = f"{extension['id'].partition('/extensions/')[0]}/{result['user']}"
    return marker is not None and marker.is_of_secret(result["secret"]["url"], account=account)


def _absent(job: Job, **more: t.Any) -> Job:
    """What takes back all that ``job`` has made, for which ``more`` is needed; then there is nothing left to use."""

    def own(island: str, folder: Path) -> Json:
        return {**job.own(island, folder), f"{job.role}_state": "absent", **more}

    return Job(role=job.role, vm=job.vm, own=own, works=lambda azure, run: True, after=job)


WINRM = Job(role="enable_winrm", vm="locked", own=_winrm, works=_signs_in)
RDP = Job(role="enable_rdp", vm="hidden", own=_rdp, works=_opens)
RESET = Job(role="reset_access", vm="locked", own=_reset, works=_has_the_password_of_the_vault)
JOBS = {job.name: job for job in (WINRM, RDP, RESET)}
REMOVALS = {
    job.name: job
    for job in (
        _absent(WINRM, enable_winrm_remove_certificate=True),
        _absent(RDP, enable_rdp_remove_certificate=True),
        _absent(RESET),
    )
}
