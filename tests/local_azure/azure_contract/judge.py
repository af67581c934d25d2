# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge: from an exchange to what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from . import service
from .newer import Newer
from .operations import Catalogue, Operation, Parameter, Plane
from .shape import Schema
from .swagger import Library
from .values import Problem, Reader

_MANAGEMENT = re.compile(r"management\.(azure\.com|chinacloudapi\.cn|usgovcloudapi\.net)")
_VAULT = re.compile(r"[\w-]+\.vault\.(azure\.net|azure\.cn|usgovcloudapi\.net)")
_API_VERSIONS: Mapping[Plane, re.Pattern[str]] = {
    "management": re.compile(r"\d{4}-\d\d-\d\d(-preview|-alpha|-beta|-privatepreview)?", re.IGNORECASE),
    "vault": re.compile(r"2016-10-01|7\.\d(-preview(\.\d)?)?|20(2[5-9]|3\d)-\d\d-\d\d(-preview)?"),
}
#: Query parameters that any list takes on the way to its next page.
_PAGING = {"$skiptoken", "skiptoken"}
#: Where the state of a long-running operation is asked for: documents that no provider's specification describes.
_STATUS = re.compile(r"/(operations|operationresults|operationstatuses)/[^/]+$", re.IGNORECASE)
#: The definitions that all providers share, among them those documents.
_COMMON: Final = "swagger-2024-10/specification/common-types/resource-management/v5/types.json"


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request and its answer. `path` and `query` are as sent; header names are in lower case.

    `status` is 0 where nothing came back that an Azure had said: only the request is judged.
    """

    method: str
    host: str
    path: str
    query: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`operation` is None where no specification has one. `request` and `answer` are what is wrong with each.

    `asked` are the parameters used; `sent` and `received` the properties of the two bodies, as definition and name.
    """

    operation: Operation | None
    name: str
    request: list[Problem] = field(default_factory=list)
    answer: list[Problem] = field(default_factory=list)
    asked: frozenset[str] = frozenset()
    sent: frozenset[str] = frozenset()
    received: frozenset[str] = frozenset()


