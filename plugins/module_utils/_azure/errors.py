# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SDK errors become the collection's own, in one decorator; Azure's code is kept and the next step added."""

from __future__ import annotations

import functools
import inspect
import re
import typing as t

from .._domain.errors import AccessError, Busy, Conflict, Denied, NotFound, Refused, SignInFailed, Unavailable
from .error_texts import connection_failure, first_line, plain
from .libraries import needs

if t.TYPE_CHECKING:
    from azure.core.exceptions import AzureError, HttpResponseError

P = t.ParamSpec("P")
R = t.TypeVar("R")

# Another writer is at work on the same resource; the request itself is right (Azure: request limits and throttling).
BUSY_CODES = frozenset(
    {
        "AnotherOperationInProgress",
        "RetryableError",
        "RetryableErrorDueToAnotherOperation",
        "ReferencedResourceNotProvisioned",
        "ConflictingConcurrentWriteNotAllowed",
        "ObjectIsBeingRecovered",
        "ObjectIsBeingDeleted",
    }
)

# Some services have one code for all that the state of a resource forbids; what passes is told by the text alone.
_PASSES = {
    "OperationNotAllowed": re.compile(r"(?i)(?!.*marked for deletion).*(\bongoing\b|\banother\b.*\bin progress\b)"),
    "Conflict": re.compile(r"(?i).*while a pending key vault certificate's status is inProgress"),
}

# Somebody else was faster, though Azure answers with 400.
_CONFLICT_CODES = frozenset({"SecurityRuleConflict"})

_AGAIN = "Azure has trouble of its own: run the task again in a while."
_CHECK_SUBSCRIPTION = "Check subscription_id, and that the credentials belong to the tenant that holds it."

_HINTS = {
    "AuthorizationFailed": "Ask for a role that contains the action named above;"
    " a role granted moments ago takes a few minutes to act.",
    "LinkedAuthorizationFailed": "Ask for a role that contains the action named above on the linked resource;"
    " Contributor and Key Vault Contributor hold it for a key vault.",
    "ResourceGroupNotFound": "Check resource_group and subscription_id; 'az group list -o table' shows what there is.",
    "SubscriptionNotFound": _CHECK_SUBSCRIPTION,
    "InvalidSubscriptionId": _CHECK_SUBSCRIPTION,
    "InvalidAuthenticationTokenTenant": _CHECK_SUBSCRIPTION,
    "SecurityRuleConflict": "Leave priority out to have a free one chosen.",
    "ResourceNotFound": "Check the name, the resource group and the subscription.",
    "OperationNotAllowed": "The VM's state does not allow it; 'az vm get-instance-view' shows the state.",
    "AllocationFailed": "Azure has no room for this size of VM where it is now: run the task again later, or give the"
    " VM another size.",
    "PropertyChangeNotAllowed": "Azure takes this only when a VM is made.",
    "MissingSubscriptionRegistration": "Have the resource provider registered once (az provider register -n NAME).",
    "KeyVaultAccessForbidden": "The vault must let the platform in: switch enabledForDeployment on and, behind a"
    " firewall, allow trusted Microsoft services.",
    "CertificateImproperlyFormatted": "The secret must hold a PFX in the form that the platform reads, as"
    " azvm.access.winrm_cert_keyvault writes it; take the reference to any other one out of the VM.",
    "ObjectIsDeletedButRecoverable": "Recover it in the vault (az keyvault secret recover), purge it there, or choose"
    " another name.",
    "ForbiddenByFirewall": "The vault's firewall does not let this controller in:"
    " add its address to the vault's network rules.",
    "ForbiddenByConnection": "The vault takes no public connections: run where its private endpoint is reached.",
    "ForbiddenByRbac": "Assign 'Key Vault Secrets Officer' on the vault to the caller;"
    " an assignment takes a few minutes to act.",
    "ForbiddenByPolicy": "Add an access policy for the caller (secrets: get, list, set, delete, recover).",
    "AccessDenied": "The vault does not admit the caller: check its access policies or role assignments.",
    "ScopeLocked": "A management lock protects the resource: remove it, or run where it does not apply.",
    "RequestDisallowedByPolicy": "An Azure Policy of the organisation refuses this; the message names it.",
}


def translated(doing: str) -> t.Callable[[t.Callable[P, R]], t.Callable[P, R]]:
    """Decorate a gateway function: an SDK error is raised as an :class:`AccessError` that starts with ``doing``.

    So is an answer that is not of the shape that Azure's have.

    ``doing`` is a phrase such as ``"read the security group {group}"``, filled from the call's own arguments.
    """

    def decorate(function: t.Callable[P, R]) -> t.Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            with needs("azure-core"):
                from azure.core.exceptions import AzureError
            try:
                return function(*args, **kwargs)
            except (AzureError, AttributeError, OSError, TypeError, ValueError) as error:
                bound = signature.bind(*args, **kwargs)
                bound.apply_defaults()
                phrase = doing.format(**bound.arguments)
                if isinstance(error, AzureError):
                    raise access_error(error, phrase) from error
                if isinstance(error, OSError):
                    raise _unusable_file(error, phrase) from error
                # The SDKs check little of what they read: a page of a proxy shows only where its fields are used.
                raise _unexpected(error, phrase) from error

        return wrapper

    return decorate


