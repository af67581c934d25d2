# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaults, certificates and VMs that never come to an end: a sentence about it, and a next run that goes on."""

from __future__ import annotations

import typing as t

import pytest
from azure.mgmt.compute.models import VirtualMachineUpdate

from ansible_collections.azvm.access.tests.integration.support.waits import gives_up
from ansible_collections.azvm.access.tests.integration.winrm_cert_keyvault.conftest import (
    GROUP,
    NAME,
    SECRET,
)

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.support.azure_control import Fault
    from ansible_collections.azvm.access.tests.integration.winrm_cert_keyvault.conftest import Bench, Json

VM = f"virtual machine {NAME} in resource group {GROUP}"
KEY_SOURCES = ("controller", "vault")
COLLECTIONS = {"controller": "secret", "vault": "certificate"}


def given_up(bench: Bench, fault: Fault, **changed: t.Any) -> str:
    """What the operation says when it gives up a wait that ``fault`` keeps from ending."""
    return gives_up(bench.control, fault, lambda deadline: bench.run_until(deadline, **changed))


def versions(bench: Bench, kind: str = "secret") -> int:
    found = [one for vault in bench.control.state()["vaults"] for one in vault[f"{kind}s"] if one["name"] == SECRET]
    return sum(len(one["versions"]) for one in found)


def test_a_vault_that_never_gets_its_name(bench: Bench) -> None:
    fault = bench.control.fault("hang-operation", method="PUT", path=r"/vaults/[^/]+$")

    said = given_up(bench, fault)

    assert said == f"the key vault {bench.vault_name}; last seen: operation RegisteringDns."
    bench.control.clear_faults()
    made = bench.run()
    assert made.changed
    assert bench.references() == [made.thing["secret_url"]]
    assert len(bench.control.state()["vaults"]) == 1


def test_certificates_that_are_never_installed(bench: Bench) -> None:
    fault = bench.control.fault("hang-operation", method="PATCH", path="/virtualMachines/win1$")

    said = given_up(bench, fault)

    assert said == f"the certificates of the {VM} to be installed; last seen: operation InProgress."
    # The next run waits for what this one began.
    second_look = bench.control.fault("delay", method="GET", path="/virtualMachines/win1$", nth=2)
    said = given_up(bench, second_look)
    assert said == f"the running update of the {VM}; last seen: Updating."
    bench.control.clear_faults()
    made = bench.run()
    assert bench.references() == [made.thing["secret_url"]]
    assert versions(bench) == 1


def test_an_update_of_somebody_else_that_never_ends(bench: Bench) -> None:
    made = bench.run().thing
    bench.control.fault("stuck", method="PATCH", path="/virtualMachines/win1$")
    tagged = VirtualMachineUpdate(tags={"team": "web"})
    bench.azure.compute.virtual_machines.begin_update(GROUP, NAME, tagged, polling=False)
    second_look = bench.control.fault("delay", method="GET", path="/virtualMachines/win1$", nth=2)

    said = given_up(bench, second_look, dns_names=["win1.example.com"])

    assert said == f"the running update of the {VM}; last seen: Updating."
    bench.control.clear_faults()
    renewed = bench.run(dns_names=["win1.example.com"]).thing
    assert bench.references() == [made["secret_url"], renewed["secret_url"]]
    assert versions(bench) == 2


def test_a_certificate_that_the_vault_never_makes(bench: Bench) -> None:
    bench.run(reference=False, certificate_name="another")
    fault = bench.control.fault("hang-operation", method="POST", path=f"/certificates/{SECRET}/create$")

    said = given_up(bench, fault, key_source="vault")

    assert said == f"the key vault to make the certificate {SECRET}; last seen: operation inprogress."
    assert bench.references() == []
    bench.control.clear_faults()
    made = bench.run(key_source="vault").thing
    assert bench.references() == [made["secret_url"]]
    assert versions(bench, "certificate") == 1


@pytest.mark.parametrize("key_source", KEY_SOURCES)
def test_a_removal_and_a_return_that_never_end(bench: Bench, key_source: str) -> None:
    kind = COLLECTIONS[key_source]
    made = bench.run(key_source=key_source).thing
    gone: Json = {"key_source": key_source, "state": "absent", "remove_certificate": True}

    removal = bench.control.fault("hang-operation", method="DELETE", path=f"/{kind}s/{SECRET}$")
    said = given_up(bench, removal, **gone)
    assert said == f"the {kind} {SECRET} to be deleted; last seen: operation polling."
    bench.control.clear_faults()
    assert bench.references() == []
    assert not bench.run(**gone).changed

    back = bench.control.fault("hang-operation", method="POST", path=f"/deleted{kind}s/{SECRET}/recover$")
    said = given_up(bench, back, key_source=key_source)
    assert said.startswith(f"the deleted {kind} {SECRET} to come back; last seen: ")
    bench.control.clear_faults()
    again = bench.run(key_source=key_source).thing
    assert again["secret_url"] == made["secret_url"]
    assert bench.references() == [made["secret_url"]]
    assert versions(bench, kind) == 1
