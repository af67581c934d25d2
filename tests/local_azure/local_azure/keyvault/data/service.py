# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vaults' plane as one application, addressed by host name: challenge, checks, then the handler."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ...core.authorization import Principal
from ...core.call import Answer
from ...core.errors import AzureError
from ...core.regions import region
from ...core.store import Resource
from ...core.wire import Json
from .. import names
from . import authorities, backup, certificates, errors, keys, secrets
from .access import check_firewall, check_permission, check_rate
from .call import VaultCall, VaultRoute
from .challenge import authenticate

if TYPE_CHECKING:
    from ...core.azure import Azure

SERVICE_VERSION = "1.9.2872.1"
ROUTES: tuple[VaultRoute, ...] = (
    *secrets.ROUTES,
    *authorities.ROUTES,  # before certificates, whose names theirs would be
    *certificates.ROUTES,
    *keys.ROUTES,
    *backup.ROUTES,
)

_API_VERSION = re.compile(r"2015-06-01|2016-10-01|7\.\d(-preview(\.\d)?)?|20(2[5-9]|3\d)-\d\d-\d\d(-preview)?")
_WITH_BODY = ("PUT", "POST", "PATCH")


def application(azure: Azure) -> ASGIApp:
    """The ASGI application behind all vault host names of `azure`."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = await handle(
            azure,
            request.method,
            request.url.path,
            scope.get("query_string", b"").decode("ascii", "replace"),
            {name.lower(): value for name, value in request.headers.items()},
            await request.body(),
            address=request.client.host if request.client else "127.0.0.1",
        )
        content = b"" if answer.body is None else json.dumps(answer.body).encode()
        if answer.body is not None:
            answer.headers["Content-Type"] = "application/json; charset=utf-8"
        await Response(content, answer.status, answer.headers)(scope, receive, send)

    return serve


async def handle(
    azure: Azure,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    content: bytes,
    *,
    address: str = "127.0.0.1",
) -> Answer:
    """Serve one request. `headers` has lower-case names, among them host. Never raises AzureError."""
    azure.operations.finish_due()
    host = headers.get("host", "").lower().removesuffix(":443")
    name = names.vault_of_host(host)
    vault = azure.vaults.named(name) if name is not None else None
    try:
        if vault is None and (name is None or not azure.vaults.is_taken(name)):
            raise errors.vault_error(404, "VaultNotFound", f"The vault '{name or host}' does not exist.")
        principal = authenticate(azure, host, headers, foreign=vault is None)
        if vault is None:
            raise errors.vault_error(401, "Unauthorized", "The vault belongs to another tenant.")
        check_rate(azure, vault)
        answer = await _dispatch(azure, vault, host, method, path, query, content, principal, address)
    except AzureError as error:
        answer = Answer(status=error.status, body=error.body(), headers=dict(error.headers))
    answer.headers |= {
        "Cache-Control": "no-cache",
        "x-ms-keyvault-region": region(vault.location) if vault is not None else "westeurope",
        "x-ms-keyvault-service-version": SERVICE_VERSION,
        "x-ms-keyvault-network-info": f"conn_type=Ipv4;addr={address};act_addr_fam=InterNetwork;",
        "x-ms-request-id": str(uuid4()),
    }
    return answer


async def _dispatch(
    azure: Azure,
    vault: Resource,
    host: str,
    method: str,
    path: str,
    query: str,
    content: bytes,
    principal: Principal,
    address: str,
) -> Answer:
    parameters = {key.lower(): value for key, value in parse_qsl(query, keep_blank_values=True)}
    api_version = _api_version(parameters)
    route, params = _find(method, path)
    check_firewall(azure, vault, principal, address)
    check_permission(azure, vault, principal, route.permission, params.get("name"))
    call = VaultCall(
        azure=azure,
        vault=vault,
        contents=azure.vaults.contents(vault),
        host=host,
        params=params,
        query=parameters,
        body=_body(content) if method in _WITH_BODY else {},
        api_version=api_version,
        principal=principal,
        now=azure.clock.now(),
    )
    answer = route.handler(call)
    answer = await answer if inspect.isawaitable(answer) else answer
    if method != "GET":
        azure.vaults.changed(vault)
    return answer


def _api_version(query: Mapping[str, str]) -> str:
    version = query.get("api-version", "")
    if not version:
        raise errors.bad_parameter("api-version must be specified")
    if _API_VERSION.fullmatch(version) is None:
        raise errors.bad_parameter(
            f"The specified version ({version}) is not recognized. Consider using the latest supported version "
            "(2026-04-01)."
        )
    return version


def _find(method: str, path: str) -> tuple[VaultRoute, dict[str, str]]:
    """Slashes at the end mean nothing: clients ask for the latest version as ``/secrets/name/``."""
    segments = [unquote(segment) for segment in path.strip("/").split("/")]
    allowed = False
    for route in ROUTES:
        params = route.match(segments)
        if params is None:
            continue
        if route.method == method:
            return route, params
        allowed = True
    if allowed:
        raise errors.vault_error(405, "MethodNotAllowed", f"Method {method} is not allowed for {path}.")
    raise errors.vault_error(501, "NotModelled", f"The local Azure doesn't know {method} {path} of Key Vault.")


def _body(content: bytes) -> Json:
    if not content.strip():
        return {}
    try:
        body = json.loads(content)
    except ValueError as error:
        raise errors.bad_parameter(f"The request body is not JSON: {error.__class__.__name__}") from error
    if not isinstance(body, dict):
        raise errors.bad_parameter("The request body is not a JSON object.")
    return body
