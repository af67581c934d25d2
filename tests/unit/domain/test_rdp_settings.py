# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a .rdp file: text and back, encodings, the digest, and what can't be slipped in."""

from __future__ import annotations

import codecs
import contextlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain import rdp_settings
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_settings import (
    Setting,
    Settings,
    decode,
    differing,
    encode,
    encoding_of,
    is_own,
    number,
    parse,
    render,
    text,
    with_digest,
)

names = st.from_regex(r"[a-z][a-z0-9 -]{0,30}[a-z0-9]", fullmatch=True)
values = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=60).filter(
    lambda value: value == value.strip()
)
one_setting = st.builds(text, names, values) | st.builds(number, names, st.integers(0, 2**31))
some_settings = st.lists(one_setting, max_size=12).map(tuple)


@given(some_settings)
def test_what_is_rendered_is_parsed_as_it_was(settings: Settings) -> None:
    assert parse(render(settings)) == settings


@given(some_settings)
def test_what_is_encoded_is_decoded_as_it_was(settings: Settings) -> None:
    content, encoding = decode(encode(settings))
    assert parse(content) == settings
    assert encoding == encoding_of(settings)


@given(names, st.text(max_size=40))
def test_a_value_is_one_setting_or_refused(name: str, value: str) -> None:
    """Whatever it holds: it can't bring in a setting of its own, nor change on the way."""
    made: Settings = ()
    with contextlib.suppress(InvalidInput):
        made = (text(name, value),)
    if made:
        assert parse(render(made)) == made
    else:
        assert value != value.strip() or any(unicodedata.category(char)[0] in "CZ" for char in value)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\0", "\x0b", "\x0c", "\x1e", "\x85", "\u2028", "\u2029"])
def test_line_breaks_are_refused(end: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        text("username", f"jane{end}full address:s:evil.example.com")
    assert "line breaks" in caught.value.message
    assert end not in caught.value.message


def test_plain_files_are_utf8_without_a_mark() -> None:
    content = encode((text("full address", "vm:3389"), number("prompt for credentials", 1)))
    assert content == b"full address:s:vm:3389\r\nprompt for credentials:i:1\r\n"


def test_other_characters_make_it_utf16_with_a_mark() -> None:
    content = encode((text("username", "win1\\j\u00fcrgen"),))
    assert content.startswith(codecs.BOM_UTF16_LE)
    assert content[2:].decode("utf-16-le") == "username:s:win1\\j\u00fcrgen\r\n"


def test_a_signed_file_is_utf16() -> None:
    assert encoding_of((text("signature", "AQAB"),)) == rdp_settings.UTF16


@pytest.mark.parametrize(
    "content",
    [
        b"full address:s:vm\nUsername:s:jane",
        b"full address:s:vm\r\n\r\nusername:s:jane\r\n",
        codecs.BOM_UTF8 + b"full address:s:vm\rusername:s:jane",
        codecs.BOM_UTF16_BE + "full address:s:vm\r\nusername:s:jane".encode("utf-16-be"),
        codecs.BOM_UTF16_LE + "FULL ADDRESS:s:vm\r\nusername:s:jane\r\n".encode("utf-16-le"),
    ],
)
def test_all_that_clients_write_is_read(content: bytes) -> None:
    assert parse(decode(content)[0]) == (text("full address", "vm"), text("username", "jane"))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x80\x81", codecs.BOM_UTF16_LE + b"\x00\xd8"])
def test_what_is_no_text_is_said(content: bytes) -> None:
    with pytest.raises(ValueError, match="codec"):
        decode(content)


@pytest.mark.parametrize("line", ["hello", "a:x:1", "a:s", ":s:value"])
def test_what_is_no_setting_is_said(line: str) -> None:
    with pytest.raises(ValueError, match="name:type:value"):
        parse(f"full address:s:vm\r\n{line}\r\n")


@given(some_settings)
def test_a_file_knows_that_it_was_not_edited(settings: Settings) -> None:
    assert is_own(parse(render(with_digest(settings))))
    assert not is_own(settings)


@given(some_settings, one_setting)
def test_a_file_knows_that_it_was_edited(settings: Settings, added: Setting) -> None:
    own = with_digest(settings)
    assert not is_own((added, *own))
    assert not is_own((*own, added))
    for index in range(len(settings)):
        assert not is_own((*own[:index], *own[index + 1 :]))


def test_a_second_digest_does_not_help() -> None:
    own = with_digest((text("full address", "vm"),))
    assert not is_own((*own, own[-1]))


def test_differences_are_named() -> None:
    one = (text("full address", "a"), number("audiomode", 2), text("username", "jane"))
    other = with_digest((number("audiomode", 2), text("full address", "b"), number("use multimon", 1)))
    assert differing(one, other) == ["full address", "use multimon", "username"]
    assert differing(one, tuple(reversed(one))) == []


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("password 51:b:01000000D08C9DDF", True),
        ("gatewayaccesstoken:s:eyJ0", True),
        ("some blob:b:00", True),
        ("full address:s:vm", False),
        ("prompt for credentials:i:1", False),
    ],
)
def test_secrets_of_an_edited_file_are_not_shown(line: str, hidden: bool) -> None:
    (setting,) = parse(line)
    assert (setting.shown != line) == hidden
    assert not hidden or setting.value not in setting.shown
