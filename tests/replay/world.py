# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Azure brought into the state that a recorded exchange presupposes.

What a recording made itself is there by its own earlier exchanges. What it found is made here, out of the documents in
which the recording shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local_azure.core.resource_id import ResourceId

from . import machines
from .guesses import Guesses
from .makers import Makers
from .recordings import Exchange, Json, Recording
from .sightings import Gaps, Sightings, as_id, documents, groups, references
from .stage import Stage, resource_url

#: What refers to a resource from where it is used: made after it, never sent with it.
_USERS = frozenset({"networkInterfaces", "subnets", "ipConfigurations", "ipConfiguration", "virtualMachine"})
_VAULTS = "Microsoft.KeyVault/vaults"


class World:
    """The state of one stage through a recording."""

    def __init__(self, recording: Recording, stage: Stage, gaps: Gaps) -> None:
        self._stage = stage
        self._sightings = Sightings(recording.exchanges)
        self._guesses = Guesses()
        self._makers = Makers(stage, self._sightings, self._guesses, lambda id: self._require(id, 0))
        self._known: set[str] = set()
        self._gaps = gaps
        self._paths = {exchange.path.lower() for exchange in recording.exchanges}
        meant = [[exchange.path, exchange.request] for exchange in recording.exchanges]
        self._own_groups = {(id.group or "").lower() for id in references(meant, groups=True)}
        for id, document in self._sightings.all():
            self._guesses.note_frontends(document)
            needed, users = _split(document)
            self._guesses.note_region(document, references(needed))
            for name, value in users.items():
                for user in references(value):
                    self._guesses.note_user(id, name, self._sightings.spelt(user))

    def prepare(self, exchange: Exchange, at: int) -> None:
        """Bring about what the exchange at position `at` of the recording presupposes. Raises Unprepared."""
        extended = as_id(exchange.extends)
        if exchange.is_vault:
            self._require_vault(exchange.host, at)
        elif extended is not None and exchange.succeeded:
            self._require(extended, at)
        target = None if exchange.is_poll or exchange.is_vault or exchange.extends is not None else _target(exchange)
        if target is not None:
            self._prepare(exchange, target, at)

    def _prepare(self, exchange: Exchange, target: ResourceId, at: int) -> None:
        if target.group is None and exchange.succeeded and not target.types:
            self._prepare_groups(exchange, at)
        if target.group is not None and target.types and _error(exchange, "code") != "ResourceGroupNotFound":
            self._require(ResourceId(target.subscription, target.group), at)
        if exchange.succeeded:
            self._prepare_target(exchange, target, at)
            self._prepare_references(exchange, target, at)
        elif exchange.status == 404:
            self._prepare_absence(exchange, target, at)
        else:
            new = exchange.method == "PUT" and not self._sightings.is_shown_before(target, at)
            (self._require_parent if new else self._require)(target, at)
            self._prepare_references(exchange, target, at)
        if exchange.method == "GET" and exchange.succeeded:
            self._catch_up(exchange, target, at)
        elif exchange.method == "DELETE":
            self._known.clear()
        self._gaps.see(target.key, at)

    def without_strangers(self, exchange: Exchange, answer: Any) -> Any:
        """The answer, if it is a list, without what the subscription holds besides."""
        listed = answer.get("value") if isinstance(answer, dict) and exchange.method == "GET" else None
        if not isinstance(listed, list):
            return answer
        kept = [one for one in listed if not (isinstance(one, dict) and self._is_strange(str(one.get("id"))))]
        return {**answer, "value": kept}

    def _is_strange(self, id: str) -> bool:
        """Whether nothing in the recording is done to the resource of that id, or to its group."""
        parsed = as_id(id)
        if parsed is None or parsed.group is None:
            return id.startswith("/subscriptions/") and id.lower() not in self._paths
        return parsed.group.lower() not in self._own_groups

    def begin_another(self, exchange: Exchange) -> str | None:
        """Begin some operation of the kind that is asked for, where a recording doesn't show what began it.

        Returns where it can be followed, None for kinds that differ from one another.
        """
        lower = [part.lower() for part in exchange.segments]
        if lower[3:4] != ["microsoft.network"] or lower[-2] != "operations":
            return None
        group = ResourceId(self._stage.subscription, "replay")
        self._require(group, 0)
        made = group.child("Microsoft.Network/applicationSecurityGroups", exchange.segments[-1])
        answer = self._stage.send("PUT", resource_url(made), {"location": exchange.segments[-3]})
        link: str | None = answer.headers.get("azure-asyncoperation")
        if link is not None:
            self._stage.hold(link)
        return link

    def _prepare_groups(self, exchange: Exchange, at: int) -> None:
        """The groups that a list of them shows are there, as far as the recording is about them."""
        for id, _document in groups(exchange.response):
            if not self._is_strange(str(id)):
                self._require(id, at)

    def _prepare_target(self, exchange: Exchange, target: ResourceId, at: int) -> None:
        absent = exchange.method == "DELETE" if exchange.status == 204 else exchange.status == 201
        if absent and exchange.method in ("PUT", "DELETE"):
            self._forget(target)
            self._makers.make_way(target, (exchange.request or {}).get("location"))
            self._require_parent(target, at)
        elif _recovers_vault(exchange, target):
            self._makers.delete_vault(target)
        elif not _makes_vault(exchange, target):
            self._require(target, at)

    def _prepare_references(self, exchange: Exchange, target: ResourceId, at: int) -> None:
        for id in [*references(exchange.request), *_shown_by(exchange)]:
            if self._is_strange(str(id)):
                continue
            if not (target.types and id.is_under(target)) and not self._sightings.is_made_later(str(id), at):
                self._require(id, at)

    def _prepare_absence(self, exchange: Exchange, target: ResourceId, at: int) -> None:
        """Take away what the answer calls missing: the target or what encloses it; what encloses that is there."""
        code = _error(exchange, "code")
        if code == "SubscriptionNotFound":
            return
        if code == "ResourceGroupNotFound":
            self._forget(ResourceId(target.subscription, target.group))
            return
        message = _error(exchange, "message").lower()
        absent = target.parent if code == "ParentResourceNotFound" and len(target.types) > 1 else target
        while code == "ResourceNotFound" and len(absent.types) > 1 and f"{_path(absent)}'" not in message:
            absent = absent.parent
        self._forget(absent)
        self._require_parent(absent, at)

    def _catch_up(self, exchange: Exchange, target: ResourceId, at: int) -> None:
        """Take over what exchanges that weren't kept, or a machine's agent, have changed meanwhile."""
        shown = [one for one in documents(exchange.response) if not self._is_strange(str(one[0]))]
        for id, document in shown:
            if (self._gaps.since(id.key, at) or self._agent_has_spoken(id, document)) and self._makers.know(id):
                needed, _users = _split(document)
                self._makers.make(id, needed)
        collection = exchange.path.lower() != str(target).lower()
        if collection and target.group is not None and self._gaps.since(exchange.path.lower(), at):
            self._remove_others(exchange, {id.key for id, _document in shown}, at)
        for id, _document in shown:
            self._gaps.see(id.key, at)

    def _remove_others(self, exchange: Exchange, shown: set[str], at: int) -> None:
        """Remove what a list doesn't show any more, though it was made here."""
        answer = self._stage.send("GET", f"https://{exchange.host}{exchange.path}?{exchange.query}")
        for id, _document in documents(answer.json()) if answer.is_success else ():
            listed = id.key not in shown and id.parent.key not in shown
            if listed and self._makers.know(id) and self._gaps.since(id.key, at):
                self._forget(id)

    def _agent_has_spoken(self, id: ResourceId, document: Json) -> bool:
        recorded = machines.agent_of(document)
        if recorded is None or not self._stage.has(id):
            return False
        local = self._stage.must("GET", resource_url(id, "&$expand=instanceView"))
        return machines.agent_of(local) != recorded

    def _require(self, id: ResourceId, at: int) -> None:
        """Make the resource, and what it needs, unless it is there."""
        if len(id.types) > 1 and not self._makers.know(id):
            self._require(id.parent, at)  # an IP configuration, a default rule: part of what encloses it
            return
        is_group = id.group is not None and not id.types
        if id.key in self._known or not (is_group or self._makers.know(id)):
            return
        self._known.add(id.key)
        if id.group is not None and not is_group:
            self._require(ResourceId(id.subscription, id.group), at)
        self._require_parent(id, at)
        if self._stage.has(id):
            return
        if is_group:
            document = self._sightings.document(id, at)
            body = {name: document[name] for name in ("tags", "managedBy") if name in document}
            self._stage.must("PUT", resource_url(id), {"location": self._sightings.location(id), **body})
            return
        needed, users = _split(self._sightings.document(id, at) or self._guesses.of(id))
        self._guesses.note_addresses(needed)
        for other in references(needed):
            if not other.is_under(id) and not id.is_under(other):
                self._require(other, at)
        self._makers.make(self._sightings.spelt(id), needed)
        for other in references(users):
            self._require(other, at)

    def _require_parent(self, id: ResourceId, at: int) -> None:
        if len(id.types) > 1 and id.group is not None:
            self._require(id.parent, at)

    def _require_vault(self, host: str, at: int) -> None:
        """The vault of a host name, found among the documents of the recording or made in a group of its own."""
        name = host.partition(".")[0]
        if self._stage.azure.vaults.named(name) is None:
            group = self._sightings.group_of(_VAULTS, name) or "replay"
            self._require(ResourceId(self._stage.subscription, group).child(_VAULTS, name), at)

    def _forget(self, id: ResourceId) -> None:
        """Remove what the recording says isn't there."""
        if (id.types or id.group is not None) and self._stage.has(id):
            self._stage.must("DELETE", resource_url(id))
        self._known.discard(id.key)


