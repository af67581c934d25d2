# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module in a play: check mode, diff, warnings, and no secret anywhere."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import NAME, PASSPHRASE
from ansible_collections.azvm.access.tests.integration.support.controller import Controller

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import Office, Publisher
    from ansible_collections.azvm.access.tests.integration.support.controller import Finished

PLAY = Path(__file__).parent / "plays" / "file.yml"
TASK = "Write the file"


@dataclass(kw_only=True)
class Play:
    controller: Controller
    office: Office
    publisher: Publisher

    def run(self, *options: str, **variables: t.Any) -> Finished:
        given = {"folder": str(self.office.folder), "pfx": str(self.publisher.pfx), "passphrase": PASSPHRASE}
        return self.controller.play(PLAY, *options, hosts={NAME: {}}, variables=given | variables)


@pytest.fixture
def play(office: Office, publisher: Publisher, tmp_path: Path) -> Iterator[Play]:
    environment = office.control.server.env
    with Controller(folder=tmp_path / "controller", environment=environment) as controller:
        yield Play(controller=controller, office=office, publisher=publisher)


def test_twice_changes_once_and_shows_no_secret(play: Play) -> None:
    predicted = play.run("--check", "--diff", "-vvv").succeeded()
    assert predicted.of(TASK)["changed"]
    assert list(play.office.folder.iterdir()) == []
    first = play.run("--diff", "-vvv").succeeded()
    result = first.of(TASK)
    assert result["rdp_file"] == predicted.of(TASK)["rdp_file"]
    assert result["diff"]["before"] == {}
    assert "full address:s:access-demo-win1" in first.output
    again = play.run("--diff").succeeded()
    assert again.changed() == []
    for run in (predicted, first, again):
        assert PASSPHRASE not in run.output + run.errors
        assert "PRIVATE KEY" not in run.output


def test_warnings_and_failures_are_sentences(play: Play) -> None:
    warned = play.run(account="my-vm\\azureuser").succeeded()
    assert any("Local Security Authority" in text for text in warned.of(TASK)["warnings"])
    failed = play.run(passphrase="not-the-right-one").failures()
    assert failed[0].result["failure"]["code"] == "PublisherUnreadable"
    assert failed[0].result["msg"].startswith(str(play.publisher.pfx))
    assert "not-the-right-one" not in repr(failed)
    missing = play.run(folder=str(play.office.folder / "none")).failures()
    assert missing[0].result["failure"]["code"] == "FolderNotFound"
