# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that not every probe needs are imported late; this names the one that is missing."""

from __future__ import annotations

import sys
import typing as t
from contextlib import contextmanager

from .._domain.errors import MissingLibrary

if t.TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def needs(package: str) -> Iterator[None]:
    """Around an import: raise MissingLibrary that names the PyPI ``package``."""
    try:
        yield
    except ImportError as error:
        raise MissingLibrary(
            code="MissingLibrary",
            message=f"The Python package {package} can't be imported by {sys.executable}: {error}.",
            hint=f"Install it there: {sys.executable} -m pip install {package}"
            " (requirements.txt of the collection lists everything).",
        ) from error
