# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge refuses what a specification does not have, and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.tests.unit.contract.small_specification import (
    HEADERS,
    OPERATION,
    PATH,
    RESULT,
    THING,
    Json,
    exchange,
    write_to,
)
from azure_contract.judge import Exchange, Judge, Verdict

HOST = "https://management.azure.com"
POLLED = {**HEADERS, "azure-asyncoperation": HOST + OPERATION, "location": HOST + RESULT}
ERROR = {"error": {"code": "Broken", "message": "It is broken."}}


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(write_to(tmp_path_factory.mktemp("specifications")))


def changed(**properties: Any) -> Json:
    """The thing with other properties; None for one that is not there."""
    thing = copy.deepcopy(THING)
    thing["properties"].update(properties)
    return thing


def without(*names: str) -> Json:
    return {name: value for name, value in THING.items() if name not in names}


def kinds(verdict: Verdict) -> list[tuple[str, str, str]]:
    """Side, kind and place of every problem."""
    found = [("request", one.kind, one.at) for one in verdict.request]
    return found + [("answer", one.kind, one.at) for one in verdict.answer]


@pytest.mark.parametrize(
    "kept",
    [
        exchange(),
        exchange(path=PATH.replace("resourceGroups", "resourcegroups").replace("Things", "THINGS")),
        exchange(query="api-version=2026-01-01&$expand=parts"),
        exchange(received=changed(color="Infrared", later="x")),
        exchange("PUT", sent=without("id", "name"), status=201),
        exchange("PUT", sent=changed(color="red", word=None), headers=POLLED),
        exchange("PATCH", sent={"tags": {}}),
        exchange("DELETE", status=202, headers=POLLED, received=None),
        exchange("DELETE", status=204, headers={}, received=None),
        exchange(status=404, received=ERROR),
        exchange("PUT", sent=THING, status=503, received=ERROR),
    ],
    ids=lambda one: f"{one.method} {one.status}",
)
def test_what_keeps_to_the_specification_is_none_of_its_business(judge: Judge, kept: Exchange) -> None:
    assert kinds(judge.judge(kept)) == []


@pytest.mark.parametrize(
    ("received", "kind", "at"),
    [
        (changed(size="3"), "type", "properties.size"),
        (changed(size=True), "type", "properties.size"),
        (changed(size=10), "range", "properties.size"),
        (changed(ratio="half"), "type", "properties.ratio"),
        (changed(color="Blue"), "enum", "properties.color"),
        (changed(color="red"), "enum", "properties.color"),
        (changed(color=None), "null", "properties.color"),
        (changed(made="yesterday"), "format", "properties.made"),
        (changed(unheard=1), "unknown", "properties.unheard"),
        (changed(later=1), "type", "properties.later"),
        (changed(parts={}), "type", "properties.parts"),
        (changed(parts=[{"name": "much too long"}]), "length", "properties.parts[0].name"),
        (changed(parts=[{}]), "required", "properties.parts[0]"),
        (changed(parts=[{"name": "p", "shape": {"kind": "Round"}}]), "required", "properties.parts[0].shape"),
        (changed(parts=[{"name": "p", "shape": {"kind": "Odd"}}]), "discriminator", "properties.parts[0].shape"),
        ({**THING, "tags": {"a": 1}}, "type", "tags.a"),
        ({**THING, "more": {}}, "unknown", "more"),
        (without("location"), "required", ""),
        ([], "type", ""),
        (None, "body", ""),
    ],
)
def test_an_answer_that_is_not_as_declared_is_a_violation(judge: Judge, received: object, kind: str, at: str) -> None:
    assert kinds(judge.judge(exchange(received=received))) == [("answer", kind, at)]


@pytest.mark.parametrize(
    ("sent", "kind", "at"),
    [
        (changed(size="3"), "type", "properties.size"),
        (changed(color="Blue"), "enum", "properties.color"),
        (changed(unheard=1), "unknown", "properties.unheard"),
        (changed(size=None), "required", "properties"),
        (without("location"), "required", ""),
        (None, "body", ""),
    ],
)
def test_a_request_that_is_not_as_declared_is_a_violation(judge: Judge, sent: object, kind: str, at: str) -> None:
    assert kinds(judge.judge(exchange("PUT", sent=sent))) == [("request", kind, at)]


@pytest.mark.parametrize(
    ("broken", "kind", "at"),
    [
        (exchange(query=""), "required", "query.api-version"),
        (exchange(query="api-version=latest"), "api-version", "query.api-version"),
        (exchange(query="api-version=2026-01-01&$expand=all"), "enum", "query.$expand"),
        (exchange(query="api-version=2026-01-01&more=1"), "undeclared", "query.more"),
        (exchange(path=PATH.replace("/one", "/One")), "pattern", "path.name"),
        (exchange(path=PATH.replace("/0d5f3a52-", "/0d5f3a52x")), "format", "path.subscriptionId"),
        (exchange("DELETE", sent={"a": 1}, status=204, received=None), "body", ""),
    ],
)
def test_parameters_are_held_to_their_declaration(judge: Judge, broken: Exchange, kind: str, at: str) -> None:
    assert kinds(judge.judge(broken)) == [("request", kind, at)]


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (exchange(status=202), "status"),
        (exchange("PATCH", sent={}, status=201), "status"),
        (exchange("DELETE", status=202, headers=HEADERS, received=None), "polling"),
        (exchange("DELETE", status=202, headers={"location": "/relative"}, received=None), "polling"),
        (exchange("POST", f"{PATH}/measure", status=202, headers={}, received=None), "polling"),
        (exchange("DELETE", status=202, headers={**POLLED, "retry-after": "0.5"}, received=None), "polling"),
        (exchange("DELETE", status=204, received={"left": "over"}), "body"),
        (exchange(headers={"content-type": "text/html"}), "content-type"),
        (exchange(status=400, received={"error": {"message": "no code"}}), "required"),
        (exchange(status=400, received={"message": "no envelope"}), "required"),
    ],
)
def test_status_headers_and_errors_are_held_to_their_declaration(judge: Judge, broken: Exchange, kind: str) -> None:
    assert {(side, one) for side, one, _at in kinds(judge.judge(broken))} >= {("answer", kind)}