def access_error(error: AzureError, doing: str) -> AccessError:
    """The collection's error for an SDK error met while ``doing`` something."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError, DecodeError, HttpResponseError

    if isinstance(error, ClientAuthenticationError):
        # azure-identity presents whatever happened on the way to a token as a refusal.
        if isinstance(error.__cause__, AccessError):
            return error.__cause__
        if isinstance(error.__cause__, AzureError):
            error = error.__cause__
        elif isinstance(error.__cause__, OSError):
            return _unusable_file(error.__cause__, doing)
    if isinstance(error, DecodeError):
        return _unexpected(error, doing)
    if isinstance(error, HttpResponseError) and error.response is not None:
        return _from_response(error, doing)
    text = str(error)
    if isinstance(error, ClientAuthenticationError):
        return _sign_in_failed(first_line(text).removeprefix("Authentication failed: "), doing)
    return Unavailable(
        code=type(error).__name__,
        message=f"Could not {doing}: no answer from Azure: {connection_failure(text)}.",
        hint="Check the network, the proxy variables and REQUESTS_CA_BUNDLE of the controller.",
    )


def _sign_in_failed(text: str, doing: str) -> AccessError:
    if text.startswith("HTTP Error: "):
        return Unavailable(
            code="SignInUnavailable",
            message=f"Could not {doing}: signing in to Azure failed: its sign-in service answered with {text}.",
            hint=_AGAIN,
        )
    code, hint = "SignInFailed", "Check tenant, client_id and secret (or run 'az login'); a secret may have expired."
    if text.startswith("Unable to get authority configuration"):
        code, hint = "TenantNotFound", "Check tenant: it is the id or a domain name of your Entra tenant."
        text = f"there is no tenant at {text.partition('. Authority would')[0].rpartition(' ')[2]}"
    elif number := re.search(r"AADSTS\d+", text):
        code = number[0]
    elif tenant := re.search(r"not configured to acquire tokens for tenant ([0-9a-fA-F-]{36})", text):
        # azure-identity's word for a vault whose challenge names another directory than the one signed in to.
        code, hint = "OtherTenant", "Use credentials of that tenant, or another resource."
        text = f"the resource belongs to the tenant {tenant[1]}, the credentials to another one"
    return SignInFailed(code=code, message=f"Could not {doing}: signing in to Azure failed: {text}.", hint=hint)


def _unusable_file(error: OSError, doing: str) -> Unavailable:
    """What goes wrong on the network is an AzureError; the rest are the files that the SDKs read on the controller."""
    return Unavailable(
        code="FileNotUsable",
        message=f"Could not {doing}: a file of the controller is missing or can't be read: {first_line(str(error))}.",
        hint="Check REQUESTS_CA_BUNDLE and AZURE_FEDERATED_TOKEN_FILE.",
    )


def _unexpected(error: Exception, doing: str) -> Unavailable:
    cause = f"{type(error).__name__}: {first_line(str(error)).replace('<', '(').replace('>', ')')}"
    return Unavailable(
        code="UnexpectedAnswer",
        message=f"Could not {doing}: what came back is not an answer of Azure's as this collection knows it ({cause}).",
        hint="Check what the proxy answers in Azure's place, where there is one; otherwise please report it.",
        details={"cause": cause},
    )


#: 400 of Key Vault for a recovery: there is an object of that name, but no deleted one.
_NOTHING_DELETED = "RequestNotAllowedOnNonDeletedObject"


def _from_response(error: HttpResponseError, doing: str) -> AccessError:
    status = error.status_code or 0
    outer, inner, text = _code_and_text(error)
    code = inner or outer or f"Http{status}"
    kind: type[AccessError] = Refused
    if _is_busy(status, {code, outer}, text):
        kind = Busy
    elif code in _CONFLICT_CODES:
        kind = Conflict
    elif status == 401:
        kind = SignInFailed
    elif status == 403:
        kind = Denied
    elif status == 404 or code == _NOTHING_DELETED:
        kind = NotFound
    elif status in (409, 412):
        kind = Conflict
    elif status >= 500 or status == 429:
        kind = Unavailable
    return kind(
        code=code,
        message=f"Could not {doing}: {text} ({code}).",
        hint=_HINTS.get(code) or _HINTS.get(outer) or (_AGAIN if kind is Unavailable else ""),
        details={"status": status, **({"outer_code": outer} if outer and outer != code else {})},
    )


def _is_busy(status: int, codes: set[str], text: str) -> bool:
    if not codes.isdisjoint(BUSY_CODES) or (status == 429 and any("Retryable" in code for code in codes)):
        return True
    return any(code in codes and passes.match(text) for code, passes in _PASSES.items())


def _code_and_text(error: HttpResponseError) -> tuple[str, str, str]:
    """Azure's outer code, the innermost code where there is one, and the message without line breaks.

    Key Vault puts the telling code in ``innererror`` (ForbiddenByRbac), and Compute does for some of its own. Through
    Resource Manager, Key Vault tells of a deleted object in the message alone.
    """
    parsed = error.error
    if parsed is None or not parsed.code:
        return "", "", first_line(error.message)
    inner = ""
    if isinstance(parsed.innererror, dict):
        inner = str(parsed.innererror.get("code") or parsed.innererror.get("internalErrorCode") or "")
    if not inner and "in a deleted but recoverable state" in str(parsed.message):
        inner = "ObjectIsDeletedButRecoverable"
    return str(parsed.code), inner, plain(str(parsed.message or error.reason or ""))