def _target(exchange: Exchange) -> ResourceId | None:
    """The resource that a path names, without the action or collection at its end."""
    segments = exchange.segments
    lower = [part.lower() for part in segments]
    if lower[:1] != ["subscriptions"]:
        return None
    if "providers" in lower:
        at = len(lower) - 1 - lower[::-1].index("providers")
        if len(segments[at + 2 :]) % 2:
            segments = segments[:-1]
        if len(segments) == at + 2:
            segments = segments[:at]
    elif len(segments) % 2:
        segments = segments[:-1]
    return as_id("/" + "/".join(segments))


def _makes_vault(exchange: Exchange, target: ResourceId) -> bool:
    """Whether a 200 is for a vault that wasn't there before: Key Vault answers a creation so."""
    state = ((exchange.response or {}).get("properties") or {}).get("provisioningState")
    return exchange.method == "PUT" and target.type.lower() == _VAULTS.lower() and state == "RegisteringDns"


def _recovers_vault(exchange: Exchange, target: ResourceId) -> bool:
    mode = ((exchange.request or {}).get("properties") or {}).get("createMode")
    return exchange.method == "PUT" and target.type.lower() == _VAULTS.lower() and mode == "recover"


def _shown_by(exchange: Exchange) -> Iterator[ResourceId]:
    yield from (id for id, _document in documents(exchange.response))
    yield from references(exchange.response)


def _error(exchange: Exchange, name: str) -> str:
    """The code or message of an error answer; empty where it has none, as to HEAD."""
    body = exchange.response if isinstance(exchange.response, dict) else {}
    error = body.get("error")
    return str(error.get(name) or "") if isinstance(error, dict) else ""


def _path(id: ResourceId) -> str:
    """A resource as messages name it: Microsoft.Network/virtualNetworks/vnet1."""
    return f"{id.type}/{'/'.join(id.names)}".lower()


def _split(document: Json) -> tuple[Json, Json]:
    """A document without the references to its users, and those references."""
    properties = document.get("properties")
    if not properties:
        return document, {}
    users = {name: value for name, value in properties.items() if name in _USERS and not _has_parts(value)}
    return {**document, "properties": {name: properties[name] for name in properties if name not in users}}, users


def _has_parts(value: Any) -> bool:
    """Whether this is a list of parts with properties, not of references."""
    return isinstance(value, list) and any(isinstance(one, dict) and "properties" in one for one in value)
