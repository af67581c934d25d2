# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merging the body of a write into the properties of a resource, as PATCH on a virtual machine does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.wire import Json


def merge(current: Mapping[str, Any], change: Mapping[str, Any]) -> Json:
    """``current`` with ``change`` laid over it: objects property by property, lists and values as a whole.

    Names are compared without regard to case, as the service does, and keep the casing of ``current``. A property that
    is null in ``change`` is left as it is (unverified: whether Compute ignores a null or refuses it).
    """
    merged = dict(current)
    names = {name.lower(): name for name in merged}
    for name, value in change.items():
        if value is None:
            continue
        own = names.get(name.lower(), name)
        before = merged.get(own)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[own] = merge(before, value)
        elif isinstance(value, Mapping):
            merged[own] = merge({}, value)
        else:
            merged[own] = value
    return merged
