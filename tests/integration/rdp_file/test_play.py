# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module in a play: check mode, diff, warnings, failures, and no secret anywhere."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import PASSPHRASE
from ansible_collections.azvm.access.tests.integration.support.controller import MARK, Controller
from ansible_collections.azvm.access.tests.integration.support.preloaded import Preloaded

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import Office, Publisher

PLAY = Path(__file__).parent / "plays" / "file.yml"


def test_the_life_of_a_file(office: Office, publisher: Publisher, tmp_path: Path) -> None:
    environment = office.control.server.env
    given = {"folder": str(office.folder), "pfx": str(publisher.pfx), "passphrase": PASSPHRASE}
    with (
        Preloaded(MARK) as preloaded,
        Controller(folder=tmp_path / "controller", environment=environment, preloaded=preloaded) as controller,
    ):
        finished = controller.play(PLAY, "--diff", "-vvv", variables=given).succeeded()
    predicted, made = finished.of("Predicted"), finished.of("Made")
    assert predicted["changed"]
    assert finished.of("Nothing written")["matched"] == 0
    assert made["rdp_file"] == predicted["rdp_file"]
    assert made["diff"] == predicted["diff"]
    assert made["diff"]["before"] == {}
    assert "full address:s:access-demo-win1" in finished.output
    assert not finished.of("Again")["changed"]
    assert any("Local Security Authority" in text for text in finished.of("Warned")["warnings"])

    passphrase, folder = finished.failures()
    assert passphrase.result["failure"]["code"] == "PublisherUnreadable"
    assert passphrase.result["msg"].startswith(str(publisher.pfx))
    assert folder.result["failure"]["code"] == "FolderNotFound"

    for secret in (PASSPHRASE, "not-the-right-one", "PRIVATE KEY"):
        assert secret not in finished.output + finished.errors + repr(finished.results)
