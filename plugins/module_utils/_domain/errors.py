# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failures a user can act on: one small tree, told apart by what has to be done next."""

from __future__ import annotations

import typing as t


class AccessError(Exception):
    """A failure with one clear sentence and, where there is one, the next step.

    ``code`` is Azure's own error code when the failure came from Azure, else a CamelCase name of ours.
    ``message`` says which resource and what happened, ``hint`` what to do next (may be empty).
    ``details`` holds plain JSON data for the curious: never a secret.
    """

    def __init__(
        self, *, code: str, message: str, hint: str = "", details: t.Mapping[str, t.Any] | None = None
    ) -> None:
        # One line, whatever is quoted in it: names that people gave, and what Azure says.
        self.message, self.hint = (" ".join(text.split()) for text in (message, hint))
        super().__init__(self.message)
        self.code = code
        self.details = dict(details or {})

    def as_failure(self) -> dict[str, t.Any]:
        """The ``failure`` result of a module."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "details": self.details}


class InvalidInput(AccessError):
    """An option that can't be right; raised before any request is sent."""


class MissingLibrary(AccessError):
    """A Python package that this task needs is not installed where the module runs."""


class SignInFailed(AccessError):
    """Azure did not accept the credentials, or none were found."""


class NotFound(AccessError):
    """Azure does not know the resource."""


class Denied(AccessError):
    """Azure knows who is asking and says no (403)."""


class Conflict(AccessError):
    """The resource is in another state than the request presupposed (409, 412), or somebody else was faster."""


class Busy(Conflict):
    """Another operation on the same resource is running; the same request may succeed later."""


class NotReady(AccessError):
    """The VM is not in a state that allows this: stopped, without agent, not Windows, without osProfile."""


class Refused(AccessError):
    """Azure understood the request and refused it, or an operation ended in Failed."""


class Unavailable(AccessError):
    """Azure, or the way to it, did not answer."""


class TimedOut(AccessError):
    """A wait reached its deadline; ``details["last_seen"]`` is what was observed last."""

    def __init__(
        self, *, waiting_for: str, seconds: float, last_seen: str, hint: str = "", code: str = "Timeout"
    ) -> None:
        last_seen = last_seen.rstrip(".")
        super().__init__(
            code=code,
            message=f"Gave up waiting for {waiting_for} after {seconds:.0f} seconds; last seen: {last_seen}.",
            hint=hint or "Run the task again (it continues where it stopped), or raise the option timeout.",
            details={"waiting_for": waiting_for, "seconds": round(seconds), "last_seen": last_seen},
        )


class NoTimeToAsk(TimedOut):
    """The deadline had passed when a single request was due. A wait that it belonged to tells of itself instead."""
