# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real client at the RDP port of the local Azure's VMs: as far as it goes, it sees what it would see of Windows."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.rdp_servers.client import TLS_FAILED, TRANSPORT_FAILED
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.tests.integration.rdp_servers.client import Client

SCENARIO = Path(__file__).parents[1] / "scenarios" / "rdp-vms.yml"


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    """The public address of each VM of the scenario."""
    with running(str(SCENARIO), pace=0.002) as server:
        guests = server.state()["guests"]
        yield {key.rpartition("/")[2]: min(guest["ports"]).partition(":")[0] for key, guest in guests.items()}


def at(client: Client, address: str, *options: str, **more: t.Any) -> tuple[int, str]:
    return client.connect(f"/v:{address}:3389", *options, **more)


def test_tls_with_the_certificate_of_the_vm(addresses: dict[str, str], client: Client) -> None:
    refused, said = at(client, addresses["tls"], "/sec:tls", "/cert:deny")
    assert refused == TLS_FAILED
    assert "CN = tls" in said
    accepted, _said = at(client, addresses["tls"], "/sec:tls", "/cert:ignore")  # then nothing comes: nobody can sign in
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
    code, said = at(client, addresses[name], f"/sec:{security}", "/cert:ignore")
    assert code not in {0, TRANSPORT_FAILED}
    assert failure in said


JANE = "Jane's own 1"


def test_a_sign_in(addresses: dict[str, str], client: Client) -> None:
    code, said = at(client, addresses["good"], "/sec:nla", "/cert:ignore", account=("jane", JANE))
    assert code == TRANSPORT_FAILED, said  # accepted, and then nothing comes: there is no desktop
    assert "NTSTATUS" not in said


@pytest.mark.parametrize(
    ("name", "password", "status"),
    [
        ("jane", "not hers", "STATUS_LOGON_FAILURE"),
        ("nobody", JANE, "STATUS_LOGON_FAILURE"),
        ("former", JANE, "STATUS_ACCOUNT_DISABLED"),
        ("guesser", JANE, "STATUS_ACCOUNT_LOCKED_OUT"),
        ("temporary", JANE, "STATUS_ACCOUNT_EXPIRED"),
        ("sleeper", JANE, "STATUS_PASSWORD_EXPIRED"),
        ("newcomer", JANE, "STATUS_PASSWORD_MUST_CHANGE"),
    ],
)
def test_refused_sign_ins(addresses: dict[str, str], client: Client, name: str, password: str, status: str) -> None:
    code, said = at(client, addresses["good"], "/sec:nla", "/cert:ignore", account=(name, password))
    assert code not in {0, TRANSPORT_FAILED}
    assert f"NTSTATUS: {status} " in said
