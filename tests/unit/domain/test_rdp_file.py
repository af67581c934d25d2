# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the client is asked for, setting by setting."""

from __future__ import annotations

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_accounts import Account
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_file import (
    Connection,
    Gateway,
    Redirections,
    Screen,
)

NOBODY = Account(username=None)

SILENT = [
    "audiomode:i:2",
    "audiocapturemode:i:0",
    "redirectclipboard:i:0",
    "redirectprinters:i:0",
    "redirectcomports:i:0",
    "redirectsmartcards:i:0",
    "redirectwebauthn:i:0",
    "redirectlocation:i:0",
    "drivestoredirect:s:",
    "devicestoredirect:s:",
    "usbdevicestoredirect:s:",
    "camerastoredirect:s:",
]


def lines(connection: Connection, address: str = "192.0.2.1", port: int = 3389, account: Account = NOBODY) -> list[str]:
    return [str(setting) for setting in connection.settings(address, port, account)]


def test_the_portals_two_lines_and_nothing_shared() -> None:
    assert lines(Connection()) == [
        "full address:s:192.0.2.1:3389",
        "prompt for credentials:i:1",
        "authentication level:i:2",
        *SILENT,
    ]


def test_an_ipv6_address_is_told_from_its_port() -> None:
    assert lines(Connection(), "2001:db8::1", 3390)[0] == "full address:s:[2001:db8::1]:3390"


def test_who_signs_in_and_how() -> None:
    connection = Connection(prompt_for_credentials=False, administrative_session=True, server_authentication="require")
    found = lines(connection, account=Account(username="jane@contoso.com", entra=True))
    assert found[1:6] == [
        "username:s:jane@contoso.com",
        "prompt for credentials:i:0",
        "enablerdsaadauth:i:1",
        "administrative session:i:1",
        "authentication level:i:1",
    ]


def test_everything_that_can_be_shared() -> None:
    redirect = Redirections(
        clipboard=True,
        printers=True,
        drives=("c", "D:", "e:\\", "dynamicdrives"),
        smart_cards=True,
        com_ports=True,
        webauthn=True,
        devices=True,
        usb_devices=True,
        cameras=True,
        microphone=True,
        location=True,
        audio="local",
    )
    assert lines(Connection(redirect=redirect))[3:] == [
        "audiomode:i:0",
        "audiocapturemode:i:1",
        "redirectclipboard:i:1",
        "redirectprinters:i:1",
        "redirectcomports:i:1",
        "redirectsmartcards:i:1",
        "redirectwebauthn:i:1",
        "redirectlocation:i:1",
        "drivestoredirect:s:C:\\;D:\\;E:\\;DynamicDrives;",
        "devicestoredirect:s:*",
        "usbdevicestoredirect:s:*",
        "camerastoredirect:s:*",
    ]


def test_all_drives() -> None:
    assert "drivestoredirect:s:*" in lines(Connection(redirect=Redirections(drives=("*",))))


@pytest.mark.parametrize("drive", ["", "CD", "C:\\Users", "C;D", "C\r\nfull address:s:evil", "1"])
def test_what_is_no_drive_is_refused(drive: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        lines(Connection(redirect=Redirections(drives=(drive,))))
    assert caught.value.code == "InvalidDrive"


def test_the_screen() -> None:
    screen = Screen(mode="window", width=1280, height=800, all_monitors=False, smart_sizing=True)
    assert lines(Connection(screen=screen))[3:8] == [
        "screen mode id:i:1",
        "use multimon:i:0",
        "desktopwidth:i:1280",
        "desktopheight:i:800",
        "smart sizing:i:1",
    ]
    assert "screen mode id:i:2" in lines(Connection(screen=Screen(mode="full")))


def test_a_gateway() -> None:
    gateway = Gateway(host="gateway.example.com", usage="fallback", credentials="logged_on", same_credentials=True)
    assert lines(Connection(gateway=gateway))[-5:] == [
        "gatewayhostname:s:gateway.example.com",
        "gatewayusagemethod:i:2",
        "gatewayprofileusagemethod:i:1",
        "gatewaycredentialssource:i:2",
        "promptcredentialonce:i:1",
    ]


@pytest.mark.parametrize("username", ["jane\nalternate shell:s:cmd.exe", "jane\r", "\x00"])
def test_an_account_brings_in_no_settings(username: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        lines(Connection(), account=Account(username=username))
    assert caught.value.code == "InvalidValue"
