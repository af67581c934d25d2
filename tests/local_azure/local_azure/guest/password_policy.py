# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows' password policy as a server image of the Azure Marketplace has it: length and complexity."""

from __future__ import annotations

_LONGEST = 127
_SPECIAL = frozenset("~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/")


def meets_policy(password: str, *, user_name: str, shortest: int = 8) -> bool:
    """Whether Windows takes the password: long enough, three kinds of characters, not around the account's name.

    "Password must meet complexity requirements" of Microsoft's security policy reference: kinds are upper case, lower
    case, digits, special characters, and letters without a case. A name of fewer than three characters is not searched
    for. A minimum length of 8 is what Azure's images ask for (unverified per image); a policy of one's own may differ.
    """
    length = len(password.encode("utf-16-le", "surrogatepass")) // 2
    if not shortest <= length <= _LONGEST:
        return False
    if len(user_name) > 2 and user_name.lower() in password.lower():
        return False
    kinds = (
        any(one.isupper() for one in password),
        any(one.islower() for one in password),
        any(one in "0123456789" for one in password),
        any(one in _SPECIAL for one in password),
        any(one.isalpha() and not one.isupper() and not one.islower() for one in password),
    )
    return sum(kinds) >= 3
