# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blobs of managed boot diagnostics: addresses that are good for a while, and what can be read there."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..core.store import Resource
from .provider import VIRTUAL_MACHINES
from .state import state_of

if TYPE_CHECKING:
    from ..core.azure import Azure

HOST_SUFFIX: Final = "z1.blob.storage.azure.net"
SCREENSHOT: Final = "screenshot.bmp"
SERIAL_LOG: Final = "serialconsole.log"

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_WIDTH, _HEIGHT = 1024, 768

#: What Windows writes to the first serial port of every VM of Azure when it starts.
_SERIAL_TEXT = (
    "Computer is booting, SAC started and initialized.\r\n\r\n"
    'Use the "ch -?" command for information about using channels.\r\n'
    'Use the "?" command for general help.\r\n\r\n'
    "SAC>"
)


def address(azure: Azure, vm: Resource, blob: str, minutes: int) -> str:
    """Where ``blob`` of ``vm`` can be read for so many minutes."""
    path = _path(vm, blob)
    expiry = azure.clock.now() + timedelta(minutes=minutes)
    signature = quote(_signature(azure, path, f"{expiry:{_TIME}}"), safe="")
    query = f"sv=2018-03-28&sr=b&sig={signature}&se={expiry:%Y-%m-%dT%H%%3a%M%%3a%SZ}&sp=r"
    return f"https://{_host(vm)}:443{path}?{query}"


def app(azure: Azure) -> ASGIApp:
    """The storage accounts that Azure keeps the blobs in."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(azure, Request(scope, receive))(scope, receive, send)

    return serve


def _answer(azure: Azure, request: Request) -> Response:
    path, query = request.url.path, request.query_params
    expiry = query.get("se", "")
    if not hmac.compare_digest(query.get("sig", ""), _signature(azure, path, expiry)) or _is_over(azure, expiry):
        return _refusal(
            403,
            "AuthenticationFailed",
            "Server failed to authenticate the request. Make sure the value of Authorization header is formed "
            "correctly including the signature.",
        )
    if request.method not in ("GET", "HEAD"):
        return _refusal(
            403,
            "AuthorizationPermissionMismatch",
            "This request is not authorized to perform this operation using this permission.",
        )
    for vm in azure.store.list(VIRTUAL_MACHINES):
        if path == _path(vm, SERIAL_LOG):
            return Response(_serial_log(vm), media_type="application/octet-stream")
        if path == _path(vm, SCREENSHOT):
            return Response(_screenshot(), media_type="application/octet-stream")
    return _refusal(404, "BlobNotFound", "The specified blob does not exist.")


def _host(vm: Resource) -> str:
    return f"md-{vm.properties['vmId'][:8]}.{HOST_SUFFIX}"


def _path(vm: Resource, blob: str) -> str:
    unique = vm.properties["vmId"]
    return f"/{unique}/{vm.id.name}.{unique}.{blob}"


def _signature(azure: Azure, path: str, expiry: str) -> str:
    digest = hmac.digest(azure.compute.console_key, f"{path}\n{expiry}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def _is_over(azure: Azure, expiry: str) -> bool:
    now: datetime = azure.clock.now()
    return f"{now:{_TIME}}" > expiry


def _serial_log(vm: Resource) -> bytes:
    """The log of the last start; what a Linux writes isn't rehearsed."""
    return _SERIAL_TEXT.encode() if state_of(vm).image.os_type == "Windows" else b""


def _screenshot() -> bytes:
    """A black screen: a bitmap with one bit for each pixel."""
    pixels = bytes(_WIDTH * _HEIGHT // 8)
    palette = bytes(4) + b"\xff\xff\xff\x00"
    start = 14 + 40 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
    information = struct.pack("<IiiHHIIiiII", 40, _WIDTH, _HEIGHT, 1, 1, 0, len(pixels), 0, 0, 2, 0)
    return head + information + palette + pixels


def _refusal(status: int, code: str, message: str) -> Response:
    text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(text, status, {"x-ms-error-code": code}, media_type="application/xml")
