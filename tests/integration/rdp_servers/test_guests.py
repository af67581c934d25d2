# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real client at the RDP port of the local Azure's VMs: as far as it goes, it sees what it would see of Windows."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.rdp_servers.client import TLS_FAILED, TRANSPORT_FAILED, connect
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

SCENARIO = Path(__file__).parents[1] / "scenarios" / "rdp-vms.yml"


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
    def run(address: str, *options: str) -> tuple[int, str]:
        return connect(f"/v:{address}:3389", *options, display=display, home=tmp_path)

    return run


def test_tls_with_the_certificate_of_the_vm(addresses: dict[str, str], client: Client) -> None:
    refused, said = client(addresses["tls"], "/sec:tls", "/cert:deny")
    assert refused == TLS_FAILED
    assert "CN = tls" in said
    accepted, _said = client(addresses["tls"], "/sec:tls", "/cert:ignore")  # then nothing comes: nobody can sign in
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
