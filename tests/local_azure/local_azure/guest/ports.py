# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports on real sockets: open ones are served, filtered ones swallow every attempt, closed ones are just not there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from enum import Enum

Serve = Callable[[socket.socket], Coroutine[None, None, None]]
MOST_FILLERS = 8


class PortState(Enum):
    """How a port looks to whoever connects."""

    OPEN = "open"
    CLOSED = "closed"
    FILTERED = "filtered"


class OpenPort:
    """A listening socket; `serve` gets each connection, which is closed when it returns, as a task in `tasks`.

    Raises OSError when the port is taken.
    """

    state = PortState.OPEN

    def __init__(self, address: str, port: int, serve: Serve, tasks: set[asyncio.Task[None]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._serve = serve
        self._tasks = tasks
        self._socket = _listen(address, port, backlog=128)
        self._loop.add_reader(self._socket, self._accept)

    def close(self) -> None:
        """Stop listening; connections that were accepted go on."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _accept(self) -> None:
        try:
            connection, _peer = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._serve(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Here and not in `serve`: a task that is cancelled before its first step never gets there.
        task.add_done_callback(lambda _: connection.close())


class FilteredPort:
    """A port that answers nothing, as behind a firewall that drops. Raises OSError when the port is taken.

    A listening socket with no room for connections, which are never accepted: once its queue is full, Linux drops
    further attempts, and clients wait for an answer until their time is up.
    """

    state = PortState.FILTERED

    def __init__(self, address: str, port: int) -> None:
        self._socket = _listen(address, port, backlog=0)
        for _filler in range(MOST_FILLERS):
            if not _fill(address, port):
                break

    def close(self) -> None:
        self._socket.close()


def _listen(address: str, port: int, *, backlog: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        # Connections of a former listener may still be winding down; a port that somebody listens on stays refused.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def _fill(address: str, port: int) -> bool:
    """Take one place in the queue; False when there was none left.

    On loopback a connection stands before connect returns, or not at all. It keeps its place after it was closed.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as filler:
        filler.setblocking(False)
        filler.connect_ex((address, port))
        try:
            filler.getpeername()
        except OSError:
            return False
        return True
