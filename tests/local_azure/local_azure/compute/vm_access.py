# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VMAccess extension of Windows (Microsoft.Compute.VMAccessAgent): when it runs, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ..core.call import Call
from ..core.errors import AzureError
from ..core.store import Resource
from ..core.wire import Json
from ..guest import vm_access as guest
from ..guest.machine import Machine
from . import errors, scripts
from .state import state_of

PUBLISHER = "Microsoft.Compute"
TYPE = "VMAccessAgent"

#: Versions that can be asked for, and what the agent then installs (2.0 is gone: SupportArticles-docs#713).
VERSIONS: Mapping[str, str] = {"2.4": "2.4.10"}

#: The median of recorded extension writes; the one recorded for VMAccess on Windows took 121 s.
_HANDLER_SECONDS = 31.0
_HANGING_SECONDS = 90 * 60.0

#: The handler fails without protected settings, be they empty (Azure/azure-cli#25512); in which words is unverified.
_NO_PROTECTED_SETTINGS = "Object reference not set to an instance of an object."


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the handler last reported. ``configuration`` is what it was run with; ``error`` is empty on success."""

    configuration: str
    error: str = ""
    components: tuple[guest.Component, ...] = ()


def handles(extension: Resource) -> bool:
    """Whether ``extension`` is one of this handler."""
    properties = extension.properties
    return (str(properties["publisher"]).lower(), str(properties["type"]).lower()) == (PUBLISHER.lower(), TYPE.lower())


def check(extension: Resource) -> None:
    """Refuse what Azure refuses at once.

    :raises AzureError: 404 for a version that does not exist.
    """
    properties = extension.properties
    version = str(properties["typeHandlerVersion"])
    if version not in VERSIONS:
        raise errors.no_such_handler_version(version, str(properties["publisher"]), str(properties["type"]))
    username, password = _account(extension)
    if password and not username:
        raise errors.not_rehearsed("VMAccess with a password and without a user name")


def seconds(call: Call, vm: Resource) -> float:
    """How long a write takes on the real Azure: until the agent is there, and the handler's time."""
    state = state_of(vm)
    behaviour = state.machine.vm_access if state.machine is not None else "works"
    if state.machine is not None and behaviour == "agent_dies":
        state.machine.agent = "unresponsive"
        state.agent_ready_at = None
        state.machine.changed()
    wait = scripts.agent_wait(call, vm)
    return wait + (_HANGING_SECONDS if behaviour == "hangs" else _HANDLER_SECONDS)


def run(call: Call, vm: Resource, extension: Resource) -> None:
    """Hand the extension's configuration to the handler; what it was already run with, it is not run with again.

    Settings and forceUpdateTag count as configuration. So do the protected settings here, which fits the fact that the
    Azure CLI sets one password after another without a forceUpdateTag (unverified beyond that).

    :raises AzureError: when the agent is silent, or the handler reports a failure.
    """
    state = scripts.check_reached(call, vm)
    machine = state.machine
    assert machine is not None
    if machine.vm_access == "hangs":
        raise errors.handler_timed_out(extension.id.name)
    report = report_of(extension)
    configuration = _configuration(extension)
    if report is None or report.configuration != configuration:
        try:
            report = Report(configuration=configuration, components=_apply(machine, extension))
        except guest.HandlerFailure as failure:
            report = Report(configuration=configuration, error=str(failure))
        extension.private["report"] = report
    extension.private["handler_version"] = VERSIONS[str(extension.properties["typeHandlerVersion"])]
    if report.error:
        raise failed(extension, report.error)


def _apply(machine: Machine, extension: Resource) -> tuple[guest.Component, ...]:
    if "protectedSettings" not in extension.private:
        raise guest.HandlerFailure(_NO_PROTECTED_SETTINGS)
    username, password = _account(extension)
    return guest.apply(machine, username=username, password=password)


def report_of(extension: Resource) -> Report | None:
    """The last report of the handler; None when it has not run."""
    report = extension.private.get("report")
    assert report is None or isinstance(report, Report)
    return report


def failed(extension: Resource, reason: str) -> AzureError:
    """The failure of a write whose handler reported ``reason``."""
    properties = extension.properties
    return errors.handler_failed(extension.id.name, str(properties["publisher"]), str(properties["type"]), reason)


def _configuration(extension: Resource) -> str:
    properties = extension.properties
    parts = [properties.get("settings"), extension.private.get("protectedSettings"), properties.get("forceUpdateTag")]
    return json.dumps(parts, sort_keys=True)


def _account(extension: Resource) -> tuple[str, str]:
    """User name and password; the name may be in either kind of settings, in any casing, as Microsoft's pages show."""
    public = _lower(extension.properties.get("settings"))
    protected = _lower(extension.private.get("protectedSettings"))
    return str(public.get("username") or protected.get("username") or ""), str(protected.get("password") or "")


def _lower(settings: object) -> Json:
    return {str(name).lower(): value for name, value in settings.items()} if isinstance(settings, Mapping) else {}
