# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the SDKs and Azure say of a failure, cut down to the one sentence a person needs."""

from __future__ import annotations

import re

# Advice to read a page, and what only Microsoft's support can use.
_TRAILERS = re.compile(
    r" (For more details please go to|Trace ID:|To learn more, see|For more information on this error"
    r"|For more information on soft delete|For help resolving this issue|Assignment: \(not found\)).*",
    re.DOTALL,
)
_REASON = re.compile(
    r"\[Errno -?\d+\] ([^\"'()]+)|(Tunnel connection failed: [^\"'()]+)|(Remote end closed [^\"'()]+)|(\[SSL.*)"
)


def plain(text: str) -> str:
    """One line, without Azure's references to further reading and without a final full stop."""
    return _TRAILERS.sub("", " ".join(text.split())).rstrip(". ") or "no further text"


def first_line(text: str) -> str:
    """The first line that says something; what follows it is a page of HTML as often as not."""
    return plain(next((line for line in text.splitlines() if line.strip()), ""))


def connection_failure(text: str) -> str:
    """Why no connection came about, from the nested representation that urllib3 gives of it."""
    found = _REASON.search(text)
    reason = next(filter(None, found.groups()), "") if found else ""
    if "proxy" in text.lower():
        return f"the proxy does not let the connection through: {plain(reason or first_line(text))}"
    return plain(reason) if reason else first_line(text)
