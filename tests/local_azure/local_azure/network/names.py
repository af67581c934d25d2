# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule for names of network resources."""

from __future__ import annotations

import re

from . import errors

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?")


def check_name(name: str) -> None:
    """Up to 80 word characters, dots and hyphens; first and last a word character. Raises InvalidResourceName."""
    if _NAME.fullmatch(name) is None:
        raise errors.invalid_name(name)
