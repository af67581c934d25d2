# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long-running operations, answered and polled as each provider does it."""

from __future__ import annotations

import asyncio
import base64
import enum
import hashlib
import uuid
from collections.abc import Callable
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal

from .call import NULL, Answer, Call
from .clock import Clock
from .errors import AzureError
from .resource_id import ResourceId
from .settings import Settings
from .store import Store
from .wire import Json

if TYPE_CHECKING:
    from .arm import Arm

#: Operations whose status documents live under `.../providers/{namespace}/locations/{region}/`.
_NAMESPACES = ("Microsoft.Network", "Microsoft.Compute")
_VAULT_RESULTS = "Microsoft.KeyVault/locations/{location}/operationResults/{operation}"


_MILLISECONDS = "x-ms-retry-after-ms"
_TICKS_BEFORE_1970 = 621355968000000000


class Style(enum.Enum):
    """Which headers the first answer carries and what the status documents look like."""

    NETWORK_PUT = enum.auto()  # Azure-AsyncOperation
    NETWORK_DELETE = enum.auto()  # both; operationResults ends with 204
    NETWORK_POST = enum.auto()  # Location alone, body null; operationResults ends with 200 and the result
    NETWORK_REPORT = enum.auto()  # both; the result is in the first answer, too
    COMPUTE_PUT = enum.auto()  # Azure-AsyncOperation; also PATCH
    COMPUTE_POST = enum.auto()  # both; monitor=true ends with 200 and the result, if there is one
    COMPUTE_DELETE = enum.auto()  # both
    RESOURCES_DELETE = enum.auto()  # Location alone, /subscriptions/{s}/operationresults/{token}
    KEYVAULT_PUT = enum.auto()  # no headers: clients poll the resource's provisioningState
    KEYVAULT_POST = enum.auto()  # Location alone; operationResults tells the status and ends with 200


