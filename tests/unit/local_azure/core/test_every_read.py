# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every read that is served, of everything there is: answered, and as Azure's specifications want it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from local_azure.core.resource_id import GROUP_TYPE
from local_azure.testing import InProcess, in_process

SCENARIOS = Path(__file__).parents[3] / "integration" / "scenarios"
API_VERSION = {"api-version": "2026-04-01"}
#: Values for the placeholders of paths that lead to no resource.
GIVEN = {
    "namespace": "Microsoft.Compute",
    "location": "westeurope",
    "command": "RunPowerShellScript",
    "definition": "b24988ac-6180-42a0-ab88-20f7382dd24c",
}
#: What only those see who began something, or gave somebody a role.
LEFT_OUT = ("{operation}", "{assignment}", "/deletedVaults/{vault}")

WRITTEN_ANEW = ("etag", "systemData", "provisioningState")


@pytest.fixture(params=["windows-vm", "fleet", "locked-out", *sorted(SCENARIOS.glob("*.yml"))], ids=str)
def cloud(request: pytest.FixtureRequest) -> InProcess:
    return in_process(str(request.param), count=2)


def read(cloud: InProcess, path: str) -> Any:
    """A path's answer, which must be a success; the judge raises unless it keeps to the specifications."""
    more = {"ipAddress": "10.9.9.9"} if path.lower().endswith("/checkipaddressavailability") else {}
    answer = cloud.client.get(path, params=API_VERSION | more)
    refused = more and answer.json().get("error", {}).get("code") == "PrivateIPAddressNotInAnySubnet"
    assert answer.status_code == 200 or refused, (path, answer.text)
    return answer.json()


def ids(value: object) -> Iterator[str]:
    """The ids of resources that a document names."""
    if isinstance(value, dict):
        if str(value.get("id", "")).startswith("/subscriptions/"):
            yield value["id"]
        for one in value.values():
            yield from ids(one)
    elif isinstance(value, list):
        for one in value:
            yield from ids(one)


def filled(template: str, target: Sequence[str]) -> str | None:
    """The template with its names filled in from a path, as far as both are the same; None if that is not enough."""
    same, parts = True, []
    for number, part in enumerate(template.strip("/").split("/")):
        is_name = part[0] == "{"
        same = same and number < len(target) and (is_name or part.lower() == target[number].lower())
        value = target[number] if same else part if not is_name else GIVEN.get(part[1:-1])
        if value is None:
            return None
        parts.append(value)
    return "/" + "/".join(parts)


def test_every_read_keeps_to_the_specifications(cloud: InProcess) -> None:
    azure = cloud.azure
    found = {str(one.id) for one in (*azure.store.list(GROUP_TYPE), *azure.store.all())}
    found |= {id for path in sorted(found) for id in ids(read(cloud, path))}
    known = [path.strip("/").split("/") for path in sorted(found)]
    templates = [one for method, one in azure.arm.served() if method == "GET" and not one.endswith(LEFT_OUT)]
    paths = {path for template in templates for target in known if (path := filled(template, target)) is not None}
    for path in sorted(paths - found):
        read(cloud, path)
    assert len(paths) > 60


def test_whatever_was_read_can_be_written_back(cloud: InProcess) -> None:
    """As clients do that change one thing in the whole; nothing may get lost by it."""
    azure = cloud.azure
    templates = [one for method, one in azure.arm.served() if method == "PUT"]
    found = {str(one.id) for one in (*azure.store.list(GROUP_TYPE), *azure.store.all())}
    found |= {id for path in sorted(found) for id in ids(read(cloud, path))}
    written = {path for path in found for one in templates if filled(one, path.strip("/").split("/")) == path}
    for path in sorted(written):
        before = read(cloud, path)
        answer = cloud.client.put(path, params=API_VERSION, json=before)
        assert answer.status_code == 200, (path, answer.text)
        cloud.settle()
        assert comparable(read(cloud, path)) == comparable(before)
    assert len(written) > 4


def comparable(value: object) -> object:
    """A document without what every write changes."""
    if isinstance(value, dict):
        return {name: comparable(one) for name, one in value.items() if name not in WRITTEN_ANEW}
    return [comparable(one) for one in value] if isinstance(value, list) else value
