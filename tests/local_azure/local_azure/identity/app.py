# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sign-in hosts: discovery documents and the token endpoint for client credentials."""

from __future__ import annotations

import re
import uuid
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..core.azure import Azure
from ..core.wire import Json
from .tokens import ARM_AUDIENCES, LIFETIME_SECONDS, VAULT_AUDIENCES

_RESOURCES = {*ARM_AUDIENCES, *VAULT_AUDIENCES, "https://graph.microsoft.com", "https://graph.windows.net"}
_ANY_TENANT = {"common", "organizations"}


class SignInError(Exception):
    """An answer of the sign-in service: `error` is the OAuth code, `number` the AADSTS number."""

    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.error = error
        self.number = number
        self.text = text


class SignIn:
    """Endpoints over the principals of one Azure."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/common/discovery/instance", self.instance),
                Route("/{tenant}/v2.0/.well-known/openid-configuration", self.configuration),
                Route("/{tenant}/.well-known/openid-configuration", self.configuration_v1),
                Route("/{tenant}/discovery/v2.0/keys", self.keys),
                Route("/{tenant}/oauth2/v2.0/token", self.token, methods=["POST"]),
                Route("/{tenant}/oauth2/token", self.token, methods=["POST"]),
            ],
            exception_handlers={SignInError: self._refuse},
        )

    async def instance(self, request: Request) -> Response:
        """Which host names belong to one cloud; MSAL asks before it trusts an authority."""
        groups = (
            ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"),
            ("login.partner.microsoftonline.cn", "login.chinacloudapi.cn"),
            ("login.microsoftonline.us", "login.usgovcloudapi.net"),
        )
        wanted = request.query_params.get("authorization_endpoint", "")
        match = re.match(r"https://[^/]+/([^/]+)/", wanted)
        tenant = match[1] if match is not None else "common"
        document = {
            "tenant_discovery_endpoint": f"https://{_host(request)}/{tenant}/v2.0/.well-known/openid-configuration",
            "api-version": request.query_params.get("api-version", "1.1"),
            "metadata": [
                {
                    "preferred_network": group[0],
                    "preferred_cache": group[1] if group[0].endswith(".com") else group[0],
                    "aliases": list(group),
                }
                for group in groups
            ],
        }
        return JSONResponse(document)

    async def configuration(self, request: Request) -> Response:
        return self._configuration(request, "/v2.0", "/oauth2/v2.0")

    async def configuration_v1(self, request: Request) -> Response:
        return self._configuration(request, "", "/oauth2")

    async def keys(self, request: Request) -> Response:
        """No public keys: tokens are signed with a secret of this process, for nobody but itself."""
        self._tenant(request, anybody=True)
        return JSONResponse({"keys": []})

    async def token(self, request: Request) -> Response:
        tenant = self._tenant(request)
        body = (await request.body()).decode("utf-8", "replace")
        form = {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}
        grant = form.get("grant_type", "")
        if grant != "client_credentials":
            raise SignInError(
                400,
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{grant}'.",
            )
        client_id = form.get("client_id", "")
        principal = self._azure.authorization.principals.get(client_id.lower())
        if principal is None:
            raise SignInError(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{client_id}' was not found in the directory 'Local Azure'. This can "
                "happen if the application has not been installed by the administrator of the tenant or consented to "
                "by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
            )
        if "client_secret" not in form:
            raise SignInError(
                401,
                "invalid_client",
                7000218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            )
        if not self._azure.identity.check_secret(client_id, form["client_secret"]):
            raise SignInError(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{client_id}'.",
            )
        audience = _audience(form)
        if audience.rstrip("/") not in _RESOURCES:
            raise SignInError(
                400,
                "invalid_resource",
                500011,
                f"The resource principal named {audience} was not found in the tenant named Local Azure ({tenant}).",
            )
        answer: Json = {
            "token_type": "Bearer",
            "expires_in": LIFETIME_SECONDS,
            "ext_expires_in": LIFETIME_SECONDS,
            "access_token": self._azure.identity.issue(principal, audience),
        }
        if "resource" in form:
            expires = int(self._azure.clock.now().timestamp()) + LIFETIME_SECONDS
            answer |= {"expires_on": str(expires), "resource": audience}
        return JSONResponse(answer, headers={"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"})

    def _configuration(self, request: Request, version: str, oauth: str) -> Response:
        tenant = self._tenant(request, anybody=True)
        root = f"https://{_host(request)}/{tenant}"
        issuer = f"https://sts.windows.net/{tenant}/" if not version else f"{root}/v2.0"
        document = {
            "token_endpoint": f"{root}{oauth}/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": f"{root}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer,
            "authorization_endpoint": f"{root}{oauth}/authorize",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
            "end_session_endpoint": f"{root}{oauth}/logout",
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": "graph.microsoft.com",
        }
        return JSONResponse(document)

    def _tenant(self, request: Request, *, anybody: bool = False) -> str:
        tenant = str(request.path_params["tenant"])
        if anybody and tenant.lower() in _ANY_TENANT:
            return tenant
        if tenant.lower() != self._azure.settings.tenant_id:
            raise SignInError(
                400,
                "invalid_tenant" if request.method == "GET" else "invalid_request",
                90002,
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into "
                "the correct cloud. Check with your subscription administrator, this may happen if there are no active "
                "subscriptions for the tenant.",
            )
        return tenant

    async def _refuse(self, request: Request, problem: Exception) -> Response:
        assert isinstance(problem, SignInError)
        moment = self._azure.clock.now().strftime("%Y-%m-%d %H:%M:%SZ")
        trace, correlation = str(uuid.uuid4()), request.headers.get("client-request-id") or str(uuid.uuid4())
        description = (
            f"AADSTS{problem.number}: {problem.text} "
            f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment}"
        )
        document = {
            "error": problem.error,
            "error_description": description,
            "error_codes": [problem.number],
            "timestamp": moment,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={problem.number}",
        }
        return JSONResponse(document, status_code=problem.status)


def _host(request: Request) -> str:
    return request.headers.get("host", "login.microsoftonline.com")


def _audience(form: dict[str, str]) -> str:
    """The resource that is asked for: v1 `resource`, or the v2 scope without `/.default`."""
    if "resource" in form:
        return form["resource"]
    scopes = [scope for scope in form.get("scope", "").split() if scope.endswith("/.default")]
    if not scopes:
        raise SignInError(
            400,
            "invalid_scope",
            1002012,
            f"The provided value for scope {form.get('scope', '')} is not valid. Client credential flows must have a "
            "scope value with /.default suffixed to the resource identifier (application ID URI).",
        )
    return scopes[0].removesuffix("/.default")
