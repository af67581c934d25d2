# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.KeyVault/managedHSMs: there never is one, as clients that look for vaults want to know."""

from __future__ import annotations

from ...core.call import Answer, Call


def list_none(call: Call) -> Answer:
    """Of the subscription or a resource group, deleted ones or others."""
    return Answer(status=200, body={"value": []})
