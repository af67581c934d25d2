# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of the vault's plane: at most 25 entries a page, then ``nextLink`` with a token."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from ...core.wire import Json
from .errors import bad_parameter

PAGE_SIZE = 25


def page(entries: Sequence[tuple[str, Json]], *, url: str, query: Mapping[str, str]) -> Json:
    """One page of `entries` (sort key, item). `url` is the collection's address without query.

    The token holds the last key of the page before, so that entries which come or go between pages do no harm.
    """
    size = _size(query.get("maxresults"))
    after = _position(query.get("$skiptoken"))
    rest = [entry for entry in sorted(entries, key=lambda entry: entry[0]) if after is None or entry[0] > after]
    shown = rest[:size]
    link = None
    if len(rest) > size:
        token = base64.urlsafe_b64encode(shown[-1][0].encode()).decode()
        link = f"{url}?api-version={quote(query['api-version'])}&$skiptoken={quote(token)}&maxresults={size}"
    return {"value": [item for _key, item in shown], "nextLink": link}


def _size(given: str | None) -> int:
    if given is None:
        return PAGE_SIZE
    if not given.isdecimal() or not 1 <= int(given) <= PAGE_SIZE:
        raise bad_parameter(f"Property maxresults has invalid value: it must be between 1 and {PAGE_SIZE}")
    return int(given)


def _position(token: str | None) -> str | None:
    if token is None:
        return None
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise bad_parameter("The skiptoken is invalid.") from error
