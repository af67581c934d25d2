# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Remote Desktop servers answer to how a connection is to be secured (MS-RDPBCGR, sections 2.2.1.1, 2.2.1.2)."""

from __future__ import annotations

import types
import typing as t
from dataclasses import dataclass
from enum import Enum, IntEnum

from .probe_causes import Cause

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .probe_causes import Break


class SecurityProtocol(IntEnum):
    """The bits of a negotiation request and the values of its answer; RDP is the absence of all of them."""

    RDP = 0
    SSL = 1
    HYBRID = 2
    RDSTLS = 4
    HYBRID_EX = 8
    RDSAAD = 16


class Nla(str, Enum):
    """Network level authentication: whether the server wants CredSSP before it opens a session."""

    REQUIRED = "required"
    SUPPORTED = "supported"
    OFF = "off"


class Failure(t.NamedTuple):
    """One failure code of a negotiation: Microsoft's name for it, and what it means for the probe."""

    name: str
    cause: Cause


_FAILURES: Mapping[int, Failure] = types.MappingProxyType(
    {
        1: Failure("SSL_REQUIRED_BY_SERVER", Cause.TLS_REQUIRED),
        2: Failure("SSL_NOT_ALLOWED_BY_SERVER", Cause.TLS_NOT_ALLOWED),
        3: Failure("SSL_CERT_NOT_ON_SERVER", Cause.NO_SERVER_CERTIFICATE),
        4: Failure("INCONSISTENT_FLAGS", Cause.INCONSISTENT_REQUEST),
        5: Failure("HYBRID_REQUIRED_BY_SERVER", Cause.NLA_REQUIRED),
        6: Failure("SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER", Cause.CLIENT_CERTIFICATE_REQUIRED),
        7: Failure("ENTRA_AUTH_REQUIRED_BY_SERVER", Cause.ENTRA_SIGN_IN_REQUIRED),
    }
)

OFFERED = (SecurityProtocol.SSL, SecurityProtocol.HYBRID, SecurityProtocol.HYBRID_EX)
"""What Microsoft's client offers, and the probe at first: the server takes the last one that it has."""

_HYBRID = frozenset({SecurityProtocol.HYBRID, SecurityProtocol.HYBRID_EX})

# Servers that refuse the first offer with one of these codes may take another one.
_SECOND_OFFERS: Mapping[int, tuple[SecurityProtocol, ...]] = types.MappingProxyType(
    {2: (), 7: (SecurityProtocol.RDSAAD,)}
)

# How to ask for one protocol; HYBRID wants SSL beside it. The first one tells about network level authentication.
_QUESTIONS: Mapping[SecurityProtocol, tuple[SecurityProtocol, ...]] = types.MappingProxyType(
    {
        SecurityProtocol.SSL: (SecurityProtocol.SSL,),
        SecurityProtocol.RDP: (),
        SecurityProtocol.HYBRID: (SecurityProtocol.SSL, SecurityProtocol.HYBRID),
        SecurityProtocol.RDSAAD: (SecurityProtocol.RDSAAD,),
        SecurityProtocol.RDSTLS: (SecurityProtocol.RDSTLS,),
    }
)


def failure(code: int) -> Failure:
    return _FAILURES.get(code) or Failure("unknown", Cause.NEGOTIATION_REFUSED)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The answer to one connection request that offered ``offered``; no offer at all means RDP's own security.

    ``legacy`` means a confirm without negotiation, from a server that knows its own security only. ``failure`` is the
    code of a server that refuses. ``broken`` tells why nothing was selected, and only then is not None.
    """

    offered: tuple[SecurityProtocol, ...]
    selected: SecurityProtocol | None = None
    legacy: bool = False
    failure: int | None = None
    broken: Break | None = None


@dataclass(frozen=True, kw_only=True)
class Negotiation:
    """The reply to :data:`OFFERED`, and those to further questions, each over a connection of its own."""

    seconds: float
    first: Reply
    others: tuple[Reply, ...] = ()

    @property
    def decisive(self) -> Reply:
        """The reply by which a client goes on: the first one, or that to a second offer after a refusal."""
        if self.first.failure is None:
            return self.first
        return next((reply for reply in self.others if reply.selected is not None), self.first)

    @property
    def selected(self) -> SecurityProtocol | None:
        """What a client gets."""
        return self.decisive.selected

    @property
    def authenticates(self) -> bool:
        """Whether a client gets network level authentication."""
        return self.selected in _HYBRID

    @property
    def accepted(self) -> tuple[SecurityProtocol, ...]:
        """Every protocol that the server selected once."""
        return tuple(sorted({reply.selected for reply in (self.first, *self.others) if reply.selected is not None}))

    @property
    def nla(self) -> Nla | None:
        """None when it could not be found out."""
        if self.selected in (SecurityProtocol.SSL, SecurityProtocol.RDP):
            return Nla.OFF
        if not self.authenticates:
            return None
        without = next((reply for reply in self.others if reply.offered == (SecurityProtocol.SSL,)), None)
        if without is None:
            return None
        if without.selected is not None:
            return Nla.SUPPORTED
        return None if without.failure is None else Nla.REQUIRED


def further_questions(first: Reply) -> tuple[tuple[SecurityProtocol, ...], ...]:
    """What else to offer, each over a new connection, to learn what the server takes besides ``first.selected``."""
    if first.selected is None:
        second = None if first.failure is None else _SECOND_OFFERS.get(first.failure)
        return () if second is None else (second,)
    if first.selected is SecurityProtocol.RDP:
        return ()
    unasked = {SecurityProtocol.SSL, SecurityProtocol.HYBRID} if first.selected is SecurityProtocol.SSL else set()
    return tuple(
        offer for protocol, offer in _QUESTIONS.items() if protocol not in unasked and protocol is not first.selected
    )
