# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What integration tests share."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.tests.integration.support.controller import MARK
from ansible_collections.azvm.access.tests.integration.support.preloaded import Preloaded

if t.TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def preloaded() -> Iterator[Preloaded]:
    """The interpreter for plays that are not about real processes."""
    with Preloaded(MARK) as made:
        yield made
