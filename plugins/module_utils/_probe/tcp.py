# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a TCP port is open, closed, filtered or out of reach."""

from __future__ import annotations

import errno
import socket
import time
import typing as t

from .._domain.probe_observations import Connection, TcpState

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .._domain.deadline import Deadline
    from .resolve import Endpoint

# From the most to the least telling: a host that refuses says more than a network that has no route.
_TELLING = (TcpState.OPEN, TcpState.CLOSED, TcpState.FILTERED, TcpState.UNREACHABLE)


def connect(endpoint: Endpoint, deadline: Deadline) -> socket.socket:
    """A connected socket; raises OSError, TimeoutError when the deadline passes first. No proxy is ever used."""
    connection = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        connection.settimeout(max(deadline.remaining, 0.001))
        connection.connect(endpoint.sockaddr)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        connection.close()
        raise
    return connection


def probe_port(endpoints: Sequence[Endpoint], *, time_limit: t.Callable[[], Deadline]) -> tuple[Connection, Endpoint]:
    """Connect to one endpoint after the other until one is open; otherwise tell of the one that says most.

    ``time_limit`` starts the clock for one endpoint. There must be at least one.
    """
    seen: list[tuple[Connection, Endpoint]] = []
    for endpoint in endpoints:
        connection = _try(endpoint, time_limit())
        seen.append((connection, endpoint))
        if connection.state is TcpState.OPEN:
            break
    return min(seen, key=lambda pair: _TELLING.index(pair[0].state))


def _try(endpoint: Endpoint, deadline: Deadline) -> Connection:
    started = time.monotonic()
    error: str | None = None
    try:
        connect(endpoint, deadline).close()
        state = TcpState.OPEN
    except OSError as failure:
        state, error = _state(failure), failure.strerror or str(failure)
    return Connection(
        state=state,
        host=endpoint.host,
        address=endpoint.address,
        seconds=time.monotonic() - started,
        error=error,
    )


def _state(failure: OSError) -> TcpState:
    if isinstance(failure, TimeoutError) or failure.errno == errno.ETIMEDOUT:
        return TcpState.FILTERED
    if isinstance(failure, ConnectionError):
        return TcpState.CLOSED
    # No route, no such address family here, a firewall rule on this machine.
    return TcpState.UNREACHABLE
