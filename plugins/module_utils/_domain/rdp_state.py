# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A .rdp file as it is and as it shall be, and whether it may be replaced."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .publisher import has_signed, pkcs7
from .rdp_settings import (
    SIGNATURE,
    Settings,
    decode,
    differing,
    encode,
    encoding_of,
    is_own,
    parse,
    plain,
    value_of,
    with_digest,
)
from .rdp_signature import message_of, signature_of, with_alternate_address, with_signature

if t.TYPE_CHECKING:
    from .outcome import Document
    from .publisher import Publisher


@dataclass(frozen=True, kw_only=True)
class WantedFile:
    """The file as it shall be; its signature is made only when the bytes are asked for."""

    settings: Settings
    publisher: Publisher | None
    mode: int

    @classmethod
    def of(cls, settings: Settings, publisher: Publisher | None, *, mode: int) -> WantedFile:
        complete = with_alternate_address(settings) if publisher else settings
        return cls(settings=with_digest(complete), publisher=publisher, mode=mode)

    @property
    def document(self) -> Document:
        """What is compared and shown."""
        signed = with_signature(self.settings, b"") if self.publisher else self.settings
        return _document(
            self.settings,
            encoding_of(signed),
            mode=self.mode,
            signed_by=self.publisher.thumbprint if self.publisher else None,
        )

    def content(self) -> bytes:
        """The bytes to write."""
        if self.publisher is None:
            return encode(self.settings)
        return encode(with_signature(self.settings, pkcs7(self.publisher, message_of(self.settings))))


@dataclass(frozen=True, kw_only=True)
class FoundFile:
    """The file that is there. ``settings`` is None when it is no .rdp file."""

    settings: Settings | None
    document: Document

    @classmethod
    def of(cls, content: bytes, publisher: Publisher | None, *, mode: int) -> FoundFile:
        """``publisher`` is the one whose signature is looked for."""
        try:
            text, encoding = decode(content)
            settings = parse(text)
        except ValueError:
            return cls(settings=None, document=_document((), "unknown", mode=mode, signed_by=None))
        document = _document(settings, encoding, mode=mode, signed_by=_signed_by(settings, publisher))
        return cls(settings=settings, document=document)

    @property
    def own(self) -> bool:
        """Whether it is as a run wrote it, so that a later run may replace it without asking."""
        return self.settings is not None and is_own(self.settings)

    def differences(self, wanted: WantedFile) -> list[str]:
        """The names of the settings that a client finds otherwise than wanted."""
        if self.settings is None:
            return ["everything, as it is no .rdp file"]
        signature = [] if self.document["signed_by"] == wanted.document["signed_by"] else [SIGNATURE]
        return differing(self.settings, wanted.settings) + signature

    def differs_in_mode_only(self, wanted: WantedFile) -> bool:
        return {**self.document, "mode": None} == {**wanted.document, "mode": None}


def _signed_by(settings: Settings, publisher: Publisher | None) -> str | None:
    if value_of(settings, SIGNATURE) is None:
        return None
    signature = signature_of(settings)
    if publisher and signature and has_signed(publisher, signature, message_of(settings)):
        return publisher.thumbprint
    return "another publisher, or not valid" if publisher else "a publisher"


def _document(settings: Settings, encoding: str, *, mode: int, signed_by: str | None) -> Document:
    return {
        "mode": f"{mode:04o}",
        "encoding": encoding,
        "signed_by": signed_by,
        "settings": [each.shown for each in plain(settings)],
    }
