# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules say they need is what requirements.txt installs."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from ansible_collections.azvm.access.plugins import doc_fragments, modules

CLONE = Path(__file__).parents[2]
MODULES = sorted(path.stem for path in Path(next(iter(modules.__path__))).glob("*.py") if path.stem != "__init__")
STATED = re.compile(r"([a-z][a-z0-9-]*) >= ([0-9.]+)")


def floors() -> dict[str, tuple[int, ...]]:
    """Package -> oldest release that will do."""
    lines = (CLONE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return dict(stated(line.replace(">=", " >= ")) for line in lines if line and not line.startswith("#"))


def stated(text: str) -> tuple[str, tuple[int, ...]]:
    """``azure-core >= 1.34.0`` -> its name and (1, 34)."""
    found = STATED.match(text)
    assert found is not None, text
    numbers = [int(part) for part in found[2].split(".")]
    while numbers[-1] == 0:
        numbers.pop()
    return found[1], tuple(numbers)


def requirements(module: str) -> list[str]:
    """All that a module's documentation names, with what its fragments add."""
    own = yaml.safe_load(import_module(f"{modules.__name__}.{module}").DOCUMENTATION)
    found = list(own.get("requirements") or [])
    for name in own["extends_documentation_fragment"]:
        _namespace, _collection, file, *part = name.split(".")
        fragment = import_module(f"{doc_fragments.__name__}.{file}").ModuleDocFragment
        text = getattr(fragment, (part or ["documentation"])[0].upper())
        found += yaml.safe_load(text).get("requirements") or []
    return found


@pytest.mark.parametrize("module", MODULES)
def test_a_module_needs_what_is_installed_for_it(module: str) -> None:
    known = floors()
    said = [STATED.findall(text) for text in requirements(module)]
    assert all(said)
    packages = dict(stated(f"{name} >= {version}") for each in said for name, version in each if name != "python")
    assert packages == {name: known[name] for name in packages}
    assert {"azure-core", "azure-identity"} <= packages.keys()
