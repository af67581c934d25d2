# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is cut off right after a request, and started again: the end is that of an undisturbed run.

The short form of this is in test_life; tests/faults cuts this role off at each of its requests.
"""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import publisher_in
from ansible_collections.azvm.access.tests.integration.support.end_state import differences, end_state, unused_versions
from ansible_collections.azvm.access.tests.integration.support.interrupted import cut_off, settled

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.azvm.access.tests.integration.enable_rdp.conftest import Office
    from ansible_collections.azvm.access.tests.integration.support.controller import Json

NAME = "private"
# In the order in which a first run sends them.
WRITES = {
    "public address": {"method": "PUT", "path": r"/publicIPAddresses/"},
    "address at the interface": {"method": "PUT", "path": r"/networkInterfaces/"},
    "reference": {"method": "PATCH", "path": rf"/virtualMachines/{NAME}$"},
    "certificate bound": {"method": "PUT", "path": r"/runCommands/.*-apply-"},
    "rule": {"method": "PUT", "path": r"/securityRules/"},
}


@pytest.mark.full
def test_a_run_that_was_cut_off_goes_on(office: Office, tmp_path: Path) -> None:
    job: Json = {
        "enable_rdp_start_vm": True,
        "enable_rdp_public_ip": True,
        "enable_rdp_server_certificate": True,
        "enable_rdp_sign_with": {"file": str(publisher_in(tmp_path).pem)},
    }
    office.run(NAME, **job).succeeded()
    undisturbed, files = settled(office.azure), contents(office)

    for name, request in WRITES.items():
        office.azure.start_over()
        for path in office.folder.iterdir():
            path.unlink()
        assert cut_off(office.azure, lambda: office.begin({NAME: job}), **request), name
        office.run(NAME, **job).succeeded()

        state = settled(office.azure)
        assert differences(end_state(state), end_state(undisturbed)) == [], name
        assert unused_versions(state) == [], name
        assert contents(office) == files, name


def contents(office: Office) -> dict[str, bytes]:
    """The files for people; that of the certificate, which is another one each time, by its name only."""
    return {
        path.name: path.read_bytes() if path.suffix == ".rdp" else b"a certificate"
        for path in sorted(office.folder.iterdir())
    }
