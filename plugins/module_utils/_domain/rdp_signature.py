# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signature of a .rdp file: which settings it covers, the message that is signed, and the line that carries it.

The format is that of Windows' rdpsign.exe, for which Microsoft publishes no description; it is known from open
implementations whose files Windows accepts.
"""

from __future__ import annotations

import base64
import binascii
import struct
import typing as t

from .rdp_settings import SIGNATURE, SIGNSCOPE, Setting, value_of

if t.TYPE_CHECKING:
    from .rdp_settings import Settings

# In the order in which they are signed, wherever they stand in the file. In the file, names are in lower case.
_SCOPE = (
    "Full Address",
    "Alternate Full Address",
    "PCB",
    "Use Redirection Server Name",
    "Server Port",
    "Negotiate Security Layer",
    "EnableCredSspSupport",
    "DisableConnectionSharing",
    "AutoReconnection Enabled",
    "GatewayHostname",
    "GatewayUsageMethod",
    "GatewayProfileUsageMethod",
    "GatewayCredentialsSource",
    "Support URL",
    "PromptCredentialOnce",
    "Require pre-authentication",
    "Pre-authentication server address",
    "Alternate Shell",
    "Shell Working Directory",
    "RemoteApplicationProgram",
    "RemoteApplicationExpandWorkingdir",
    "RemoteApplicationMode",
    "RemoteApplicationGuid",
    "RemoteApplicationName",
    "RemoteApplicationIcon",
    "RemoteApplicationFile",
    "RemoteApplicationFileExtensions",
    "RemoteApplicationCmdLine",
    "RemoteApplicationExpandCmdLine",
    "Prompt For Credentials",
    "Authentication Level",
    "AudioMode",
    "RedirectDrives",
    "RedirectPrinters",
    "RedirectCOMPorts",
    "RedirectSmartCards",
    "RedirectPOSDevices",
    "RedirectClipboard",
    "DevicesToRedirect",
    "DrivesToRedirect",
    "LoadBalanceInfo",
    "RedirectDirectX",
    "RDGIsKDCProxy",
    "KDCProxyName",
    "EventLogUploadAddress",
)

# Three little-endian numbers before the signature: two that are always the same, and its length.
_HEAD = struct.Struct("<III")
_HEAD_WORDS = (0x00010001, 0x00000001)


def with_alternate_address(settings: Settings) -> Settings:
    """``settings`` with the alternate address beside the address: a signed file must not leave that one open.

    Windows tries it, too, so that an unsigned one could be added to lead people elsewhere.
    """
    address = value_of(settings, "full address")
    if address is None or value_of(settings, "alternate full address") is not None:
        return settings
    at = next(index for index, each in enumerate(settings) if each.name == "full address") + 1
    return (*settings[:at], Setting(name="alternate full address", type="s", value=address), *settings[at:])


def scope_of(settings: Settings) -> tuple[str, ...]:
    """The names of those settings that the signature covers, as ``signscope`` lists them."""
    present = {each.name for each in settings}
    return tuple(name for name in _SCOPE if name.lower() in present)


def message_of(settings: Settings) -> bytes:
    """What is signed."""
    scope = scope_of(settings)
    lines = [str(each) for name in scope for each in settings if each.name == name.lower()]
    content = "\r\n".join([*lines, str(_signscope(scope)), "\0"])
    return content.encode("utf-16-le")


def with_signature(settings: Settings, signature: bytes) -> Settings:
    """The signed file; ``signature`` is the DER of a detached PKCS #7 signature over :func:`message_of`."""
    head = _HEAD.pack(*_HEAD_WORDS, len(signature))
    value = base64.b64encode(head + signature).decode("ascii")
    return (*settings, _signscope(scope_of(settings)), Setting(name=SIGNATURE, type="s", value=value))


def signature_of(settings: Settings) -> bytes | None:
    """The DER of the file's signature; None without one, or when it or its scope is not what it has to be."""
    value = value_of(settings, SIGNATURE)
    if value is None or value_of(settings, SIGNSCOPE) != _signscope(scope_of(settings)).value:
        return None
    try:
        content = base64.b64decode("".join(value.split()), validate=True)
    except binascii.Error:
        return None
    signature = content[_HEAD.size :]
    if content[: _HEAD.size] != _HEAD.pack(*_HEAD_WORDS, len(signature)):
        return None
    return signature


def _signscope(scope: tuple[str, ...]) -> Setting:
    return Setting(name=SIGNSCOPE, type="s", value=",".join(scope))
