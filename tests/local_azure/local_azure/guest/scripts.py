# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest scripts that this machine can model, known by name, version and SHA-256.

`scripts.json` lists them. After a script has changed, check that its model below still behaves like it, then run
`python -m local_azure.guest.scripts refresh FOLDER`, where FOLDER is the Python package that defines the scripts: each
module in it with a tuple `SCRIPTS` of objects that have `name`, `version` and `text`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .machine import Machine

REGISTRY = Path(__file__).with_name("scripts.json")
FIRST_LINE = re.compile(r"#\s*azvm\.access/(?P<name>[a-z0-9_]+)\s+(?P<version>\d+)\s*$")
LINES_READ = 5
_PARENT = "_scripts_to_register"


@dataclass(frozen=True, kw_only=True)
class ScriptResult:
    """What a script leaves: exit code, standard output, error output."""

    exit_code: int
    output: str
    error: str = ""


Model = Callable[["Machine", Mapping[str, str]], ScriptResult]


class _Script(Protocol):
    name: str
    version: int
    text: str


def run(machine: Machine, text: str, parameters: Mapping[str, str]) -> ScriptResult:
    """Model the script if it is one of the collection's; any other ends with exit code 1 and says why."""
    header = _header(text)
    if header is None:
        return _refused(
            "This guest belongs to the local Azure. It cannot run PowerShell: it knows only the scripts of the "
            "collection azvm.access, which begin with a line '# azvm.access/<name> <version>'."
        )
    name, version = header
    known = registered().get((name, version))
    model = _models().get((name, version))
    if known is None or model is None:
        return _refused(
            "This guest belongs to the local Azure. It cannot run PowerShell and knows only the collection's own "
            f"scripts; {name} version {version} is not among them."
        )
    found = digest(text)
    if found != known:
        return _refused(
            f"This guest belongs to the local Azure. It cannot run PowerShell; it knows {name} version {version}, but "
            f"not with this text (SHA-256 {found}, known is {known})."
        )
    return model(machine, parameters)


def digest(text: str) -> str:
    """SHA-256 of a script's UTF-8 text with Unix line ends and without blank lines at its end."""
    unix = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
    return hashlib.sha256(unix.encode()).hexdigest()


@cache
def registered() -> dict[tuple[str, int], str]:
    """The known digests by name and version."""
    entries = json.loads(REGISTRY.read_text(encoding="utf-8"))
    return {(entry["name"], entry["version"]): entry["sha256"] for entry in entries}


def _models() -> dict[tuple[str, int], Model]:
    # Imported late: the models use ScriptResult, which is defined here.
    from . import rdp_listener, winrm_listener

    return {
        ("rdp_listener_read", 1): rdp_listener.read,
        ("rdp_listener_apply", 1): rdp_listener.apply,
        ("rdp_listener_remove", 1): rdp_listener.remove,
        ("winrm_listener_read", 1): winrm_listener.read,
        ("winrm_listener_apply", 1): winrm_listener.apply,
        ("winrm_listener_remove", 1): winrm_listener.remove,
    }


def _header(text: str) -> tuple[str, int] | None:
    for line in text.lstrip("\ufeff").splitlines()[:LINES_READ]:
        match = FIRST_LINE.match(line.strip())
        if match:
            return match["name"], int(match["version"])
    return None


def _refused(message: str) -> ScriptResult:
    return ScriptResult(exit_code=1, output="", error=message + "\r\n")


def load(folder: Path) -> list[_Script]:
    """The scripts that the Python package in `folder` defines. Raises FileNotFoundError when it is not a package.

    It is imported as part of a package made of its parent folder, because its modules may use their neighbours.
    """
    if not (folder / "__init__.py").is_file():
        raise FileNotFoundError(f"{folder} is not a Python package")
    parent = ModuleType(_PARENT)
    parent.__path__ = [str(folder.resolve().parent)]
    sys.modules[_PARENT] = parent
    try:
        stems = [path.stem for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]
        modules = [importlib.import_module(f"{_PARENT}.{folder.resolve().name}.{stem}") for stem in stems]
        return [script for module in modules for script in getattr(module, "SCRIPTS", ())]
    finally:
        for loaded in [name for name in sys.modules if name == _PARENT or name.startswith(f"{_PARENT}.")]:
            del sys.modules[loaded]


def refresh(scripts: Iterable[_Script]) -> str:
    """Write the digests of these scripts to `scripts.json`; returns what was written."""
    entries = [
        {"name": script.name, "version": script.version, "sha256": digest(script.text)}
        for script in sorted(scripts, key=lambda script: (script.name, script.version))
    ]
    content = json.dumps(entries, indent=2) + "\n"
    REGISTRY.write_text(content, encoding="utf-8")
    registered.cache_clear()
    return content


def main(arguments: list[str] | None = None) -> int:
    """The command that refreshes the digests."""
    parser = argparse.ArgumentParser(prog="python -m local_azure.guest.scripts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("refresh", help="write the digests of all scripts that a Python package defines")
    command.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    sys.stdout.write(refresh(load(options.folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
