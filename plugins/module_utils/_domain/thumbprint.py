# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate thumbprints: how people write them, and the one form they are compared in."""

from __future__ import annotations

import re
import unicodedata

_FORM = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")


def normalise_thumbprint(text: str) -> str:
    """A SHA-1 (40 digits) or SHA-256 (64 digits) thumbprint as upper-case hexadecimal digits, as Windows shows it.

    Colons, dashes, white space and invisible characters are dropped: the Windows certificate dialog puts a hidden
    left-to-right mark (U+200E) in front of what people copy from it. Raises ValueError for anything else.
    """
    digits = "".join(c for c in text if c not in ":-" and not c.isspace() and unicodedata.category(c) != "Cf").upper()
    if not _FORM.fullmatch(digits):
        raise ValueError("a thumbprint has 40 (SHA-1) or 64 (SHA-256) hexadecimal digits")
    return digits
