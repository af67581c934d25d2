# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Security: the just-in-time access policies that a scenario sets, to read."""

from __future__ import annotations

from .jit_policies import register
from .seed import seed

__all__ = ["register", "seed"]
