# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just-in-time access policies over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from local_azure.scenarios import ScenarioError
from local_azure.testing import InProcess, in_process

API = "api-version=2020-01-01"
PATH = "providers/Microsoft.Security"


def scenario(**security: Any) -> dict[str, Any]:
    one = {"resourceGroup": "rg", "virtualMachines": [{"name": "win1", "ports": [{"number": 3389}]}]}
    return {
        "groups": [{"name": "rg", "location": "westeurope"}, {"name": "other", "location": "westus"}],
        "security": security or {"jitNetworkAccessPolicies": [one, {**one, "resourceGroup": "other"}]},
    }


@pytest.fixture
def made() -> InProcess:
    return in_process(scenario())


@pytest.mark.parametrize(
    ("path", "groups"),
    [
        (f"{PATH}/jitNetworkAccessPolicies", ["other", "rg"]),
        (f"{PATH}/locations/WestEurope/jitNetworkAccessPolicies", ["rg"]),
        (f"resourceGroups/other/{PATH}/jitNetworkAccessPolicies", ["other"]),
        (f"resourceGroups/other/{PATH}/locations/westus/jitNetworkAccessPolicies", ["other"]),
        (f"resourceGroups/other/{PATH}/locations/westeurope/jitNetworkAccessPolicies", []),
    ],
)
def test_lists(made: InProcess, path: str, groups: list[str]) -> None:
    found = made.client.get(f"{made.subscription}/{path}?{API}").json()["value"]
    assert sorted(one["id"].split("/")[4] for one in found) == groups


def test_one_policy_has_the_recorded_shape(made: InProcess) -> None:
    id = f"{made.group('rg')}/{PATH}/locations/westeurope/jitNetworkAccessPolicies/default"
    shown = made.client.get(f"{id}?{API}").json()
    assert shown == {
        "kind": "Basic",
        "properties": {
            "virtualMachines": [
                {
                    "id": f"{made.group('rg')}/providers/Microsoft.Compute/virtualMachines/win1",
                    "ports": [
                        {
                            "number": 3389,
                            "protocol": "*",
                            "allowedSourceAddressPrefix": "*",
                            "maxRequestAccessDuration": "PT3H",
                        }
                    ],
                }
            ],
            "requests": [],
            "provisioningState": "Succeeded",
            "appendMode": False,
        },
        "id": id,
        "name": "default",
        "type": "Microsoft.Security/locations/jitNetworkAccessPolicies",
        "location": "westeurope",
    }


def test_readers_may_read_and_nobody_writes(made: InProcess) -> None:
    path = f"{made.subscription}/{PATH}/jitNetworkAccessPolicies?{API}"
    assert made.as_principal("reader").get(path).status_code == 200
    one = f"{made.group('rg')}/{PATH}/locations/westeurope/jitNetworkAccessPolicies/default?{API}"
    assert made.client.put(one, json={}).status_code == 405
    assert made.client.get(one.replace("/default", "/absent")).status_code == 404


def test_older_api_versions_are_refused(made: InProcess) -> None:
    answer = made.client.get(f"{made.subscription}/{PATH}/jitNetworkAccessPolicies?api-version=2015-06-01-preview")
    assert answer.json()["error"]["code"] == "NoRegisteredProviderFound"


def test_what_a_scenario_cannot_say() -> None:
    with pytest.raises(ScenarioError, match="unknown in the security section: jit"):
        in_process(scenario(jit=[]))
    with pytest.raises(ScenarioError, match="'virtualMachines' is missing"):
        in_process(scenario(jitNetworkAccessPolicies=[{"resourceGroup": "rg"}]))
