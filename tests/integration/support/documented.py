# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a module as its documentation has them."""

from __future__ import annotations

import importlib
import typing as t

import yaml

from ansible_collections.azvm.access.plugins import doc_fragments

if t.TYPE_CHECKING:
    from types import ModuleType


def options(module: ModuleType) -> dict[str, dict[str, t.Any]]:
    """What is documented of each option."""
    own = yaml.safe_load(module.DOCUMENTATION)
    found = [own, *(_fragment(name) for name in own["extends_documentation_fragment"])]
    return {name: option for each in found for name, option in each.get("options", {}).items()}


def defaults(module: ModuleType) -> dict[str, t.Any]:
    """The parameters of a task that names no option: each with its documented default, or None."""
    return {name: option.get("default") for name, option in options(module).items()}


def _fragment(name: str) -> dict[str, t.Any]:
    """What ``azvm.access.<file>`` or ``azvm.access.<file>.<part>`` says."""
    _namespace, _collection, file, *part = name.split(".")
    fragment = importlib.import_module(f"{doc_fragments.__name__}.{file}").ModuleDocFragment
    return t.cast("dict[str, t.Any]", yaml.safe_load(getattr(fragment, (part or ["documentation"])[0].upper())))
