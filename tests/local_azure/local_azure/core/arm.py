# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure Resource Manager: from an HTTP request to the handler of a provider, with everything ARM checks before."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import parse_qsl, unquote

from . import errors
from .authorization import Principal
from .call import Answer, Call
from .errors import AzureError
from .resource_id import ResourceId
from .wire import Json

if TYPE_CHECKING:
    from .azure import Azure

Handler: TypeAlias = Callable[[Call], Answer | Awaitable[Answer]]
Scope: TypeAlias = Literal["group", "subscription", "root", "extension"]

_API_VERSION = re.compile(r"(?P<date>\d{4}-\d{2}-\d{2})(-(preview|alpha|beta|privatepreview))?", re.IGNORECASE)
_EXTENSION_NAMESPACES = {"microsoft.authorization", "microsoft.resources"}
_LOCKS = "microsoft.authorization/locks"
_WITH_BODY = {"PUT", "PATCH", "POST"}
_ANONYMOUS = {"/metadata/endpoints"}
#: Actions that count as reads: their answers tell no remaining writes (recorded).
_READING_ACTIONS = {
    "checknameavailability",
    "connectivitycheck",
    "networkconfigurationdiagnostic",
    "nexthop",
    "topology",
}
_NOBODY = Principal(name="nobody", client_id="", object_id="")


@dataclass(frozen=True, kw_only=True)
class Route:
    """`segments` are the template's parts; a part in braces takes any one segment."""

    method: str
    scope: Scope
    segments: tuple[str, ...]
    handler: Handler
    action: str | None
    api_versions: tuple[str, ...]

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """Placeholder values when the path segments fit, else None."""
        if len(segments) != len(self.segments):
            return None
        found: dict[str, str] = {}
        for mine, theirs in zip(self.segments, segments, strict=True):
            if mine[0] == "{":
                found[mine[1:-1]] = theirs
            elif mine.lower() != theirs.lower():
                return None
        return found


@dataclass(frozen=True, kw_only=True)
class _Target:
    """A path taken apart: which routes to try, with which segments, and where it points."""

    scope: Scope
    segments: tuple[str, ...]
    subscription: str | None
    group: str | None
    extended: str = "/"


