# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication of one connection: Negotiate (SPNEGO or bare NTLM) and Basic, for the machine's own accounts."""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass

import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import NegotiateOptions, SpnegoError

from ..machine import LocalUser, Machine
from ..ntlm import account, accounts, authenticate_message, client_name

AV_CHANNEL_BINDINGS = 10


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """Not signed in (yet): status 401 with these WWW-Authenticate values."""

    headers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """Who the connection belongs to from now on, and WWW-Authenticate values of the answer."""

    user: LocalUser
    headers: tuple[str, ...] = ()
    whole_connection: bool = True


class Authentication:
    """The state of one connection; NTLM signs in connections, Basic single requests."""

    def __init__(self, machine: Machine, *, channel_binding: bytes | None) -> None:
        self._machine = machine
        self._bindings = GssChannelBindings(application_data=channel_binding) if channel_binding else None
        self._context: spnego.ContextProxy | None = None

    def schemes(self) -> tuple[str, ...]:
        """What the listener offers.

        Kerberos is switched on in Windows, but never offered here: there is no domain behind this machine, and a
        client that chose it could not be served.
        """
        auth = self._machine.winrm.auth
        offered = []
        if auth.negotiate:
            offered.append("Negotiate")
        if auth.basic:
            offered.append('Basic realm="WSMAN"')
        return tuple(offered)

    def step(self, authorization: str) -> Challenge | SignedIn:
        """Take an Authorization header (empty when there is none) one step further."""
        scheme, _space, text = authorization.partition(" ")
        auth = self._machine.winrm.auth
        try:
            token = base64.b64decode(text, validate=True)
        except binascii.Error:
            token = b""
        if scheme.lower() == "negotiate" and auth.negotiate and token:
            return self._negotiate(token)
        if scheme.lower() == "basic" and auth.basic and token:
            return self._basic(token)
        return self._refused()

    def _refused(self) -> Challenge:
        self._context = None
        return Challenge(headers=self.schemes())

    def _basic(self, token: bytes) -> Challenge | SignedIn:
        name, _colon, password = token.decode("utf-8", "replace").partition(":")
        user = self._account(name)
        if user is None or not hmac.compare_digest(user.password.encode(), password.encode()):
            return self._refused()
        return SignedIn(user=user, whole_connection=False)

    def _negotiate(self, token: bytes) -> Challenge | SignedIn:
        bindings = self._bindings if _has_channel_bindings(token) else None
        with accounts(self._machine):
            try:
                if self._context is None:
                    self._context = spnego.server(protocol="negotiate", options=NegotiateOptions.use_negotiate)
                answer = self._context.step(token, channel_bindings=bindings)
            except (SpnegoError, ValueError, struct.error, IndexError, KeyError):
                # pyspnego reports a wrong password as its own error and a damaged token as any of these.
                self._machine.sign_in_failed(client_name(token).rpartition("\\")[2])
                return self._refused()
        reply = (f"Negotiate {base64.b64encode(answer).decode()}",) if answer else ()
        if not self._context.complete:
            return Challenge(headers=reply)
        user = self._account(self._context.client_principal or "")
        self._context = None
        if user is None:
            return self._refused()
        self._machine.sign_in_succeeded(user)
        return SignedIn(user=user, headers=reply)

    def _account(self, name: str) -> LocalUser | None:
        """An account that may sign in."""
        user = account(self._machine, name)
        return user if user is not None and user.may_sign_in else None


def _has_channel_bindings(token: bytes) -> bool:
    """Whether an NTLM AUTHENTICATE message in `token` binds a channel (MS-NLMP sections 2.2.1.3 and 2.2.2.1).

    WinRM's CbtHardeningLevel is Relaxed: bindings that are sent must be right, none need be sent.
    """
    message = authenticate_message(token)
    if message is None:
        return False
    length, _room, offset = struct.unpack_from("<HHI", message, 20)
    pairs = message[offset : offset + length][44:]  # 16 bytes of proof, 28 bytes before the attribute pairs
    while len(pairs) >= 4:
        kind, size = struct.unpack_from("<HH", pairs)
        if kind == AV_CHANNEL_BINDINGS:
            return True
        if kind == 0:
            break
        pairs = pairs[4 + size :]
    return False