class Judge:
    """Knows the specifications of a folder, and the long-running operations it has seen begin.

    Of each of those it knows the paths that the first answer named: of the state, and (True) of the result.
    """

    def __init__(self, folder: Path) -> None:
        self._library = Library(folder)
        self._catalogues: dict[Plane, Catalogue] = {}
        self._newer: dict[str, Newer] = {}
        self._begun: dict[tuple[str, bool], Operation] = {}

    def catalogue(self, plane: Plane) -> Catalogue:
        """The operations of a plane."""
        if plane not in self._catalogues:
            self._catalogues[plane] = Catalogue(self._library, plane)
        return self._catalogues[plane]

    def find(self, plane: Plane, method: str, path: str, version: str = "") -> tuple[Operation, dict[str, str]] | None:
        """The operation that a request means, in the version closest to the asked one, and its path parameters."""
        segments = [unquote(one) for one in path.strip("/").split("/")]
        found = self.catalogue(plane).find(method, segments, version)
        if found is None and plane == "vault":  # the latest version of something is its empty version
            found = self.catalogue(plane).find(method, [*segments, ""], version)
        return found

    def judge(self, exchange: Exchange) -> Verdict:
        """What the specifications say about an exchange."""
        plane = _plane(exchange.host)
        if plane is None:
            return Verdict(operation=None, name=f"{exchange.method} {exchange.host}")
        query = dict(parse_qsl(exchange.query, keep_blank_values=True))
        version = next((value for name, value in query.items() if name.lower() == "api-version"), "")
        found = self.find(plane, exchange.method, exchange.path, version)
        if found is not None:
            return self._operation(exchange, plane, *found, query)
        if _STATUS.search(exchange.path) is not None and exchange.method == "GET":
            return self._state_of_operation(exchange)
        name = f"{exchange.method} {_kind_of_path(exchange.path)}"
        problem = Problem(kind="operation", at="", text="no specification has it")
        return Verdict(operation=None, name=name, request=service.without_known(name, "request", [problem]))

    def _operation(
        self, exchange: Exchange, plane: Plane, operation: Operation, path: Mapping[str, str], query: Mapping[str, str]
    ) -> Verdict:
        newer = self._newer_than(operation.namespace)
        request = _Request(operation, newer, exchange)
        request.check(path, query, _API_VERSIONS[plane])
        answer = Reader(newer, request=False)
        if exchange.status:
            self._answer(exchange, operation, answer)
            self._remember(exchange, operation)
        return Verdict(
            operation=operation,
            name=operation.name,
            request=service.without_known(operation.name, "request", request.problems),
            answer=service.without_known(operation.name, "answer", answer.problems),
            asked=frozenset(request.asked),
            sent=frozenset(request.reader.seen),
            received=frozenset(answer.seen) if exchange.status < 300 else frozenset(),
        )

    def _answer(self, exchange: Exchange, operation: Operation, reader: Reader) -> None:
        declared = operation.answers.get(str(exchange.status))
        if declared is None and exchange.status < 400:
            statuses = ", ".join(status for status in operation.answers if status != "default")
            reader.note("status", f"{exchange.status} where {statuses} are declared")
            return
        if exchange.method == "HEAD":
            return
        if exchange.status >= 400:
            declared = declared or operation.answers.get("default")
            body = declared.body if declared is not None else None
            _read_body(exchange.body, exchange.headers, body or self._common("ErrorResponse"), reader)
            return
        assert declared is not None
        _read_body(exchange.body, exchange.headers, declared.body, reader, optional=exchange.status == 202)
        _check_polling(exchange, operation, reader)

    def _state_of_operation(self, exchange: Exchange) -> Verdict:
        """A poll. What Azure-AsyncOperation names is a status document, what Location names ends as the operation."""
        is_result = _is_result(exchange)
        begun = self._begun.get((unquote(exchange.path).lower(), is_result))
        name = f"state of {begun.name if begun is not None else 'an operation'}"
        reader = Reader(self._newer_than(begun.namespace if begun is not None else ""), request=False)
        if not exchange.status:
            return Verdict(operation=None, name=name)
        if exchange.status >= 400:
            _read_body(exchange.body, exchange.headers, self._common("ErrorResponse"), reader)
        elif is_result:
            self._result(exchange, begun, reader)
        elif exchange.status == 200:
            _read_body(exchange.body, exchange.headers, self._common("OperationStatusResult"), reader)
            self._output(exchange, begun, reader)
        else:
            reader.note("status", f"{exchange.status} where 200 is declared")
        return Verdict(operation=None, name=name, answer=service.without_known(name, "answer", reader.problems))

    def _result(self, exchange: Exchange, begun: Operation | None, reader: Reader) -> None:
        if exchange.status == 202:
            _check_location(exchange, reader)
        elif begun is not None:
            declared = begun.answers.get(str(exchange.status))
            if declared is None:
                reader.note("status", f"{exchange.status} is not declared for {begun.name}")
            else:
                _read_body(exchange.body, exchange.headers, declared.body, reader)

    def _output(self, exchange: Exchange, begun: Operation | None, reader: Reader) -> None:
        """The status document of an action ends with what the action is declared to give."""
        declared = begun.answers.get("200") if begun is not None and begun.method == "POST" else None
        if declared is None or declared.body is None or any(one.kind in ("json", "body") for one in reader.problems):
            return
        document = json.loads(exchange.body)
        properties = document.get("properties") if isinstance(document, dict) else None
        if isinstance(properties, dict) and "output" in properties:
            reader.read(properties["output"], declared.body)

    def _remember(self, exchange: Exchange, operation: Operation) -> None:
        if operation.is_long_running and exchange.status in (200, 201, 202):
            for name in ("azure-asyncoperation", "location"):
                url = urlsplit(exchange.headers.get(name, ""))
                self._begun[unquote(url.path).lower(), name == "location"] = operation

    def _common(self, definition: str) -> Schema:
        return self._library.schema(_COMMON, {"$ref": f"#/definitions/{definition}"})

    def _newer_than(self, namespace: str) -> Newer:
        if namespace not in self._newer:
            self._newer[namespace] = Newer(self._library.folder, namespace)
        return self._newer[namespace]