@pytest.fixture
def poll(judge: Judge) -> Callable[..., list[tuple[str, str, str]]]:
    """Begin a measurement, and judge a poll of it."""
    begun = exchange("POST", f"{PATH}/measure", status=202, headers=POLLED, received=None)
    assert kinds(judge.judge(begun)) == []

    def polled(path: str, **answer: Any) -> list[tuple[str, str, str]]:
        return kinds(judge.judge(exchange("GET", path, **answer)))

    return polled


def test_the_state_of_an_operation_is_held_to_its_document(poll: Callable[..., list[tuple[str, str, str]]]) -> None:
    assert poll(OPERATION, received={"status": "InProgress"}) == []
    assert poll(OPERATION, received={"state": "InProgress"}) == [
        ("answer", "required", ""),
        ("answer", "unknown", "state"),
    ]
    assert poll(OPERATION, status=202, received=None) == [("answer", "status", "")]
    assert poll(OPERATION, status=404, received={}) == [("answer", "required", "")]


def test_the_output_in_a_status_document_is_held_to_what_began_it(
    poll: Callable[..., list[tuple[str, str, str]]],
) -> None:
    assert poll(OPERATION, received={"status": "Succeeded", "properties": {"output": {"name": "p"}}}) == []
    assert poll(OPERATION, received={"status": "Succeeded", "properties": {"output": {}}}) == [
        ("answer", "required", "")
    ]


def test_the_result_of_an_operation_is_held_to_what_began_it(poll: Callable[..., list[tuple[str, str, str]]]) -> None:
    assert poll(RESULT, status=202, headers=POLLED, received=None) == []
    assert poll(RESULT, received={"name": "p"}) == []
    assert poll(RESULT, received=THING)[0] == ("answer", "unknown", "id")
    assert poll(RESULT, status=202, headers=HEADERS, received=None) == [("answer", "polling", "")]
    assert poll(RESULT, status=204, received=None) == [("answer", "status", "")]


def test_what_no_specification_has_is_a_request_of_nothing(judge: Judge) -> None:
    verdict = judge.judge(exchange("POST", f"{PATH}/dance"))
    assert verdict.operation is None
    assert verdict.name == "POST /subscriptions/{}/resourceGroups/{}/providers/Microsoft.Things/things/{}/dance"
    assert kinds(verdict) == [("request", "operation", "")]


def test_what_clients_read_of_a_cloud_and_of_their_rights_is_known(judge: Judge) -> None:
    rights = f"{PATH}/providers/Microsoft.Authorization/permissions"
    for path in ("/metadata/endpoints", rights):
        assert kinds(judge.judge(exchange(path=path))) == []


def test_where_nothing_came_back_the_request_is_judged_alone(judge: Judge) -> None:
    assert kinds(judge.judge(exchange(query="", status=0, received=None))) == [
        ("request", "required", "query.api-version")
    ]
    assert kinds(judge.judge(exchange(path=OPERATION, status=0, received=None))) == []


def test_a_secret_is_never_said(judge: Judge) -> None:
    verdict = judge.judge(exchange(received=changed(word="Sesame", made="Sesame", parts="Sesame")))
    assert len(verdict.answer) == 3
    assert "Sesame" not in repr(verdict)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from([*THING, "error", "kind"]), inside),
    max_leaves=10,
)


@given(sent=JSON, received=JSON, status=st.sampled_from([200, 201, 202, 204, 400, 401, 404, 500]), data=st.data())
def test_whatever_passes_there_is_a_verdict(
    judge: Judge, sent: object, received: object, status: int, data: st.DataObject
) -> None:
    method = data.draw(st.sampled_from(["GET", "PUT", "PATCH", "DELETE", "POST", "HEAD"]))
    path = data.draw(st.sampled_from([PATH, f"{PATH}/measure", OPERATION, RESULT, "/"]))
    verdict = judge.judge(exchange(method, path, sent=sent, status=status, received=received))
    assert verdict.name


def test_what_was_used_of_an_operation_is_known(judge: Judge) -> None:
    verdict = judge.judge(exchange("PUT", query="api-version=2026-01-01", sent=without("tags")))
    assert verdict.asked == {"query api-version"}
    assert {"Thing.location", "ThingProperties.size"} <= verdict.sent
    assert "Thing.tags" not in verdict.sent
    assert {"Thing.tags", "Part.name", "Round.radius"} <= verdict.received


def test_the_closest_version_is_the_last_before_the_asked_one(tmp_path: Path) -> None:
    folder = write_to(tmp_path)
    old = next(folder.rglob("things.json"))
    for version, kind in (("2020-01-01", "string"), ("2025-01-01", "boolean")):
        newer = old.parents[1] / version / old.name
        newer.parent.mkdir()
        newer.write_text(old.read_text().replace('"type": "integer", "minimum"', f'"type": "{kind}", "minimum"'))
    judge = Judge(folder)
    sizes: dict[str, object] = {"2019-01-01": "3", "2020-06-01": "3", "2024-06-01": 3, "2026-01-01": True}
    for asked, size in sizes.items():
        assert kinds(judge.judge(exchange(query=f"api-version={asked}", received=changed(size=size)))) == []
