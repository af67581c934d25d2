# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What boot diagnostics keep of a machine's console, read as people do: with nothing but the address."""

from __future__ import annotations

import struct
import typing as t
from datetime import timedelta

import httpx
import pytest

if t.TYPE_CHECKING:
    from .conftest import Scene


@pytest.fixture
def anybody(scene: Scene) -> httpx.Client:
    """A client without an account."""
    return httpx.Client(transport=scene.made.transport)


def addresses(scene: Scene, **query: t.Any) -> tuple[str, str]:
    """Where the screenshot and the serial log are to be had."""
    answer = scene.call("POST", "/retrieveBootDiagnosticsData", **query).json()
    return answer["consoleScreenshotBlobUri"], answer["serialConsoleLogBlobUri"]


def test_the_log_and_the_screenshot_are_read_without_an_account(scene: Scene, anybody: httpx.Client) -> None:
    screenshot, log = (anybody.get(uri) for uri in addresses(scene))
    assert log.status_code == screenshot.status_code == 200
    assert log.text.endswith("SAC>")
    magic, size = struct.unpack("<2sI", screenshot.content[:6])
    assert (magic, size) == (b"BM", len(screenshot.content))


@pytest.mark.parametrize("change", [("sig=", "sig=x"), ("se=2", "se=3"), (".serialconsole.log", ".screenshot.bmp")])
def test_an_address_that_was_tampered_with_is_refused(
    scene: Scene, anybody: httpx.Client, change: tuple[str, str]
) -> None:
    _screenshot, log = addresses(scene)
    answer = anybody.get(log.replace(*change))
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")


def test_an_address_is_good_for_reading_until_it_expires(scene: Scene, anybody: httpx.Client) -> None:
    _screenshot, log = addresses(scene, sasUriExpirationTimeInMinutes="10")
    assert anybody.put(log, content=b"x").status_code == 403
    scene.made.azure.clock.advance(timedelta(minutes=9))
    assert anybody.get(log).status_code == 200
    scene.made.azure.clock.advance(timedelta(minutes=2))
    assert anybody.get(log).status_code == 403


def test_a_machine_that_is_gone_leaves_no_log(scene: Scene, anybody: httpx.Client) -> None:
    _screenshot, log = addresses(scene)
    scene.succeed(scene.call("DELETE"))
    answer = anybody.get(log)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (404, "BlobNotFound")
