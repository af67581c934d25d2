# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for the probe tests."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.tests.unit.probe.identities import issue_into

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.azvm.access.tests.unit.probe.identities import Issue


@pytest.fixture
def issue(tmp_path: Path) -> Issue:
    return issue_into(tmp_path)
