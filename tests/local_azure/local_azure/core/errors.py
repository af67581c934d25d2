# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure's errors, complete for the wire, and the ones that Resource Manager itself makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .wire import Json


class AzureError(Exception):
    """An error answer. `gateway` marks errors made by Resource Manager itself (header `x-ms-failure-cause: gateway`).

    `details` is left out of the body when None; the network provider always sends a list, mostly an empty one.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        details: list[Json] | None = None,
        inner: Json | None = None,
        headers: Mapping[str, str] | None = None,
        gateway: bool = False,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.details = details
        self.inner = inner
        self.headers: dict[str, str] = dict(headers or {})
        self.gateway = gateway
        if gateway:
            self.headers.setdefault("x-ms-failure-cause", "gateway")

    def error(self) -> Json:
        """The inside of the envelope, as it also stands in the status document of a failed operation."""
        error: Json = {"code": self.code, "message": self.message}
        if self.target is not None:
            error["target"] = self.target
        if self.details is not None:
            error["details"] = self.details
        if self.inner is not None:
            error["innererror"] = self.inner
        return error

    def body(self) -> Json:
        """The envelope: `{"error": {"code", "message", ...}}`."""
        return {"error": self.error()}


def resource_not_found(type_: str, names: Sequence[str], group: str | None) -> AzureError:
    """404 for a resource; `type_` is the full type, `names` the names of the resource and its parents."""
    under = f" under resource group '{group}'" if group is not None else ""
    return AzureError(
        404,
        "ResourceNotFound",
        f"The Resource '{type_}/{'/'.join(names)}'{under} was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        gateway=True,
    )


def resource_group_not_found(name: str) -> AzureError:
    return AzureError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.", gateway=True)


def parent_not_found(parent_name: str) -> AzureError:
    return AzureError(
        404,
        "ParentResourceNotFound",
        f"Can not perform requested operation on nested resource. Parent resource '{parent_name}' not found.",
        gateway=True,
    )


def subscription_not_found(subscription: str) -> AzureError:
    return AzureError(
        404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.", gateway=True
    )


def authorization_failed(client: str, object_id: str, action: str, scope: str) -> AzureError:
    """403; `client` is the application id of a service principal or the sign-in name of a user."""
    return AzureError(
        403,
        "AuthorizationFailed",
        f"The client '{client}' with object id '{object_id}' does not have authorization to perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. "
        "If access was recently granted, please refresh your credentials.",
        gateway=True,
    )


def invalid_resource_type(type_name: str, namespace: str, api_version: str) -> AzureError:
    """404 for a type that the namespace doesn't have; `type_name` is kept for callers that log it."""
    return AzureError(
        404,
        "InvalidResourceType",
        f"The resource type '{type_name}' could not be found in the namespace '{namespace}' "
        f"for api version '{api_version}'.",
        gateway=True,
    )


def invalid_resource_namespace(namespace: str) -> AzureError:
    return AzureError(
        404, "InvalidResourceNamespace", f"The resource namespace '{namespace}' is invalid.", gateway=True
    )


def missing_api_version() -> AzureError:
    return AzureError(
        400,
        "MissingApiVersionParameter",
        "The api-version query parameter (?api-version=) is required for all requests.",
        gateway=True,
    )


def invalid_api_version(version: str, supported: Sequence[str]) -> AzureError:
    return AzureError(
        400,
        "InvalidApiVersionParameter",
        f"The api-version '{version}' is invalid. The supported versions are '{','.join(supported)}'.",
        gateway=True,
    )


def no_registered_provider(type_: str, location: str, version: str, supported: Sequence[str]) -> AzureError:
    """400 for an api-version that the type doesn't know."""
    return AzureError(
        400,
        "NoRegisteredProviderFound",
        f"No registered resource provider found for location '{location}' and API version '{version}' for type "
        f"'{type_}'. The supported api-versions are '{', '.join(supported)}'. The supported locations are ''.",
        gateway=True,
    )


def method_not_allowed(method: str) -> AzureError:
    return AzureError(
        405, "MethodNotAllowed", f"The requested resource does not support http method '{method}'.", gateway=True
    )


def invalid_content(reason: str) -> AzureError:
    return AzureError(
        400,
        "InvalidRequestContent",
        f"The request content was invalid and could not be deserialized: '{reason}'.",
        gateway=True,
    )


def precondition_failed(given: str, actual: str, resource: str) -> AzureError:
    """412 for If-Match; the form that clients of the network and compute providers parse."""
    return AzureError(
        412,
        "PreconditionFailed",
        "Precondition failed.",
        details=[
            {
                "code": "PreconditionFailedEtagMismatch",
                "message": f"Etag provided in if-match header {given} does not match etag {actual} "
                f"of resource {resource}.",
            }
        ],
    )


def missing_registration(namespace: str) -> AzureError:
    return AzureError(
        409,
        "MissingSubscriptionRegistration",
        f"The subscription is not registered to use namespace '{namespace}'. "
        "See https://aka.ms/rps-not-found for how to register subscriptions.",
        details=[
            {
                "code": "MissingSubscriptionRegistration",
                "target": namespace,
                "message": f"The subscription is not registered to use namespace '{namespace}'. "
                "See https://aka.ms/rps-not-found for how to register subscriptions.",
            }
        ],
        gateway=True,
    )


def not_rehearsed(what: str) -> AzureError:
    """A refusal of the local Azure itself: real Azure could do this, the local one doesn't know how.

    501 is a status that the SDKs do not retry, and that no recording of Azure has, so it can't be mistaken for Azure's.
    """
    return AzureError(501, "NotInLocalAzure", f"The local Azure does not do this: {what}")
