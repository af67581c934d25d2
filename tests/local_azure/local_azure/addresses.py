# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A /16 of loopback that no other instance on this machine uses."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

_FIRST, _LAST = 16, 126
_LOCK_PORT = 52701


class NoAddresses(Exception):
    """All blocks are taken."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """`network` is ours as long as `lock`, a bound socket in it, stays open."""

    network: ipaddress.IPv4Network
    lock: socket.socket

    def release(self) -> None:
        self.lock.close()


def claim() -> Block:
    """The first free block from 127.16.0.0/16 to 127.126.0.0/16. Raises NoAddresses."""
    for number in range(_FIRST, _LAST + 1):
        lock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            lock.bind((f"127.{number}.255.254", _LOCK_PORT))
        except OSError:
            lock.close()
            continue
        return Block(network=ipaddress.IPv4Network(f"127.{number}.0.0/16"), lock=lock)
    raise NoAddresses("no free part of 127.0.0.0/8 is left: too many local Azures are running")
