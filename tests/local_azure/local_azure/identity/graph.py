# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few reads of Microsoft Graph that role assignments lead clients to: service principals by application id."""

from __future__ import annotations

import re
import uuid

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..core.authorization import Principal
from ..core.azure import Azure
from ..core.wire import Json
from .tokens import TokenProblem

_AUDIENCES = ("https://graph.microsoft.com", "https://graph.windows.net")
_APP_ID = re.compile(
    r"\(?(?:appId eq '(?P<app>[^']*)'|servicePrincipalNames/any\(c:\s?c eq '(?P<name>[^']*)'\))\)?", re.IGNORECASE
)


class Graph:
    """Endpoints over the principals of one Azure; everything else answers Graph's own errors."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1.0/servicePrincipals", self.service_principals),
                Route("/v1.0/servicePrincipals/{id}", self.service_principal),
                Route("/v1.0/directoryObjects/getByIds", self.by_ids, methods=["POST"]),
                Route("/{rest:path}", self.unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            ]
        )

    async def service_principals(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        principals = list(self._azure.authorization.principals.values())
        wanted = request.query_params.get("$filter")
        if wanted:
            match = _APP_ID.fullmatch(wanted.strip())
            if match is None:
                return _error(400, "Request_UnsupportedQuery", f"Unsupported query: {wanted}")
            asked = (match["app"] or match["name"] or "").lower()
            principals = [one for one in principals if one.client_id.lower() == asked]
        return JSONResponse({"value": [_document(one) for one in principals]})

    async def service_principal(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        id = str(request.path_params["id"])
        for one in self._azure.authorization.principals.values():
            if one.object_id == id:
                return JSONResponse(_document(one))
        return _error(404, "Request_ResourceNotFound", f"Resource '{id}' does not exist.")

    async def by_ids(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        ids = set((await request.json()).get("ids", []))
        found = [one for one in self._azure.authorization.principals.values() if one.object_id in ids]
        return JSONResponse(
            {"value": [{"@odata.type": "#microsoft.graph.servicePrincipal", **_document(one)} for one in found]}
        )

    async def unknown(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        return _error(400, "BadRequest", f"The local Azure does not know '{request.url.path}' of Microsoft Graph.")

    def _refusal(self, request: Request) -> Response | None:
        token = self._azure.identity.bearer(request.headers)
        if token is None:
            return _error(401, "InvalidAuthenticationToken", "Access token is empty.")
        try:
            self._azure.identity.verify(token, _AUDIENCES)
        except TokenProblem:
            return _error(401, "InvalidAuthenticationToken", "Access token validation failure.")
        return None


def _document(principal: Principal) -> Json:
    return {
        "id": principal.object_id,
        "appId": principal.client_id,
        "displayName": principal.name,
        "servicePrincipalType": "Application",
        "servicePrincipalNames": [principal.client_id],
        "accountEnabled": True,
    }


def _error(status: int, code: str, message: str) -> Response:
    inner = {"request-id": str(uuid.uuid4())}
    return JSONResponse({"error": {"code": code, "message": message, "innerError": inner}}, status_code=status)
