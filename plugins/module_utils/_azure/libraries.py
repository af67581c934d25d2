# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Azure SDK packages, which are imported late and in peace."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .._domain import libraries

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def needs(package: str) -> Iterator[None]:
    """Around an import: raise :class:`MissingLibrary` that names the PyPI ``package``.

    The SDKs define thousands of classes, none of which is ever garbage: looking for some takes a quarter of the time.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        with libraries.needs(package):
            yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
