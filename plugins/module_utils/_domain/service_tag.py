# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure's service tags: names for ranges of addresses that only Azure's network knows."""

from __future__ import annotations

import re

# Azure does not care for case and knows new tags before we do. Host names, which rules can't hold, look much the same,
# but nobody writes them with a capital letter; the tags that every network knows are told by themselves.
_TAG = re.compile(r"(?i:virtualnetwork|internet|azureloadbalancer|azurecloud)|[A-Z][A-Za-z0-9]*(\.[A-Za-z0-9]+)?")

HINT = "Service tags are written as Azure writes them, such as VirtualNetwork or AzureCloud.WestEurope."


def is_service_tag(word: str) -> bool:
    """Whether ``word`` is a tag, such as ``VirtualNetwork`` or ``Storage.WestEurope``."""
    return _TAG.fullmatch(word) is not None
