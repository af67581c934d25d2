# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Skips these tests where the Debian packages that they need are not installed."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.tests.integration.rdp_servers.servers import missing_packages, virtual_display

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def packages() -> None:
    missing = missing_packages()
    if missing:
        pytest.skip(f"real RDP servers are needed: apt-get install --no-install-recommends {' '.join(missing)}")


@pytest.fixture
def display(tmp_path: Path) -> Iterator[str]:
    with virtual_display(tmp_path) as found:
        yield found
