# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which scripts a guest runs, and that it knows the collection's own as they are now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.azvm.access.plugins.module_utils._guest import rdp_listener, winrm_listener
from local_azure.guest import scripts

from .conftest import make_machine

SCRIPTS = {script.name: script for script in (*rdp_listener.SCRIPTS, *winrm_listener.SCRIPTS)}
READ = SCRIPTS["winrm_listener_read"]


def test_every_script_of_the_collection_is_known_with_its_present_text() -> None:
    known = scripts.registered()

    assert {(script.name, script.version): scripts.digest(script.text) for script in SCRIPTS.values()} == known, (
        "a guest script changed: check its model, then run"
        " python -m local_azure.guest.scripts refresh plugins/module_utils/_guest"
    )


@pytest.mark.parametrize("change", [str, lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text + "\n"])
def test_line_ends_do_not_matter(change: object) -> None:
    assert callable(change)
    result = make_machine().run_script(change(READ.text), READ.parameters({"thumbprint": None, "firewall_rule": "x"}))

    assert result.exit_code == 0
    assert json.loads(result.output)["computer_name"] == "WIN1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Get-Process", "cannot run PowerShell"),
        ("", "cannot run PowerShell"),
        (READ.text.replace("winrm_listener_read 1", "winrm_listener_read 99"), "version 99 is not among them"),
        (READ.text.replace("winrm_listener_read 1", "other_script 1"), "other_script version 1 is not among them"),
        (READ.text + "Get-Process\n", "but not with this text"),
    ],
)
def test_any_other_script_fails_with_a_reason(text: str, reason: str) -> None:
    machine = make_machine()
    before = machine.describe()

    result = machine.run_script(text, {})

    assert (result.exit_code, result.output) == (1, "")
    assert reason in result.error
    assert machine.describe() == before


def test_refresh_writes_what_a_package_defines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some" / "_guest"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package.parent / "neighbour.py").write_text("VERSION = 3\n", encoding="utf-8")
    (package / "one.py").write_text(
        "from types import SimpleNamespace\nfrom ..neighbour import VERSION\n"
        "SCRIPTS = (SimpleNamespace(name='one', version=VERSION, text='exit 0'),)\n",
        encoding="utf-8",
    )
    registry = tmp_path / "scripts.json"
    monkeypatch.setattr(scripts, "REGISTRY", registry)

    assert scripts.main(["refresh", str(package)]) == 0

    assert json.loads(registry.read_text(encoding="utf-8")) == [
        {"name": "one", "version": 3, "sha256": scripts.digest("exit 0\n")}
    ]
    monkeypatch.undo()
    scripts.registered.cache_clear()


def test_refresh_needs_a_package(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not a Python package"):
        scripts.load(tmp_path)
