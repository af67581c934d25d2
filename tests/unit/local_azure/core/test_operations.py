# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long-running operations: the headers, status documents and ends of each style."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from local_azure.core.call import Answer, Call
from local_azure.core.errors import AzureError
from local_azure.core.operations import Style
from local_azure.core.settings import Settings
from local_azure.core.wire import Json
from local_azure.testing import InProcess, in_process

VERSION = {"api-version": "2024-07-01"}


def azure_with(
    style: Style, *, status: int, result: Json | None = None, error: AzureError | None = None, pace: float = 1.0
) -> InProcess:
    """An Azure whose PUT, POST and DELETE of a made-up type start an operation of ten seconds."""
    local = in_process(settings=Settings(pace=pace, retry_after="2"), judged=False)
    failures: list[AzureError] = []

    def finish() -> Json | None:
        if error is not None:
            raise error
        return result

    def start(call: Call) -> Answer:
        operation = local.azure.operations.start(
            call, style=style, seconds=10, finish=finish, on_failure=failures.append
        )
        return operation.answer(status)

    namespace = "Microsoft.Network" if style.name.startswith("NETWORK") else "Microsoft.Compute"
    local.azure.arm.route("PUT", namespace + "/things/{thing}", start)
    return local


def begin(local: InProcess) -> httpx.Response:
    for namespace in ("Microsoft.Network", "Microsoft.Compute"):
        if "things" in local.azure.arm.types(namespace):
            return local.client.put(f"{local.group('rg')}/providers/{namespace}/things/one", params=VERSION)
    raise AssertionError("no route")


def test_network_put_has_one_header_and_terse_documents() -> None:
    local = azure_with(Style.NETWORK_PUT, status=201)
    first = begin(local)
    assert first.status_code == 201
    assert first.headers["azure-asyncnotification"] == "Enabled"
    assert first.headers["retry-after"] == "2"
    assert "location" not in first.headers
    poll = first.headers["azure-asyncoperation"]
    assert "/providers/Microsoft.Network/locations/westeurope/operations/" in poll
    assert local.client.get(poll).json() == {"status": "InProgress"}
    local.azure.clock.advance(timedelta(seconds=10))
    assert local.client.get(poll).json() == {"status": "Succeeded"}


def test_network_delete_ends_with_204_at_its_location() -> None:
    local = azure_with(Style.NETWORK_DELETE, status=202)
    first = begin(local)
    where = first.headers["location"]
    assert "/operationResults/" in where
    assert local.client.get(where).status_code == 202
    local.settle()
    assert local.client.get(first.headers["azure-asyncoperation"]).json() == {"status": "Succeeded"}
    assert local.client.get(where).status_code == 204


def test_network_post_gives_its_result_at_its_location_alone() -> None:
    local = azure_with(Style.NETWORK_POST, status=202, result={"value": [1]})
    first = begin(local)
    assert "azure-asyncoperation" not in first.headers
    assert local.client.get(first.headers["location"]).status_code == 202
    local.settle()
    assert local.client.get(first.headers["location"]).json() == {"value": [1]}


def test_compute_post_tells_times_name_and_output() -> None:
    local = azure_with(Style.COMPUTE_POST, status=202, result={"value": "out"})
    first = begin(local)
    poll, monitor = first.headers["azure-asyncoperation"], first.headers["location"]
    assert "monitor=true" in monitor
    running = local.client.get(poll).json()
    assert running.keys() == {"startTime", "status", "name"}
    assert local.client.get(monitor).status_code == 202
    local.settle()
    done = local.client.get(poll).json()
    assert (done["status"], done["properties"]) == ("Succeeded", {"output": {"value": "out"}})
    assert done["endTime"] > done["startTime"]
    assert local.client.get(monitor).json() == {"value": "out"}


def test_key_vault_and_resource_groups_have_their_own_ways() -> None:
    vault = begin(azure_with(Style.KEYVAULT_PUT, status=200))
    assert not {"location", "azure-asyncoperation", "retry-after"} & vault.headers.keys()
    group = begin(azure_with(Style.RESOURCES_DELETE, status=202))
    assert "/operationresults/" in group.headers["location"]
    assert "azure-asyncoperation" not in group.headers


@pytest.mark.parametrize("style", [Style.NETWORK_PUT, Style.COMPUTE_PUT])
def test_failure_is_told_in_a_200_document(style: Style) -> None:
    local = azure_with(style, status=201, error=AzureError(409, "OperationNotAllowed", "No.", target="vm"))
    poll = begin(local).headers["azure-asyncoperation"]
    local.settle()
    answer = local.client.get(poll)
    assert answer.status_code == 200
    assert answer.json()["status"] == "Failed"
    assert answer.json()["error"] == {"code": "OperationNotAllowed", "message": "No.", "target": "vm"}


def test_fractions_of_a_second_go_into_the_millisecond_header() -> None:
    local = azure_with(Style.NETWORK_PUT, status=201)
    local.azure.settings.retry_after = "0.05"
    first = begin(local)
    assert "retry-after" not in first.headers  # the SDK reads it as a whole number there
    assert first.headers["x-ms-retry-after-ms"] == "50"
    assert local.client.get(first.headers["azure-asyncoperation"]).headers["retry-after"] == "0.05"


def test_pace_shortens_operations() -> None:
    local = azure_with(Style.NETWORK_PUT, status=201, pace=0.1)
    poll = begin(local).headers["azure-asyncoperation"]
    local.azure.clock.advance(timedelta(seconds=1))
    assert local.client.get(poll).json()["status"] == "Succeeded"


def test_unknown_operation_is_404() -> None:
    local = in_process()
    path = f"{local.subscription}/providers/Microsoft.Network/locations/westeurope/operations/none"
    answer = local.client.get(path, params=VERSION)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NotFound")


def test_a_defect_does_not_leave_an_operation_running_forever() -> None:
    local = in_process()

    def broken() -> None:
        raise ZeroDivisionError

    principal = local.azure.authorization.principal_named("default")
    assert principal is not None
    call = Call(
        azure=local.azure,
        method="PUT",
        id=local.azure.store.list("Microsoft.Resources/resourceGroups")[0].id,
        principal=principal,
        api_version="2024-01-01",
    )
    operation = local.azure.operations.start(call, style=Style.COMPUTE_PUT, seconds=1, finish=broken)
    with pytest.raises(ZeroDivisionError):
        local.settle()
    assert operation.status == "Failed"
    assert operation.error is not None
    assert operation.error.code == "InternalServerError"
