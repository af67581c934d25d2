# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret of the job turns up anywhere: output, results, journal, files, command lines."""

from __future__ import annotations

import base64
import json
import typing as t

from ansible_collections.azvm.access.tests.integration.enable_rdp.conftest import Office
from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import PASSPHRASE, publisher_in
from ansible_collections.azvm.access.tests.integration.support.controller import Controller
from ansible_collections.azvm.access.tests.integration.support.leaks import leaks
from ansible_collections.azvm.access.tests.integration.support.secrets_search import Secrets

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure


def test_the_whole_job_at_highest_verbosity_tells_no_secret(azure: Azure, tmp_path: Path) -> None:
    """As people run it: each module in a process of its own."""
    azure.start_over()
    publisher = publisher_in(tmp_path)
    pfx = {"data": base64.b64encode(publisher.pfx.read_bytes()).decode(), "password": PASSPHRASE}
    value = base64.b64encode(json.dumps(pfx).encode()).decode()
    with Controller(folder=tmp_path / "controller", environment=azure.server.env) as controller:
        office = Office(azure=azure, controller=controller, folder=tmp_path / "rdp")
        job = {"enable_rdp_server_certificate": True, "enable_rdp_sign_with": publisher.signer}
        watched = office.begin({"natted": job}, "-vvvv", "--diff").watched()
        finished = watched.run.wait().succeeded()

    assert finished.fact("enable_rdp_result")["publisher"]
    secrets = Secrets.of(words={}, values=[value]) | azure.secrets()
    assert leaks(secrets, office.folder, azure=azure, controller=controller, runs=[watched]) == []
    # The search has seen what it was meant to see.
    assert b"AnsiballZ_rdp_file" in watched.command_lines
    assert "sign_with" in finished.output
    assert secrets.found_in(publisher.pfx.read_bytes() + PASSPHRASE.encode()) != []
