# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Negotiate step by step: who gets in with which name, password and channel."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator

import pytest
import spnego
from spnego.channel_bindings import GssChannelBindings

from local_azure.guest.machine import LocalUser, Machine
from local_azure.guest.wsman.authentication import Authentication, Challenge, SignedIn

from .conftest import PASSWORD, make_machine

CHANNEL = b"tls-server-end-point:this"


def sign_in(
    machine: Machine,
    *,
    user: str = "azureuser",
    password: str = PASSWORD,
    protocol: str = "ntlm",
    sent: bytes | None = CHANNEL,
) -> Challenge | SignedIn:
    """Go through the exchange as a client does, and return the last answer."""
    server = Authentication(machine, channel_binding=CHANNEL)
    bindings = GssChannelBindings(application_data=sent) if sent is not None else None
    client = spnego.client(user, password, protocol=protocol, channel_bindings=bindings)
    token = client.step()
    answer: Challenge | SignedIn = Challenge(headers=())
    while token is not None:
        answer = server.step(f"Negotiate {base64.b64encode(token).decode()}")
        replies = [header.removeprefix("Negotiate ") for header in answer.headers if header.startswith("Negotiate ")]
        if not replies or client.complete:
            break
        token = client.step(base64.b64decode(replies[0]))
    return answer


@pytest.fixture(autouse=True)
def _environment_stays() -> Iterator[None]:
    before = os.environ.get("NTLM_USER_FILE")
    yield
    assert os.environ.get("NTLM_USER_FILE") == before


@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
@pytest.mark.parametrize("user", ["azureuser", "AZUREUSER", r".\azureuser", r"win1\azureuser"])
def test_an_account_of_the_machine_gets_in(protocol: str, user: str) -> None:
    answer = sign_in(make_machine(), user=user, protocol=protocol)

    assert isinstance(answer, SignedIn)
    assert answer.user.name == "azureuser"
    assert answer.whole_connection


@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
@pytest.mark.parametrize(
    ("user", "password"),
    [("azureuser", "wrong"), ("azureuser", ""), ("nobody", PASSWORD), (r"CORP\azureuser", PASSWORD)],
)
def test_nobody_else_does(protocol: str, user: str, password: str) -> None:
    assert sign_in(make_machine(), user=user, password=password, protocol=protocol) == Challenge(headers=("Negotiate",))


@pytest.mark.parametrize("password", ["a:b:c", "sp\u00e4\u00dfe \u2713", "x" * 120, " lead and trail "])
def test_any_password_works(password: str) -> None:
    machine = make_machine()
    machine.set_password("azureuser", password)

    assert isinstance(sign_in(machine, password=password), SignedIn)


def test_disabled_accounts_and_those_without_password_stay_out() -> None:
    machine = make_machine()
    machine.set_user(LocalUser(name="off", password=PASSWORD, enabled=False))
    machine.set_user(LocalUser(name="empty", password=""))

    assert isinstance(sign_in(machine, user="off"), Challenge)
    assert isinstance(sign_in(machine, user="empty", password=""), Challenge)


@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
@pytest.mark.parametrize(("sent", "admitted"), [(CHANNEL, True), (None, True), (b"tls-server-end-point:other", False)])
def test_channel_bindings_must_be_right_but_need_not_be_sent(protocol: str, sent: bytes | None, admitted: bool) -> None:
    assert isinstance(sign_in(make_machine(), protocol=protocol, sent=sent), SignedIn) is admitted


@pytest.mark.parametrize("token", ["", "!", "AAAA", base64.b64encode(b"NTLMSSP\x00\x03\x00\x00\x00").decode()])
def test_a_damaged_token_starts_over(token: str) -> None:
    server = Authentication(make_machine(), channel_binding=None)

    assert server.step(f"Negotiate {token}") == Challenge(headers=("Negotiate",))


def test_two_machines_do_not_share_accounts() -> None:
    other = Machine(computer_name="win2", users=[LocalUser(name="azureuser", password="Another:1")])

    assert isinstance(sign_in(other), Challenge)
    assert isinstance(sign_in(other, password="Another:1"), SignedIn)
