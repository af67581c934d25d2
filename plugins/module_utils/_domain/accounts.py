# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Local accounts of Windows: which names and passwords Azure and Windows take, and passwords made to their rules."""

from __future__ import annotations

import re
import secrets
import string

from .errors import InvalidInput

SHORTEST, LONGEST = 8, 123
"""Characters of a password: what Azure takes for a Windows VM (OSProfile.adminPassword)."""

_USER_LENGTH = 20
_NOT_IN_USER_NAMES = re.compile(r'["/\\\[\]:;|=,+*?<>@\x00-\x1f\x7f]')

# Names that Azure refuses for the administrator of a new VM, because they are the first that are guessed
# (OSProfile.adminUsername).
_RESERVED = frozenset(
    """
    1 123 a actuser adm admin admin1 admin2 administrator aspnet backup console david guest john owner root server sql
    support support_388945a0 sys test test1 test2 test3 user user1 user2 user3 user4 user5
    """.split()  # noqa: SIM905 - as a list it would be thirty lines long
)

# Passwords that Azure refuses although they follow the rules (OSProfile.adminPassword).
_WELL_KNOWN = frozenset(
    """
    abc@123 iloveyou! p@$$w0rd p@ssw0rd p@ssword123 pa$$word pass@word1 password! password1 password22
    """.split()  # noqa: SIM905 - one line reads better than ten
)

_SPECIAL = "~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/"
# Without look-alikes (I l 1, O 0), and without what shells, templates and forms treat in their own way.
_GENERATED = ("ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz", "23456789", "!#*+-.:=?@_")


def checked_user_name(name: str) -> str:
    """Raise :class:`InvalidInput` unless ``name`` can be that of a local account."""
    problem = _user_name_problem(name)
    if problem:
        raise InvalidInput(
            code="InvalidUserName",
            message=f"{name!r} can't be the name of a local account: {problem}.",
            hint="Give the name alone, without a domain or computer name. Nothing was sent to Azure.",
        )
    return name


def is_reserved(name: str) -> bool:
    """Whether Azure would refuse ``name`` for the administrator of a new VM."""
    return name.lower() in _RESERVED


def checked_password(password: str, *, user: str | None, source: str) -> str:
    """Raise :class:`InvalidInput` unless Windows' default policy and Azure take ``password`` for the account ``user``.

    ``source`` says in the message where it came from; the password itself is never in one.
    """
    problem = _password_problem(password, user or "")
    if problem:
        raise InvalidInput(
            code="InvalidPassword",
            message=f"The password from {source} can't be set: {problem}.",
            hint=f"Windows wants {SHORTEST} to {LONGEST} characters of at least three kinds (upper case, lower case,"
            " digits, special characters), without the user name. Nothing was changed.",
        )
    return password


def generated_password(length: int, *, user: str) -> str:
    """A random password of ``length`` characters with all four kinds of characters in it.

    24 characters out of 67 are about 145 bits.
    """
    alphabet = "".join(_GENERATED)
    while True:
        password = "".join(secrets.choice(alphabet) for _index in range(length))
        if all(set(password) & set(kind) for kind in _GENERATED) and not _password_problem(password, user):
            return password


def _user_name_problem(name: str) -> str:
    if not name.strip(". "):
        return "it is empty"
    if len(name) > _USER_LENGTH:
        return f"it has more than {_USER_LENGTH} characters"
    if name.endswith("."):
        return "it ends with a full stop"
    forbidden = _NOT_IN_USER_NAMES.search(name)
    return f"it has the character {forbidden[0]!r} in it" if forbidden else ""


def _password_problem(password: str, user: str) -> str:
    try:
        length = len(password.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    if password != password.rstrip("\r\n"):
        return "it ends with a line break"
    if not all(one.isprintable() for one in password):
        return "it has a control character or another one in it that nobody can type"
    if not SHORTEST <= length <= LONGEST:
        return f"it has {length} characters"
    if password.lower() in _WELL_KNOWN:
        return "Azure refuses it as one that is often tried"
    if len(user) > 2 and user.lower() in password.lower():
        return "the user name is in it"
    if _kinds(password) < 3:
        return "it has too few kinds of characters"
    return ""


def _kinds(password: str) -> int:
    """How many kinds of characters Windows counts: its fifth are letters that are neither upper nor lower case."""
    return sum(
        (
            any(one.isupper() for one in password),
            any(one.islower() for one in password),
            any(one in string.digits for one in password),
            any(one in _SPECIAL for one in password),
            any(one.isalpha() and not one.isupper() and not one.islower() for one in password),
        )
    )
