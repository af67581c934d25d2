# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By the official specifications: their own examples pass, recorded answers of Azure pass, and harm is seen."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from azure_contract import service
from azure_contract.judge import Exchange, Judge, Verdict
from azure_contract.operations import PLANES, Operation
from azure_contract.shape import Shape
from azure_contract.values import Problem

SHARED = Path(__file__).parents[4] / "shared"
SPECIFICATIONS = SHARED / "azure-specs"
RECORDINGS = SHARED / "azure-traffic"

pytestmark = pytest.mark.skipif(
    not SPECIFICATIONS.is_dir(), reason=f"the official specifications are not there: {SPECIFICATIONS}"
)

Json = dict[str, Any]

#: Examples that don't keep to their own specification.
_WRONG = {
    "BastionSessionDelete.json": "a list where an object is declared",
    "GetCertificate-example.json": "the version it asks for is the word pending, which is another operation",
    "InitiateJitNetworkAccessPolicy_example.json": "a duration in place of the required end",
    "VirtualMachineScaleSetVM_Get_InstanceViewAutoPlacedOnDedicatedHostGroup.json": "null in many places",
    "ManagedHsm_CreateOrUpdate.json": "null for an address",
    "listVault.json": "described by two providers; the request is Resource Manager's own",
}
_AT_LEAST = 60


@cache
def judge() -> Judge:
    return Judge(SPECIFICATIONS)


@dataclass(frozen=True, kw_only=True)
class Example:
    """One answer of an example file."""

    name: str
    operation: Operation
    exchange: Exchange


@cache
def examples() -> tuple[Example, ...]:
    """Every example that is there, for the version of the operation that it belongs to."""
    files = {one.name: one for one in (SPECIFICATIONS / "examples").rglob("*.json")}
    found = {
        example.name + str(example.exchange.status) + example.operation.name: example
        for plane in PLANES
        for operation in judge().catalogue(plane).all_versions()
        for path in operation.examples
        if (file := files.get(Path(path).name)) is not None and _same_place(file, path)
        for example in _examples_in(file, operation)
    }
    return tuple(found.values())


def _same_place(file: Path, path: str) -> bool:
    """Whether the file is the one that a specification refers to, and not one of the same name of another provider."""
    provider = re.search(r"Microsoft\.\w+", path)
    return provider is not None and provider[0] in str(file)


def _examples_in(file: Path, operation: Operation) -> Iterator[Example]:
    content = json.loads(file.read_bytes())
    given = {name.lower(): value for name, value in content["parameters"].items()}
    path, query, headers, body = operation.template, {}, {"content-type": "application/json"}, b""
    for parameter in operation.parameters:
        value = given.get(parameter.name.lower())
        if value is None:
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", quote(text, safe=""))
        elif parameter.place == "query":
            query[parameter.name] = text
        elif parameter.place == "header":
            headers[parameter.name.lower()] = text
        else:
            body = json.dumps(value).encode()
    for status, answer in content["responses"].items():
        sent = answer.get("body")
        yield Example(
            name=file.name,
            operation=operation,
            exchange=Exchange(
                method=operation.method,
                host="demo.vault.azure.net" if operation.namespace == "vault" else "management.azure.com",
                path=path,
                query=urlencode(query),
                request_headers=headers,
                request_body=body,
                status=400 if status == "default" else int(status),
                headers={"content-type": "application/json"},
                body=b"" if sent is None else json.dumps(sent).encode(),
            ),
        )


def problems(verdict: Verdict) -> list[Problem]:
    return [*verdict.request, *verdict.answer]


def test_the_official_examples_keep_to_the_specifications() -> None:
    assert len(examples()) > 500
    broken: list[tuple[str, Problem | str]] = []
    for example in examples():
        verdict = judge().judge(example.exchange)
        if example.name not in _WRONG:
            broken += [(example.name, one) for one in problems(verdict) if not _is_left_out(one)]
            broken += [(example.name, verdict.name)] if verdict.name != example.operation.name else []
    assert broken == []


def _is_left_out(problem: Problem) -> bool:
    """The examples leave headers out, or have placeholders for addresses, and end lists with null."""
    return problem.kind == "polling" or (problem.kind == "null" and problem.at == "nextLink")


