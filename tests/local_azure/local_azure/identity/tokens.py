# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service principals with their secrets, and the access tokens made for them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from ..core.authorization import Authorization, Principal
from ..core.clock import Clock
from ..core.errors import AzureError
from ..core.settings import Settings
from ..core.wire import Json

ARM_AUDIENCES = (
    "https://management.core.windows.net",
    "https://management.azure.com",
    "https://management.core.chinacloudapi.cn",
    "https://management.chinacloudapi.cn",
    "https://management.core.usgovcloudapi.net",
    "https://management.usgovcloudapi.net",
)
VAULT_AUDIENCES = ("https://vault.azure.net", "https://vault.azure.cn", "https://vault.usgovcloudapi.net")
LIFETIME_SECONDS = 3599
REVOKED = (
    "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: "
    "TokenIssuedBeforeRevocationTimestamp"
)

#: Why a good token is not accepted any more: its time is over, or somebody took back what it was given for.
TokenTrouble: TypeAlias = Literal["expired", "revoked"]


class TokenProblem(Exception):
    """A token that is not accepted; `code` is expired, revoked, audience or invalid, `detail` belongs to it."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code} {detail}".strip())
        self.code = code
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class Verified:
    """A token's principal and until when it is good."""

    principal: Principal
    expires: datetime


class Identity:
    """Knows the client secrets and makes and checks tokens (JWT, HS256 with a key of this process)."""

    def __init__(self, clock: Clock, settings: Settings, authorization: Authorization) -> None:
        self._clock = clock
        self._settings = settings
        self._authorization = authorization
        self._key = secrets.token_bytes(32)
        self._client_secrets: dict[str, str] = {}
        self._spoiled: dict[str, TokenTrouble] = {}

    def check_secret(self, client_id: str, secret: str) -> bool:
        known = self._client_secrets.get(client_id.lower())
        return known is not None and hmac.compare_digest(known.encode(), secret.encode())

    def issue(self, principal: Principal, audience: str) -> str:
        """A token for `audience` (a resource such as https://vault.azure.net), good for about an hour."""
        now = int(self._clock.now().timestamp())
        issuer = f"https://sts.windows.net/{self._settings.tenant_id}/"
        claims: Json = {
            "aud": audience,
            "iss": issuer,
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME_SECONDS,
            "appid": principal.client_id,
            "appidacr": "1",
            "idp": issuer,
            "idtyp": "app",
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": self._settings.tenant_id,
            "uti": uuid.uuid4().hex,
            "ver": "1.0",
        }
        signed = _encode({"typ": "JWT", "alg": "HS256"}) + "." + _encode(claims)
        return f"{signed}.{self._sign(signed)}"

    def verify(self, token: str, audiences: tuple[str, ...]) -> Verified:
        """Raises TokenProblem."""
        signed, _dot, signature = token.rpartition(".")
        if not signed or not hmac.compare_digest(self._sign(signed), signature):
            raise TokenProblem("invalid")
        claims = _decode(signed.partition(".")[2])
        expires = datetime.fromtimestamp(claims["exp"], tz=self._clock.now().tzinfo)
        trouble = self._spoiled.get(claims["uti"])
        if trouble == "revoked":
            raise TokenProblem("revoked")
        if trouble == "expired" or expires <= self._clock.now():
            raise TokenProblem("expired", _american(min(expires, self._clock.now())))
        if str(claims["aud"]).rstrip("/") not in audiences:
            raise TokenProblem("audience", str(claims["aud"]))
        principal = self._authorization.principals.get(str(claims["appid"]).lower())
        if principal is None:
            raise TokenProblem("invalid")
        return Verified(principal=principal, expires=expires)

    def spoil(self, headers: Mapping[str, str], trouble: TokenTrouble) -> None:
        """Accept the token of this request no more."""
        signed, _dot, signature = (self.bearer(headers) or "").rpartition(".")
        if signed and hmac.compare_digest(self._sign(signed), signature):
            self._spoiled[_decode(signed.partition(".")[2])["uti"]] = trouble

    def claims_challenge(self) -> str:
        """The WWW-Authenticate header for a revoked token: whoever asks for these claims gets a good one."""
        now = int(self._clock.now().timestamp())
        claims = json.dumps({"access_token": {"nbf": {"essential": True, "value": str(now)}}})
        return (
            'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
            f'error_description="{REVOKED}", error="insufficient_claims", '
            f'claims="{base64.b64encode(claims.encode()).decode()}"'
        )

    def whose(self, headers: Mapping[str, str]) -> str | None:
        """The principal's name, for the journal: whoever the token was made for, whatever it is good for."""
        signed, _dot, signature = (self.bearer(headers) or "").rpartition(".")
        if not signed or not hmac.compare_digest(self._sign(signed), signature):
            return None
        principal = self._authorization.principals.get(str(_decode(signed.partition(".")[2])["appid"]).lower())
        return principal.name if principal is not None else None

    def adopt(self, other: Identity) -> None:
        """Take over key and client secrets, so that secrets and tokens given out by `other` stay good."""
        self._key = other._key
        self._client_secrets = dict(other._client_secrets)
        self._spoiled = dict(other._spoiled)

    def secret_of(self, client_id: str) -> str:
        """The client secret; made on the first call. For the environment files alone."""
        return self._client_secrets.setdefault(client_id.lower(), "la~" + secrets.token_urlsafe(30))

    def bearer(self, headers: Mapping[str, str]) -> str | None:
        """The bearer token of a request, if it has one."""
        scheme, _space, token = headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None

    def authenticate_arm(self, headers: Mapping[str, str]) -> Principal:
        """The caller of Resource Manager, or its 401."""
        token = self.bearer(headers)
        if token is None:
            raise self._unauthorized(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
                "The authentication failed because of missing 'Authorization' header.",
            )
        try:
            return self.verify(token, ARM_AUDIENCES).principal
        except TokenProblem as problem:
            if problem.code == "expired":
                code = "ExpiredAuthenticationToken"
                message = (
                    f"The access token expiry UTC time '{problem.detail}' is earlier than current UTC time "
                    f"'{_american(self._clock.now())}'."
                )
            elif problem.code == "audience":
                code = "InvalidAuthenticationTokenAudience"
                allowed = ",".join(f"'{one}/','{one}'" for one in ARM_AUDIENCES[:2])
                message = (
                    f"The access token has been obtained for wrong audience or resource '{problem.detail}'. "
                    f"It should exactly match with one of the allowed audiences {allowed}."
                )
            elif problem.code == "revoked":
                headers = {"WWW-Authenticate": self.claims_challenge()}
                raise AzureError(401, "InvalidAuthenticationToken", REVOKED, headers=headers, gateway=True) from problem
            else:
                code, message = "InvalidAuthenticationToken", "The access token is invalid."
            raise self._unauthorized(code, message, message) from problem

    def _unauthorized(self, code: str, message: str, description: str) -> AzureError:
        challenge = (
            f'Bearer authorization_uri="https://login.windows.net/{self._settings.tenant_id}", '
            f'error="invalid_token", error_description="{description}"'
        )
        return AzureError(401, code, message, headers={"WWW-Authenticate": challenge}, gateway=True)

    def _sign(self, signed: str) -> str:
        return _base64(hmac.new(self._key, signed.encode(), hashlib.sha256).digest())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _encode(claims: Json) -> str:
    return _base64(json.dumps(claims, separators=(",", ":")).encode())


def _decode(part: str) -> Json:
    claims: Json = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def _american(moment: datetime) -> str:
    return moment.strftime("%m/%d/%Y %I:%M:%S %p").lstrip("0")