class Arm:
    """Routes of all providers. `authenticate` turns the headers of a request into a principal or raises 401."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        self._routes: dict[tuple[Scope, int], list[Route]] = {}
        self._namespaces: dict[str, str] = {}

    @property
    def namespaces(self) -> list[str]:
        """The providers that have routes, in canonical casing."""
        return sorted(self._namespaces.values())

    def types(self, namespace: str) -> list[str]:
        """The resource types of a provider that have routes, such as networkSecurityGroups/securityRules."""
        found: set[str] = set()
        for (scope, _length), routes in self._routes.items():
            if scope in ("group", "subscription", "extension"):
                for route in routes:
                    if route.segments[0].lower() == namespace.lower() and len(route.segments) % 2 == 1:
                        found.add("/".join(route.segments[1::2]))
        return sorted(found)

    def route(
        self,
        method: str,
        template: str,
        handler: Handler,
        *,
        action: str | None = None,
        scope: Scope = "group",
        api_versions: tuple[str, ...] = (),
    ) -> None:
        """Register an operation.

        `template` is relative to `.../resourceGroups/{rg}/providers/` (scope "group"), `/subscriptions/{s}/providers/`
        ("subscription"), the path's last `/providers/` at any resource ("extension"), or is a whole path ("root").
        `action` is the right that the caller needs; `api_versions` bounds the api-version from below.
        """
        segments = tuple(template.strip("/").split("/"))
        route = Route(
            method=method.upper(),
            scope=scope,
            segments=segments,
            handler=handler,
            action=action,
            api_versions=api_versions,
        )
        self._routes.setdefault((scope, len(segments)), []).append(route)
        if scope != "root":
            self._namespaces.setdefault(segments[0].lower(), segments[0])

    def served(self) -> Iterator[tuple[str, str]]:
        """Method and path of every route, with names in braces; what extends any resource also extends a VM."""
        subscription = "/subscriptions/{subscription}/providers/"
        group = "/subscriptions/{subscription}/resourceGroups/{group}/providers/"
        vm = group + "Microsoft.Compute/virtualMachines/{vm}/providers/"
        roots: Mapping[Scope, Sequence[str]] = {
            "group": (group,),
            "subscription": (subscription,),
            "root": ("/",),
            "extension": (subscription, group, vm),
        }
        for (scope, _length), routes in self._routes.items():
            for root in roots[scope]:
                yield from ((route.method, root + "/".join(route.segments)) for route in routes)

    async def handle(self, method: str, path: str, query: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """Serve one request; `path` and `query` as sent, header names lower case. Never raises AzureError."""
        counted: dict[str, str] = {}
        try:
            if path.rstrip("/").lower() in _ANONYMOUS:
                principal = _NOBODY
            else:
                principal = self._azure.identity.authenticate_arm(headers)
                reads = method == "POST" and path.rpartition("/")[2].lower() in _READING_ACTIONS
                counted = self._azure.throttling.take(principal, "GET" if reads else method)
            answer = await self.dispatch(method, path, query, headers, content, principal)
        except AzureError as error:
            answer = Answer(status=error.status, body=error.body(), headers=dict(error.headers))
        answer.headers = {**counted, **answer.headers}
        return answer

    async def dispatch(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        content: bytes,
        principal: Principal,
    ) -> Answer:
        """Check and run one authenticated request. Raises AzureError."""
        self._azure.operations.finish_due()
        parameters = {name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)}
        target = self._take_apart(path)
        api_version = _require_api_version(parameters)
        if target.subscription is not None and not self._azure.knows_subscription(target.subscription):
            raise errors.subscription_not_found(target.subscription)
        route, params = self._find(method, target, api_version)
        _check_lower_bound(route, api_version)
        call = self._call(method, target, route, params, api_version, parameters, headers, principal)
        partly = self._check_rights(route, target, call)
        if target.group is not None and target.scope == "group":
            group = ResourceId(call.id.subscription, target.group)
            if self._azure.store.get(group) is None:
                raise errors.resource_group_not_found(target.group)
        if method not in ("GET", "HEAD") and "/".join(target.segments[:2]).lower() != _LOCKS:
            self._azure.locks.check(method, self._scope_text(target, call))
        if method in _WITH_BODY:
            namespace = call.id.namespace
            if method != "POST" and namespace and self._azure.registration(namespace) != "Registered":
                raise errors.missing_registration(namespace)
            call.body = _parse(content)
        with self._azure.appearances.of_read(call.id) if method == "GET" else nullcontext():
            outcome = route.handler(call)
        answer = await outcome if inspect.isawaitable(outcome) else outcome
        if partly and route.action is not None:
            self._keep_readable(answer, principal, route.action)
        if method == "GET" and answer.status == 200 and call.collection is None:
            answer.headers = {**self._azure.operations.hint(call.id), **answer.headers}
            answer.body = self._azure.appearances.retouched(call.id, answer.body)
        return answer

    def _check_rights(self, route: Route, target: _Target, call: Call) -> bool:
        """Raise AuthorizationFailed, or say whether the answer is a list of which the caller may see a part."""
        if route.action is None:
            return False
        authorization = self._azure.authorization
        scope = self._scope_text(target, call)
        if (
            target.scope == "subscription"
            and call.collection is not None
            and call.id.types == ()
            and not authorization.allows(call.principal, route.action, scope)
            and authorization.has_any(call.principal, scope)
        ):
            return True
        authorization.require(call.principal, route.action, scope)
        return False

    def _keep_readable(self, answer: Answer, principal: Principal, action: str) -> None:
        if isinstance(answer.body, dict) and isinstance(answer.body.get("value"), list):
            allows = self._azure.authorization.allows
            kept = [one for one in answer.body["value"] if allows(principal, action, str(one.get("id", "")))]
            answer.body = {**answer.body, "value": kept}

    def _take_apart(self, path: str) -> _Target:
        segments = tuple(part for part in unquote(path).split("/") if part)  # SDKs encode a scope as a whole
        lower = [part.lower() for part in segments]
        subscription = segments[1] if len(segments) > 1 and lower[0] == "subscriptions" else None
        in_group = subscription is not None and lower[2:3] == ["resourcegroups"] and len(lower) > 3
        group = segments[3] if in_group else None
        if subscription is not None:
            subscription = self._azure.canonical_subscription(subscription)
        for at in range(len(segments) - 2, -1, -1):
            if lower[at] == "providers" and lower[at + 1] in _EXTENSION_NAMESPACES:
                return _Target(
                    scope="extension",
                    segments=segments[at + 1 :],
                    subscription=subscription,
                    group=group,
                    extended="/" + "/".join(segments[:at]),
                )
        if group is not None and lower[4:5] == ["providers"] and len(segments) > 5:
            return _Target(scope="group", segments=segments[5:], subscription=subscription, group=group)
        if (
            subscription is not None
            and lower[2:3] == ["providers"]
            and len(segments) > 4
            and not self._fits_root(segments)
        ):
            return _Target(scope="subscription", segments=segments[3:], subscription=subscription, group=None)
        return _Target(scope="root", segments=segments, subscription=subscription, group=group)

    def _fits_root(self, segments: Sequence[str]) -> bool:
        return any(route.match(segments) is not None for route in self._routes.get(("root", len(segments)), ()))

    def _find(self, method: str, target: _Target, api_version: str) -> tuple[Route, dict[str, str]]:
        other_method = False
        for route in self._routes.get((target.scope, len(target.segments)), ()):
            params = route.match(target.segments)
            if params is None:
                continue
            if route.method == method:
                return route, params
            other_method = True
        if other_method:
            raise errors.method_not_allowed(method)
        if target.scope == "root":
            raise AzureError(
                404,
                "InvalidResourceType" if target.segments else "NotFound",
                f"The requested resource '/{'/'.join(target.segments)}' is not known to the local Azure.",
                gateway=True,
            )
        namespace = target.segments[0]
        if namespace.lower() not in self._namespaces:
            raise errors.invalid_resource_namespace(namespace)
        type_name = "/".join(target.segments[1::2])
        raise errors.invalid_resource_type(type_name, self._namespaces[namespace.lower()], api_version)

    def _call(
        self,
        method: str,
        target: _Target,
        route: Route,
        params: dict[str, str],
        api_version: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        principal: Principal,
    ) -> Call:
        subscription = target.subscription or self._azure.settings.subscription_id
        call = Call(
            azure=self._azure,
            method=method,
            id=ResourceId(subscription, target.group),
            principal=principal,
            api_version=api_version,
            query=query,
            headers=headers,
            params=params,
        )
        if target.scope == "extension":
            call.params = {**params, "scope": target.extended}
        if target.scope in ("root", "extension"):
            call.id = self._azure.store.canonical(call.id)
            return call
        spelled = [params[part[1:-1]] if part[0] == "{" else part for part in route.segments]
        pairs, last = spelled[1:], None
        if len(pairs) % 2:
            last = pairs.pop()
        id = ResourceId(
            subscription,
            target.group,
            spelled[0] if pairs else "",
            tuple(pairs[0::2]),
            tuple(pairs[1::2]),
        )
        call.id = self._azure.store.canonical(id)
        if last is not None and method == "POST":
            call.action = last
        elif last is not None:
            call.collection = "/".join((spelled[0], *pairs[0::2], last))
        return call

    @staticmethod
    def _scope_text(target: _Target, call: Call) -> str:
        return target.extended if target.scope == "extension" else str(call.id)


def _require_api_version(query: Mapping[str, str]) -> str:
    version = query.get("api-version", "")
    if not version:
        raise errors.missing_api_version()
    match = _API_VERSION.fullmatch(version)
    if match is not None:
        try:
            date.fromisoformat(match["date"])
        except ValueError:
            match = None
    if match is None:
        raise errors.invalid_api_version(version, ("2026-04-01", "2026-03-01", "2025-04-01", "2022-12-01"))
    return version.lower()


def _check_lower_bound(route: Route, api_version: str) -> None:
    if route.api_versions and api_version[:10] < min(route.api_versions)[:10]:
        type_ = "/".join(route.segments[1::2])
        raise errors.no_registered_provider(type_, "", api_version, route.api_versions)


def _parse(content: bytes) -> Json:
    if not content.strip():
        return {}
    try:
        body = json.loads(content)
    except ValueError as error:
        raise errors.invalid_content(str(error)) from error
    if not isinstance(body, dict):
        raise errors.invalid_content("The content is not a JSON object.")
    return body
