# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small part of OData filters that Resource Manager's lists are asked with."""

from __future__ import annotations

import re

from .errors import AzureError

_CLAUSE = re.compile(
    r"\s*(?P<name>[A-Za-z/]+)\s+eq\s+'(?P<value>(?:[^']|'')*)'\s*|\s*(?P<call>\w+)\((?P<args>[^)]*)\)\s*"
)


def parse(text: str | None) -> dict[str, str]:
    """`name eq 'value'` and `function('argument')`, joined by `and`, as lower-case names and values.

    A function stands under its name with `()`: `{"atscope()": ""}`. Raises 400 for anything else.
    """
    found: dict[str, str] = {}
    if not text:
        return found
    for clause in re.split(r"\s+and\s+", text, flags=re.IGNORECASE):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise AzureError(
                400,
                "InvalidFilterInQueryString",
                f"Invalid $filter '{text}' specified in the query string.",
                gateway=True,
            )
        if match["call"]:
            found[match["call"].lower() + "()"] = match["args"].strip("'")
        else:
            found[match["name"].lower()] = match["value"].replace("''", "'")
    return found
