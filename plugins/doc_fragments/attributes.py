# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documented behaviour that all modules share."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/azvm.access.azure) in C(module_defaults) to set options for all modules of this collection.
    support: full
    membership:
      - azvm.access.azure
  check_mode:
    description: Reads everything, writes nothing, and returns what it would have made.
    support: full
  diff_mode:
    description: Returns what it changed, or would change in check mode. Secrets are never part of it.
    support: full
  idempotent:
    description: When run twice in a row outside check mode with the same options, the second run changes nothing.
    support: full
"""

    # For modules that only look.
    INFO = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/azvm.access.azure) in C(module_defaults) to set options for all modules of this collection.
    support: full
    membership:
      - azvm.access.azure
  check_mode:
    description: Reads everything, writes nothing, and returns what it would have made.
    support: full
    details:
      - This module never changes anything, so check mode makes no difference.
  diff_mode:
    description: Returns what it changed, or would change in check mode. Secrets are never part of it.
    support: N/A
    details:
      - This module never changes anything.
  idempotent:
    description: When run twice in a row outside check mode with the same options, the second run changes nothing.
    support: full
"""
