# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault rule does to the request it meets, apart from the connection: tokens, operations, reads, answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ..core.azure import Azure
from ..core.errors import AzureError
from ..core.faults import Rule
from ..core.operations import Fate, fate
from ..core.resource_id import ResourceId
from ..core.wire import Json
from ..identity.tokens import TokenTrouble
from .hosts import Service
from .http import Response

#: What becomes of the access token of a request.
_TOKENS: Mapping[str, TokenTrouble] = {"expire-token": "expired", "revoke-token": "revoked"}

_UNAVAILABLE = "ServiceUnavailable"
#: What the sign-in service says of itself on a bad day.
_SIGN_IN_TROUBLE = 90033


@contextmanager
def in_force(azure: Azure, rule: Rule | None, path: str, headers: Mapping[str, str]) -> Iterator[None]:
    """Let the rule act on what the block does for the request."""
    token = fate.set(_fate(rule) if rule is not None else None)
    lags = rule is not None and rule.action == "stale" and path.lower().startswith("/subscriptions/")
    past = azure.store.copy() if lags else None
    if rule is not None and rule.action in _TOKENS:
        azure.identity.spoil(headers, _TOKENS[rule.action])
    try:
        yield
    finally:
        fate.reset(token)
        if rule is not None and past is not None:
            azure.appearances.lag(past, _group_of(path), rule.seconds)
        if rule is not None and rule.action == "stuck":
            rule.at_end(azure.appearances.stick(path))


def _group_of(path: str) -> ResourceId:
    """The resource group, or else the subscription, that a path of Resource Manager leads into."""
    parts = path.strip("/").split("/")
    return ResourceId.parse("/" + "/".join(parts[: 4 if parts[2:3] and parts[2].lower() == "resourcegroups" else 2]))


def refusal(rule: Rule, service: Service | None) -> Response:
    """The answer of a status rule, in the words of the service that was asked."""
    body: Json = {"error": {"code": rule.code or _UNAVAILABLE, "message": rule.message}}
    if service is Service.LOGIN:
        body = {
            "error": rule.code or "temporarily_unavailable",
            "error_description": f"AADSTS{_SIGN_IN_TROUBLE}: {rule.message}",
            "error_codes": [_SIGN_IN_TROUBLE],
        }
    content = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
    ]
    if rule.retry_after is not None:
        headers.append((b"retry-after", rule.retry_after.encode("latin-1")))
    return Response(status=rule.status, headers=headers, body=content)


def _fate(rule: Rule) -> Fate | None:
    if rule.action == "fail-operation":
        error = AzureError(500, rule.code or "InternalExecutionError", rule.message)
        return Fate(status="Failed", error=error, at_end=rule.at_end)
    if rule.action == "cancel-operation":
        error = AzureError(409, rule.code or "Canceled", rule.message)
        return Fate(status="Canceled", error=error, at_end=rule.at_end)
    if rule.action == "hang-operation":
        return Fate(status="Succeeded", error=None, at_end=rule.at_end)
    return None
