# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a .rdp file asks of the Remote Desktop client: options as values, turned into settings.

Names and values are those of Microsoft's list "Supported RDP properties".
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .errors import InvalidInput
from .rdp_settings import Settings, number, text
from .server_name import parse_ip

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from .rdp_accounts import Account
    from .rdp_settings import Setting

AUDIO = {"local": 0, "remote": 1, "none": 2}
GATEWAY_USAGE = {"always": 1, "fallback": 2}
GATEWAY_CREDENTIALS = {"password": 0, "smart_card": 1, "logged_on": 2, "any": 4}
SERVER_AUTHENTICATION = {"require": 1, "warn": 2}
SCREEN_MODES = {"window": 1, "full": 2}

_DRIVE = re.compile(r"(?P<letter>[A-Za-z]):?\\?")
_WORDS_FOR_DRIVES = {"*": "*", "dynamicdrives": "DynamicDrives"}


@dataclass(frozen=True, kw_only=True)
class Screen:
    """None leaves a choice to the client. ``width`` and ``height`` are pixels of a window."""

    mode: str | None = None
    width: int | None = None
    height: int | None = None
    all_monitors: bool | None = None
    smart_sizing: bool | None = None
    dynamic_resolution: bool | None = None

    def settings(self) -> Iterator[Setting]:
        if self.mode:
            yield number("screen mode id", SCREEN_MODES[self.mode])
        for name, value in (
            ("use multimon", self.all_monitors),
            ("desktopwidth", self.width),
            ("desktopheight", self.height),
            ("smart sizing", self.smart_sizing),
            ("dynamic resolution", self.dynamic_resolution),
        ):
            if value is not None:
                yield number(name, value)


@dataclass(frozen=True, kw_only=True)
class Redirections:
    """What of the client's machine the VM may use: nothing, unless it is said.

    All of them stand in the file, because clients switch several on where a file is silent.
    """

    clipboard: bool = False
    printers: bool = False
    drives: tuple[str, ...] = ()
    smart_cards: bool = False
    com_ports: bool = False
    webauthn: bool = False
    devices: bool = False
    usb_devices: bool = False
    cameras: bool = False
    microphone: bool = False
    location: bool = False
    audio: str = "none"

    def settings(self) -> Iterator[Setting]:
        """Raises :class:`InvalidInput` for what is no drive."""
        yield number("audiomode", AUDIO[self.audio])
        yield number("audiocapturemode", self.microphone)
        yield number("redirectclipboard", self.clipboard)
        yield number("redirectprinters", self.printers)
        yield number("redirectcomports", self.com_ports)
        yield number("redirectsmartcards", self.smart_cards)
        yield number("redirectwebauthn", self.webauthn)
        yield number("redirectlocation", self.location)
        yield text("drivestoredirect", "".join(map(_drive, self.drives)))
        yield text("devicestoredirect", "*" if self.devices else "")
        yield text("usbdevicestoredirect", "*" if self.usb_devices else "")
        yield text("camerastoredirect", "*" if self.cameras else "")


def _drive(wanted: str) -> str:
    match = _DRIVE.fullmatch(wanted)
    word = f"{match['letter'].upper()}:\\" if match else _WORDS_FOR_DRIVES.get(wanted.lower())
    if word is None:
        raise InvalidInput(
            code="InvalidDrive",
            message=f"{wanted!r} is not a drive.",
            hint="Name drives by their letters, or write '*' for all, or DynamicDrives for those plugged in later.",
        )
    return word if word == "*" else f"{word};"


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """A Remote Desktop Gateway."""

    host: str
    usage: str = "always"
    credentials: str = "any"
    same_credentials: bool = False

    def settings(self) -> Iterator[Setting]:
        yield text("gatewayhostname", self.host)
        yield number("gatewayusagemethod", GATEWAY_USAGE[self.usage])
        yield number("gatewayprofileusagemethod", 1)  # what stands here, not what an administrator preset
        yield number("gatewaycredentialssource", GATEWAY_CREDENTIALS[self.credentials])
        yield number("promptcredentialonce", self.same_credentials)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Everything but the address."""

    prompt_for_credentials: bool = True
    administrative_session: bool = False
    server_authentication: str = "warn"
    screen: Screen = field(default_factory=Screen)
    redirect: Redirections = field(default_factory=Redirections)
    gateway: Gateway | None = None

    def settings(self, address: str, port: int, account: Account) -> Settings:
        """The settings of the file, in the order in which they are written."""
        host = f"[{address}]" if parse_ip(address) is not None and ":" in address else address
        return tuple(self._settings(f"{host}:{port}", account))

    def _settings(self, full_address: str, account: Account) -> Iterator[Setting]:
        yield text("full address", full_address)
        if account.username:
            yield text("username", account.username)
        yield number("prompt for credentials", self.prompt_for_credentials)
        if account.entra:
            yield number("enablerdsaadauth", 1)
        if self.administrative_session:
            yield number("administrative session", 1)
        yield number("authentication level", SERVER_AUTHENTICATION[self.server_authentication])
        yield from self.screen.settings()
        yield from self.redirect.settings()
        if self.gateway:
            yield from self.gateway.settings()
