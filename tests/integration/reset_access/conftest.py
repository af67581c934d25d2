# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role reset_access for a VM that nobody gets into: one server a module, a fresh scenario and controller a test."""

from __future__ import annotations

import ssl
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.compute.conftest import GROUP, NAME
from ansible_collections.azvm.access.tests.integration.support.controller import Controller
from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import LOCKED, VAULT, Reset, fresh
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.tests.integration.support.controller import Run
    from ansible_collections.azvm.access.tests.integration.support.preloaded import Preloaded
    from ansible_collections.azvm.access.tests.integration.vm_access_reset.conftest import Json
    from local_azure.testing import Running

PLAYS = Path(__file__).parent / "plays"
CLERK = {"name": "clerk", "password": "Former-Horse-1", "admin": False}
GENERATE: Json = {"reset_access_mode": "both", "reset_access_generate": True, "reset_access_vault_name": VAULT}


@dataclass(kw_only=True)
class Job:
    """The role on a controller, and the VM that it is for."""

    vm: Reset
    controller: Controller

    def begin(self, *options: str, playbook: str = "role.yml", **variables: t.Any) -> Run:
        """Start the role in a play of its own; ``variables`` are the host's."""
        host = {"resource_group": GROUP, **variables}
        return self.controller.begin(PLAYS / playbook, *options, hosts={NAME: host})

    def begin_anew(self, **guest: t.Any) -> None:
        """A VM with Remote Desktop off and its port open in Azure, WinRM enabled to try passwords, an empty vault."""
        self.vm.vm(guest={**LOCKED, "users": [CLERK], **guest})
        self.vm.open_rdp()
        self.vm.make_vault()
        self.vm.enable_winrm()

    def trust(self) -> Path:
        """The certificate that the VM presents now, as the role enable_winrm would have kept it."""
        path = self.controller.folder / "trust.pem"
        path.write_text(ssl.get_server_certificate((self.vm.address, 5986)), encoding="ascii")
        return path


@pytest.fixture(scope="package")
def server() -> Iterator[Running]:
    with running("windows-vm", pace=0.002) as found:
        yield found


@pytest.fixture
def job(server: Running, preloaded: Preloaded | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    """A locked-out VM; see :meth:`Job.begin_anew`."""
    with (
        fresh(server, tmp_path, monkeypatch) as vm,
        Controller(folder=tmp_path / "ctl", environment=server.env, preloaded=preloaded) as controller,
    ):
        made = Job(vm=vm, controller=controller)
        made.begin_anew()
        yield made
