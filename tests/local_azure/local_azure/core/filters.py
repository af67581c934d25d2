# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small part of OData filters that Resource Manager's lists are asked with."""

from __future__ import annotations

import re
from collections.abc import Collection

from .errors import AzureError

_CLAUSE = re.compile(
    r"\s*(?P<name>[A-Za-z/]+)\s+eq\s+'(?P<value>(?:[^']|'')*)'\s*|\s*(?P<call>\w+)\((?P<args>[^)]*)\)\s*"
)


def parse(text: str | None, known: Collection[str]) -> dict[str, str]:
    """`name eq 'value'` and `function('argument')`, joined by `and`, as lower-case names and values.

    A function stands under its name with `()`: `{"atscope()": ""}`. Raises 400 for anything else, and for names that
    are not among `known` (lower case): a filter that is not understood must not be left out.
    """
    found: dict[str, str] = {}
    for clause in re.split(r"\s+and\s+", text, flags=re.IGNORECASE) if text else []:
        match = _CLAUSE.fullmatch(clause)
        name = "" if match is None else match["name"] or match["call"] + "()"
        if match is None or name.lower() not in known:
            raise AzureError(
                400,
                "InvalidFilterInQueryString",
                f"Invalid $filter '{text}' specified in the query string.",
                gateway=True,
            )
        found[name.lower()] = match["args"].strip("'") if match["call"] else match["value"].replace("''", "'")
    return found
