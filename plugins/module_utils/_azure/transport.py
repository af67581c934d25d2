# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection pool of one run, which ends with the run's time budget."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import urlsplit

from .._domain.errors import Conflict, NoTimeToAsk
from .libraries import needs

if t.TYPE_CHECKING:
    from azure.core.pipeline.transport import RequestsTransport
    from azure.core.rest import HttpRequest, HttpResponse

    from .._domain.deadline import Deadline

_REGISTRATION = re.compile(r"/subscriptions/[^/]+/providers/([^/]+)/register", re.IGNORECASE)

_CONNECT_SECONDS = 10
_READ_SECONDS = 60


def bounded_transport(deadline: Deadline) -> RequestsTransport:
    """A pool on which no request, no retry and no pause goes on after ``deadline``: it raises :class:`NoTimeToAsk`.

    azure-core sends everything through its transport and also sleeps there, between retries and between polls, as long
    as Retry-After says; its own ``timeout`` bounds neither those pauses nor a slow answer.

    Nor does a request go out that nobody asked for: azure-core would register a resource provider that a subscription
    lacks, also while it only reads. :class:`Conflict` says so instead.
    """
    with needs("azure-core"):
        from azure.core.exceptions import (
            AzureError,
            IncompleteReadError,
            ServiceRequestError,
            ServiceResponseError,
        )
        from azure.core.pipeline.transport import RequestsTransport

    class BoundedTransport(RequestsTransport):  # type: ignore[misc]  # exported late, so its type is not known
        _last_seen = "no answer"

        def send(
            self, request: HttpRequest, *, proxies: t.MutableMapping[str, str] | None = None, **kwargs: t.Any
        ) -> HttpResponse:
            if request.method == "POST" and (found := _REGISTRATION.fullmatch(urlsplit(request.url).path)):
                raise _not_registered(found[1])
            left = deadline.remaining
            if left <= 0:
                raise NoTimeToAsk(waiting_for=_answer_to(request), seconds=deadline.seconds, last_seen=self._last_seen)
            for name, usual in (("connection_timeout", _CONNECT_SECONDS), ("read_timeout", _READ_SECONDS)):
                kwargs[name] = min(kwargs.get(name, usual), left)
            try:
                response: HttpResponse = super().send(request, proxies=proxies, **kwargs)
                if hasattr(response, "read"):
                    # Also where azure-core would read later: too late to send the request again.
                    response.read()
            except IncompleteReadError as error:
                self._last_seen = "half an answer"
                raise ServiceResponseError("the answer broke off", error=error) from error
            except AzureError as error:
                self._last_seen = "no connection" if isinstance(error, ServiceRequestError) else "no answer"
                raise
            self._last_seen = f"HTTP {response.status_code} {response.reason or ''}".rstrip()
            return response

        def sleep(self, duration: float) -> None:
            super().sleep(min(duration, deadline.remaining))

    return BoundedTransport()


def _answer_to(request: HttpRequest) -> str:
    """The request by its method and the end of its path, where the name of the resource stands."""
    url = urlsplit(request.url)
    return f"the answer of {url.hostname} to {request.method} {'/'.join(url.path.split('/')[-2:])}"


def _not_registered(provider: str) -> Conflict:
    return Conflict(
        code="MissingSubscriptionRegistration",
        message=f"The subscription is not registered for the resource provider {provider}, which this task needs.",
        hint=f"Have it registered once (az provider register -n {provider} --wait); Contributor on the subscription is"
        " enough for that.",
    )