def recorded() -> Iterator[tuple[str, Exchange]]:
    for file in sorted(RECORDINGS.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            yield (
                f"{file.name} {one['n']}",
                Exchange(
                    method=one["method"],
                    host=one["host"],
                    path=one["path"],
                    query=one["query"],
                    request_headers={"content-type": "application/json"},
                    request_body=_bytes(one["request"]),
                    status=one["status"],
                    headers={name.lower(): value for name, value in one["headers"].items()},
                    body=_bytes(one["response"]),
                ),
            )


def _bytes(recorded: object) -> bytes:
    if recorded in (None, ""):
        return b""
    return recorded.encode() if isinstance(recorded, str) else json.dumps(_whole(recorded)).encode()


def _whole(value: object) -> object:
    """Without the texts that stand in a recording for the rest of a long list."""
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value if not (isinstance(one, str) and one.startswith("…"))]
    return value


needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason=f"the recordings of real traffic are not there: {RECORDINGS}"
)


@needs_recordings
def test_what_azure_really_answers_is_no_violation() -> None:
    assert [(name, problems(judge().judge(one))) for name, one in recorded() if problems(judge().judge(one))] == []


@needs_recordings
def test_every_difference_called_recorded_is_in_the_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    claimed = [one for one in service.KNOWN if "recorded" in one.reason]
    assert claimed
    monkeypatch.setattr(service, "KNOWN", ())
    seen = [(verdict.name, verdict) for _name, one in recorded() for verdict in [judge().judge(one)]]
    for difference in claimed:
        assert any(
            difference.covers(name, side, problem)
            for name, verdict in seen
            for side, found in (("request", verdict.request), ("answer", verdict.answer))
            for problem in found
        ), difference


def places(value: Any, shape: Shape) -> Iterator[tuple[Any, str, str]]:
    """Where harm can be done to a value: the object that holds the place, its name, and the kind declared for it."""
    if isinstance(value, list) and shape.items is not None:
        for one in value:
            yield from places(one, shape.items.shape)
    elif isinstance(value, dict) and shape.kind == "object" and shape.additional is None:
        for name, part in value.items():
            declared = shape.properties.get(name)
            if declared is not None and declared.shape.kind != "any" and not shape.variants:
                yield value, name, declared.shape.kind
                yield from places(part, declared.shape)


def harmed(example: Example, chance: random.Random) -> tuple[str, Exchange] | None:
    """The example with an answer that its operation does not allow, and how it was harmed; None if it has no body."""
    declared = example.operation.answers.get(str(example.exchange.status))
    if declared is None or declared.body is None or not example.exchange.body:
        return None
    body = json.loads(example.exchange.body)
    found = list(places(body, declared.body.shape))
    if not found:
        return None
    owner, name, kind = chance.choice(found)
    how = chance.choice(("type", "unknown", "status"))
    if how == "status":
        return how, replace(example.exchange, status=299)
    if how == "type":
        owner[name] = 7 if kind in ("string", "array", "object", "boolean") else "seven"
    else:
        owner["neverHeardOf"] = owner[name]
    return how, replace(example.exchange, body=json.dumps(body).encode())


def test_harm_done_to_an_official_example_is_seen(full: bool) -> None:
    chance = random.Random(5)  # noqa: S311 - which examples are harmed is no secret
    tried = 0
    for example in examples() if full else chance.sample(examples(), _AT_LEAST * 3):
        done = harmed(example, chance) if example.name not in _WRONG else None
        if done is not None:
            how, exchange = done
            seen = {one.kind for one in judge().judge(exchange).answer}
            assert how in seen, (how, example.name, example.operation)
            tried += 1
    assert tried >= _AT_LEAST


def test_what_must_be_there_is_missed(full: bool) -> None:
    tried = 0
    for example in examples():
        declared = example.operation.body
        if declared is None or not example.exchange.request_body or example.exchange.method == "PATCH":
            continue
        body, shape = json.loads(example.exchange.request_body), declared.schema.shape
        for name in sorted(shape.required & body.keys()):
            if not shape.properties[name].shape.read_only and example.name not in _WRONG:
                rest = {other: value for other, value in body.items() if other != name}
                verdict = judge().judge(replace(example.exchange, request_body=json.dumps(rest).encode()))
                assert any(one.kind == "required" and f" {name} " in one.text for one in verdict.request), example.name
                tried += 1
        if tried > _AT_LEAST and not full:
            break
    assert tried > _AT_LEAST
