# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a .rdp file as values, and the text and bytes that carry them."""

from __future__ import annotations

import codecs
import hashlib
import re
import typing as t
import unicodedata
from dataclasses import dataclass

from .errors import InvalidInput

if t.TYPE_CHECKING:
    from collections.abc import Iterable

UTF8 = "utf-8"
UTF16 = "utf-16-le"

# Not settings of Windows: clients ignore names they do not know.
DIGEST = "azvm access digest"
SIGNSCOPE = "signscope"
SIGNATURE = "signature"
_ABOUT_THE_FILE = (DIGEST, SIGNSCOPE, SIGNATURE)

_LINE = re.compile(r"(?P<name>[^:]+):(?P<type>[isb]):(?P<value>.*)")
_LINE_END = re.compile(r"\r\n|\n|\r")
# Lines that can carry a password or an access token; Windows writes passwords as type b.
_SECRET = re.compile(r"pass(word|code)|token|cookie")
_REFUSED_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One line, ``name:type:value``; ``name`` is in lower case, ``type`` s (text), i (number) or b (hexadecimal)."""

    name: str
    type: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}:{self.type}:{self.value}"

    @property
    def shown(self) -> str:
        """The line for people: without what may be a secret."""
        secret = self.type == "b" or _SECRET.search(self.name)
        return f"{self.name}:{self.type}:{'(hidden)' if secret else self.value}"


Settings = tuple[Setting, ...]


def text(name: str, value: str) -> Setting:
    """A text setting. Raises :class:`InvalidInput` for a value that would be more than one line, or change on the way.

    Without this check a line break in a user name could bring in settings of its own.
    """
    if any(unicodedata.category(char) in _REFUSED_CATEGORIES for char in value) or value != value.strip():
        raise InvalidInput(
            code="InvalidValue",
            message=f"{value!r} can't be the {name} of a .rdp file:"
            " line breaks, control characters and white space at its ends are not possible there.",
        )
    return Setting(name=name, type="s", value=value)


def number(name: str, value: int) -> Setting:
    """A number; ``True`` is 1."""
    return Setting(name=name, type="i", value=str(int(value)))


def render(settings: Iterable[Setting]) -> str:
    """The text of a file: one setting per line, each line ended as Windows does it."""
    return "".join(f"{setting}\r\n" for setting in settings)


def parse(content: str) -> Settings:
    """The settings of a file's text; empty lines are skipped. Raises ValueError for a line that is no setting."""
    lines = (line for line in _LINE_END.split(content) if line.strip())
    return tuple(_parse_line(line) for line in lines)


def _parse_line(line: str) -> Setting:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("a line is not of the form name:type:value")
    return Setting(name=match["name"].strip().lower(), type=match["type"], value=match["value"])


def encoding_of(settings: Iterable[Setting]) -> str:
    """UTF-16 for signed files and for anything but ASCII, else UTF-8.

    Windows' own client writes UTF-16LE with a byte order mark and reads both; FreeRDP does not find the first line
    of a UTF-8 file that has a mark.
    """
    settings = tuple(settings)
    plain = all(str(setting).isascii() and setting.name != SIGNATURE for setting in settings)
    return UTF8 if plain else UTF16


def encode(settings: Settings) -> bytes:
    """The bytes of the file."""
    content = render(settings)
    return content.encode(UTF8) if encoding_of(settings) == UTF8 else codecs.BOM_UTF16_LE + content.encode(UTF16)


def decode(content: bytes) -> tuple[str, str]:
    """Text and encoding of any file that a Remote Desktop client may have written. Raises ValueError (Unicode)."""
    if content.startswith(codecs.BOM_UTF8):
        return content.decode("utf-8-sig"), "utf-8-sig"
    if content.startswith(codecs.BOM_UTF16_LE):
        return content.removeprefix(codecs.BOM_UTF16_LE).decode(UTF16), UTF16
    if content.startswith(codecs.BOM_UTF16_BE):
        return content.removeprefix(codecs.BOM_UTF16_BE).decode("utf-16-be"), "utf-16-be"
    return content.decode(UTF8), UTF8


def with_digest(settings: Settings) -> Settings:
    """``settings`` and the line by which a later run knows that nobody edited the file."""
    return (*settings, Setting(name=DIGEST, type="s", value=_digest(settings)))


def is_own(settings: Settings) -> bool:
    """Whether the file is as this collection wrote it: its settings still have the digest that stands in it."""
    return [each.value for each in settings if each.name == DIGEST] == [_digest(settings)]


def plain(settings: Iterable[Setting]) -> Settings:
    """What a client acts upon: without digest and signature."""
    return tuple(each for each in settings if each.name not in _ABOUT_THE_FILE)


def _digest(settings: Settings) -> str:
    return hashlib.sha256(render(plain(settings)).encode()).hexdigest()


def value_of(settings: Iterable[Setting], name: str) -> str | None:
    """The value of the first setting of that name."""
    return next((each.value for each in settings if each.name == name), None)


def differing(one: Settings, other: Settings) -> list[str]:
    """The names of settings that are not the same in both; where a line stands makes no difference."""
    unlike = set(plain(one)) ^ set(plain(other))
    return sorted({each.name for each in unlike})
