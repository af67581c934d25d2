# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real client at the RDP port of the local Azure's VMs: as far as it goes, it sees what it would see of Windows."""

from __future__ import annotations

import os
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.rdp_servers.servers import path_of
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

SCENARIO = Path(__file__).parents[1] / "scenarios" / "rdp-vms.yml"

# Exit codes of xfreerdp: the certificate is not accepted; it is, and then nothing comes, as nobody can sign in here.
TLS_FAILED = 143
TRANSPORT_FAILED = 147


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    """The public address of each VM of the scenario."""
    with running(str(SCENARIO), pace=0.002) as server:
        guests = server.state()["guests"]
        yield {key.rpartition("/")[2]: min(guest["ports"]).partition(":")[0] for key, guest in guests.items()}


class Client(t.Protocol):
    def __call__(self, address: str, *options: str) -> tuple[int, str]: ...


@pytest.fixture
def client(display: str, tmp_path: Path) -> Client:
    """Run xfreerdp up to the sign-in, and give its exit code and what it said."""
    program = path_of("xfreerdp")
    assert program is not None

    def run(address: str, *options: str) -> tuple[int, str]:
        done = subprocess.run(
            [program, f"/v:{address}:3389", "+auth-only", "/u:nobody", "/p:nothing", "/timeout:5000", *options],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "HOME": str(tmp_path), "DISPLAY": display},
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_tls_with_the_certificate_of_the_vm(addresses: dict[str, str], client: Client) -> None:
    refused, said = client(addresses["tls"], "/sec:tls", "/cert:deny")
    assert refused == TLS_FAILED
    assert "CN = tls" in said
    accepted, _said = client(addresses["tls"], "/sec:tls", "/cert:ignore")
    assert accepted == TRANSPORT_FAILED


@pytest.mark.parametrize(
    ("name", "security", "failure"),
    [
        ("good", "tls", "HYBRID_REQUIRED_BY_SERVER"),
        ("tls", "rdp", "SSL_REQUIRED_BY_SERVER"),
        ("rdp", "tls", "SSL_NOT_ALLOWED_BY_SERVER"),
        ("bare", "nla", "SSL_CERT_NOT_ON_SERVER"),
    ],
)
def test_refusals(addresses: dict[str, str], client: Client, name: str, security: str, failure: str) -> None:
    code, said = client(addresses[name], f"/sec:{security}", "/cert:ignore")
    assert code not in {0, TRANSPORT_FAILED}
    assert failure in said
