# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What recorders leave behind, and the report made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.unit.contract.small_specification import PATH, THING, exchange, write_to
from azure_contract.judge import Judge
from azure_contract.record import TALLIES, Recorder, read_tallies, violations_in
from azure_contract.report import Report, Route

ERROR = {"error": {"code": "MissingApiVersionParameter"}}
ROUTES = [
    Route(plane="management", method=method, path=PATH + more)
    for method, more in (("GET", ""), ("PUT", ""), ("POST", "/measure"), ("POST", "/dance"))
]


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """These violations are wanted: they belong into no report about the local Azure."""
    monkeypatch.delenv(TALLIES, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_to(tmp_path / "specifications")


def test_violations_are_written_down_as_they_come(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "contract.jsonl"
    recorder = Recorder(folder, file)
    assert recorder.note(exchange()) == []
    found = recorder.note(exchange(query="", received=[]))
    recorder.close()
    assert violations_in(file) == found
    assert [str(one).removeprefix(f"GET {PATH} -> 200: ") for one in found] == [
        "request of Get (2024-01-01) at query.api-version: required: the required parameter is missing",
        "answer of Get (2024-01-01): type: array where object is declared",
    ]


def test_a_wrong_request_that_is_refused_is_told_apart(folder: Path) -> None:
    found = Recorder(folder).note(exchange(query="", status=400, received=ERROR))
    assert [(one.side, one.refused) for one in found] == [("request", True)]
    # Who has no right, or asks too often, hears nothing about what was asked.
    for status in (403, 429):
        found = Recorder(folder).note(exchange(query="", status=status, received=ERROR))
        assert [(one.side, one.refused) for one in found] == [("request", False)]


def test_the_report_is_about_all_recorders(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TALLIES, str(tmp_path))
    for exchanges in (
        [exchange(), exchange(query="api-version=2026-01-01&$expand=parts"), exchange("POST", f"{PATH}/dance")],
        [exchange(query="", status=400, received=ERROR), exchange(received=[])],
        [exchange("PUT", sent=THING, status=201)],
    ):
        recorder = Recorder(folder)
        for one in exchanges:
            recorder.note(one)
        recorder.close()
    report = Report(Judge(folder), ROUTES, read_tallies(tmp_path.glob("*.json")))
    assert report.violations == 2
    assert report.never_seen == ["Measure"]
    assert [line.split() for line in report.table()][1:] == [
        ["microsoft.things", "5", "3", "3", "5", "1", "1"],
        ["in", "no", "specification", "1", "1", "0"],
        ["total", "5", "3", "3", "6", "2", "1"],
    ]
    parts = list(report.parts(whole=False))
    assert parts[0] == "microsoft.things Get: without answer properties ThingProperties.word"
    assert parts[1] == "microsoft.things Measure: without any request"
    assert parts[2].startswith("microsoft.things Put: without statuses 200; request properties ThingProperties.word; ")
    assert [line.strip() for line in report.unspecified()] == [
        f"POST {PATH}/dance",
        "1 x POST /subscriptions/{}/resourceGroups/{}/providers/Microsoft.Things/things/{}/dance",
    ]
