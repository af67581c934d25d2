# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal's lines, and rules that make requests fail."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from local_azure.core.faults import Faults
from local_azure.core.journal import Journal, redact
from local_azure.core.wire import Json
from local_azure.testing import InProcess, in_process

VERSION = {"api-version": "2022-12-01"}


def entry(journal: Journal, query: str = "") -> None:
    journal.record(
        n=journal.next_number(),
        method="GET",
        host="management.azure.com",
        path="/subscriptions",
        query=query,
        status=200,
        client_port=50000,
        principal="default",
        milliseconds=1.234,
    )


def test_one_json_line_per_request(tmp_path: Path) -> None:
    journal = Journal()
    journal.write_to(tmp_path / "journal.jsonl")
    entry(journal, "api-version=2022-12-01")
    entry(journal)
    journal.close()
    first, second = (json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines())
    assert (first["n"], first["api_version"], first["client_port"]) == (1, "2022-12-01", 50000)
    assert second["api_version"] is None
    assert [one.n for one in journal.since(1)] == [2]
    assert (tmp_path / "journal.jsonl").stat().st_mode & 0o777 == 0o600


def test_clearing_starts_over(tmp_path: Path) -> None:
    journal = Journal()
    journal.write_to(tmp_path / "journal.jsonl")
    entry(journal)
    journal.clear()
    entry(journal)
    journal.close()
    assert [json.loads(line)["n"] for line in (tmp_path / "journal.jsonl").read_text().splitlines()] == [1]


@pytest.mark.parametrize("name", ["sig", "t_sig", "token", "access_token", "client_secret", "SIG"])
def test_signatures_and_tokens_are_not_kept(name: str) -> None:
    assert redact(f"a=1&{name}=abc%3D&b=2") == f"a=1&{name}=REDACTED&b=2"


def test_journal_has_who_and_what_but_no_token_nor_body() -> None:
    local = in_process()
    local.client.put(
        local.group("secretive"), params=VERSION, json={"location": "westeurope", "tags": {"k": "in-body"}}
    )
    (line,) = [one.to_json() for one in local.azure.journal.since()]
    assert (line["method"], line["status"], line["principal"], line["host"]) == (
        "PUT",
        201,
        "default",
        "management.azure.com",
    )
    text = json.dumps(line)
    assert "in-body" not in text
    assert local.client.headers["Authorization"].split()[1] not in text


def get_group(local: InProcess) -> int:
    return local.client.get(local.group("rg"), params=VERSION).status_code


def test_status_fault_replaces_the_effect() -> None:
    local = in_process()
    local.azure.faults.add(
        {
            "action": "status",
            "method": "put",
            "path": "resourcegroups/",
            "status": 429,
            "code": "Busy",
            "retry_after": 3,
        }
    )
    answer = local.client.put(local.group("fresh"), params=VERSION, json={"location": "westeurope"})
    assert (answer.status_code, answer.json()["error"]["code"], answer.headers["retry-after"]) == (429, "Busy", "3")
    assert local.client.get(local.group("fresh"), params=VERSION).status_code == 404


def test_nth_and_times() -> None:
    local = in_process()
    local.azure.faults.add({"action": "status", "nth": 2})
    assert [get_group(local) for _request in range(3)] == [200, 503, 200]
    local.azure.faults.clear()
    local.azure.faults.add({"action": "status", "times": 2, "status": 500})
    assert [get_group(local) for _request in range(3)] == [500, 500, 200]


@pytest.mark.parametrize(("action", "made"), [("reset-before", 404), ("reset-after", 200)])
def test_resets_before_and_after_the_effect(action: str, made: int) -> None:
    local = in_process()
    rule = local.azure.faults.add({"action": action, "method": "PUT"})
    with pytest.raises(httpx.ReadError):
        local.client.put(local.group("fresh"), params=VERSION, json={"location": "westeurope"})
    local.azure.faults.clear(rule.id)
    assert local.client.get(local.group("fresh"), params=VERSION).status_code == made
    assert next(local.azure.journal.since()).status == 0


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"action": "explode"}, "unknown fault action"),
        ({"action": "status", "path": "("}, "regular expression"),
        ({"action": "status", "nth": 0}, "nth must be"),
        ({"action": "delay", "seconds": -1}, "seconds must be"),
    ],
)
def test_bad_rules_are_refused(wish: Json, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Faults().add(wish)
