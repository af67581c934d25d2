# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Azure that a recording is played to, with the identity of whoever recorded it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx

from local_azure.core.authorization import Principal, role_named
from local_azure.core.resource_id import ResourceId
from local_azure.core.settings import Settings
from local_azure.testing import in_process

from .recordings import MANAGEMENT, Recording
from .sightings import documents

#: Any will do for what the recording doesn't ask for itself.
_API_VERSION = "2023-02-01"

#: Operations last long enough to be seen under way, until `settle` ends them.
_PACE = 10.0
_WHILE = timedelta(minutes=12)

_SOMEBODY = "5d3f9a1e-0a4c-4b57-9c1e-7f2b60c4a9d3"


class Unprepared(Exception):
    """What an exchange presupposes could not be brought about; the text says why."""


class Stage:
    """One local Azure."""

    def __init__(self, recording: Recording) -> None:
        self.tenant, self.caller = _tenant_and_caller(recording)
        self.subscription = _subscription(recording)
        settings = Settings(subscription_id=self.subscription, tenant_id=self.tenant, pace=_PACE)
        # Real clients send more than the specifications have, and Azure takes it.
        self._local = in_process({}, settings=settings, judged=False)
        self.azure = self._local.azure
        self.azure.network.basic_addresses_allowed = True  # recorded before Azure stopped making them
        self._client = httpx.Client(transport=self._local.transport, trust_env=False)
        self._principal = Principal(name="recorder", client_id=self.caller, object_id=self.caller)
        self.azure.authorization.add_principal(self._principal)
        for id in _others(recording) - {self.caller}:
            self.azure.authorization.add_principal(Principal(name=id, client_id=id, object_id=id))
        for role in filter(None, map(role_named, ("Owner", "Key Vault Administrator"))):
            self.azure.authorization.grant(self.caller, role, "/")

    def send(self, method: str, url: str, body: Any = None, *, signed_in: bool = True) -> httpx.Response:
        """Send one request, as slowly as recorded: no bucket of Resource Manager is ever empty."""
        self.azure.throttling.fill()
        parsed = httpx.URL(url)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if signed_in:
            audience = "https://vault.azure.net" if ".vault." in parsed.host else f"https://{parsed.host}"
            headers["Authorization"] = f"Bearer {self.azure.identity.issue(self._principal, audience)}"
        content = json.dumps(body).encode() if body is not None else None
        return self._client.request(method, parsed, headers=headers, content=content)

    def must(self, method: str, url: str, body: Any = None) -> Any:
        """Send a request that has to succeed, end what it began, and return its body. Raises Unprepared."""
        answer = self.send(method, url, body)
        if not answer.is_success:
            raise Unprepared(f"{method} {url}: {answer.status_code} {answer.text}")
        self._local.settle()
        return answer.json() if answer.content else None

    def settle(self) -> None:
        """Let everything under way come to its end."""
        self.azure.clock.advance(_WHILE)
        self._local.settle()

    def settle_one(self, url: str) -> None:
        """Let the operation that can be followed at `url` come to its end, and no other."""
        self.azure.operations.finish_one(_last(url))

    def hold(self, url: str) -> None:
        """Let the operation that can be followed at `url` go on until it is settled."""
        operation = self.azure.operations.get(_last(url))
        if operation is not None:
            operation.due += timedelta(days=1)

    def has(self, id: ResourceId) -> bool:
        """Whether the resource is there."""
        return self.send("GET", resource_url(id)).status_code == 200


def _last(url: str) -> str:
    return httpx.URL(url).path.rpartition("/")[2]


def resource_url(id: ResourceId, more: str = "") -> str:
    """The address of a resource; `more` ends its query."""
    return f"https://{MANAGEMENT}{id}?api-version={_API_VERSION}{more}"


def _subscription(recording: Recording) -> str:
    for exchange in recording.exchanges:
        segments = exchange.segments
        if exchange.is_management and len(segments) > 1 and segments[0].lower() == "subscriptions":
            return segments[1]
    return Settings().subscription_id


def _others(recording: Recording) -> set[str]:
    """Whom the recording gives roles to: they are in the directory."""
    given = [one.request for one in recording.exchanges if one.succeeded and "/roleassignments/" in one.path.lower()]
    found = ((body or {}).get("properties", {}).get("principalId") for body in given)
    return {str(id) for id in found if id}


def _tenant_and_caller(recording: Recording) -> tuple[str, str]:
    """Whose vaults the recording shows: most of their access policies are for whoever recorded it."""
    tenants: Counter[str] = Counter()
    callers: Counter[str] = Counter()
    for exchange in recording.exchanges:
        for _id, document in documents([exchange.response, exchange.request]):
            tenants[str(document["properties"].get("tenantId") or "")] += 1
            for policy in document["properties"].get("accessPolicies") or []:
                callers[str(policy.get("objectId"))] += 1
    del tenants[""]
    tenant = tenants.most_common(1)[0][0] if tenants else Settings().tenant_id
    return tenant, callers.most_common(1)[0][0] if callers else _SOMEBODY
