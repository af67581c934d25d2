# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests whose answer is lost, cut short or put off: what they made is found, and made once."""

from __future__ import annotations

import typing as t
from contextlib import suppress

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import Unavailable
from ansible_collections.azvm.access.tests.integration.winrm_cert_keyvault.conftest import SECRET, Json

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.winrm_cert_keyvault.conftest import Bench

LOST = ("reset-before", "reset-after", "truncate")


def versions(bench: Bench, name: str, kind: str = "secrets") -> list[Json]:
    found = [one for vault in bench.control.state()["vaults"] for one in vault[kind] if one["name"] == name]
    return [version for one in found for version in one["versions"]]


@pytest.mark.parametrize("action", LOST)
@pytest.mark.parametrize("channel", ["data_plane", "resource_manager"])
def test_a_version_is_written_once(bench: Bench, channel: str, action: str) -> None:
    bench.run(vault_channel=channel)
    fault = bench.control.fault(action, method="PUT", path=rf"/secrets/{SECRET}$", times=2)

    renewed = bench.run(vault_channel=channel, force_renew=True)

    assert bench.control.met(fault) == (2 if action == "reset-before" else 1)
    assert len(versions(bench, SECRET)) == 2
    assert renewed.thing["secret_url"] in bench.references()


def test_a_version_that_an_endpoint_took_before_it_fell_silent_is_found_by_the_other_way(bench: Bench) -> None:
    bench.run()
    bench.control.fault("reset-after", method="PUT", path=rf"^/secrets/{SECRET}$")
    bench.control.fault("reset-before", method="GET", path=rf"^/secrets/{SECRET}/versions$", nth=2)
    for nth in range(3, 12):
        bench.control.fault("reset-before", method="GET", path=rf"^/secrets/{SECRET}/versions$", nth=nth)

    renewed = bench.run(force_renew=True)

    assert renewed.thing["channel"] == "resource_manager"
    assert len(versions(bench, SECRET)) == 2
    assert renewed.thing["secret_url"] in bench.references()


@pytest.mark.parametrize("action", [*LOST, "status"])
def test_the_vm_is_written_again_when_its_answer_is_lost(bench: Bench, action: str) -> None:
    bench.control.fault(action, method="PATCH", path="/virtualMachines/win1$", times=1, status=502)

    made = bench.run()

    assert bench.references() == [made.thing["secret_url"]]


@pytest.mark.parametrize("action", LOST)
def test_the_vault_makes_a_certificate_once(bench: Bench, action: str) -> None:
    bench.run()  # so that there is a vault, and nothing but the certificate is asked of it
    bench.control.fault(action, method="POST", path="/certificates/.*/create$", nth=2)

    with suppress(Unavailable):
        bench.run(key_source="vault", certificate_name="made-there")
    bench.run(key_source="vault", certificate_name="made-there")

    assert len(versions(bench, "made-there", kind="certificates")) == 1


def test_a_refusal_that_says_when_to_come_again_is_waited_for(bench: Bench) -> None:
    patience = {"status": 429, "code": "TooManyRequests", "retry_after": "0.05"}
    fault = bench.control.fault("status", path="/virtualMachines/win1$", times=20, **patience)

    bench.run()

    assert bench.control.met(fault) == 20