_WITH_ASYNC_OPERATION = {
    Style.NETWORK_PUT,
    Style.NETWORK_DELETE,
    Style.NETWORK_REPORT,
    Style.COMPUTE_PUT,
    Style.COMPUTE_POST,
    Style.COMPUTE_DELETE,
}
_WITH_LOCATION = {
    Style.NETWORK_DELETE,
    Style.NETWORK_REPORT,
    Style.NETWORK_POST,
    Style.COMPUTE_POST,
    Style.COMPUTE_DELETE,
    Style.RESOURCES_DELETE,
    Style.KEYVAULT_POST,
}
_NOTIFYING = {*_WITH_ASYNC_OPERATION, Style.NETWORK_POST}
_NETWORK = {Style.NETWORK_PUT, Style.NETWORK_DELETE, Style.NETWORK_POST, Style.NETWORK_REPORT}
_COMPUTE = {Style.COMPUTE_PUT, Style.COMPUTE_POST, Style.COMPUTE_DELETE}


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What a fault has in store for an operation: how it ends and why. Without an error it never does.

    `at_end` takes a function to call when the fault is over, which is when an endless operation ends.
    """

    status: Literal["Failed", "Canceled", "Succeeded"]
    error: AzureError | None
    at_end: Callable[[Callable[[], None]], None]


#: That of the operations that the present request begins.
fate: ContextVar[Fate | None] = ContextVar("fate", default=None)

NEVER = datetime.max.replace(tzinfo=timezone.utc)


@dataclass(kw_only=True, eq=False)
class Operation:
    """One operation. `status` is InProgress, Succeeded, Failed or Canceled; `result` is the final body, if any."""

    id: str
    style: Style
    target: ResourceId
    method: str
    namespace: str
    location: str
    base_url: str
    api_version: str
    started: datetime
    due: datetime
    retry_after: str
    finish: Callable[[], Any | None]
    on_failure: Callable[[AzureError], None] | None
    subscription: str
    fate: Fate | None = None
    partition: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    ended: datetime | None = None
    result: Any = None
    error: AzureError | None = None

    @property
    def running(self) -> bool:
        return self.ended is None

    def answer(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """The first answer of the request that started this operation."""
        found = {**(headers or {}), **self._links()}
        if found.keys() & {"Azure-AsyncOperation", "Location"}:
            found.update(_first_wait(self.retry_after))
        if body is None and self.style is Style.NETWORK_POST:
            body = NULL
        return Answer(status=status, body=body, headers=found)

    def _links(self) -> dict[str, str]:
        """Where this operation can be followed."""
        found: dict[str, str] = {}
        if self.style in _WITH_ASYNC_OPERATION:
            found["Azure-AsyncOperation"] = self._url("operations", monitor=False)
        if self.style in _NOTIFYING:
            found["azure-asyncnotification"] = "Enabled"
        if self.style in _WITH_LOCATION:
            found["Location"] = self._url("operationResults", monitor=True)
        return found

    def status_answer(self) -> Answer:
        """The document behind Azure-AsyncOperation."""
        document: Json = {"status": self.status}
        if self.style in _COMPUTE:
            document = {"startTime": _timestamp(self.started)}
            if self.ended is not None:
                document["endTime"] = _timestamp(self.ended)
            document["status"] = self.status
            if self.result is not None and self.style is Style.COMPUTE_POST:
                document["properties"] = {"output": self.result}
            document["name"] = self.id
        if self.error is not None:
            document["error"] = self.error.error()
        return Answer(status=200, body=document, headers={"Retry-After": self.retry_after} if self.running else {})

    def result_answer(self) -> Answer:
        """The document behind Location."""
        found = self._links() if self.style in _NETWORK else {}
        if self.running:
            again = {"Location": self._url("operationResults", monitor=True), "Retry-After": self.retry_after}
            return Answer(status=202, body=self._unfinished(), headers={**found, **again})
        if self.error is not None:
            return Answer(status=max(self.error.status, 400), body=self.error.body())
        if self.style is Style.NETWORK_DELETE:
            return Answer(status=204, headers={**found, "Content-Type": "application/json; charset=utf-8"})
        if self.style is Style.KEYVAULT_POST:
            ended = {"lastActionDateTime": _clock_time(self.ended or self.started), "status": self.status}
            return Answer(status=200, body={"createdDateTime": _clock_time(self.started), **ended})
        return Answer(status=200, body=self.result, headers=found)

    def _unfinished(self) -> Any:
        """The body behind Location while the operation goes on."""
        if self.style is Style.KEYVAULT_POST:
            return {"createdDateTime": _clock_time(self.started), "status": "NotStarted"}
        return NULL if self.style is Style.NETWORK_POST else None

    def _url(self, kind: str, *, monitor: bool) -> str:
        root = f"{self.base_url}/subscriptions/{self.subscription}"
        version = f"api-version={self.api_version}&{self._signature()}"
        if self.style is Style.RESOURCES_DELETE:
            return f"{root}/operationresults/{self.id}?{version}"
        root += f"/providers/{self.namespace}/locations/{self.location}"
        if self.style in _COMPUTE:
            asked = "&monitor=true" if monitor else ""
            return f"{root}/operations/{self.id}?p={self.partition}{asked}&{version}"
        return f"{root}/{kind}/{self.id}?{version}"

    def _signature(self) -> str:
        """What Resource Manager adds to such addresses since 2024, for clients to echo: time and signature.

        The real ones make an address of 3 to 4 KB.
        """
        words = [f"{kind}={_digest(f'{kind} {self.id}')}" for kind in "csh"]
        return "&".join([f"t={int(self.started.timestamp() * 10**7) + _TICKS_BEFORE_1970}", *words])


class Operations:
    """Starts operations and ends them when their time has come."""

    def __init__(self, clock: Clock, settings: Settings, store: Store) -> None:
        self._clock = clock
        self._settings = settings
        self._store = store
        self._running: dict[str, Operation] = {}
        self._known: dict[str, Operation] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        #: What a provider adds to the headers of answers about its operations, by its namespace.
        self.headers_of: dict[str, Callable[[ResourceId], dict[str, str]]] = {}
        clock.subscribe(self.finish_due)

    def start(
        self,
        call: Call,
        *,
        style: Style,
        seconds: float,
        finish: Callable[[], Any | None],
        on_failure: Callable[[AzureError], None] | None = None,
    ) -> Operation:
        """Begin an operation on `call.id` that takes `seconds` on the real Azure (times the setting `pace` here).

        `finish` applies the effect when the time has come and returns the result body or None; an AzureError it
        raises makes the operation Failed, after `on_failure` was told. It never runs before this method returned.
        """
        now = self._clock.now()
        wait = seconds * self._settings.pace
        operation = Operation(
            id=str(uuid.uuid4()),
            style=style,
            target=call.id,
            method=call.method,
            namespace=call.id.namespace or "Microsoft.Resources",
            location=call.location,
            base_url=call.base_url,
            api_version=call.api_version,
            subscription=call.id.subscription,
            started=now,
            due=now + timedelta(seconds=wait),
            retry_after=self._settings.retry_after,
            finish=finish,
            on_failure=on_failure,
            fate=fate.get(),
        )
        self._known[operation.id] = operation
        self._running[operation.id] = operation
        if operation.fate is not None and operation.fate.error is None:
            operation.due = NEVER
            operation.fate.at_end(lambda: self._end_now(operation))
        else:
            self._wake_in(wait)
        return operation

    def get(self, id: str) -> Operation | None:
        return self._known.get(id.lower())

    def running(self, id: ResourceId, *, nested: bool = False) -> list[Operation]:
        """The unfinished operations on `id` (and on what it encloses, with `nested`), oldest first."""
        return [one for one in self._running.values() if one.target == id or (nested and one.target.is_under(id))]

    def hint(self, id: ResourceId) -> dict[str, str]:
        """Headers for a GET of `id` while it is being changed.

        Azure sends none, and clients that poll a resource's provisioningState ask every 30 seconds; where time runs
        faster than that, they are told to ask sooner.
        """
        pause = float(self._settings.retry_after)
        if pause >= 1 or not self.running(id):
            return {}
        return {_MILLISECONDS: f"{pause * 1000:g}"}

    def finish_due(self) -> None:
        """End every operation whose time has come, in order of time."""
        now = self._clock.now()
        for operation in sorted(self._running.values(), key=lambda one: one.due):
            if operation.due <= now and operation.id in self._running:
                self._finish(operation)

    def finish_one(self, id: str) -> None:
        """End that operation now, if it is under way."""
        operation = self._running.get(id.lower())
        if operation is not None and operation.due < NEVER:
            self._finish(operation)

    def finish_all(self) -> None:
        """End everything now, whatever its time, but for what a fault keeps from ending."""
        while (first := min(self._running.values(), key=lambda one: one.due, default=None)) and first.due < NEVER:
            self._finish(first)

    def forget(self) -> None:
        """Drop all operations without effect."""
        self._running.clear()
        self._known.clear()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def register(self, arm: Arm) -> None:
        """Serve the status documents."""

        def status(call: Call) -> Answer:
            operation = self._require(call)
            monitored = call.query.get("monitor") == "true"
            return counted(call, operation.result_answer() if monitored else operation.status_answer())

        def result(call: Call) -> Answer:
            return counted(call, self._require(call).result_answer())

        def counted(call: Call, answer: Answer) -> Answer:
            more = self.headers_of.get(call.id.namespace)
            answer.headers |= more(call.id) if more is not None else {}
            return answer

        for namespace in _NAMESPACES:
            root = namespace + "/locations/{location}"
            arm.route("GET", root + "/operations/{operation}", status, scope="subscription")
            arm.route("GET", root + "/operationResults/{operation}", result, scope="subscription")
        arm.route("GET", _VAULT_RESULTS, result, scope="subscription")
        arm.route("GET", "/subscriptions/{subscription}/operationresults/{operation}", result, scope="root")

    def _require(self, call: Call) -> Operation:
        operation = self.get(call.params["operation"])
        if (
            operation is None
            or operation.subscription.lower() != call.params.get("subscription", call.id.subscription).lower()
        ):
            raise AzureError(
                404, "NotFound", f"The entity was not found: operation '{call.params['operation']}'.", gateway=False
            )
        return operation

    def _finish(self, operation: Operation) -> None:
        del self._running[operation.id]
        operation.status = "Failed"
        operation.ended = max(operation.due, operation.started)
        try:
            if operation.fate is not None and operation.fate.error is not None:
                operation.status = operation.fate.status
                raise operation.fate.error
            operation.result = operation.finish()
            operation.status = "Succeeded"
        except AzureError as error:
            operation.error = error
            if operation.on_failure is not None:
                operation.on_failure(error)
            else:
                self._mark_failed(operation.target)
        finally:
            if operation.status == "Failed" and operation.error is None:
                operation.error = AzureError(500, "InternalServerError", "The local Azure has a defect; see its log.")

    def _end_now(self, operation: Operation) -> None:
        operation.due = self._clock.now()
        self.finish_due()

    def _mark_failed(self, target: ResourceId) -> None:
        """Where a provider has nothing to undo, its resource, or the one it is part of, says that it is Failed."""
        resource = self._store.get(target) or (self._store.get(target.parent) if len(target.types) > 1 else None)
        if resource is not None and "provisioningState" in resource.properties:
            resource.properties["provisioningState"] = "Failed"
            self._store.touch(resource)

    def _wake_in(self, seconds: float) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # driven in process without a loop: the next request or clock advance looks

        def wake() -> None:
            self._timers.discard(timer)
            self.finish_due()

        # In a context of its own: what this request was in for is not for what ends when the time has come.
        timer = loop.call_later(seconds, wake, context=Context())
        self._timers.add(timer)


def _first_wait(seconds: str) -> dict[str, str]:
    """The header that says when to poll for the first time.

    The management SDKs (azure-mgmt-compute 39, azure-mgmt-network 33) read Retry-After of a first 201 or 202 as a whole
    number and fail on anything else; azure-core also honours the milliseconds in x-ms-retry-after-ms.
    """
    if seconds.isdigit():
        return {"Retry-After": seconds}
    return {"x-ms-retry-after-ms": str(round(float(seconds) * 1000))}


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def _clock_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0+00:00"
