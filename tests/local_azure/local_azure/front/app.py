# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one ASGI application behind the proxy: journal, latency and faults around the service that the host names."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import unquote

from .. import keyvault
from ..compute import console
from ..contract import Contract
from ..core.azure import Azure
from ..core.call import NULL
from ..core.faults import Rule
from ..identity.app import SignIn
from ..identity.graph import Graph
from . import hosts
from .disturbances import in_force, refusal
from .hosts import Service
from .http import App, Receive, Response, Scope, Send, cut, read_body, run


class Front:
    """Serves the Azure that is `azure` at the moment of the request; `use` exchanges it. `contract` judges it."""

    def __init__(self, azure: Azure, contract: Contract | None = None) -> None:
        self._contract = contract
        self.use(azure)

    def use(self, azure: Azure) -> None:
        """Serve another Azure from now on."""
        self.azure = azure
        self._apps: dict[Service, App] = {
            Service.MANAGEMENT: Management(azure),
            Service.LOGIN: SignIn(azure).app(),
            Service.GRAPH: Graph(azure).app(),
            Service.VAULT: keyvault.data.app(azure),
            Service.CONSOLE: console.app(azure),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        azure = self.azure
        started = time.perf_counter()
        body = await read_body(receive)
        if body is None:
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path = unquote(scope["raw_path"].decode("latin-1")) if "raw_path" in scope else scope["path"]
        number = azure.journal.next_number()
        rule = azure.faults.match(scope["method"], path, headers.get("user-agent", ""))
        action = rule.action if rule is not None else None
        arrived = await self._wait(rule, receive)
        response: Response | None = None
        try:
            if arrived and action == "reset-before":
                self._judge(scope, headers, body, None)
            elif arrived:
                with in_force(azure, rule, path, headers):
                    response = await self._respond(rule, scope, headers, body)
        finally:
            lost = not arrived or action in ("reset-before", "reset-after")
            failed = 500 if response is None else response.status
            client = scope.get("client")
            azure.journal.record(
                n=number,
                method=scope["method"],
                host=headers.get("host", ""),
                path=path,
                query=scope["query_string"].decode("latin-1"),
                status=0 if lost else failed,
                client_port=client[1] if client else None,
                principal=azure.identity.whose(headers),
                milliseconds=(time.perf_counter() - started) * 1000,
            )
        if not arrived or (rule is not None and action == "hold" and not await _released(rule, receive)):
            return
        if response is None or action == "reset-after":
            await cut(scope, receive)
            return
        off = rule.seconds if rule is not None and action == "skew" else 0
        dated = azure.clock.now() + timedelta(seconds=off)
        response.headers.append((b"date", format_datetime(dated, usegmt=True).encode()))
        if action == "truncate":
            await response.send_half(scope, send)
        else:
            await response.send(send)

    async def _wait(self, rule: Rule | None, receive: Receive) -> bool:
        """Wait before the effect; False when the client has gone by then, as if the request had not arrived."""
        seconds = self.azure.settings.latency
        if rule is not None and rule.action == "delay":
            seconds += rule.seconds
        if seconds:
            await asyncio.sleep(seconds)
        return rule is None or rule.action != "hold-before" or await _released(rule, receive)

    async def _respond(self, rule: Rule | None, scope: Scope, headers: dict[str, str], body: bytes) -> Response:
        service = hosts.service_of(headers.get("host", ""))
        if rule is not None and rule.action == "status":
            self._judge(scope, headers, body, None)
            return refusal(rule, service)
        if service is None:
            return _json(421, {"error": {"code": "UnknownHost", "message": "Not a host name of Azure."}}, {})
        response = await run(self._apps[service], scope, body)
        self._judge(scope, headers, body, response)
        return response

    def _judge(self, scope: Scope, headers: dict[str, str], body: bytes, response: Response | None) -> None:
        if self._contract is not None:
            self._contract.observe(scope, headers, body, response)


class Management:
    """Azure Resource Manager as an ASGI application."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        if body is None:
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        answer = await self._azure.arm.handle(
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            headers,
            body,
        )
        response = _json(answer.status, answer.body, self._common(headers) | answer.headers)
        await response.send(send)

    def _common(self, headers: dict[str, str]) -> dict[str, str]:
        """What every answer of Resource Manager carries."""
        request = str(uuid.uuid4())
        now = self._azure.clock.now().strftime("%Y%m%dT%H%M%SZ")
        found = {
            "Cache-Control": "no-cache",
            "Pragma": "no-cache",
            "Expires": "-1",
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
            "X-Content-Type-Options": "nosniff",
            "x-ms-request-id": request,
            "x-ms-correlation-request-id": headers.get("x-ms-correlation-request-id", request),
            "x-ms-routing-request-id": f"WESTEUROPE:{now}:{uuid.uuid4()}",
        }
        if headers.get("x-ms-return-client-request-id", "").lower() == "true":
            found["x-ms-client-request-id"] = headers.get("x-ms-client-request-id", "")
        return found


def _json(status: int, body: object, headers: dict[str, str]) -> Response:
    content = b"" if body is None else json.dumps(None if body is NULL else body).encode()
    sent = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    if body is not None:
        sent.append((b"content-type", b"application/json; charset=utf-8"))
    if status != 204:
        sent.append((b"content-length", str(len(content)).encode()))
    return Response(status=status, headers=sent, body=content)


async def _released(rule: Rule, receive: Receive) -> bool:
    """Wait until the rule is cleared (True) or the client has gone (False)."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    waits = [asyncio.ensure_future(rule.cleared.wait()), asyncio.ensure_future(gone())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return rule.cleared.is_set()
    finally:
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
