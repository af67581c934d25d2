# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a host name to the socket addresses behind it."""

from __future__ import annotations

import queue
import socket
import threading
import time
import typing as t

from .._domain.probe_observations import Resolution

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .._domain.deadline import Deadline

    # What getaddrinfo gives for TCP: two fields for IPv4, four for IPv6.
    SocketAddress: t.TypeAlias = tuple[t.Any, ...]


class Endpoint(t.NamedTuple):
    """One way to reach a host: the name it was found by, and what a socket of ``family`` connects to."""

    host: str
    family: socket.AddressFamily
    sockaddr: SocketAddress

    @property
    def address(self) -> str:
        """The IP address."""
        return str(self.sockaddr[0])


def resolve(hosts: Sequence[str], port: int, *, deadline: Deadline) -> tuple[Resolution, tuple[Endpoint, ...]]:
    """Look up every host, which may be an IP address (IPv6 with or without brackets), by the system's resolver."""
    started = time.monotonic()
    endpoints: dict[SocketAddress, Endpoint] = {}
    errors: list[str] = []
    for host in hosts:
        try:
            found = _look_up(host.removeprefix("[").removesuffix("]"), port, deadline.remaining)
        except (OSError, UnicodeError) as error:
            text = getattr(error, "strerror", None) or str(error)
            errors.append(f"{host}: {text}" if len(hosts) > 1 else text)
        else:
            for family, sockaddr in found:
                endpoints.setdefault(sockaddr, Endpoint(host, family, sockaddr))
    resolution = Resolution(
        addresses=tuple(endpoint.address for endpoint in endpoints.values()),
        seconds=time.monotonic() - started,
        error="; ".join(errors) or None,
    )
    return resolution, tuple(endpoints.values())


_Answer: t.TypeAlias = "list[tuple[socket.AddressFamily, SocketAddress]]"


def _look_up(host: str, port: int, seconds: float) -> _Answer:
    """Getaddrinfo knows no time limit of its own, so it runs in a thread that is left behind when time is up."""
    answers: queue.SimpleQueue[_Answer | OSError | UnicodeError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            answers.put(error)
        else:
            answers.put([(family, sockaddr) for family, _type, _protocol, _name, sockaddr in found])

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"the resolver gave no answer in {seconds:.1f} seconds") from None
    if isinstance(answer, (OSError, UnicodeError)):
        raise answer
    return answer
