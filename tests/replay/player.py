# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays recordings to the local Azure and says what came out otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from .comparison import compare
from .recordings import Exchange, Recording
from .scope import Scope
from .sightings import Gaps
from .stage import Stage, Unprepared
from .translation import LINKS, Translation, where
from .vault_objects import VaultObjects, going_on
from .world import World


@dataclass(kw_only=True)
class Outcome:
    """One exchange as it was played.

    `left_out` is why it was not compared, None if it was. `explained` are differences with the reasons on file.
    """

    exchange: Exchange
    left_out: str | None = None
    differences: list[str] = field(default_factory=list)
    explained: dict[str, str] = field(default_factory=dict)


def play(recording: Recording, scope: Scope) -> Iterator[Outcome]:
    """Play the exchanges in order, each to the Azure that the ones before have left.

    What is left out has changed nothing here: afterwards everything is looked at as after exchanges that weren't kept.
    """
    reasons = [scope.leaves_out(exchange) for exchange in recording.exchanges]
    player = _Player(replace(recording, exchanges=tuple(_played(recording.exchanges, reasons))))
    position = 0
    for exchange, reason in zip(recording.exchanges, reasons, strict=True):
        outcome = Outcome(exchange=exchange, left_out=reason)
        if reason is None:
            outcome.left_out = player.cannot_follow(exchange)
            if outcome.left_out is None:
                _sort(outcome, player.play(exchange, position), scope)
            position += 1
            if outcome.left_out is not None and exchange.method != "GET":
                player.gaps.open(position)
        yield outcome


def _played(exchanges: Sequence[Exchange], reasons: Sequence[str | None]) -> Iterator[Exchange]:
    """The exchanges that are played; those after writes that are not are after a gap."""
    gap = False
    for exchange, reason in zip(exchanges, reasons, strict=True):
        if reason is None:
            yield replace(exchange, after_gap=exchange.after_gap or gap)
            gap = False
        else:
            gap = gap or exchange.after_gap or exchange.method != "GET"


def _sort(outcome: Outcome, found: list[str], scope: Scope) -> None:
    """Tell defects from what has a reason on file."""
    for difference in found:
        beyond = scope.leaves_out(outcome.exchange, difference)
        if beyond is not None:
            outcome.left_out, outcome.differences, outcome.explained = beyond, [], {}
            return
        reason = scope.explains(outcome.exchange, difference)
        if reason is None:
            outcome.differences.append(difference)
        else:
            outcome.explained[difference] = reason


class _Player:
    """Plays one recording."""

    def __init__(self, recording: Recording) -> None:
        self.gaps = Gaps(recording.exchanges)
        self._stage = Stage(recording)
        self._world = World(recording, self._stage, self.gaps)
        self._translation = Translation()
        self._objects = VaultObjects(recording, self._stage, self._translation, self.gaps)
        self._while_under_way = going_on(recording.exchanges) | _while_under_way(recording)

    def cannot_follow(self, exchange: Exchange) -> str | None:
        """Why an exchange can't be played: what it needs isn't in the recording."""
        if exchange.has_lost_body:
            return "what was sent is not in the recording"
        if exchange.is_page and not self._translation.knows(_url(exchange)):
            return "how much a page of a list holds isn't known; the local lists are one page"
        if not exchange.is_poll or not exchange.is_management or self._translation.knows(_url(exchange)):
            return None
        try:
            link = self._world.begin_another(exchange)
        except Unprepared:
            link = None
        if link is None:
            return "the request that began this operation is not in the recording, or is left out itself"
        self._translation.learn(_url(exchange), link)
        return None

    def play(self, exchange: Exchange, position: int) -> list[str]:
        """Play one exchange and list what came out otherwise."""
        unfinished = position in self._while_under_way
        if exchange.is_management and exchange.is_poll and not exchange.under_way and unfinished:
            self._stage.settle_one(self._translation.url(_url(exchange)))
        elif not unfinished and not exchange.under_way:
            self._stage.settle()
        try:
            self._world.prepare(exchange, position)
            self._objects.prepare(exchange, position)
        except Unprepared as problem:
            return [f"not prepared: {problem}"]
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as problem:
            return [f"not prepared: the recording has a form that isn't known: {problem!r}"]
        translation = self._translation
        response = self._stage.send(
            exchange.method,
            translation.url(_url(exchange)),
            translation.body(exchange.request),
            # Clients of a vault ask once without token, and without body, to be told where to get one.
            signed_in=exchange.status != 401,
        )
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = response.json() if response.content else None
        kept = replace(exchange, response=self._world.without_strangers(exchange, exchange.response))
        shown = self._world.without_strangers(exchange, body)
        found = compare(kept, response.status_code, headers, shown, translation)
        translation.learn_headers(exchange.headers, headers)
        translation.learn(exchange.response, body)
        return found


def _while_under_way(recording: Recording) -> set[int]:
    """The positions of exchanges during operations that the recording shows to be under way.

    Until an operation is asked for the first time, it is taken to be under way where Azure refuses something.
    """
    begun: dict[object, int] = {}
    found: set[int] = set()
    for position, exchange in enumerate(recording.exchanges):
        if exchange.is_poll:
            first = begun.pop(where(_url(exchange)), position) + 1
            between = range(first, position)
            found.update(one for one in between if exchange.under_way or recording.exchanges[one].status >= 400)
            if exchange.under_way:
                begun[where(_url(exchange))] = first - 1
        else:
            begun |= {where(exchange.headers[name]): position for name in LINKS if name in exchange.headers}
    return found


def _url(exchange: Exchange) -> str:
    return f"https://{exchange.host}{exchange.path}?{exchange.query}"
