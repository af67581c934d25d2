# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NTLM for the accounts of a machine: what WinRM and Remote Desktop have in common."""

from __future__ import annotations

import os
import secrets
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .certificates import in_memory_file
from .machine import LocalUser, Machine
from .nt_hash import nt_hash

NTLM_SIGNATURE = b"NTLMSSP\x00"
UNICODE = 1
# pyspnego finds an acceptor's accounts only through an environment variable of the whole process.
_USER_FILE_LOCK = threading.Lock()


@contextmanager
def accounts(machine: Machine) -> Iterator[None]:
    """Let pyspnego see the accounts of this machine, and only for the moment of one step.

    All that have a password: whether one may sign in is asked after the password was found right. One line per name
    that a client may give its domain, in the format of smbpasswd, because it takes any character in a password. The LM
    hash is random, so that nobody signs in with LM.
    """
    lines = [
        f"{domain}\\{user.name}:0:{secrets.token_hex(16)}:{nt_hash(user.password).hex()}:[U]:LCT-0\n".lstrip("\\")
        for user in machine.users.values()
        if user.password
        for domain in _domains(machine)
    ]
    with _USER_FILE_LOCK, in_memory_file("".join(lines).encode()) as path:
        before = os.environ.get("NTLM_USER_FILE")
        os.environ["NTLM_USER_FILE"] = path
        try:
            yield
        finally:
            if before is None:
                del os.environ["NTLM_USER_FILE"]
            else:
                os.environ["NTLM_USER_FILE"] = before


def account(machine: Machine, name: str) -> LocalUser | None:
    """An account by its name with or without a domain that means this machine."""
    domain, _backslash, plain = name.rpartition("\\")
    if domain.lower() not in {one.lower() for one in _domains(machine)}:
        return None
    return machine.user(plain)


def authenticate_message(token: bytes) -> bytes | None:
    """The NTLM AUTHENTICATE message in a token, bare or wrapped (MS-NLMP section 2.2.1.3); None without one."""
    start = token.find(NTLM_SIGNATURE)
    message = token[start:] if start >= 0 else b""
    return message if len(message) >= 64 and struct.unpack_from("<I", message, 8)[0] == 3 else None


def client_name(token: bytes) -> str:
    """Whom an AUTHENTICATE message names, with the domain if there is one; empty without such a message."""
    message = authenticate_message(token)
    if message is None:
        return ""
    encoding = "utf-16-le" if struct.unpack_from("<I", message, 60)[0] & UNICODE else "latin-1"
    domain, user = (_field(message, position).decode(encoding, "replace") for position in (28, 36))
    return f"{domain}\\{user}" if domain else user


def _field(message: bytes, position: int) -> bytes:
    length, _room, offset = struct.unpack_from("<HHI", message, position)
    return message[offset : offset + length]


def _domains(machine: Machine) -> tuple[str, ...]:
    """What clients may write before the backslash of a local account's name."""
    return ("", ".", machine.computer_name, "WORKGROUP")
