# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local Azure whose exchanges are judged: by specifications it cannot keep to, and without any."""

from __future__ import annotations

import json
import ssl
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from azure_contract.record import TALLIES
from local_azure.contract import Contract, ContractBroken
from local_azure.front.app import Front
from local_azure.testing import Running, in_process, running

METADATA = "/metadata/endpoints"
RESOURCES = "swagger-2024-10/specification/resources/resource-manager/Microsoft.Resources/stable/2022-01-01"


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """These violations are wanted: they belong into no report about the local Azure."""
    monkeypatch.delenv(TALLIES, raising=False)


@pytest.fixture
def specifications(tmp_path: Path) -> Path:
    """Specifications by which the description of the cloud has just one property, and takes a body that has one."""
    answer = {"schema": {"properties": {"onlyThis": {"type": "string"}}, "required": ["onlyThis"]}}
    operation = {"operationId": "Metadata", "parameters": [], "responses": {"200": answer}}
    folder = tmp_path / "specifications" / RESOURCES
    folder.mkdir(parents=True)
    content = {"paths": {METADATA: {"get": operation}}, "definitions": {}}
    (folder / "metadata.json").write_text(json.dumps(content), encoding="utf-8")
    return tmp_path / "specifications"


def ask(server: Running) -> None:
    context = ssl.create_default_context(cafile=server.env["REQUESTS_CA_BUNDLE"])
    with httpx.Client(proxy=server.env["HTTPS_PROXY"], verify=context, trust_env=False) as client:
        client.get(f"https://management.azure.com{METADATA}?api-version=2022-09-01&word=Sesame").raise_for_status()


def test_a_violation_is_written_down_and_fails_the_run(specifications: Path, tmp_path: Path) -> None:
    home = tmp_path / "azure"
    with ExitStack() as end:
        server = end.enter_context(running(dir=home, contract=str(specifications)))
        ask(server)
        said = server.command("contract", check=False)
        with pytest.raises(ContractBroken, match=f"GET {METADATA} -> 200: answer of Metadata.*onlyThis is missing"):
            end.close()
    assert said.returncode == 1
    assert "the required property onlyThis is missing" in said.stdout
    lines = (home / "contract.jsonl").read_text(encoding="utf-8").splitlines()
    assert {(one["operation"], one["side"]) for one in map(json.loads, lines)} == {
        ("Metadata", "answer"),
        ("Metadata", "request"),
    }
    assert "Sesame" not in "".join(lines)


def test_without_specifications_it_says_that_nothing_is_checked(tmp_path: Path) -> None:
    with running(dir=tmp_path / "azure", contract=str(tmp_path / "nowhere")) as server:
        ask(server)
        assert server.command("contract").stdout == "Not checked against Azure's specifications.\n"
        again = server.command("start", "--contract", str(tmp_path / "nowhere"))
    assert f"Not checked against Azure's specifications: they are not in {tmp_path / 'nowhere'}." in again.stdout


def test_in_process_a_violation_is_raised_at_once(specifications: Path) -> None:
    made = in_process()
    front = Front(made.azure, Contract(specifications))
    made.transport._app = front  # type: ignore[attr-defined]  # the transport of an Azure without sockets
    with pytest.raises(ContractBroken, match="onlyThis is missing"):
        made.client.get(METADATA, params={"api-version": "2022-09-01"})