class _Request:
    """The check of one request."""

    def __init__(self, operation: Operation, newer: Newer, exchange: Exchange) -> None:
        self._operation = operation
        self._newer = newer
        self._exchange = exchange
        self.asked: set[str] = set()
        self.problems: list[Problem] = []
        self.reader = Reader(newer, request=True, partial=exchange.method == "PATCH")

    def check(self, path: Mapping[str, str], query: Mapping[str, str], api_version: re.Pattern[str]) -> None:
        given = {
            "path": path,
            "query": {name.lower(): value for name, value in query.items()},
            "header": self._exchange.request_headers,
        }
        for parameter in self._operation.parameters:
            values = given.get(parameter.place)
            if values is not None:
                name = parameter.name if parameter.place == "path" else parameter.name.lower()
                self._parameter(parameter, values.get(name))
        version = given["query"].get("api-version")
        if version is not None and api_version.fullmatch(version) is None:
            self._note("api-version", "query.api-version", "is no version")
        self._undeclared(given["query"])
        if self._exchange.status != 401:  # who has to ask for the challenge first sends the body with the token
            self._body()
        self.problems += self.reader.problems

    def _parameter(self, parameter: Parameter, text: str | None) -> None:
        at = f"{parameter.place}.{parameter.name}"
        if text is None:
            if parameter.required:
                self._note("required", at, "the required parameter is missing")
            return
        if parameter.place != "path":
            self.asked.add(f"{parameter.place} {parameter.name}")
        reader = Reader(self._newer, request=True)
        reader.read(_typed(text, parameter), parameter.schema)
        for problem in reader.problems:
            self._note(problem.kind, at, problem.text)

    def _undeclared(self, query: Mapping[str, str]) -> None:
        declared = {one.name.lower() for one in self._operation.parameters if one.place == "query"} | {"api-version"}
        if self._operation.is_list:
            declared |= _PAGING
        for name in sorted(query.keys() - declared):
            self._note("undeclared", f"query.{name}", "no parameter of this operation")

    def _body(self) -> None:
        declared, content = self._operation.body, self._exchange.request_body.strip()
        if declared is None:
            if content and content != b"{}":
                self._note("body", "", "a body where none is declared")
            return
        if not content:
            if declared.required:
                self._note("body", "", "the required body is missing")
            return
        _read_body(content, self._exchange.request_headers, declared.schema, self.reader)

    def _note(self, kind: str, at: str, text: str) -> None:
        self.problems.append(Problem(kind=kind, at=at, text=text))


def _read_body(
    content: bytes, headers: Mapping[str, str], declared: Schema | None, reader: Reader, *, optional: bool = False
) -> None:
    content = content.strip()
    if declared is None or (optional and content in (b"", b"null")):
        if content and content != b"null":
            reader.note("body", "a body where none is declared")
        return
    if not content:
        reader.note("body", "no body where one is declared")
        return
    if not headers.get("content-type", "").startswith("application/json"):
        reader.note("content-type", "is not application/json")
    try:
        value: Any = json.loads(content)
    except ValueError:
        reader.note("json", "is not JSON")
        return
    reader.read(value, declared)


def _check_polling(exchange: Exchange, operation: Operation, reader: Reader) -> None:
    """An answer of 202 must say where to ask for the outcome, with an address and a pause that clients can read."""
    if exchange.status == 202 and operation.is_long_running:
        if operation.final_state_via == "location":
            _check_location(exchange, reader)
        elif not exchange.headers.keys() & {"location", "azure-asyncoperation"}:
            reader.note("polling", "202 without Location and Azure-AsyncOperation")
    for name in ("location", "azure-asyncoperation"):
        if name in exchange.headers and not exchange.headers[name].startswith("https://"):
            reader.note("polling", f"the header {name} is no absolute URL")
    if not exchange.headers.get("retry-after", "0").isdigit():
        reader.note("polling", "Retry-After is no whole number")


def _check_location(exchange: Exchange, reader: Reader) -> None:
    if "location" not in exchange.headers:
        reader.note("polling", "202 without Location")


def _typed(text: str, parameter: Parameter) -> Any:
    """A parameter's text as the JSON value that its schema is about; the text itself when it is none."""
    shape = parameter.schema.shape
    if shape.kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if shape.kind == "array" and parameter.separator is not None:
        return text.split(parameter.separator)
    try:
        return {"integer": int, "number": float}[shape.kind](text)
    except (KeyError, ValueError):
        return text


def _plane(host: str) -> Plane | None:
    name = host.lower().partition(":")[0]
    if _MANAGEMENT.fullmatch(name) is not None:
        return "management"
    return "vault" if _VAULT.fullmatch(name) is not None else None


def _is_result(exchange: Exchange) -> bool:
    return "operationresults/" in exchange.path.lower() or "monitor=true" in exchange.query.lower()


def _kind_of_path(path: str) -> str:
    """A path without the names in it, for what no specification describes."""
    return "/" + "/".join(_without_names(unquote(path).strip("/").split("/")))


def _without_names(segments: list[str]) -> Iterator[str]:
    is_name = False
    for number, segment in enumerate(segments):
        provider = number > 0 and segments[number - 1].lower() == "providers"
        yield "{}" if is_name and not provider else segment
        is_name = not is_name if not provider else False
