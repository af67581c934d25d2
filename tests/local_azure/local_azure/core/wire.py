# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names for the shapes that travel as JSON."""

from __future__ import annotations

from typing import Any, TypeAlias

#: A JSON object as the `json` module makes it. Values of the wire are dynamic by nature; everything else is typed.
Json: TypeAlias = dict[str, Any]
